import { useSyncExternalStore } from 'react';
import { NARROW_PX } from '../theme/tokens.ts';

/** Whether the window is as narrow as a phone or a small tablet. */
export function useNarrow(belowPx: number = NARROW_PX): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = matchMedia(`(max-width: ${belowPx}px)`);
      media.addEventListener('change', changed);
      return () => media.removeEventListener('change', changed);
    },
    () => matchMedia(`(max-width: ${belowPx}px)`).matches,
  );
}
