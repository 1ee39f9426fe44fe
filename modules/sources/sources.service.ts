import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, type Log, mayDo, newId, Problem, systemActor } from '@rapport/kernel';
import type { Release, Stores } from '@rapport/stores';
import { Type } from 'typebox';
import { stringify } from 'yaml';
import { createConnections } from './connections.service.ts';
import type {
  LoadFault,
  LoadView,
  ManifestApplied,
  QuarantinePage,
  QuarantineQuery,
  ReplayRequest,
  SourceDetail,
  SourceTableSummary,
  SourceTableView,
  SourceView,
} from './contract.ts';
import { createDeliveries, type Delivery } from './delivery.ts';
import type { DownloadLimits } from './download.ts';
import { type FolderSettings, resolveFolder } from './files.ts';
import { createHostPolicy } from './host-policy.ts';
import type { LoadInspector } from './inspector.ts';
import { createLoader, logicalName } from './loader.ts';
import type { SourceManifest } from './manifest.schema.ts';
import { parseManifest, resolveManifest, type Source } from './manifest.ts';
import type { ConsentSink, Projector, RoleTable } from './projector.ts';
import { createQuarantine } from './quarantine.ts';
import { LoadRefused } from './refusal.ts';
import { prepareReplay, type Replay } from './replay.ts';
import { sourcesProblems } from './sources.errors.ts';
import {
  createSourcesStore,
  type PhysicalTable,
  type StoredLoad,
  type StoredSource,
} from './sources.store.sql.ts';
import { createStreams, type EventSink } from './streams.service.ts';
import { createTableViews } from './table-view.ts';

export interface SourcesDeps extends FolderSettings {
  readonly stores: Pick<Stores, 'relational' | 'warehouse' | 'releases' | 'jobs' | 'stream'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  /** Builds the canonical tables; without one only the tables of sources are loaded. */
  readonly projector?: Projector;
  readonly consents?: ConsentSink;
  /** Takes events of streams. */
  readonly events?: EventSink;
  /** Watches what loads bring. */
  readonly inspector?: LoadInspector;
  /** What reading over a network needs; without it only folders are read. */
  readonly network?: {
    /** AES-256 key of the secrets of connections. */
    readonly dataKey: Buffer;
    /** `host`, `host:port` or `*.domain`; nothing else is connected to. */
    readonly allowedHosts: readonly string[];
    readonly limits?: DownloadLimits;
  };
  /** Folder for what is brought from elsewhere or unpacked. */
  readonly spoolDir?: string;
}

export interface Loaded {
  readonly sourceId: string;
  readonly loadId: string;
  readonly release: Release;
}

/** A load that did not become visible; the data of before stays. */
export interface Refused {
  readonly sourceId: string;
  readonly loadId: string;
  readonly message: string;
}

export type Sources = ReturnType<typeof createSources>;

const Consent = Type.Object({
  customer_id: Type.String(),
  channel: Type.String(),
  purpose: Type.String(),
  granted: Type.Boolean(),
  at_ms: Type.Integer(),
  evidence: Type.String(),
});

const PROGRESS_EVERY_MS = 400;
/** More sources than a bank has. */
const MAX_SOURCES = 10_000;

/**
 * Sources: manifests, loads, quarantine. Loads are jobs of the kind `source.load`; defining them is part of
 * creating this, so create it before the jobs start.
 */
