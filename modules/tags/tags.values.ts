import type { ValueType } from '@rapport/conditions';
import { Type } from 'typebox';
import type { TagDefinition, TagValue } from './contract.ts';
import type { TagContext } from './tags.context.ts';
import { knownValue } from './values.ts';

const PairRow = Type.Object({
  cid: Type.Integer(),
  pairs: Type.Array(Type.Tuple([Type.String(), Type.String()])),
});

/** Reads the current values of a few customers. */
export type ReadValues = (
  cids: readonly number[],
  tagIds: readonly string[] | undefined,
  definitions: ReadonlyMap<string, TagDefinition>,
) => Promise<Map<number, Map<string, TagValue>>>;

export function createValueReader({ deps }: TagContext): ReadValues {
  const { warehouse, releases } = deps;

  /** Every known value as text, by customer; one query however many tables the tags stand in. */
  return async (cids, tagIds, definitions) => {
    const { placements } = await releases.current();
    const tables = new Map<string, { tagId: string; column: string; type: ValueType }[]>();
    for (const [tagId, definition] of definitions) {
      if (tagIds && !tagIds.includes(tagId)) continue;
      const placement = placements.get(`tag/${tagId}`);
      if (placement?.column === undefined) continue;
      const columns = tables.get(placement.table) ?? [];
      tables.set(placement.table, columns);
      columns.push({ tagId, column: placement.column, type: definition.valueType });
    }
    const values = new Map<number, Map<string, TagValue>>();
    const safe = cids.filter((cid) => Number.isInteger(cid) && cid >= 0);
    if (tables.size === 0 || safe.length === 0) return values;
    const sql = [...tables].map(([table, columns]) => {
      const pairs = columns.map(({ tagId, column, type }) => {
        const quoted = warehouse.identifier(column);
        const text =
          type === 'list'
            ? `if(empty(${quoted}), '', toJSONString(${quoted}))`
            : `ifNull(toString(${quoted}), '')`;
        return `('${tagId}', ${text})`;
      });
      return `SELECT cid, arrayFilter(p -> p.2 != '', [${pairs.join(', ')}]) AS pairs FROM ${warehouse.identifier(table)} WHERE cid IN (${safe.join(', ')})`;
    });
    // Few rows: handing them to several threads costs more than reading them.
    const settings = safe.length <= 100 ? { settings: { max_threads: 1 } } : {};
    for (const row of await warehouse.query(PairRow, sql.join(' UNION ALL '), {}, settings)) {
      const own = values.get(row.cid) ?? new Map<string, TagValue>();
      values.set(row.cid, own);
      for (const [tagId, text] of row.pairs) {
        const value = parseText(definitions.get(tagId)?.valueType ?? 'text', text);
        if (value !== undefined) own.set(tagId, value);
      }
    }
    return values;
  };
}

function parseText(type: ValueType, text: string): TagValue | undefined {
  switch (type) {
    case 'number':
    case 'money':
      return Number(text);
    case 'boolean':
      return text === 'true' || text === '1';
    case 'instant':
      return text.endsWith('Z') ? text : `${text.replace(' ', 'T')}Z`;
    case 'list':
      return knownValue(JSON.parse(text));
    default:
      return text;
  }
}
