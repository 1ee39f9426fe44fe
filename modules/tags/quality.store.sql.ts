import type { EpochMs } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { TagDistribution } from './contract.ts';
import { OwnThresholds, QualityFinding } from './quality.contract.ts';

/** What one refresh found of a tag. */
export interface StoredMeasure {
  readonly tagId: string;
  readonly refreshId: string;
  readonly definitionVersion: number;
  readonly asOf: EpochMs;
  readonly refreshedAt: EpochMs;
  readonly known: number;
  readonly customers: number;
  readonly distinct: number;
  readonly distribution: TagDistribution;
}

export interface StoredJudgement {
  readonly tagId: string;
  readonly refreshId: string;
  readonly psiBefore: number | undefined;
  readonly psiBaseline: number | undefined;
  readonly findings: readonly QualityFinding[];
}

export interface StoredRule {
  readonly tagId: string;
  readonly thresholds: OwnThresholds;
  readonly baseline: string | undefined;
  readonly isChosen: boolean;
}

interface MeasureRow {
  tag_id: string;
  refresh_id: string;
  definition_version: number;
  as_of: Date;
  refreshed_at: Date;
  known: string;
  customers: string;
  distinct_values: string;
  distribution: unknown;
}

interface JudgementRow {
  psi_before: number | null;
  psi_baseline: number | null;
  findings: unknown;
}

const distributions = Compile(TagDistribution);
const findingsSchema = Compile(Type.Array(QualityFinding));
const thresholdsSchema = Compile(OwnThresholds);
const MEASURE = `r.tag_id, r.refresh_id, r.definition_version, r.as_of, r.refreshed_at, r.known, r.customers,
  r.distinct_values, r.distribution`;

const measureOf = (row: MeasureRow): StoredMeasure => ({
  tagId: row.tag_id,
  refreshId: row.refresh_id,
  definitionVersion: row.definition_version,
  asOf: row.as_of.getTime(),
  refreshedAt: row.refreshed_at.getTime(),
  known: Number(row.known),
  customers: Number(row.customers),
  distinct: Number(row.distinct_values),
  distribution: distributions.Parse(row.distribution),
});
const judgementOf = (tagId: string, refreshId: string, row: JudgementRow): StoredJudgement => ({
  tagId,
  refreshId,
  psiBefore: row.psi_before ?? undefined,
  psiBaseline: row.psi_baseline ?? undefined,
  findings: findingsSchema.Parse(row.findings),
});

export type QualityStore = ReturnType<typeof createQualityStore>;

