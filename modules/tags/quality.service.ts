import { type Actor, type Component, type LocalizedText, toIso } from '@rapport/kernel';
import { Value } from 'typebox/value';
import { messageOf } from './compute.ts';
import type { TagDefinition } from './contract.ts';
import { changeOfSpread } from './drift.ts';
import {
  OwnThresholds,
  type QualityThresholds,
  type QualityVerdict,
  type TagQuality,
  type TagQualityBoard,
  type TagQualityChange,
  type TagQualityPoint,
} from './quality.contract.ts';
import {
  createQualityStore,
  type StoredJudgement,
  type StoredMeasure,
  type StoredRule,
} from './quality.store.sql.ts';
import { coverageOf, judgeAge, judgeValues, USUAL_THRESHOLDS, verdictOf } from './quality.ts';
import { mustFind, type TagContext } from './tags.context.ts';
import { tagsProblems } from './tags.problems.ts';
import type { StoredTag } from './tags.store.sql.ts';
import { differences } from './tags.yaml.ts';
import type { TagWorkflow } from './workflow.service.ts';

export interface TagQualityMonitor {
  /** Judges what the latest refreshes made of every tag, and raises alerts of monitored ones. */
  judge(): Promise<void>;
  board(): Promise<TagQualityBoard>;
  /** @throws tags.not_found */
  of(tagId: string): Promise<TagQuality>;
  /** @throws tags.not_found, tags.refresh_not_found */
  change(tagId: string, change: TagQualityChange, actor: Actor): Promise<TagQuality>;
  /** Thresholds of tags that have none of their own. */
  changeThresholds(thresholds: OwnThresholds, actor: Actor): Promise<QualityThresholds>;
  verdicts(): Promise<ReadonlyMap<string, QualityVerdict>>;
  /** Looks now and then whether values have grown old. */
  readonly component: Component;
}

const SETTING = 'quality';
const HISTORY = 90;
const KEPT_MS = 400 * 86_400_000;
const SWEEP_MS = 600_000;
const WORST_FIRST: Readonly<Record<QualityVerdict, number>> = { bad: 0, warn: 1, unknown: 2, good: 3 };

