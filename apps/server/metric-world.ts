import type { Audiences } from '@rapport/audiences';
import { type Clock, toIso } from '@rapport/kernel';
import type { MetricsDeps } from '@rapport/metrics';
import type { Releases } from '@rapport/stores';
import type { Tags } from '@rapport/tags';

const DAY_MS = 86_400_000;

/** The data that metrics are computed from: the present release, or the tag values kept of a past day. */
export function metricWorld(deps: {
  readonly releases: Pick<Releases, 'current'>;
  readonly tags: Pick<Tags, 'asOf' | 'catalog'>;
  readonly audiences: Pick<Audiences, 'cidsSql'>;
  readonly clock: Clock;
}): MetricsDeps['world'] {
  return async (day) => {
    const release = await deps.releases.current();
    if (!release.placements.has('customer')) return undefined;
    const asOf = (await deps.tags.asOf()) ?? deps.clock.now();
    const today = toIso(asOf).slice(0, 10);
    const catalog = await deps.tags.catalog(release);
    if (day === undefined || day === today) {
      return {
        release,
        catalog,
        day: today,
        conditionSql: (condition) => deps.audiences.cidsSql(condition, release, { asOf }),
      };
    }
    const prefix = `history/${day}/tag/`;
    if (![...release.placements.keys()].some((logical) => logical.startsWith(prefix))) return undefined;
    return {
      release,
      catalog: {
        ...catalog,
        tag: (id) => {
          const [entry, kept] = [catalog.tag(id), release.placements.get(`${prefix}${id}`)];
          return entry && kept?.column !== undefined
            ? { ...entry, table: kept.table, column: kept.column }
            : undefined;
        },
      },
      day,
      conditionSql: (condition) =>
        deps.audiences.cidsSql(condition, release, { asOf: Date.parse(day) + DAY_MS - 1 }),
    };
  };
}
