import { sqlName } from '@rapport/sources';
import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { CompletenessView, QualityBoard } from './contract.ts';

/** How much it matters that a field of a customer is known: reaching them first, then choosing for them. */
const WEIGHTS: Readonly<Record<string, number>> = {
  phone: 3,
  email: 2,
  name: 3,
  birth_date: 2,
  gender: 1,
  risk_level: 2,
  org_unit: 1,
  rm: 1,
  city: 1,
  opened_on: 1,
  language: 0.5,
  address: 1,
};

const Column = Type.Object({ name: Type.String(), type: Type.String() });
const Score = Type.Object({ score: Type.Union([Type.Number(), Type.Null()]) });
const Known = Type.Object({ known: Type.Array(Type.Boolean()) });
const SourceScore = Type.Object({ source: Type.String(), score: Type.Number() });

/** How complete what the bank knows of its customers is: of one customer, of all, by source (D-20). */
export function createCompleteness(deps: { readonly warehouse: Warehouse; readonly releases: Releases }) {
  const { warehouse, releases } = deps;

  const shape = async () => {
    const release = await releases.current();
    const customer = release.placements.get('customer')?.table;
    if (customer === undefined) return undefined;
    const pii = release.placements.get('customer_pii')?.table;
    const columnsOf = async (table: string): Promise<{ name: string; type: string }[]> =>
      warehouse.query(Column, `DESCRIBE TABLE ${warehouse.identifier(table)}`);
    const own = (await columnsOf(customer)).filter((column) => column.name in WEIGHTS);
    const fields = own.map((column) => ({
      name: column.name,
      known: /String/.test(column.type)
        ? `c.${sqlName(column.name)} != ''`
        : /Nullable/.test(column.type)
          ? `isNotNull(c.${sqlName(column.name)})`
          : 'true',
    }));
    if (pii !== undefined) {
      const piiColumns = await columnsOf(pii);
      const field = piiColumns.find((column) => column.name === 'field' || column.name === 'kind');
      if (field && piiColumns.some((column) => column.name === 'cid')) {
        for (const name of ['name', 'phone', 'email']) {
          fields.push({
            name,
            known: `c.cid IN (SELECT cid FROM ${warehouse.identifier(pii)} WHERE ${sqlName(field.name)} = '${name}')`,
          });
        }
      } else {
        for (const column of piiColumns.filter((candidate) =>
          ['name', 'phone', 'email'].includes(candidate.name.replace(/_cipher$/, '')),
        )) {
          fields.push({
            name: column.name.replace(/_cipher$/, ''),
            known: `c.cid IN (SELECT cid FROM ${warehouse.identifier(pii)} WHERE ${sqlName(column.name)} != '')`,
          });
        }
      }
    }
    const total = fields.reduce((sum, field) => sum + (WEIGHTS[field.name] ?? 0), 0);
    const score =
      total === 0
        ? '0'
        : `(${fields.map((field) => `${WEIGHTS[field.name] ?? 0} * toUInt8(${field.known})`).join(' + ')}) / ${total}`;
    const hasSource = (await columnsOf(customer)).some((column) => column.name === 'source');
    return { customer: warehouse.identifier(customer), fields, score, hasSource };
  };

  return {
    /** Of one customer; undefined when there is none. */
    async of(customerId: string): Promise<CompletenessView | undefined> {
      const known = await shape();
      if (!known) return undefined;
      const [row] = await warehouse.query(
        Known,
        `SELECT [${known.fields.map((field) => `toBool(${field.known})`).join(', ')}] AS known FROM ${known.customer} AS c WHERE c.customer_id = {id:String} LIMIT 1`,
        { id: customerId },
      );
      if (!row) return undefined;
      const weigh = (isCounted: (index: number) => boolean): number =>
        known.fields.reduce(
          (sum, field, index) => sum + (isCounted(index) ? (WEIGHTS[field.name] ?? 0) : 0),
          0,
        );
      const total = weigh(() => true);
      return {
        customerId,
        score: total === 0 ? 0 : weigh((index) => row.known[index] === true) / total,
        missing: known.fields
          .filter((_, index) => row.known[index] !== true)
          .map((field) => field.name)
          .toSorted((a, b) => (WEIGHTS[b] ?? 0) - (WEIGHTS[a] ?? 0)),
      };
    },

    /** Of all customers, and of those that each source delivers. */
    async scores(): Promise<QualityBoard['scores']> {
      const known = await shape();
      if (!known) return [];
      const [all] = await warehouse.query(
        Score,
        `SELECT avg(${known.score}) AS score FROM ${known.customer} AS c`,
      );
      const bySource = known.hasSource
        ? await warehouse.query(
            SourceScore,
            `SELECT toString(c.source) AS source, avg(${known.score}) AS score FROM ${known.customer} AS c GROUP BY source ORDER BY source`,
          )
        : [];
      return [
        { table: 'customer', completeness: all?.score ?? 0 },
        ...bySource.map(({ source, score }) => ({ table: `src/${source}`, completeness: score })),
      ];
    },
  };
}