export function createTagQuality(
  context: TagContext,
  workflow: Pick<TagWorkflow, 'store' | 'statuses'>,
): TagQualityMonitor {
  const { deps, store: tags } = context;
  const { clock, log, alerts } = deps;
  const store = createQualityStore(deps.relational);
  /** Alerts that this process knows to be open, as `tag check`. */
  const open = new Set<string>();
  const settled = new Set<string>();

  const usual = async (): Promise<QualityThresholds> => {
    const value = await workflow.store.setting(SETTING);
    return { ...USUAL_THRESHOLDS, ...(Value.Check(OwnThresholds, value) ? value : {}) };
  };
  const thresholdsOf = (
    common: QualityThresholds,
    rule: StoredRule | undefined,
    slaHours: number | undefined,
  ): QualityThresholds => ({
    ...common,
    ...(slaHours === undefined ? {} : { maxAgeHours: slaHours }),
    ...rule?.thresholds,
  });

  /** Whether two versions of a definition compute the same. */
  const isComparable = async (tag: StoredTag, measure: StoredMeasure | undefined): Promise<boolean> => {
    if (!measure || measure.definitionVersion === tag.version) return true;
    const earlier = await tags.version(tag.definition.id, measure.definitionVersion);
    const made = ({ definition, valueType, unit }: TagDefinition) => ({ definition, valueType, unit });
    return earlier !== undefined && differences(made(earlier), made(tag.definition)).length === 0;
  };

  /** What is off with every tag at this moment. */
  const standing = async () => {
    const [all, statusOf, lives, rules, faults, common, stands] = await Promise.all([
      tags.all(),
      workflow.statuses(),
      workflow.store.lifecycles(),
      store.rules(),
      tags.faults(),
      usual(),
      store.standing(),
    ]);
    const items = all.flatMap(({ definition, isRetired }) => {
      if (isRetired) return [];
      const { id } = definition;
      const stand = stands.get(id);
      const thresholds = thresholdsOf(common, rules.get(id), lives.get(id)?.slaHours);
      // What people or a model write is as old as it is; only computed values must follow the data.
      const isComputed = definition.definition.kind !== 'manual' && definition.definition.kind !== 'model';
      const findings = [
        ...judgeAge({
          fault: faults.get(id),
          refreshedAt: isComputed ? stand?.refreshedAt : undefined,
          now: clock.now(),
          maxAgeHours: thresholds.maxAgeHours,
        }),
        ...(stand?.judged?.findings ?? []),
      ];
      return [
        {
          definition,
          status: statusOf(id),
          stand,
          findings,
          verdict: verdictOf(findings, stand !== undefined),
        },
      ];
    });
    return { items, common };
  };

  const subjectOf = (tagId: string): string => `tag:${tagId}`;
  /** @param isNew whether values are new: what is still off counts on */
  const tell = async (isNew: boolean): Promise<void> => {
    if (!alerts) return;
    const { items } = await standing();
    for (const { definition, status, findings } of items) {
      const { id, title } = definition;
      const subject = subjectOf(id);
      if (status !== 'monitored') {
        if (settled.has(id)) continue;
        await alerts.resolve('tag', subject);
        settled.add(id);
        continue;
      }
      settled.delete(id);
      for (const check of ['refresh', 'coverage', 'drift', 'values', 'freshness'] as const) {
        const own = findings.filter((finding) => finding.check === check);
        const worst = own.find(({ severity }) => severity === 'bad') ?? own[0];
        const key = `${id} ${check}`;
        if (!worst) {
          await alerts.resolve('tag', subject, check);
          open.delete(key);
          continue;
        }
        if (!isNew && open.has(key)) continue;
        open.add(key);
        const message = (language: keyof LocalizedText): string =>
          `${title[language] ?? title.en} (${id}): ${worst.message[language] ?? worst.message.en}`;
        await alerts.raise({
          kind: 'tag',
          severity: worst.severity === 'bad' ? 'critical' : 'warn',
          subject,
          cause: check,
          message: { en: message('en'), 'zh-Hant': message('zh-Hant'), 'zh-Hans': message('zh-Hans') },
          details: {
            tagId: id,
            ...(worst.value === undefined ? {} : { value: worst.value }),
            ...(worst.limit === undefined ? {} : { limit: worst.limit }),
            ...(worst.against === undefined ? {} : { against: worst.against }),
          },
        });
      }
    }
  };

  const judge = async (): Promise<void> => {
    const [unjudged, all, rules, common, lives] = await Promise.all([
      store.unjudged(),
      tags.all(),
      store.rules(),
      usual(),
      workflow.store.lifecycles(),
    ]);
    const byId = new Map(all.map((tag) => [tag.definition.id, tag]));
    const judged: StoredJudgement[] = [];
    const baselines = new Map<string, string>();
    for (const { now, before, baseline } of unjudged) {
      const tag = byId.get(now.tagId);
      if (!tag) continue;
      const isFirst = !baseline || !(await isComparable(tag, baseline));
      if (isFirst) baselines.set(now.tagId, now.refreshId);
      const judgement = judgeValues({
        tag: tag.definition,
        thresholds: thresholdsOf(common, rules.get(now.tagId), lives.get(now.tagId)?.slaHours),
        now,
        before: (await isComparable(tag, before)) ? before : undefined,
        baseline: isFirst ? undefined : baseline,
      });
      judged.push({ tagId: now.tagId, refreshId: now.refreshId, ...judgement });
    }
    await store.keep(judged, clock.now());
    await store.setBaselines(baselines, false);
    if (judged.length > 0) await tell(true);
  };

  const pointOf = (
    tag: TagDefinition,
    measure: StoredMeasure,
    judged: StoredJudgement | undefined,
  ): TagQualityPoint => {
    const { mean, quantiles } = measure.distribution;
    const isNumber = tag.valueType === 'number' || tag.valueType === 'money';
    return {
      refreshId: measure.refreshId,
      at: toIso(measure.refreshedAt),
      asOf: toIso(measure.asOf),
      definitionVersion: measure.definitionVersion,
      known: measure.known,
      customers: measure.customers,
      coverage: Math.min(1, coverageOf(measure)),
      distinct: measure.distinct,
      ...(isNumber && mean !== undefined ? { mean } : {}),
      ...(isNumber && quantiles ? { median: quantiles.p50 } : {}),
      ...(judged?.psiBefore === undefined ? {} : { psiBefore: judged.psiBefore }),
      ...(judged?.psiBaseline === undefined ? {} : { psiBaseline: judged.psiBaseline }),
      verdict: judged ? verdictOf(judged.findings, true) : 'unknown',
      findings: [...(judged?.findings ?? [])],
    };
  };

  const of = async (tagId: string): Promise<TagQuality> => {
    const tag = mustFind(await tags.all(), tagId);
    const [{ items, common }, rules, life, history] = await Promise.all([
      standing(),
      store.rules(),
      workflow.store.lifecycle(tagId),
      store.history(tagId, HISTORY),
    ]);
    const rule = rules.get(tagId);
    const own = items.find(({ definition }) => definition.id === tagId);
    const baseline = rule?.baseline === undefined ? undefined : await store.measure(tagId, rule.baseline);
    const latest = history[0]?.measure;
    const change =
      baseline && latest ? changeOfSpread(tag.definition.valueType, baseline, latest) : undefined;
    return {
      tagId,
      verdict: own?.verdict ?? 'unknown',
      findings: [...(own?.findings ?? [])],
      alerts: own?.status === 'monitored',
      thresholds: thresholdsOf(common, rule, life?.slaHours),
      own: rule?.thresholds ?? {},
      ...(baseline
        ? {
            baseline: {
              refreshId: baseline.refreshId,
              at: toIso(baseline.refreshedAt),
              isChosen: rule?.isChosen ?? false,
            },
          }
        : {}),
      bins: (change?.bins ?? []).map(({ before, now, ...bin }) => {
        const [was, is] = [Math.max(before, 0.0001), Math.max(now, 0.0001)];
        return {
          ...bin,
          before: Math.min(1, before),
          now: Math.min(1, now),
          psi: (is - was) * Math.log(is / was),
        };
      }),
      history: history.map(({ measure, judged }) => pointOf(tag.definition, measure, judged)),
    };
  };

  let timer: NodeJS.Timeout | undefined;
  const sweep = async (): Promise<void> => {
    await judge();
    await tell(false);
    await store.prune(clock.now() - KEPT_MS);
  };

  return {
    judge,
    of,
    async board() {
      const { items, common } = await standing();
      const counts = { good: 0, warn: 0, bad: 0, unknown: 0 };
      for (const { verdict } of items) counts[verdict] += 1;
      return {
        thresholds: common,
        counts,
        items: items
          .toSorted(
            (a, b) =>
              WORST_FIRST[a.verdict] - WORST_FIRST[b.verdict] || (a.definition.id < b.definition.id ? -1 : 1),
          )
          .map(({ definition, status, stand, verdict, findings }) => {
            const psi = Math.max(stand?.judged?.psiBefore ?? -1, stand?.judged?.psiBaseline ?? -1);
            return {
              tagId: definition.id,
              title: definition.title,
              status,
              ...(definition.owner === undefined ? {} : { owner: definition.owner }),
              verdict,
              ...(stand
                ? { coverage: Math.min(1, coverageOf(stand)), refreshedAt: toIso(stand.refreshedAt) }
                : {}),
              ...(psi < 0 ? {} : { psi }),
              findings,
            };
          }),
      };
    },
    async change(tagId, { thresholds, baseline }, actor) {
      mustFind(await tags.all(), tagId);
      if (typeof baseline === 'string' && !(await store.measure(tagId, baseline)))
        throw tagsProblems.refresh_not_found({
          detail: `The refresh "${baseline}" is not one that computed ${tagId}, or is no longer kept.`,
        });
      if (thresholds) await store.setThresholds(tagId, thresholds);
      if (typeof baseline === 'string') await store.setBaselines(new Map([[tagId, baseline]]), true);
      if (baseline === null) {
        const history = await store.history(tagId, HISTORY);
        const first = history.at(-1)?.measure.refreshId;
        if (first !== undefined) await store.setBaselines(new Map([[tagId, first]]), false);
      }
      await deps.audit.record({
        actor,
        action: 'tag.quality_changed',
        subject: tagId,
        details: { ...(thresholds ? { thresholds } : {}), ...(baseline === undefined ? {} : { baseline }) },
      });
      await store.forget(tagId);
      await judge();
      return of(tagId);
    },
    async changeThresholds(thresholds, actor) {
      await workflow.store.setSetting(SETTING, thresholds);
      await deps.audit.record({
        actor,
        action: 'tag.quality_settings_changed',
        subject: 'tags',
        details: { ...thresholds },
      });
      return usual();
    },
    async verdicts() {
      const { items } = await standing();
      return new Map(items.map(({ definition, verdict }) => [definition.id, verdict]));
    },
    component: {
      name: 'tag-quality',
      async start() {
        timer = setInterval(() => {
          sweep().catch((error: unknown) =>
            log.warn({ error: messageOf(error) }, 'the quality of tags could not be judged'),
          );
        }, SWEEP_MS);
        timer.unref();
      },
      async stop() {
        clearInterval(timer);
      },
    },
  };
}
