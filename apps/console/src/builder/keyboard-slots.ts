import type { KeyboardCoordinateGetter } from '@dnd-kit/core';

/** Arrow keys carry what is dragged from one slot to the next, top to bottom, however deep the slots are nested. */
export const slotCoordinates: KeyboardCoordinateGetter = (event, { context, currentCoordinates }) => {
  const step =
    event.code === 'ArrowDown' || event.code === 'ArrowRight'
      ? 1
      : event.code === 'ArrowUp' || event.code === 'ArrowLeft'
        ? -1
        : 0;
  if (step === 0) return undefined;
  event.preventDefault();
  const slots = context.droppableContainers
    .getEnabled()
    .flatMap((container) => {
      const rect = context.droppableRects.get(container.id);
      return rect ? [{ id: container.id, rect }] : [];
    })
    .sort((a, b) => a.rect.top - b.rect.top);
  if (slots.length === 0) return undefined;
  const over = slots.findIndex((slot) => slot.id === context.over?.id);
  const next = slots[over < 0 ? 0 : Math.max(0, Math.min(slots.length - 1, over + step))];
  if (!next) return currentCoordinates;
  return { x: next.rect.left + 12, y: next.rect.top + next.rect.height / 2 };
};
