import { newId } from '@rapport/kernel';
import type { Placement, Release } from '@rapport/stores';
import type { TagDefinition } from './contract.ts';
import { figuresOf } from './distribution.ts';
import { keepHistory } from './history.ts';
import type { TagContext } from './tags.context.ts';

/**
 * Makes a table the values of one tag, with its figures, outside of a refresh.
 * @param definitionVersion  version of the definition that the values are of
 */
export async function publishValues(
  context: TagContext,
  tag: { readonly definition: TagDefinition; readonly version: number },
  placement: Placement & { readonly column: string },
  options: { note: string; tookMs: number },
): Promise<Release> {
  const { deps, store, customerCount } = context;
  const { warehouse, releases, clock } = deps;
  const { id, valueType } = tag.definition;
  const [figures, customers] = await Promise.all([
    figuresOf(warehouse, placement.table, [{ tagId: id, column: placement.column, type: valueType }]),
    customerCount(await releases.current()),
  ]);
  const { set, remove } = await keepHistory(context, clock.now(), [id]);
  const release = await releases.publish({
    set: { ...set, [`tag/${id}`]: placement },
    remove,
    note: options.note,
  });
  const found = figures.get(id);
  const refreshId = newId('trf');
  const at = clock.now();
  await store.beginRefresh(refreshId, at, at);
  await store.finishRefresh({
    id: refreshId,
    at,
    release: release.number,
    failed: [],
    figures: [
      {
        tagId: id,
        refreshId,
        definitionVersion: tag.version,
        asOf: at,
        refreshedAt: at,
        basis: {},
        known: found?.known ?? 0,
        customers,
        distinct: found?.distinct ?? 0,
        tookMs: options.tookMs,
        distribution: found?.distribution ?? { top: [], histogram: [] },
      },
    ],
  });
  return release;
}
