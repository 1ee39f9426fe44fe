import { dayIn } from '@rapport/calendar';
import type { Component } from '@rapport/kernel';
import type { Stream, StreamConsumer } from '@rapport/stores';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from './compute.ts';
import type { StreamDefinition, TagDefinition } from './contract.ts';
import { patchedSelect } from './patches.ts';
import type { TagContext } from './tags.context.ts';
import { COLUMN_TYPE } from './values.ts';
import { periodStart } from './windows.ts';

/** Tags that events keep up to date. */
export interface StreamTags {
  /** Says that these events were collected. Durable when it resolves. */
  note(events: readonly { readonly cid: number; readonly name: string }[]): Promise<void>;
  /** Takes what was noted and computes the values of the customers it names again; runs until it is stopped. */
  readonly component: Component;
}

const TOPIC = 'tag-events';
const GROUP = 'tags';
/** Readers join as many segments as there are: then all is computed again. */
const SEGMENTS = 8;
/** How often it is looked whether a period has ended. */
const TURN_MS = 5_000;
const Noted = Type.Object({ name: Type.String(), cids: Type.Array(Type.Integer({ minimum: 0 })) });

/**
 * A value is never counted up: the rows of each customer that events name are aggregated again by the same statement
 * that a refresh runs, so a repeated, late or lost notice cannot make it differ from the batch.
 */
export function createStreamTags(
  context: TagContext,
  deps: {
    readonly stream: Stream | undefined;
    readonly refresh: (tagIds: readonly string[]) => Promise<unknown>;
  },
): StreamTags {
  const { store, computation, worldFor, defaultAsOf } = context;
  const { warehouse, releases, clock, log } = context.deps;
  const { stream } = deps;

  const streamTags = async (): Promise<{ tag: TagDefinition; definition: StreamDefinition }[]> =>
    (await store.all()).flatMap(({ definition: tag, isRetired }) =>
      tag.definition.kind === 'stream' && !isRetired ? [{ tag, definition: tag.definition }] : [],
    );

  /** Computes these customers again and lays their values over those that stand. */
  const patch = async (tag: TagDefinition, cids: readonly number[]): Promise<void> => {
    const release = await releases.current();
    const placement = release.placements.get(`tag/${tag.id}`);
    const column = placement?.column;
    const segments = placement?.segments ?? (placement ? [placement.table] : []);
    if (!placement || column !== tag.id || segments.length >= SEGMENTS) {
      await deps.refresh([tag.id]);
      return;
    }
    const definitions = [...(await context.definitionsById()).values()];
    const world = await worldFor({ asOf: await defaultAsOf(), definitions, release });
    const plan = computation.planRows(world, tag);
    const table = releases.newTableName('tag_stream');
    const quoted = warehouse.identifier(tag.id);
    await warehouse.createTable({
      name: table,
      columns: `cid UInt32, ${quoted} ${COLUMN_TYPE[tag.valueType]}`,
      orderBy: 'cid',
      spread: 'cid',
    });
    await warehouse.command(
      `INSERT INTO ${warehouse.identifier(table)} (cid, ${quoted}) SELECT cid, ${plan.value} FROM (SELECT * FROM ${plan.from} WHERE cid IN {cids:Array(UInt32)}) GROUP BY cid`,
      { ...plan.params, cids: [...cids] },
    );
    const all = [...segments, table];
    const view = releases.newTableName('tag_view');
    await warehouse.createView(view, patchedSelect(warehouse, all, [tag.id]), { spread: 'cid' });
    await releases.publish({
      set: { [`tag/${tag.id}`]: { table: view, column: tag.id, segments: all } },
      note: `events of ${tag.id}`,
    });
  };

  const handle = async (values: readonly unknown[]): Promise<void> => {
    const byEvent = new Map<string, Set<number>>();
    for (const value of values) {
      if (!Value.Check(Noted, value)) continue;
      const cids = byEvent.get(value.name) ?? new Set();
      byEvent.set(value.name, cids);
      for (const cid of value.cids) cids.add(cid);
    }
    for (const { tag, definition } of await streamTags()) {
      const cids = byEvent.get(definition.event);
      if (!cids || cids.size === 0) continue;
      await patch(tag, [...cids]).catch((error: unknown) => {
        // The next refresh computes it anyway; other tags must not wait for this one.
        log.warn({ tagId: tag.id, error: messageOf(error) }, 'a stream tag could not be brought up to date');
      });
    }
  };

  /** A value of this month is not one of the next: when a period ends everybody is computed again. */
  const turn = async (): Promise<void> => {
    const figures = await store.latestFigures();
    const due = (await streamTags()).filter(({ tag, definition }) => {
      const last = figures.get(tag.id);
      const { toDate, zone = 'UTC' } = definition;
      if (!last || toDate === undefined) return false;
      return periodStart(toDate, dayIn(zone, last.asOf)) !== periodStart(toDate, dayIn(zone, clock.now()));
    });
    if (due.length > 0) await deps.refresh(due.map(({ tag }) => tag.id));
  };

  let consumer: StreamConsumer | undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    async note(events) {
      if (!stream || events.length === 0) return;
      const wanted = new Set((await streamTags()).map(({ definition }) => definition.event));
      const byEvent = new Map<string, number[]>();
      for (const { name, cid } of events) {
        if (!wanted.has(name)) continue;
        const cids = byEvent.get(name) ?? [];
        byEvent.set(name, cids);
        cids.push(cid);
      }
      if (byEvent.size === 0) return;
      await stream.append(
        TOPIC,
        [...byEvent].map(([name, cids]) => ({ value: Buffer.from(JSON.stringify({ name, cids })) })),
      );
    },
    component: {
      name: 'stream-tags',
      async start() {
        if (!stream) return;
        consumer = stream.consume(
          TOPIC,
          GROUP,
          async (batch) => handle(batch.map(({ value }) => JSON.parse(Buffer.from(value).toString('utf8')))),
          {
            batchSize: 1_000,
            onError: (error) => log.error({ err: error }, 'stream tags stopped for a moment'),
          },
        );
        timer = setInterval(() => {
          turn().catch((error: unknown) => log.warn({ err: error }, 'stream tags could not be turned over'));
        }, TURN_MS);
        timer.unref();
      },
      async stop() {
        clearInterval(timer);
        await consumer?.stop();
        consumer = undefined;
      },
    },
  };
}