export function createQualityStore({ pool }: Pick<Relational, 'pool'>) {
  return {
    async rules(): Promise<Map<string, StoredRule>> {
      const { rows } = await pool.query<{
        tag_id: string;
        thresholds: unknown;
        baseline: string | null;
        is_chosen: boolean;
      }>('select q.tag_id, q.thresholds, q.baseline, q.is_chosen from tags.quality_rule q');
      return new Map(
        rows.map((row) => [
          row.tag_id,
          {
            tagId: row.tag_id,
            thresholds: thresholdsSchema.Parse(row.thresholds),
            baseline: row.baseline ?? undefined,
            isChosen: row.is_chosen,
          },
        ]),
      );
    },
    async setThresholds(tagId: string, thresholds: OwnThresholds): Promise<void> {
      await pool.query(
        `insert into tags.quality_rule (tag_id, thresholds) values ($1, $2)
         on conflict (tag_id) do update set thresholds = excluded.thresholds`,
        [tagId, JSON.stringify(thresholds)],
      );
    },
    async setBaselines(baselines: ReadonlyMap<string, string>, isChosen: boolean): Promise<void> {
      if (baselines.size === 0) return;
      await pool.query(
        `insert into tags.quality_rule (tag_id, baseline, is_chosen)
         select n.tag_id, n.baseline, $3 from unnest($1::text[], $2::text[]) as n (tag_id, baseline)
         on conflict (tag_id) do update set baseline = excluded.baseline, is_chosen = excluded.is_chosen`,
        [[...baselines.keys()], [...baselines.values()], isChosen],
      );
    },
    /** Latest measures that nobody has judged yet, each with the one before and that of the baseline. */
    async unjudged(): Promise<
      { now: StoredMeasure; before: StoredMeasure | undefined; baseline: StoredMeasure | undefined }[]
    > {
      const { rows } = await pool.query<MeasureRow & { role: 'now' | 'before' | 'baseline' }>(
        `with latest as (
           select l.tag_id, l.refresh_id, l.refreshed_at from tags.definition d
           cross join lateral (
             select r.tag_id, r.refresh_id, r.refreshed_at from tags.refresh_tag r where r.tag_id = d.id
             order by r.refreshed_at desc, r.refresh_id desc limit 1
           ) l
           where not exists (select from tags.quality q where q.tag_id = l.tag_id and q.refresh_id = l.refresh_id)
         )
         select 'now' as role, ${MEASURE} from latest l join tags.refresh_tag r using (tag_id, refresh_id)
         union all
         select 'before', b.* from latest l cross join lateral (
           select ${MEASURE} from tags.refresh_tag r
           where r.tag_id = l.tag_id and (r.refreshed_at, r.refresh_id) < (l.refreshed_at, l.refresh_id)
           order by r.refreshed_at desc, r.refresh_id desc limit 1
         ) b
         union all
         select 'baseline', ${MEASURE} from latest l join tags.quality_rule q on q.tag_id = l.tag_id
           join tags.refresh_tag r on r.tag_id = l.tag_id and r.refresh_id = q.baseline`,
      );
      const byTag = new Map<string, Partial<Record<'now' | 'before' | 'baseline', StoredMeasure>>>();
      for (const row of rows) {
        const roles = byTag.get(row.tag_id) ?? {};
        byTag.set(row.tag_id, roles);
        roles[row.role] = measureOf(row);
      }
      return [...byTag.values()].flatMap(({ now, before, baseline }) =>
        now ? [{ now, before, baseline }] : [],
      );
    },
    async keep(judgements: readonly StoredJudgement[], at: EpochMs): Promise<void> {
      if (judgements.length === 0) return;
      await pool.query(
        `insert into tags.quality (tag_id, refresh_id, at, psi_before, psi_baseline, findings)
         select n.tag_id, n.refresh_id, $1, n.psi_before, n.psi_baseline, n.findings
         from jsonb_to_recordset($2::jsonb) as n
           (tag_id text, refresh_id text, psi_before double precision, psi_baseline double precision, findings jsonb)
         on conflict (tag_id, refresh_id) do update set at = excluded.at, psi_before = excluded.psi_before,
           psi_baseline = excluded.psi_baseline, findings = excluded.findings`,
        [
          new Date(at),
          JSON.stringify(
            judgements.map((each) => ({
              tag_id: each.tagId,
              refresh_id: each.refreshId,
              psi_before: each.psiBefore ?? null,
              psi_baseline: each.psiBaseline ?? null,
              findings: each.findings,
            })),
          ),
        ],
      );
    },
    /** Forgets the latest judgement of a tag, so that it is judged again. */
    async forget(tagId: string): Promise<void> {
      await pool.query(
        `delete from tags.quality q where q.tag_id = $1 and q.refresh_id = (
           select r.refresh_id from tags.refresh_tag r where r.tag_id = $1
           order by r.refreshed_at desc, r.refresh_id desc limit 1)`,
        [tagId],
      );
    },
    /** What stands of each tag: when it was computed, how many have a value, and what was judged. */
    async standing(): Promise<
      Map<
        string,
        { refreshedAt: EpochMs; known: number; customers: number; judged: StoredJudgement | undefined }
      >
    > {
      const { rows } = await pool.query<
        JudgementRow & {
          tag_id: string;
          refresh_id: string;
          refreshed_at: Date;
          known: string;
          customers: string;
        }
      >(
        `select l.tag_id, l.refresh_id, l.refreshed_at, l.known, l.customers, q.psi_before, q.psi_baseline, q.findings
         from tags.definition d cross join lateral (
           select r.tag_id, r.refresh_id, r.refreshed_at, r.known, r.customers from tags.refresh_tag r
           where r.tag_id = d.id order by r.refreshed_at desc, r.refresh_id desc limit 1
         ) l left join tags.quality q on q.tag_id = l.tag_id and q.refresh_id = l.refresh_id`,
      );
      return new Map(
        rows.map((row) => [
          row.tag_id,
          {
            refreshedAt: row.refreshed_at.getTime(),
            known: Number(row.known),
            customers: Number(row.customers),
            judged: row.findings === null ? undefined : judgementOf(row.tag_id, row.refresh_id, row),
          },
        ]),
      );
    },
    async history(
      tagId: string,
      limit: number,
    ): Promise<{ measure: StoredMeasure; judged: StoredJudgement | undefined }[]> {
      const { rows } = await pool.query<MeasureRow & JudgementRow>(
        `select ${MEASURE}, q.psi_before, q.psi_baseline, q.findings
         from tags.refresh_tag r left join tags.quality q on q.tag_id = r.tag_id and q.refresh_id = r.refresh_id
         where r.tag_id = $1 order by r.refreshed_at desc, r.refresh_id desc limit $2`,
        [tagId, limit],
      );
      return rows.map((row) => ({
        measure: measureOf(row),
        judged: row.findings === null ? undefined : judgementOf(row.tag_id, row.refresh_id, row),
      }));
    },
    async measure(tagId: string, refreshId: string): Promise<StoredMeasure | undefined> {
      const { rows } = await pool.query<MeasureRow>(
        `select ${MEASURE} from tags.refresh_tag r where r.tag_id = $1 and r.refresh_id = $2`,
        [tagId, refreshId],
      );
      return rows[0] && measureOf(rows[0]);
    },
    /** Drops measures of before an instant but baselines and what stands. */
    async prune(before: EpochMs): Promise<void> {
      await pool.query(
        `delete from tags.refresh_tag r where r.refreshed_at < $1
           and not exists (select from tags.quality_rule q where q.tag_id = r.tag_id and q.baseline = r.refresh_id)
           and exists (select from tags.refresh_tag n where n.tag_id = r.tag_id and n.refreshed_at > r.refreshed_at)`,
        [new Date(before)],
      );
      await pool.query(
        `delete from tags.quality q where q.at < $1
           and not exists (select from tags.refresh_tag r where r.tag_id = q.tag_id and r.refresh_id = q.refresh_id)`,
        [new Date(before)],
      );
    },
  };
}
