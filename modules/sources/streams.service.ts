import { createHash } from 'node:crypto';
import type { Audit } from '@rapport/governance';
import {
  type Actor,
  type Clock,
  type Component,
  type EpochMs,
  type Log,
  parseDuration,
  shiftInstant,
  toIso,
} from '@rapport/kernel';
import type { Relational, Stores, StreamConsumer, StreamRecord } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import { type FileTable, parseManifest, type Source } from './manifest.ts';
import { openStreamRecords, STREAM_ATTEMPT } from './quarantine.ts';
import type { LooseRecord } from './reader.ts';
import { roleSelect } from './role-select.ts';
import { sourcesProblems } from './sources.errors.ts';
import type { SourcesStore, StoredSource } from './sources.store.sql.ts';
import { sqlName } from './sql-text.ts';
import { stageRecords } from './staging.ts';
import type {
  PushEvents,
  PushedEvents,
  StreamReplay,
  StreamReplayed,
  StreamView,
} from './streams.contract.ts';
import { engineType, typingSql } from './typing.ts';

/** An event as its stream's manifest reads it. */
export interface StreamedEvent {
  /** Unique over all streams; the same event always comes with the same id. */
  readonly eventId: string;
  readonly customerId: string;
  readonly name: string;
  readonly at: EpochMs;
  readonly properties: Readonly<Record<string, string>>;
  /** Source it came from. */
  readonly source: string;
}

/** Takes events of streams; implemented by customers. */
export interface EventSink {
  /** Takes each `eventId` once, however often it comes; leaves out those of customers that are not known. */
  take(
    events: readonly StreamedEvent[],
  ): Promise<{ readonly added: number; readonly unknown: ReadonlySet<string> }>;
}

/** Reasons that only events of streams have, beside those of typing and `unknown_customer`. */
export const STREAM_REASONS = ['too_old'] as const;

interface StreamTable extends FileTable {
  readonly stream: NonNullable<FileTable['stream']>;
  readonly roleMapping: NonNullable<FileTable['roleMapping']>;
}

interface Refused {
  readonly line: number;
  readonly faults: readonly { readonly field: string; readonly value: string; readonly reason: string }[];
  readonly record: string;
}

interface CountRow {
  table_name: string;
  taken: string;
  repeated: string;
  late: string;
  refused: string;
  last_at: Date;
}

const Typed = Type.Object({
  line: Type.Integer(),
  customer_id: Type.String(),
  event_id: Type.String(),
  name: Type.String(),
  at_ms: Type.Integer(),
  properties: Type.Record(Type.String(), Type.String()),
});
const Faulty = Type.Object({
  line: Type.Integer(),
  fields: Type.Array(Type.String()),
  found: Type.Array(Type.String()),
  reasons: Type.Array(Type.String()),
  record: Type.String(),
});

const BATCH = 2_000;
/** How often manifests are looked at for streams that came or went. */
const LOOK_EVERY_MS = 3_000;
const DEFAULT_LATE = 'P1D';
const DEFAULT_REFUSE = 'P400D';

export type EventStreams = ReturnType<typeof createStreams>;

/**
 * Events that come one by one: pushed over HTTP, or appended to a topic of the stream store by others. They are typed
 * as a file's records are, go to the canonical events as they come, and what does not fit goes to quarantine, where it
 * can be corrected and read again. Delivered at least once, counted once: by `stream.eventId`.
 */
