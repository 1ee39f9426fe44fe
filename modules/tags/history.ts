import type { ConditionCatalog } from '@rapport/conditions';
import { type EpochMs, toIso } from '@rapport/kernel';
import type { Placement, Release } from '@rapport/stores';
import { conditionCatalog } from './catalog.ts';
import { placeOfTag, type TagWorld } from './compute.ts';
import type { TagContext } from './tags.context.ts';

/** Days of values that are kept when nothing else is said. */
export const HISTORY_DAYS = 31;
const DAY_MS = 86_400_000;
const NAME = /^history\/(\d{4}-\d{2}-\d{2})\/tag\/(.+)$/;

const historyPlacement = (day: string, tagId: string): string => `history/${day}/tag/${tagId}`;
const dayOf = (at: EpochMs): string => toIso(at).slice(0, 10);

/**
 * What keeps the last values of finished days, to be published with values of a later day: those that stand until then
 * are placed as `history/<yyyy-mm-dd>/tag/<id>` by the day that they are of. They are the same tables, which stay as
 * long as they are placed. What is older than `historyDays` ends, but for those that still held then.
 * @param asOf  instant that the new values are of
 * @param only  tags that get new values; absent = all
 */
export async function keepHistory(
  { deps, store }: TagContext,
  asOf: EpochMs,
  only?: readonly string[],
): Promise<{ readonly set: Readonly<Record<string, Placement>>; readonly remove: readonly string[] }> {
  const { historyDays = HISTORY_DAYS } = deps;
  const [{ placements }, figures, all] = await Promise.all([
    deps.releases.current(),
    store.latestFigures(),
    store.all(),
  ]);
  const types = new Map(all.map(({ definition, version }) => [definition.id, { definition, version }]));
  const today = dayOf(asOf);
  const set: Record<string, Placement> = {};
  const kept = new Map<string, string[]>();
  const keep = (tagId: string, day: string): void => {
    kept.set(tagId, [...(kept.get(tagId) ?? []), day]);
  };
  const remove: string[] = [];
  const retyped = new Set<string>();
  for (const [tagId, found] of figures) {
    const placement = placements.get(`tag/${tagId}`);
    const tag = types.get(tagId);
    if (!placement || !tag) continue;
    if (found.definitionVersion !== tag.version) {
      const before = await store.version(tagId, found.definitionVersion);
      if (before?.valueType !== tag.definition.valueType) {
        // What conditions say of it now does not fit what it was.
        retyped.add(tagId);
        continue;
      }
    }
    const day = dayOf(found.asOf);
    const name = historyPlacement(day, tagId);
    // What is placed already was there before a crash, and what stands now is of the later day.
    if (day >= today || placements.has(name) || (only && !only.includes(tagId))) continue;
    set[name] = placement;
    keep(tagId, day);
  }
  for (const name of placements.keys()) {
    const [, day = '', tagId = ''] = NAME.exec(name) ?? [];
    if (day === '') continue;
    if (!types.has(tagId) || retyped.has(tagId)) remove.push(name);
    else keep(tagId, day);
  }
  const horizon = dayOf(Date.parse(today) - historyDays * DAY_MS);
  for (const [tagId, those] of kept) {
    // The latest of those before the horizon still held at it.
    const old = those.toSorted().filter((day) => day <= horizon);
    for (const day of old.slice(0, -1)) {
      const name = historyPlacement(day, tagId);
      delete set[name];
      if (placements.has(name)) remove.push(name);
    }
  }
  return { set, remove };
}

/**
 * The names conditions may use as of an instant: each tag has the values of the latest day kept that is not after
 * it, or the present ones where there are none.
 */
export async function catalogAsOf(
  { store }: TagContext,
  world: TagWorld,
  asOf: EpochMs,
): Promise<ConditionCatalog> {
  const figures = await store.latestFigures();
  const days = keptDays(world.release);
  const asked = dayOf(asOf);
  return conditionCatalog({
    release: world.release,
    entries: world.entries,
    definitions: [...world.definitions.values()],
    placeOf: (tagId) => {
      const found = figures.get(tagId);
      const present = placeOfTag(world.release, tagId);
      if (!present || !found || dayOf(found.asOf) <= asked) return present;
      const asOfDay = days.get(tagId)?.findLast((day) => day <= asked);
      const kept =
        asOfDay === undefined ? undefined : world.release.placements.get(historyPlacement(asOfDay, tagId));
      if (asOfDay === undefined || kept?.column === undefined) return present;
      const { table, column, segments } = kept;
      return { table, column, ...(segments ? { segments } : {}), asOfDay };
    },
  });
}

/** The days that a release keeps values of, ascending, by tag. */
function keptDays({ placements }: Release): Map<string, string[]> {
  const days = new Map<string, string[]>();
  for (const name of placements.keys()) {
    const [, day, tagId] = NAME.exec(name) ?? [];
    if (day !== undefined && tagId !== undefined) days.set(tagId, [...(days.get(tagId) ?? []), day]);
  }
  for (const each of days.values()) each.sort();
  return days;
}
