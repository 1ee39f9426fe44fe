import { setTimeout as sleep } from 'node:timers/promises';
import type { Component, Log } from '@rapport/kernel';
import type { Relational, Stream, StreamConsumer } from '@rapport/stores';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';

/** Topic of everything that happened to a message or a consent. */
export const CONTACT_TOPIC = 'contact';
const GROUP = 'channels.contact_projector';
const BATCH = 1_000;
const LOCK = 0x52_43_4f_4e;

/** One record of the topic; version 1 only gains fields. */
export const ContactEvent = Type.Object({
  v: Type.Literal(1),
  id: Type.String({
    description: 'Unique for ever: message and what happened',
    examples: ['dlv_01j9z3:sent'],
  }),
  cid: Type.Integer({ description: 'Customer number', examples: [42] }),
  name: Type.String({
    description: '`message_<state>`, `opted_in` or `opted_out`',
    examples: ['message_sent'],
  }),
  at: Type.Integer({ description: 'Milliseconds since 1970', examples: [1793612345678] }),
  properties: Type.Record(Type.String(), Type.String(), {
    description: 'campaign_id, channel, template_id, …',
    examples: [{ channel: 'sms' }],
  }),
});

const contactEvent = Compile(ContactEvent);

interface EventRow {
  readonly seq: string;
  readonly id: string;
  readonly cid: number;
  readonly name: string;
  readonly at: Date;
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * Carries what was noted beside each state change to the stream: after the commit, at least once, nothing lost when
 * a process dies, since a note is removed only when the stream has it. One process at a time, in order.
 */
export function createContactPublisher(deps: {
  readonly relational: Pick<Relational, 'transaction'>;
  readonly stream: Pick<Stream, 'append'>;
  readonly log: Log;
  /** How long to wait when there is nothing. @default 200 ms */
  readonly idleMs?: number;
}): Component & { /** Publishes all there is now. */ flush(): Promise<void> } {
  const { relational, stream, log, idleMs = 200 } = deps;
  let stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const publishSome = (): Promise<number> =>
    relational.transaction(async (client) => {
      const lock = await client.query<{ mine: boolean }>('select pg_try_advisory_xact_lock($1) as mine', [
        LOCK,
      ]);
      if (lock.rows[0]?.mine !== true) return 0;
      const found = await client.query<EventRow>(
        'select e.seq, e.id, e.cid, e.name, e.at, e.properties from channels.contact_event e order by e.seq limit $1',
        [BATCH],
      );
      if (found.rows.length === 0) return 0;
      await stream.append(
        CONTACT_TOPIC,
        found.rows.map(({ id, cid, name, at, properties }) => ({
          id,
          value: Buffer.from(JSON.stringify({ v: 1, id, cid, name, at: at.getTime(), properties })),
        })),
      );
      await client.query('delete from channels.contact_event e where e.seq = any($1::bigint[])', [
        found.rows.map((row) => row.seq),
      ]);
      return found.rows.length;
    });

  return {
    name: 'contact-publisher',
    async flush() {
      while ((await publishSome()) > 0);
    },
    async start() {
      stopping = new AbortController();
      const { signal } = stopping;
      running = (async () => {
        while (!signal.aborted) {
          const published = await publishSome().catch((error: unknown) => {
            log.error({ err: error }, 'publishing contact events failed; trying again');
            return 0;
          });
          if (published < BATCH) await sleep(idleMs, undefined, { signal }).catch(() => undefined);
        }
      })();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Turns the topic into `collected_event` rows, which conditions, tags and the timeline read. */
export function createContactProjector(deps: {
  readonly stream: Pick<Stream, 'consume'>;
  /** Takes each `eventId` once, however often it comes. */
  readonly collectEvents: (
    events: readonly {
      eventId: string;
      cid: number;
      name: string;
      at: number;
      properties: Readonly<Record<string, string>>;
    }[],
  ) => Promise<unknown>;
  readonly log: Log;
}): Component {
  let consumer: StreamConsumer | undefined;
  return {
    name: 'contact-projector',
    async start() {
      consumer = deps.stream.consume(
        CONTACT_TOPIC,
        GROUP,
        async (batch) => {
          const events = batch.flatMap(({ value, offset }) => {
            const event: unknown = JSON.parse(Buffer.from(value).toString('utf8'));
            if (contactEvent.Check(event))
              return [
                {
                  eventId: event.id,
                  cid: event.cid,
                  name: event.name,
                  at: event.at,
                  properties: event.properties,
                },
              ];
            deps.log.error({ offset }, 'a contact event of an unknown form was passed over');
            return [];
          });
          if (events.length > 0) await deps.collectEvents(events);
        },
        {
          batchSize: 5_000,
          onError: (error) =>
            deps.log.error({ err: error }, 'projecting contact events failed; trying again'),
        },
      );
    },
    async stop() {
      await consumer?.stop();
      consumer = undefined;
    },
  };
}
