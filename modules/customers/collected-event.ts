import type { Clock, EpochMs } from '@rapport/kernel';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';

/** An event the platform itself saw: a delivery, a receipt, an open, a click, a response. */
export interface NewCollectedEvent {
  /** Unique over all events for ever; the same event always comes with the same id. */
  readonly eventId: string;
  readonly cid: number;
  readonly name: string;
  readonly at: EpochMs;
  readonly properties: Readonly<Record<string, string>>;
  /** @default 'rapport' */
  readonly source?: string;
}

export interface CollectedEvents {
  collect(events: readonly NewCollectedEvent[]): Promise<number>;
}

const EventId = Type.Object({ event_id: Type.String() });
const CHUNK = 10_000;

/**
 * Appends to `collected_event`. Writers in this process take turns, and what is there already is left out, so a
 * batch delivered again adds nothing; should two processes ever write the same event at once, the table's
 * replacing merge leaves one.
 */
export function createCollectedEvents(deps: {
  warehouse: Warehouse;
  clock: Clock;
  /** Whose the events of these numbers are, where it is another's: merged customers, users who signed in. */
  ownersOf?: (cids: readonly number[]) => Promise<ReadonlyMap<number, number>>;
}): CollectedEvents {
  const { warehouse, clock } = deps;
  let turn: Promise<unknown> = Promise.resolve();

  const append = async (events: readonly NewCollectedEvent[]): Promise<number> => {
    const unique = [...new Map(events.map((event) => [event.eventId, event])).values()];
    const owners = await deps.ownersOf?.([...new Set(unique.map((event) => event.cid))]);
    const ownerOf = (cid: number): number => owners?.get(cid) ?? cid;
    const known = new Set(
      (
        await warehouse.query(
          EventId,
          'SELECT event_id FROM collected_event WHERE cid IN {cids:Array(UInt32)} AND event_id IN {ids:Array(String)}',
          {
            cids: [...new Set(unique.map((event) => ownerOf(event.cid)))],
            ids: unique.map((event) => event.eventId),
          },
        )
      ).map((row) => row.event_id),
    );
    const fresh = unique.filter((event) => !known.has(event.eventId));
    if (fresh.length === 0) return 0;
    const insertedAt = instant(clock.now());
    await warehouse.insert(
      'collected_event',
      fresh.map((event) => ({
        cid: ownerOf(event.cid),
        record: event.cid,
        event_id: event.eventId,
        name: event.name,
        at: instant(event.at),
        properties: event.properties,
        source: event.source ?? 'rapport',
        inserted_at: insertedAt,
      })),
    );
    return fresh.length;
  };

  return {
    collect(events) {
      const mine = turn.then(async () => {
        let added = 0;
        for (let at = 0; at < events.length; at += CHUNK) added += await append(events.slice(at, at + CHUNK));
        return added;
      });
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** An instant as `DateTime64(3, 'UTC')` reads it from text. */
const instant = (at: EpochMs): string => new Date(at).toISOString().replace('T', ' ').replace('Z', '');
