import { CAMPAIGN_STATES } from '@rapport/campaigns/contract';
import { Instant, LocalizedText, Ratio } from '@rapport/kernel';
import { TagTransitionMatrix } from '@rapport/tags/contract';
import { type Static, Type } from 'typebox';

const Customers = (description: string, example: number) =>
  Type.Integer({ minimum: 0, description, examples: [example] });
const Day = (description: string) =>
  Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description, examples: ['2026-05-31'] });
const Stage = Type.Union(
  [Type.String({ description: 'Value', examples: ['mature'] }), Type.Null({ description: 'Not known' })],
  { description: 'Stage; null = not known' },
);

export const LifecycleQuery = Type.Object({
  tag: Type.Optional(
    Type.String({
      maxLength: 63,
      description: 'Tag whose values are the stages; absent = the first below the category lifecycle/stage',
      examples: ['lifecycle_stage'],
    }),
  ),
  from: Type.Optional(
    Day('Day that moves are counted from, or the first whose values are kept; absent = no moves'),
  ),
});
export type LifecycleQuery = Static<typeof LifecycleQuery>;

export const LifecycleStage = Type.Object(
  {
    stage: Stage,
    title: Type.Optional(LocalizedText),
    customers: Customers('Customers in it now', 1200),
    share: Ratio('The same ÷ customers of the board'),
    programmes: Type.Array(
      Type.Object(
        {
          campaignId: Type.String({ description: 'Campaign', examples: ['cmp_01j9z3'] }),
          name: Type.String({ description: 'Its name', examples: ['Welcome'] }),
          state: Type.Enum(CAMPAIGN_STATES, { description: 'Where it stands', examples: ['running'] }),
          customers: Customers('Customers of the stage that it targets', 300),
        },
        { description: 'A campaign under way' },
      ),
      { description: 'Campaigns under way that target customers of the stage, most first' },
    ),
    reached: Customers('Customers of the stage that at least one campaign under way targets', 420),
  },
  { description: 'A stage of life' },
);
export type LifecycleStage = Static<typeof LifecycleStage>;

export const LifecycleBoard = Type.Object(
  {
    at: Instant('When it was computed'),
    tagId: Type.String({ description: 'Tag whose values are the stages', examples: ['lifecycle_stage'] }),
    title: LocalizedText,
    tags: Type.Array(
      Type.Object(
        { id: Type.String({ description: 'Tag', examples: ['lifecycle_stage'] }), title: LocalizedText },
        { description: 'A tag whose values are stages' },
      ),
      { description: 'Tags that a board can be drawn of' },
    ),
    customers: Customers('Customers that the caller may see', 20_000),
    stages: Type.Array(LifecycleStage, {
      description: 'Every customer is in exactly one; in the order of the dictionary, not known last',
    }),
    moves: Type.Optional(TagTransitionMatrix),
  },
  { description: 'Stages of life: who is where, who moved, what reaches them' },
);
export type LifecycleBoard = Static<typeof LifecycleBoard>;