export function createSources(deps: SourcesDeps) {
  const { stores, clock, log, audit } = deps;
  const { relational, warehouse, releases, jobs } = stores;
  const store = createSourcesStore(relational);
  const loader = createLoader({
    warehouse,
    releases,
    store,
    clock,
    projector: deps.projector,
    inspector: deps.inspector,
  });
  const connections = createConnections({
    relational,
    clock,
    audit,
    // Without a network no secret is ever stored.
    dataKey: deps.network?.dataKey ?? Buffer.alloc(32),
  });
  const deliveries = createDeliveries({
    connections,
    policy: createHostPolicy(deps.network?.allowedHosts ?? []),
    clock,
    spoolDir: deps.spoolDir ?? join(tmpdir(), 'rapport-spool'),
    ...(deps.network?.limits ? { limits: deps.network.limits } : {}),
  });
  const streams = createStreams({ stores, store, clock, log, audit, events: deps.events });
  const quarantine = createQuarantine(warehouse);
  const views = createTableViews(warehouse);
  const listeners: ((loaded: Loaded) => Promise<void>)[] = [];
  const refusalListeners: ((refused: Refused) => Promise<void>)[] = [];
  const tellRefused = async (refused: Refused): Promise<void> => {
    for (const listener of refusalListeners) {
      await listener(refused).catch((error: unknown) =>
        log.error({ err: error, sourceId: refused.sourceId }, 'a listener to refused loads failed'),
      );
    }
  };

  const requireSource = async (sourceId: string): Promise<StoredSource> => {
    const source = await store.source(sourceId);
    if (!source) {
      throw sourcesProblems.not_found({
        detail: `There is no source "${sourceId}". Apply its manifest first.`,
      });
    }
    return source;
  };

  /* ── manifests ─────────────────────────────────────────────────────────────────────────────────────── */

  const put = async (
    source: Source,
    yaml: string,
    baseDir: string | undefined,
    actor: Actor,
  ): Promise<ManifestApplied> => {
    // The variable may be set later, on the machine that loads; a folder outside is refused now.
    await resolveFolder(folderOf(source.manifest), baseDir, deps).catch((error: unknown) => {
      if (!(error instanceof Problem && error.code === 'sources.variable_not_set')) throw error;
    });
    const { version, changed } = await store.putSource({
      id: source.id,
      yaml,
      manifest: source.manifest,
      baseDir,
      updatedAt: new Date(clock.now()),
      updatedBy: actor.id,
    });
    if (changed)
      await audit.record({ actor, action: 'source.applied', subject: source.id, details: { version } });
    return { id: source.id, version, changed };
  };

  /**
   * Puts a manifest into force.
   * @param options.baseDir where the manifest lies; relative folders begin there (else under the first allowed root)
   * @throws sources.invalid_manifest with file, line and JSON pointer of every fault; sources.folder_not_allowed
   */
  const applyManifest = (
    yaml: string,
    options: { baseDir?: string; fileName?: string; actor?: Actor } = {},
  ): Promise<ManifestApplied> =>
    put(parseManifest(yaml, options.fileName), yaml, options.baseDir, options.actor ?? systemActor);

  const applyManifestJson = (manifest: SourceManifest, actor: Actor): Promise<ManifestApplied> =>
    put(resolveManifest(manifest), stringify(manifest), undefined, actor);

  /* ── loads ─────────────────────────────────────────────────────────────────────────────────────────── */

  const isAlive = async (load: StoredLoad): Promise<boolean> => {
    const job = load.jobId === undefined ? undefined : await jobs.get(load.jobId);
    if (job && (job.state === 'queued' || job.state === 'running')) return true;
    await store.fail(load.id, job?.error ?? 'The job was cancelled.', new Date(clock.now()));
    return false;
  };

  const enqueue = async (
    sourceId: string,
    kind: 'load' | 'replay',
    request: ReplayRequest,
    actor: Actor,
  ): Promise<{ jobId: string; loadId: string }> => {
    const open = await store.lastLoad(sourceId, ['queued', 'running']);
    if (open && (await isAlive(open))) {
      throw sourcesProblems.load_running({
        detail: `${sourceId} is being loaded already (${open.id}). Wait for it to end.`,
        details: { loadId: open.id },
      });
    }
    const loadId = newId('lod');
    await store.addLoad({
      id: loadId,
      sourceId,
      kind,
      request,
      requestedBy: actor.id,
      startedAt: new Date(clock.now()),
    });
    const jobId = await jobs.enqueue(
      'source.load',
      { loadId },
      { subject: sourceId, singleton: `source.load:${sourceId}` },
    );
    await store.setJob(loadId, jobId);
    await audit.record({
      actor,
      action: kind === 'load' ? 'source.load_requested' : 'source.replay_requested',
      subject: sourceId,
      details: { loadId },
    });
    return { jobId, loadId };
  };

  /** Queues a load. @throws sources.not_found, sources.load_running */
  const startLoad = async (sourceId: string, actor: Actor): Promise<{ jobId: string; loadId: string }> => {
    await requireSource(sourceId);
    return enqueue(sourceId, 'load', {}, actor);
  };

  const wait = async ({ jobId, loadId }: { jobId: string; loadId: string }): Promise<LoadView> => {
    const failure = await jobs.wait(jobId).then(
      () => undefined,
      (error: unknown) => error,
    );
    const load = await store.load(loadId);
    // A refusal is an outcome; only the platform's own faults are thrown.
    if (!load || (failure !== undefined && load.state !== 'refused')) throw failure;
    return viewOf(load);
  };

  /** Loads a source and waits. Answers also a load that was refused: look at `state` and `faults`. */
  const load = async (sourceId: string, actor: Actor = systemActor): Promise<LoadView> =>
    wait(await startLoad(sourceId, actor));

  /** Queues a replay of refused records. @throws sources.not_loaded, sources.load_running */
  const startReplay = async (
    sourceId: string,
    request: ReplayRequest,
    actor: Actor,
  ): Promise<{ jobId: string; loadId: string }> => {
    await requireSource(sourceId);
    if (!(await store.lastLoad(sourceId, ['loaded']))) {
      throw sourcesProblems.not_loaded({ detail: `${sourceId} was not loaded yet. Load it first.` });
    }
    return enqueue(sourceId, 'replay', request, actor);
  };

  const replay = async (
    sourceId: string,
    request: ReplayRequest,
    actor: Actor = systemActor,
  ): Promise<LoadView> => wait(await startReplay(sourceId, request, actor));

  jobs.define(
    'source.load',
    Type.Object({ loadId: Type.String() }),
    async (run) => {
      const { loadId } = run.payload;
      const stored = await store.load(loadId);
      if (!stored || stored.state === 'loaded' || stored.state === 'refused') return undefined;
      const attempt = newId('att');
      const finished = {
        attempt,
        manifestVersion: 0,
        tables: [],
        quality: [],
        rejected: [],
        faults: [],
        notes: [],
      };
      let manifestVersion = 0;
      let replayed: Replay | undefined;
      let delivery: Delivery | undefined;
      try {
        await store.begin(loadId, attempt);
        const source = await requireSource(stored.sourceId);
        manifestVersion = source.version;
        const parsed = parseManifest(source.yaml, `${source.id}.source.yaml`);
        const report = createReporter(async (share, message) => {
          await store.progress(loadId, share, message);
          await run.report({ share, message });
        });
        if (stored.kind === 'replay') {
          const base = await store.lastLoad(source.id, ['loaded']);
          if (!base) throw sourcesProblems.not_loaded({ detail: `${source.id} was not loaded yet.` });
          const release = await releases.current();
          replayed = await prepareReplay(
            { warehouse, releases, store },
            parsed,
            base,
            stored.request,
            release,
          );
        }
        const needsFolder = parsed.tables.some((table) => table.connection === undefined && !table.stream);
        const folder =
          replayed || !needsFolder
            ? ''
            : await resolveFolder(folderOf(source.manifest), source.baseDir, deps);
        if (!replayed) {
          delivery = await deliveries.bring(parsed, needsFolder ? folder : undefined, {
            attempt,
            signal: run.signal,
            report: (message) => report(0, message),
          });
        }
        const result = await loader.load(
          {
            source: parsed,
            loadId,
            attempt,
            folder,
            signal: run.signal,
            report,
            ...(delivery ? { delivery: delivery.tables } : {}),
            onQuarantined: async () => replayed?.carryOver({ loadId, attempt }),
          },
          replayed?.inputs,
        );
        const rows = result.tables.reduce((sum, table) => sum + (table.derived ? 0 : table.loaded), 0);
        const refused = result.tables.reduce((sum, table) => sum + table.quarantined, 0);
        await store.finish(loadId, {
          ...finished,
          state: 'loaded',
          manifestVersion,
          finishedAt: new Date(clock.now()),
          message: `${rows} rows loaded, ${refused} in quarantine`,
          release: result.release.number,
          tables: result.tables,
          quality: result.quality,
          rejected: result.rejected,
          notes: result.notes,
        });
        await takeConsents(source.id, loadId, result.roleTables);
        await audit.record({
          actor: systemActor,
          action: 'source.loaded',
          subject: source.id,
          details: { loadId, release: result.release.number, rows, refused },
        });
        for (const listener of listeners) {
          await listener({ sourceId: source.id, loadId, release: result.release }).catch((error: unknown) =>
            log.error({ err: error, sourceId: source.id }, 'a listener to loads failed'),
          );
        }
        return { loadId, release: result.release.number, rows, refused };
      } catch (error) {
        const faults = faultsOf(error, stored.sourceId);
        if (!faults) {
          const message = error instanceof Error ? error.message : String(error);
          await store.fail(loadId, message, new Date(clock.now())).catch(() => undefined);
          await tellRefused({ sourceId: stored.sourceId, loadId, message });
          throw error;
        }
        const shown = faults.map((fault) => `${fault.place}: ${fault.message}`).join(' ');
        await store.finish(loadId, {
          ...finished,
          state: 'refused',
          manifestVersion,
          finishedAt: new Date(clock.now()),
          message: 'refused; the data of before stays',
          faults,
        });
        await tellRefused({ sourceId: stored.sourceId, loadId, message: shown });
        throw sourcesProblems.load_refused({
          detail: `The load of ${stored.sourceId} was refused, the data of before stays. ${shown}`,
          faults: faults.map((fault) => ({ pointer: fault.place, message: fault.message })),
          details: { loadId },
        });
      } finally {
        await replayed?.dispose().catch(() => undefined);
        await delivery?.dispose().catch(() => undefined);
      }
    },
    { retries: 2 },
  );

  const takeConsents = async (
    sourceId: string,
    loadId: string,
    roleTables: readonly RoleTable[],
  ): Promise<void> => {
    const { consents } = deps;
    if (!consents) return;
    for (const table of roleTables.filter((candidate) => candidate.role === 'consent')) {
      const rows = warehouse.stream(
        Consent,
        `SELECT customer_id, channel, purpose, assumeNotNull(granted) AS granted, toUnixTimestamp64Milli(assumeNotNull(at)) AS at_ms, evidence
FROM (${table.select}) WHERE granted IS NOT NULL AND at IS NOT NULL AND customer_id != ''`,
      );
      await consents.take({
        sourceId,
        loadId,
        rows: (async function* () {
          for await (const batch of rows) {
            yield batch.map((row) => ({
              customerId: row.customer_id,
              channel: row.channel,
              purpose: row.purpose,
              granted: row.granted,
              atMs: row.at_ms,
              evidence: row.evidence,
            }));
          }
        })(),
      });
    }
  };

  /* ── reading ───────────────────────────────────────────────────────────────────────────────────────── */

  /** Descriptions of the tables of sources that a release shows, by logical name (`src/<source>/<table>`). */
  const tablesOf = async (release: Release, sourceId?: string): Promise<Map<string, PhysicalTable>> => {
    const wanted = [...release.placements].filter(([logical]) =>
      logical.startsWith(sourceId === undefined ? 'src/' : `src/${sourceId}/`),
    );
    const known = new Map(
      (await store.physicalTables(wanted.map(([, placement]) => placement.table))).map((table) => [
        table.physical,
        table,
      ]),
    );
    return new Map(
      wanted.flatMap(([logical, placement]) => {
        const table = known.get(placement.table);
        return table ? [[logical, table] as const] : [];
      }),
    );
  };

  const summarise = async (source: StoredSource): Promise<SourceView> => {
    const release = await releases.current();
    const physical = await tablesOf(release, source.id);
    const { manifest } = source;
    const files = Object.entries(manifest.tables).map(([table, given]): SourceTableSummary => {
      const known = physical.get(logicalName(source.id, table));
      return {
        table,
        ...(given.title ? { title: given.title } : {}),
        derived: false,
        ...(given.role ? { role: given.role } : {}),
        format: given.relation
          ? 'relation'
          : given.stream
            ? 'stream'
            : (given.format ?? manifest.defaults?.format ?? 'csv'),
        path: placeText(given),
        ...(known ? { rows: known.description.rows } : {}),
        columns: Object.keys(given.columns).length,
      };
    });
    const derived = Object.entries(manifest.derived ?? {}).map(([table, given]): SourceTableSummary => {
      const known = physical.get(logicalName(source.id, table));
      return {
        table,
        ...(given.title ? { title: given.title } : {}),
        derived: true,
        ...(given.role ? { role: given.role } : {}),
        ...(known ? { rows: known.description.rows } : {}),
        columns: known?.description.columns.length ?? 0,
      };
    });
    const lastLoad = await store.lastLoad(source.id, ['queued', 'running', 'loaded', 'refused', 'failed']);
    const loaded = await store.lastLoad(source.id, ['loaded']);
    return {
      id: source.id,
      title: manifest.title,
      ...(manifest.description ? { description: manifest.description } : {}),
      folder: folderOf(manifest),
      version: source.version,
      updatedAt: source.updatedAt.toISOString(),
      updatedBy: source.updatedBy,
      tables: [...files, ...derived],
      ...(lastLoad ? { lastLoad: viewOf(lastLoad) } : {}),
      openQuarantine: await quarantine.countOpen({
        sourceId: source.id,
        attempt: loaded?.attempt,
        withStreams: hasStreams(manifest),
      }),
    };
  };

  const loadWithQuarantine = async (
    sourceId: string,
    loadId: string | undefined,
  ): Promise<StoredLoad | undefined> => {
    if (loadId === undefined) return store.lastLoad(sourceId, ['loaded', 'refused']);
    const found = await store.load(loadId);
    if (!found || found.sourceId !== sourceId) {
      throw sourcesProblems.load_not_found({ detail: `${sourceId} has no load ${loadId}.` });
    }
    return found;
  };

  /** Tables of a source that hold personal data anywhere: their records are shown only to those who may see it. */
  const personalIn = (source: StoredSource): Map<string, ReadonlySet<string>> => {
    const parsed = parseManifest(source.yaml);
    return new Map(
      parsed.tables.map((table) => [
        table.name,
        new Set(table.columns.filter((column) => column.personal).map((column) => column.name)),
      ]),
    );
  };

  return {
    applyManifest,
    applyManifestJson,
    startLoad,
    load,
    startReplay,
    replay,
    /** Calls the listener after each load became visible; a failing one is logged and delays nobody. */
    onLoaded(listener: (loaded: Loaded) => Promise<void>): void {
      listeners.push(listener);
    },
    /** Calls the listener after each load that was refused or failed. */
    onRefused(listener: (refused: Refused) => Promise<void>): void {
      refusalListeners.push(listener);
    },
    connections: { ...connections, test: deliveries.test },
    streams,
    tablesOf,
    roleTablesOf: loader.roleTablesOf,
    /** Runs `work` while no process projects and publishes; loads wait meanwhile. */
    exclusively: store.exclusively,

    async list(
      query: { cursor?: string; limit?: number } = {},
    ): Promise<{ items: SourceView[]; nextCursor?: string }> {
      const limit = query.limit ?? 50;
      const found = await store.sources(query.cursor, limit + 1);
      const items = await Promise.all(found.slice(0, limit).map(summarise));
      const last = items.at(-1);
      return { items, ...(found.length > limit && last ? { nextCursor: last.id } : {}) };
    },

    /** The manifests in force, by source id. */
    async manifests(): Promise<SourceManifest[]> {
      return (await store.sources(undefined, MAX_SOURCES)).map((source) => source.manifest);
    },

    async get(sourceId: string): Promise<SourceDetail> {
      const source = await requireSource(sourceId);
      return { source: await summarise(source), manifest: source.manifest, yaml: source.yaml };
    },

    async table(sourceId: string, table: string, limit: number, actor: Actor): Promise<SourceTableView> {
      const source = await requireSource(sourceId);
      const { manifest } = source;
      const given = manifest.tables[table] ?? manifest.derived?.[table];
      if (!given) {
        throw sourcesProblems.table_not_found({ detail: `${sourceId} has no table "${table}".` });
      }
      const release = await releases.current();
      const known = (await tablesOf(release, sourceId)).get(logicalName(sourceId, table));
      if (!known)
        throw sourcesProblems.not_loaded({ detail: `${sourceId} was not loaded yet. Load it first.` });
      const columns = 'columns' in given ? given.columns : {};
      const view = await views.view(known, limit, {
        seesPersonal: mayDo(actor, 'customers.pii'),
        // Rows of a source cannot be told apart by org unit.
        seesRows: actor.orgScope === undefined,
        titleOf: (name) => {
          const column = columns[name];
          return typeof column === 'object' ? column.title : undefined;
        },
      });
      return {
        sourceId,
        table,
        ...(given.title ? { title: given.title } : {}),
        ...(given.role ? { role: given.role } : {}),
        derived: known.description.derived,
        rows: known.description.rows,
        ...view,
      };
    },

    async loads(
      sourceId: string,
      query: { cursor?: string; limit?: number } = {},
    ): Promise<{ items: LoadView[]; nextCursor?: string }> {
      await requireSource(sourceId);
      const limit = query.limit ?? 50;
      const offset = offsetOf(query.cursor);
      const found = await store.loads(sourceId, offset, limit + 1);
      return {
        items: found.slice(0, limit).map(viewOf),
        ...(found.length > limit ? { nextCursor: cursorOf(offset + limit) } : {}),
      };
    },

    async getLoad(sourceId: string, loadId: string): Promise<LoadView> {
      const found = await loadWithQuarantine(sourceId, loadId);
      if (!found) throw sourcesProblems.load_not_found({ detail: `${sourceId} has no load ${loadId}.` });
      if ((found.state === 'queued' || found.state === 'running') && !(await isAlive(found))) {
        const ended = await store.load(loadId);
        return viewOf(ended ?? found);
      }
      return viewOf(found);
    },

    async quarantine(sourceId: string, query: QuarantineQuery, actor: Actor): Promise<QuarantinePage> {
      const source = await requireSource(sourceId);
      const found = await loadWithQuarantine(sourceId, query.loadId);
      const limit = query.limit ?? 50;
      const offset = offsetOf(query.cursor);
      const page = await quarantine.list(
        { sourceId, attempt: found?.attempt, withStreams: withStreams(source, query), ...query },
        offset,
        limit + 1,
        mayDo(actor, 'customers.pii') ? undefined : personalIn(source),
      );
      return {
        items: page.items.slice(0, limit),
        summary: page.summary,
        ...(page.items.length > limit ? { nextCursor: cursorOf(offset + limit) } : {}),
      };
    },

    /** All refused records as CSV text, in pieces. */
    async exportQuarantine(
      sourceId: string,
      query: QuarantineQuery,
      actor: Actor,
    ): Promise<AsyncIterable<string>> {
      const source = await requireSource(sourceId);
      const found = await loadWithQuarantine(sourceId, query.loadId);
      await audit.record({ actor, action: 'source.quarantine_exported', subject: sourceId });
      return quarantine.export(
        { sourceId, attempt: found?.attempt, withStreams: withStreams(source, query), ...query },
        mayDo(actor, 'customers.pii') ? undefined : personalIn(source),
      );
    },
  };
}

