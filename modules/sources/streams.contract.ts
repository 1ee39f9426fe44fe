import { Instant } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const integer = (description: string, example: number) => Type.Integer({ description, examples: [example] });

export const PushEvents = Type.Object(
  {
    events: Type.Array(
      Type.Unknown({
        description: 'An event, as the columns of the stream read it',
        examples: [
          { event_id: 'e-1', customer_id: '10023', name: 'wealth_viewed', at: '2026-11-25T08:00:00Z' },
        ],
      }),
      { minItems: 1, maxItems: 1_000, description: 'Events' },
    ),
  },
  { additionalProperties: false, description: 'Events of a stream' },
);
export type PushEvents = Static<typeof PushEvents>;

export const PushedEvents = Type.Object(
  { accepted: integer('Events that are kept and will be read', 2) },
  { description: 'Events were accepted' },
);
export type PushedEvents = Static<typeof PushedEvents>;

export const StreamView = Type.Object(
  {
    table: Type.String({ description: 'Table in the manifest', examples: ['clicks'] }),
    topic: Type.String({ description: 'Topic of the stream store', examples: ['sources.app.clicks'] }),
    pushed: Type.Boolean({
      description: 'Whether events are pushed by HTTP; else others append to the topic',
      examples: [true],
    }),
    waiting: integer('Events that are not read yet', 0),
    taken: integer('Events that were taken, each once', 1200),
    repeated: integer('Events that came again and were left out', 3),
    late: integer('Of those that came, events older than `lateAfter`', 2),
    refused: integer('Events that went to quarantine and were not replayed', 1),
    lastAt: Type.Optional(Instant('When events were read last')),
  },
  { description: 'A stream of events and what became of them' },
);
export type StreamView = Static<typeof StreamView>;

export const StreamReplay = Type.Object(
  {
    records: Type.Optional(
      Type.Array(
        Type.Object(
          {
            line: integer('Place in the topic, as quarantine says', 17),
            record: Type.Optional(
              Type.String({
                maxLength: 1_048_576,
                description: 'The corrected event as JSON; absent = as it is',
                examples: [
                  '{"event_id":"e-1","customer_id":"10023","name":"wealth_viewed","at":"2026-11-25T08:00:00Z"}',
                ],
              }),
            ),
          },
          { additionalProperties: false, description: 'An event to read again' },
        ),
        { maxItems: 10_000, description: 'Which events; absent = all open ones' },
      ),
    ),
  },
  { additionalProperties: false, description: 'Read refused events again' },
);
export type StreamReplay = Static<typeof StreamReplay>;

export const StreamReplayed = Type.Object(
  {
    replayed: integer('Events that were taken now', 1),
    refused: integer('Events that stay in quarantine', 0),
  },
  { description: 'What became of the events' },
);
export type StreamReplayed = Static<typeof StreamReplayed>;
