import { type Static, type TSchema, Type } from 'typebox';

/** Text in the console's three languages; `en` is always there, the others fall back to it. */
export const LocalizedText = Type.Object(
  {
    en: Type.String({ description: 'English text', examples: ['Monthly average AUM'] }),
    'zh-Hant': Type.Optional(
      Type.String({ description: 'Traditional Chinese text', examples: ['月日均資產'] }),
    ),
    'zh-Hans': Type.Optional(
      Type.String({ description: 'Simplified Chinese text', examples: ['月日均资产'] }),
    ),
  },
  {
    description: 'Text in up to three languages',
    examples: [{ en: 'Monthly average AUM', 'zh-Hant': '月日均資產' }],
  },
);
export type LocalizedText = Static<typeof LocalizedText>;

export const LANGUAGES = ['zh-Hant', 'zh-Hans', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

export function localized(text: LocalizedText, language: Language): string {
  return text[language] ?? text.en;
}

/** An instant at the edge: RFC 3339, UTC. */
export const Instant = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-11-02T09:30:00.000Z'] });

/** A share, probability or rate in [0, 1]. */
export const Ratio = (description: string) =>
  Type.Number({ minimum: 0, maximum: 1, description, examples: [0.1] });

/** A page of results; pass `nextCursor` back as `cursor` to read on. */
export const Page = <Item extends TSchema>(item: Item, description: string) =>
  Type.Object(
    {
      items: Type.Array(item, { description: 'This page, in order' }),
      nextCursor: Type.Optional(
        Type.String({ description: 'Absent on the last page', examples: ['b2Zmc2V0OjUw'] }),
      ),
    },
    { description },
  );

export const PageQuery = Type.Object({
  cursor: Type.Optional(
    Type.String({ description: 'Where the page before ended', examples: ['b2Zmc2V0OjUw'] }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, default: 50, description: 'Items a page', examples: [50] }),
  ),
});

/** The body of every refused request (RFC 9457). */
export const ProblemBody = Type.Object(
  {
    type: Type.String({
      description: 'Address of the description of this code',
      examples: ['/docs/errors#audiences.not_found'],
    }),
    title: Type.String({ description: 'What kind of problem', examples: ['There is no such audience.'] }),
    status: Type.Integer({ description: 'HTTP status', examples: [404] }),
    detail: Type.String({
      description: 'What happened this time',
      examples: ['There is no audience aud_01j9z3.'],
    }),
    code: Type.String({ description: 'Stable code', examples: ['audiences.not_found'] }),
    faults: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({
            description: 'JSON pointer or place of the fault',
            examples: ['/condition/all/0/tag'],
          }),
          message: Type.String({ description: 'What is wrong there', examples: ['There is no tag "aum".'] }),
        }),
        { description: 'Every fault found' },
      ),
    ),
  },
  { description: 'RFC 9457 problem details', additionalProperties: true },
);
