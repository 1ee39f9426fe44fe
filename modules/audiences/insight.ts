import type { ConditionCatalog } from '@rapport/conditions';
import type { IdentityMatcher } from '@rapport/customers';
import type { AuditRecord } from '@rapport/governance';
import type { Clock, EpochMs, Log } from '@rapport/kernel';
import type { CidSet, Jobs, Placement, Relational, Release, Releases, Warehouse } from '@rapport/stores';
import type { Audiences, AudienceUsage } from './audiences.ts';
import type { CodedBucket, CodedTag } from './coded-tag.ts';
import { createCodedTags } from './coded-tags.ts';
import type { TagEdge } from './defining-tags.ts';
import { createGrowth, type Growth } from './growth.service.ts';
import { createLists, type Lists } from './lists.service.ts';
import { createLookalikes, type LookalikeDeps, type Lookalikes } from './lookalike.service.ts';
import { createProfiles, type ProfileService } from './profile.service.ts';
import { createRelaxing } from './relax.service.ts';

export interface InsightDeps {
  readonly relational: Pick<Relational, 'pool' | 'transaction'>;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: { record(entry: AuditRecord): Promise<void> };
  readonly audiences: Audiences;
  readonly catalog: (release: Release) => Promise<ConditionCatalog>;
  readonly matcher: IdentityMatcher;
  /** The codes of indexed tags; the buckets of others are evaluated one by one. @default the audiences' engine */
  readonly engine?: CodeEngine;
  readonly publishScores?: NonNullable<LookalikeDeps['publishScores']>;
  readonly listUsages?: (listId: string) => Promise<readonly AudienceUsage[]>;
  /** Which tags are computed from which, to tell news from what follows from a condition. @default none is */
  readonly tagEdges?: () => Promise<readonly TagEdge[]>;
  /** Bytes that codes of tags may take in memory. @default 3 GiB */
  readonly codeMemoryBytes?: number;
}

/** What is needed of the set engine. */
export interface CodeEngine {
  codesOf(tagIds: readonly string[], view: CodeView): Promise<ReadonlyMap<string, CodedTag>>;
  entries(
    tagId: string,
    view: CodeView,
    limit: number,
  ): Promise<readonly { readonly label?: string; readonly cids: CidSet }[] | undefined>;
  buckets(tagId: string, view: CodeView): Promise<readonly CodedBucket[] | undefined>;
}
interface CodeView {
  readonly catalog: ConditionCatalog;
  readonly placements: ReadonlyMap<string, Placement>;
  readonly now: EpochMs;
  readonly signal?: AbortSignal;
}

export interface Insight extends ProfileService {
  readonly relax: ReturnType<typeof createRelaxing>;
  readonly lookalikes: Lookalikes;
  readonly lists: Lists;
  readonly growth: Growth;
  /** New data is there: audiences that wait for it are queued, and codes of tags that were in use are read anew. */
  onRefreshed(): Promise<void>;
}

/** Everything beyond counting that is done with audiences: profile, overlap, relax, look-alike, lists, growth. */
export function createAudienceInsight(deps: InsightDeps): Insight {
  const { audiences, releases, clock, engine = audiences.sets } = deps;
  const viewOf = (
    catalog: ConditionCatalog,
    { placements }: Release,
    signal: AbortSignal | undefined,
  ): CodeView => ({
    catalog,
    placements,
    now: clock.now(),
    ...(signal ? { signal } : {}),
  });
  const codes = createCodedTags({
    warehouse: deps.warehouse,
    resolve: audiences.resolve,
    indexed: async (tags, catalog, release, signal) => engine.codesOf(tags, viewOf(catalog, release, signal)),
    indexedMembers: async (tag, most, catalog, release, signal) => {
      const entries = await engine.entries(tag, viewOf(catalog, release, signal), most);
      return entries?.flatMap(({ label, cids }) => (label === undefined ? [] : [{ label, cids }]));
    },
    indexedBuckets: async (tag, catalog, release, signal) =>
      engine.buckets(tag, viewOf(catalog, release, signal)),
    memoryBytes: deps.codeMemoryBytes ?? 3 * 2 ** 30,
  });
  const lists = createLists({
    ...deps,
    ...(deps.listUsages ? { usages: deps.listUsages } : {}),
  });
  const growth = createGrowth({ ...deps, lists });
  const tagEdges = deps.tagEdges ?? (async () => []);
  const shared = { tagEdges, audiences, releases, catalog: deps.catalog, codes };
  return {
    ...createProfiles(shared),
    relax: createRelaxing({ audiences, releases, codes }),
    lookalikes: createLookalikes({ ...deps, tagEdges, codes, lists }),
    lists,
    growth,
    async onRefreshed() {
      await growth.onRefreshed();
      const release = await releases.current();
      // Nobody waits for it: whoever asks before it is through reads for themselves.
      codes.renew(await deps.catalog(release), release).catch((error: unknown) => {
        deps.log.warn({ err: error }, 'codes of tags could not be read ahead; the next profile reads them');
      });
    },
  };
}
