import type { Calendar } from '@rapport/calendar';
import type { Audit } from '@rapport/governance';
import type { Clock, Log } from '@rapport/kernel';
import type { LoadInspector, Sources } from '@rapport/sources';
import type { Stores } from '@rapport/stores';
import { createAccessLog } from './access-log.ts';
import { type AlertSink, createAlerts } from './alerts.ts';
import { createArrivals } from './arrivals.ts';
import { createBlocks } from './blocks.ts';
import { type CatalogSources, createCatalogue } from './catalogue.ts';
import { createCompleteness } from './completeness.ts';
import type { Dependant, QualityBoard } from './contract.ts';
import { createMonitor } from './monitor.ts';
import { createQualityRules } from './quality-rules.ts';

export interface CatalogDeps {
  readonly stores: Pick<Stores, 'relational' | 'warehouse' | 'releases'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** Asked when it is needed: sources are made with this catalogue's inspector. */
  readonly sources: () => Sources;
  readonly dependantsOf: (column: {
    readonly sourceId: string;
    readonly table: string;
    readonly column: string;
  }) => Promise<readonly Dependant[]>;
  /** Where alerts go beside the list. */
  readonly sinks: readonly AlertSink[];
  /** Time zone of the bank. */
  readonly zone: string;
  readonly calendar: (id: string) => Calendar | undefined;
}

export type Catalog = ReturnType<typeof createCatalog>;

/** Stewardship of data: catalogue, quality, drift, arrivals, alerts, who read what. */
export function createCatalog(deps: CatalogDeps) {
  const { relational, warehouse, releases } = deps.stores;
  const { clock, log, audit } = deps;
  const sources: CatalogSources = {
    manifests: () => deps.sources().manifests(),
    tablesOf: (release, sourceId) => deps.sources().tablesOf(release, sourceId),
    list: (query) => deps.sources().list(query),
  };
  const alerts = createAlerts({ relational, clock, log, audit, sinks: deps.sinks });
  const accessLog = createAccessLog({ relational, clock });
  const blocks = createBlocks({ relational, clock, audit, sources });
  const monitor = createMonitor({
    relational,
    warehouse,
    clock,
    alerts,
    blocks,
    dependantsOf: deps.dependantsOf,
  });
  const rules = createQualityRules({ relational, warehouse, releases, clock, audit, sources, monitor });
  const arrivals = createArrivals({
    relational,
    clock,
    log,
    audit,
    sources,
    alerts,
    blocks,
    zone: deps.zone,
    calendar: deps.calendar,
  });
  const completeness = createCompleteness({ warehouse, releases });
  const catalogue = createCatalogue({
    relational,
    warehouse,
    releases,
    clock,
    audit,
    sources,
    monitor,
    rules,
    blocks,
    arrivals,
    accessLog,
  });

  const inspector: LoadInspector = monitor.inspector;

  return {
    /** For `createSources`. */
    inspector,
    alerts,
    accessLog,
    blocks,
    monitor,
    rules,
    arrivals,
    completeness,
    catalogue,

    /** To be called after each load became visible, before tags are refreshed. */
    async afterLoad(loaded: { readonly sourceId: string; readonly loadId: string }): Promise<void> {
      await monitor.accepted(loaded.sourceId, loaded.loadId);
      await arrivals.arrived(loaded.sourceId, loaded.loadId);
      await alerts.resolve('load', loaded.sourceId);
      await rules.afterLoad(loaded.sourceId, loaded.loadId);
    },

    /** To be called when a load was refused or failed. */
    async afterRefusal(refused: {
      readonly sourceId: string;
      readonly loadId: string;
      readonly message: string;
    }): Promise<void> {
      const message = refused.message.slice(0, 600);
      await alerts.raise({
        kind: 'load',
        severity: 'critical',
        subject: refused.sourceId,
        cause: 'refused',
        message: {
          en: `${refused.sourceId}: the load was refused, the data of before stays. ${message}`,
          'zh-Hant': `${refused.sourceId}：載入被拒，仍使用先前的資料。${message}`,
          'zh-Hans': `${refused.sourceId}：载入被拒，仍使用先前的数据。${message}`,
        },
        details: { loadId: refused.loadId },
      });
    },

    /** What may not be refreshed now; ask before computing tags. */
    blocked: blocks.blocked,

    async qualityBoard(): Promise<QualityBoard> {
      const [list, blockList, scores] = await Promise.all([
        rules.list(),
        blocks.list(100),
        completeness.scores(),
      ]);
      return {
        rules: list,
        blocks: blockList,
        scores: scores.map((score) => {
          const own = list.filter((rule) => rule.table.startsWith(score.table) && rule.last !== undefined);
          return own.length === 0
            ? score
            : { ...score, passing: own.filter((rule) => rule.last?.passed).length / own.length };
        }),
      };
    },
  };
}
