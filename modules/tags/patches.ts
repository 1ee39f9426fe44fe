import type { Release, Releases, SegmentInfo, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Frame } from './frames.ts';
import { changeOf, edgesOf, segmentsOf, type TagInputs } from './inputs.ts';
import type { RowPlan } from './plan.ts';

/** A tag whose values stand from an earlier refresh, and what they were made from. */
export interface Standing {
  readonly plan: RowPlan;
  readonly before: TagInputs;
  readonly after: TagInputs;
}

/** Tags of one wide table that are patched by the same rows. */
export interface PatchGroup {
  readonly plans: readonly RowPlan[];
  readonly segments: readonly string[];
  /** Table of the customers whose values may have changed; to be dropped afterwards. */
  readonly affected: string;
  readonly customers: number;
}

/** Above this share of the customers all values are computed again: it costs little more, and the patches go away. */
export const MOST = 0.3;
/** Readers join as many segments as there are. */
export const SEGMENTS = 8;
const MAX_SECONDS = 3_600;
const Counted = Type.Object({ n: Type.Integer() });

/**
 * Sorts tags into groups that can be patched, and finds the customers of each group: those with rows that came, went,
 * or crossed the edge of a window. All other values are what they were.
 */
export async function patchGroups(
  deps: { warehouse: Warehouse; releases: Releases },
  release: Release,
  standing: readonly Standing[],
): Promise<PatchGroup[]> {
  const { warehouse, releases } = deps;
  const byTable = new Map<string, Standing[]>();
  for (const each of standing) {
    const placement = release.placements.get(`tag/${each.plan.tag.id}`);
    const { before, after } = each;
    if (placement?.column === undefined || before.shape === undefined || before.shape !== after.shape)
      continue;
    if (segmentsOf(placement).length >= SEGMENTS || before.frames.length !== after.frames.length) continue;
    const key = JSON.stringify([segmentsOf(placement), each.plan.base, before.segments]);
    byTable.set(key, [...(byTable.get(key) ?? []), each]);
  }
  const groups: PatchGroup[] = [];
  for (const members of byTable.values()) {
    const [first] = members;
    const placement = first && release.placements.get(`tag/${first.plan.tag.id}`);
    if (!first || !placement) continue;
    const sources = await sourcesOf(deps, members);
    if (!sources) continue;
    const affected = releases.newTableName('tag_affected');
    await warehouse.createTable({ name: affected, columns: 'cid UInt32', orderBy: 'cid', spread: 'cid' });
    if (sources.length > 0)
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(affected)} SELECT DISTINCT cid FROM (${sources.join(' UNION ALL ')})`,
        {},
        { maxSeconds: MAX_SECONDS },
      );
    const [own, all] = await Promise.all(
      [affected, release.placements.get('customer')?.table ?? 'customer'].map(async (table) => {
        const [row] = await warehouse.query(
          Counted,
          `SELECT count() AS n FROM ${warehouse.identifier(table)}`,
        );
        return row?.n ?? 0;
      }),
    );
    if ((own ?? 0) > MOST * (all ?? 0)) {
      await warehouse.drop(affected);
      continue;
    }
    groups.push({
      plans: members.map(({ plan }) => plan),
      segments: segmentsOf(placement),
      affected,
      customers: own ?? 0,
    });
  }
  return groups;
}

/** Queries of `cid` whose union holds every customer with another value; `undefined` when that cannot be told. */
async function sourcesOf(
  { warehouse, releases }: { warehouse: Warehouse; releases: Releases },
  members: readonly Standing[],
): Promise<string[] | undefined> {
  const [first] = members;
  if (!first) return undefined;
  const { before, after, plan } = first;
  const { fused } = plan;
  const over = Object.keys(after.segments).find((name) => name !== 'customer');
  if (!fused || over === undefined) return undefined;
  const infos = await segmentsBelow(releases, [
    ...(after.segments[over] ?? []),
    ...(after.segments.customer ?? []),
  ]);
  const rows = changeOf(before.segments[over] ?? [], after.segments[over] ?? [], infos);
  if (!rows) return undefined;
  const changed = [...rows.added, ...rows.withdrawn];
  const sources = changed.map((table) => `SELECT cid FROM ${warehouse.identifier(table)}`);
  const edges = new Map<string, Frame>();
  for (const member of members)
    for (const edge of edgesOf(member.before.frames, member.after.frames))
      edges.set(`${edge.start}:${edge.end}`, edge);
  if (edges.size > 0)
    sources.push(
      `SELECT cid FROM ${plan.from} WHERE ${[...edges.values()].map((edge) => fused.window(edge)).join(' OR ')}`,
    );
  const was = before.segments.customer ?? [];
  const is = after.segments.customer ?? [];
  if (JSON.stringify(was) === JSON.stringify(is))
    return (await existAll(warehouse, changed)) ? sources : undefined;
  // Another table of customers: who is new needs values, and when somebody left all are computed again.
  if (!(await existAll(warehouse, [...changed, ...was, ...is]))) return undefined;
  const list = (names: readonly string[]): string =>
    names.map((name) => `SELECT cid FROM ${warehouse.identifier(name)}`).join(' UNION ALL ');
  const [left] = await warehouse.query(
    Counted,
    `SELECT count() AS n FROM (${list(was)}) WHERE cid NOT IN (SELECT cid FROM (${list(is)}))`,
  );
  if (left?.n !== 0) return undefined;
  return [...sources, `SELECT cid FROM (${list(is)}) WHERE cid NOT IN (SELECT cid FROM (${list(was)}))`];
}

/** What is known of segments and of all that they were made of. */
export async function segmentsBelow(
  releases: Releases,
  names: readonly string[],
): Promise<ReadonlyMap<string, SegmentInfo>> {
  const known = new Map<string, SegmentInfo>();
  let open = [...names];
  while (open.length > 0) {
    const found = await releases.segments(open);
    for (const [name, info] of found) known.set(name, info);
    open = [...found.values()].flatMap(({ madeOf }) => madeOf ?? []).filter((name) => !known.has(name));
  }
  return known;
}

export async function existAll(warehouse: Warehouse, names: readonly string[]): Promise<boolean> {
  const wanted = [...new Set(names)];
  if (wanted.length === 0) return true;
  const [row] = await warehouse.query(
    Counted,
    'SELECT count() AS n FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
    { names: wanted },
  );
  return row?.n === wanted.length;
}

/** Reads base and patches as one table: a customer's row in a later segment stands in place of earlier ones. */
export function patchedSelect(
  warehouse: Warehouse,
  segments: readonly string[],
  columns: readonly string[],
): string {
  const list = ['cid', ...columns].map((column) => warehouse.identifier(column)).join(', ');
  return segments
    .map((segment, at) => {
      const later = segments
        .slice(at + 1)
        .map((each) => `cid NOT IN (SELECT cid FROM ${warehouse.identifier(each)})`);
      return `SELECT ${list} FROM ${warehouse.identifier(segment)}${later.length > 0 ? ` WHERE ${later.join(' AND ')}` : ''}`;
    })
    .join(' UNION ALL ');
}