const folderOf = (manifest: SourceManifest): string => manifest.folder ?? '.';

const hasStreams = (manifest: SourceManifest): boolean =>
  Object.values(manifest.tables).some((table) => table.stream !== undefined);
/** Events of streams belong to no load. */
const withStreams = (source: StoredSource, query: QuarantineQuery): boolean =>
  query.loadId === undefined && hasStreams(source.manifest);

/** Where a table comes from, as its manifest says. */
function placeText(table: SourceManifest['tables'][string]): string {
  if (table.relation) return table.relation.table;
  if (table.stream) return table.stream.subject ?? 'stream';
  return typeof table.path === 'string' ? table.path : (table.path ?? []).join(', ');
}

function createReporter(send: (share: number, message: string) => Promise<void>) {
  let last = 0;
  let lastMessage = '';
  return async (share: number, message: string): Promise<void> => {
    const now = performance.now();
    const isNewStep = message.split(':')[0] !== lastMessage.split(':')[0];
    if (!isNewStep && now - last < PROGRESS_EVERY_MS) return;
    last = now;
    lastMessage = message;
    // Progress is only told; a load does not fail because nobody could hear it.
    await send(Math.min(share, 1), message).catch(() => undefined);
  };
}

/** Faults of the data and of the manifest refuse a load; everything else is a fault of the platform. */
function faultsOf(error: unknown, sourceId: string): readonly LoadFault[] | undefined {
  if (error instanceof LoadRefused) return error.faults;
  if (!(error instanceof Problem) || !error.code.startsWith('sources.')) return undefined;
  const code = error.code.slice('sources.'.length);
  if (error.faults.length === 0) return [{ code, place: sourceId, message: error.message }];
  return error.faults.map((fault) => ({ code, place: fault.pointer, message: fault.message }));
}

function viewOf(load: StoredLoad): LoadView {
  const {
    attempt: _attempt,
    manifestVersion: _version,
    request: _request,
    headers: _headers,
    ...view
  } = load;
  return view;
}

const cursorOf = (offset: number): string => Buffer.from(String(offset)).toString('base64url');

function offsetOf(cursor: string | undefined): number {
  const offset = cursor === undefined ? 0 : Number(Buffer.from(cursor, 'base64url').toString());
  return Number.isSafeInteger(offset) && offset > 0 ? offset : 0;
}