export function createStreams(deps: {
  readonly stores: Pick<Stores, 'warehouse' | 'releases' | 'stream'> & {
    readonly relational: Pick<Relational, 'pool'>;
  };
  readonly store: SourcesStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly events: EventSink | undefined;
}) {
  const { store, clock, log } = deps;
  const { warehouse, releases, stream, relational } = deps.stores;

  const parse = (source: StoredSource): Source => parseManifest(source.yaml, `${source.id}.source.yaml`);
  const streamsOf = (source: Source): StreamTable[] =>
    source.tables.flatMap((table) =>
      table.stream && table.roleMapping
        ? [{ ...table, stream: table.stream, roleMapping: table.roleMapping }]
        : [],
    );
  const topicOf = (sourceId: string, table: StreamTable): string =>
    table.stream.subject ?? `sources.${sourceId}.${table.name}`;
  const groupOf = (sourceId: string, table: string): string => `sources.${sourceId}.${table}`;

  const mustFind = async (
    sourceId: string,
    name: string,
  ): Promise<{ readonly source: Source; readonly table: StreamTable }> => {
    const stored = await store.source(sourceId);
    if (!stored) {
      throw sourcesProblems.not_found({
        detail: `There is no source "${sourceId}". Apply its manifest first.`,
      });
    }
    const source = parse(stored);
    const table = streamsOf(source).find((candidate) => candidate.name === name);
    if (!table) {
      throw sourcesProblems.table_not_found({
        detail: `${sourceId} has no stream "${name}". A table with \`stream\` in its manifest is one.`,
      });
    }
    return { source, table };
  };

  /* ── reading ───────────────────────────────────────────────────────────────────────────────────────── */

  /** Types records by the manifest; those that fit stand in a temporary table while `work` reads them. */
  const typed = async (
    sourceId: string,
    table: StreamTable,
    records: readonly LooseRecord[],
  ): Promise<{ readonly events: Static<typeof Typed>[]; readonly refused: Refused[] }> => {
    const temporary: string[] = [];
    try {
      const staged = await stageRecords(
        { warehouse, releases },
        {
          table,
          sourceId,
          folder: '',
          files: [topicOf(sourceId, table)],
          signal: new AbortController().signal,
          onBytes: () => undefined,
          onTable: (name) => temporary.push(name),
        },
        records,
        {},
      );
      const sql = typingSql(staged.columns, staged.texts, new Map());
      const columns = table.columns.map((column) => sqlName(column.name)).join(', ');
      const rows = releases.newTableName(`typed_${sourceId}_${table.name}`);
      temporary.push(rows);
      await warehouse.createTable({
        name: rows,
        columns: `${table.columns.map((column) => `${sqlName(column.name)} ${engineType(column)}`).join(', ')}, _file String, _line UInt64`,
        orderBy: 'tuple()',
        settings: 'fsync_after_insert = 0, fsync_part_directory = 0',
        spread: 'any',
      });
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(rows)} (${columns}, _file, _line) SELECT ${columns}, '', line FROM (${sql.rows})`,
      );
      const { eventId } = table.stream;
      const { sql: select } = roleSelect(
        rows,
        { ...table.roleMapping, map: { event_id: eventId, ...table.roleMapping.map } },
        table.columns.map((column) => ({
          name: column.name,
          engineType: engineType(column),
          personal: column.personal,
        })),
        true,
      );
      const fields =
        'arrayMap(f -> f.1, faults) AS fields, arrayMap(f -> f.2, faults) AS found, arrayMap(f -> f.3, faults) AS reasons';
      const [events, faulty] = await Promise.all([
        warehouse.query(
          Typed,
          `SELECT _line AS line, customer_id, event_id, name, toUnixTimestamp64Milli(assumeNotNull(at)) AS at_ms, properties FROM (${select}) WHERE at IS NOT NULL ORDER BY line`,
        ),
        warehouse.query(
          Faulty,
          `SELECT line, ${fields}, record FROM (SELECT line, faults, record FROM (${sql.faults}) UNION ALL SELECT line, faults, record FROM ${warehouse.identifier(staged.faultTable)}) ORDER BY line`,
        ),
      ]);
      const refused = faulty.map(({ line, fields: names, found, reasons, record }) => ({
        line,
        record,
        faults: names.map((field, index) => ({
          field,
          value: found[index] ?? '',
          reason: reasons[index] ?? '',
        })),
      }));
      return { events, refused };
    } finally {
      for (const name of temporary) await warehouse.drop(name).catch(() => undefined);
    }
  };

  /** Reads records of a stream: what fits is taken, the rest is answered with its reasons. */
  const read = async (
    sourceId: string,
    table: StreamTable,
    records: readonly LooseRecord[],
  ): Promise<{ added: number; repeated: number; late: number; refused: Refused[] }> => {
    const { events, refused } = await typed(sourceId, table, records);
    const now = clock.now();
    const limitOf = (text: string): number => {
      const duration = parseDuration(text);
      return duration ? shiftInstant(now, duration, -1) : Number.NEGATIVE_INFINITY;
    };
    const lateBefore = limitOf(table.stream.lateAfter ?? DEFAULT_LATE);
    const refusedBefore = limitOf(table.stream.refuseAfter ?? DEFAULT_REFUSE);
    const textOf = new Map(records.map((record) => [record.line, record.record]));
    const refuse = (event: Static<typeof Typed>, field: string, value: string, reason: string): void => {
      refused.push({
        line: event.line,
        faults: [{ field, value, reason }],
        record: textOf.get(event.line) ?? '',
      });
    };
    const inTime = events.filter((event) => {
      if (event.at_ms >= refusedBefore) return true;
      refuse(event, nameIn(table, 'at'), toIso(event.at_ms), 'too_old');
      return false;
    });
    const { added, unknown } = deps.events
      ? await deps.events.take(
          inTime.map((event) => ({
            eventId: `${sourceId}/${table.name}/${event.event_id}`,
            customerId: event.customer_id,
            name: event.name,
            at: event.at_ms,
            properties: event.properties,
            source: sourceId,
          })),
        )
      : { added: inTime.length, unknown: new Set<string>() };
    const known = inTime.filter((event) => {
      if (!unknown.has(event.customer_id)) return true;
      refuse(event, nameIn(table, 'customer_id'), event.customer_id, 'unknown_customer');
      return false;
    });
    return {
      added,
      repeated: known.length - added,
      late: known.filter((event) => event.at_ms < lateBefore).length,
      refused: refused.toSorted((one, other) => one.line - other.line),
    };
  };

  const quarantine = async (
    sourceId: string,
    table: StreamTable,
    refused: readonly Refused[],
    state: 'open' | 'replayed' = 'open',
  ): Promise<void> => {
    if (refused.length === 0) return;
    const at = toIso(clock.now()).replace('T', ' ').replace('Z', '');
    await warehouse.insert(
      'quarantine',
      refused.map(({ line, faults: [first, ...others], record }) => ({
        source: sourceId,
        load_id: '',
        attempt: STREAM_ATTEMPT,
        table: table.name,
        file: topicOf(sourceId, table),
        line,
        field: first?.field ?? '',
        value: first?.value ?? '',
        reason: first?.reason ?? '',
        other_faults: others,
        record,
        record_hex: '',
        state,
        at,
      })),
    );
  };

  const count = async (
    sourceId: string,
    table: string,
    outcome: { added: number; repeated: number; late: number; refused: number },
  ): Promise<void> => {
    await relational.pool.query(
      `insert into sources.stream as s (source_id, table_name, taken, repeated, late, refused, last_at)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (source_id, table_name) do update set taken = s.taken + excluded.taken,
         repeated = s.repeated + excluded.repeated, late = s.late + excluded.late,
         refused = s.refused + excluded.refused, last_at = excluded.last_at`,
      [
        sourceId,
        table,
        outcome.added,
        outcome.repeated,
        outcome.late,
        outcome.refused,
        new Date(clock.now()),
      ],
    );
  };

  const handle = async (sourceId: string, name: string, batch: readonly StreamRecord[]): Promise<void> => {
    const { table } = await mustFind(sourceId, name);
    const file = topicOf(sourceId, table);
    const outcome = await read(
      sourceId,
      table,
      batch.map(({ offset, value }) => ({
        file,
        line: offset,
        // Line ends stand only between the parts of a JSON text, never inside a string of it.
        record: Buffer.from(value)
          .toString('utf8')
          .replace(/[\r\n]+/g, ' '),
      })),
    );
    await quarantine(sourceId, table, outcome.refused);
    await count(sourceId, name, { ...outcome, refused: outcome.refused.length });
  };

  /* ── consumers ─────────────────────────────────────────────────────────────────────────────────────── */

  const consumers = new Map<string, StreamConsumer>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();

  /** Starts consumers of streams that came, stops those of streams that went. */
  const look = async (): Promise<void> => {
    const wanted = new Map<string, () => StreamConsumer>();
    for (const stored of await store.sources(undefined, MAX_SOURCES)) {
      if (!Object.values(stored.manifest.tables).some((table) => table.stream)) continue;
      for (const table of streamsOf(parse(stored))) {
        const topic = topicOf(stored.id, table);
        wanted.set(`${groupOf(stored.id, table.name)} ${topic}`, () =>
          stream.consume(
            topic,
            groupOf(stored.id, table.name),
            (batch) => handle(stored.id, table.name, batch),
            {
              batchSize: BATCH,
              onError: (error) =>
                log.error(
                  { err: error, sourceId: stored.id, table: table.name },
                  'events could not be read; trying again',
                ),
            },
          ),
        );
      }
    }
    for (const [key, consumer] of consumers) {
      if (wanted.has(key)) continue;
      consumers.delete(key);
      await consumer.stop();
    }
    for (const [key, begin] of wanted) if (!consumers.has(key)) consumers.set(key, begin());
  };
  const lookSoon = (): Promise<void> => {
    looking = looking.then(look).catch((error: unknown) => {
      log.error({ err: error }, 'streams could not be looked at; the next look tries again');
    });
    return looking;
  };

  /** Reads the streams of all manifests until it is stopped. */
  const component: Component = {
    name: 'source-streams',
    async start() {
      await lookSoon();
      timer = setInterval(() => void lookSoon(), LOOK_EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await looking;
      const running = [...consumers.values()];
      consumers.clear();
      await Promise.all(running.map((consumer) => consumer.stop()));
    },
  };

  return {
    component,

    /**
     * Takes events to be read. Durable when it resolves; whether they fit is seen in the counts and in quarantine.
     * @throws sources.not_found, sources.table_not_found, sources.stream_not_pushed
     */
    async push(sourceId: string, name: string, { events }: PushEvents): Promise<PushedEvents> {
      const { table } = await mustFind(sourceId, name);
      if (table.stream.subject !== undefined) {
        throw sourcesProblems.stream_not_pushed({
          detail: `Events of ${name} are appended to ${table.stream.subject} of the stream store, not pushed here.`,
        });
      }
      await stream.append(
        topicOf(sourceId, table),
        events.map((event) => {
          const text = JSON.stringify(event);
          // The same request sent again within minutes brings nothing new.
          return { id: createHash('sha256').update(text).digest('hex'), value: Buffer.from(text) };
        }),
      );
      return { accepted: events.length };
    },

    async list(sourceId: string): Promise<StreamView[]> {
      const stored = await store.source(sourceId);
      if (!stored) {
        throw sourcesProblems.not_found({
          detail: `There is no source "${sourceId}". Apply its manifest first.`,
        });
      }
      const { rows } = await relational.pool.query<CountRow>(
        `select s.table_name, s.taken, s.repeated, s.late, s.refused, s.last_at from sources.stream s where s.source_id = $1`,
        [sourceId],
      );
      return Promise.all(
        streamsOf(parse(stored)).map(async (table): Promise<StreamView> => {
          const row = rows.find((candidate) => candidate.table_name === table.name);
          const topic = topicOf(sourceId, table);
          return {
            table: table.name,
            topic,
            pushed: table.stream.subject === undefined,
            waiting: await stream.lag(topic, groupOf(sourceId, table.name)),
            taken: Number(row?.taken ?? 0),
            repeated: Number(row?.repeated ?? 0),
            late: Number(row?.late ?? 0),
            refused: Number(row?.refused ?? 0),
            ...(row ? { lastAt: toIso(row.last_at.getTime()) } : {}),
          };
        }),
      );
    },

    /**
     * Reads refused events again: as they are, by the manifest and the customers of now, or corrected.
     * @throws sources.nothing_to_replay
     */
    async replay(
      sourceId: string,
      name: string,
      request: StreamReplay,
      actor: Actor,
    ): Promise<StreamReplayed> {
      const { table } = await mustFind(sourceId, name);
      const corrected = new Map((request.records ?? []).map(({ line, record }) => [line, record]));
      const open = (await openStreamRecords(warehouse, sourceId, name)).filter(
        ({ line }) => request.records === undefined || corrected.has(line),
      );
      const missing = [...corrected.keys()].filter((line) => !open.some((record) => record.line === line));
      if (open.length === 0 || missing.length > 0) {
        const what = missing.length > 0 ? `Event ${missing.slice(0, 3).join(', ')} is not` : 'No event is';
        throw sourcesProblems.nothing_to_replay({
          detail: `${what} open in the quarantine of ${sourceId}, stream ${name}.`,
        });
      }
      const file = topicOf(sourceId, table);
      let replayed = 0;
      let refused = 0;
      for (let from = 0; from < open.length; from += BATCH) {
        const records = open.slice(from, from + BATCH).map(({ line, record }) => ({
          file,
          line,
          record: (corrected.get(line) ?? record).replace(/[\r\n]+/g, ' '),
        }));
        const outcome = await read(sourceId, table, records);
        const failing = new Set(outcome.refused.map(({ line }) => line));
        const passed = records.filter(({ line }) => !failing.has(line));
        await quarantine(sourceId, table, outcome.refused);
        await quarantine(
          sourceId,
          table,
          passed.map(({ line, record }) => ({ line, record, faults: [] })),
          'replayed',
        );
        // A refused event was counted when it came.
        await count(sourceId, name, { ...outcome, refused: -passed.length });
        replayed += passed.length;
        refused += failing.size;
      }
      await deps.audit.record({
        actor,
        action: 'source.replay_requested',
        subject: sourceId,
        details: { stream: name, replayed, refused },
      });
      return { replayed, refused };
    },
  };
}

/** More sources than a bank has. */
const MAX_SOURCES = 10_000;

/** The manifest's name of a canonical column, for messages. */
function nameIn(table: StreamTable, canonical: string): string {
  const entry = table.roleMapping.map[canonical];
  return typeof entry === 'string' ? entry : canonical;
}
