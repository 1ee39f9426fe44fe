import { ConditionBody } from '@rapport/conditions';
import { TemplateBody } from '@rapport/content/contract';
import type { Actor, ProblemFault } from '@rapport/kernel';
import { OfferDraft } from '@rapport/offers/contract';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import type { CampaignsDeps } from './campaigns.deps.ts';
import { campaignsProblems } from './campaigns.problems.ts';
import { type CampaignRow, latestByName } from './campaigns.store.sql.ts';
import { type Campaign, CampaignDraft } from './contract.ts';

const strict = { additionalProperties: false } as const;
const document = CampaignDraft.properties;
const NameOrId = Type.String({ minLength: 1 });

/** The form of a `*.campaign.yaml`: a campaign with names in the place of ids, described in docs/campaigns.md. */
const CampaignFileSchema = Type.Object(
  {
    name: document.name,
    mode: document.mode,
    purpose: document.purpose,
    goal: document.goal,
    kpi: document.kpi,
    audience: Type.Optional(
      Type.Object(
        {
          saved: Type.Optional(NameOrId),
          condition: Type.Optional(ConditionBody),
          exclude: Type.Optional(
            Type.Object(
              {
                audiences: Type.Optional(Type.Array(NameOrId)),
                convertedIn: Type.Optional(Type.Array(NameOrId)),
              },
              strict,
            ),
          ),
        },
        strict,
      ),
    ),
    control: document.control,
    content: Type.Optional(
      Type.Object(
        {
          template: Type.Union([NameOrId, TemplateBody]),
          offer: Type.Optional(Type.Union([NameOrId, OfferDraft])),
        },
        strict,
      ),
    ),
    channel: document.channel,
    provider: Type.Optional(NameOrId),
    schedule: document.schedule,
  },
  strict,
);
type CampaignFile = Static<typeof CampaignFileSchema>;

/**
 * Makes a campaign of a file, or brings the latest campaign of the same name up to date while it was not launched.
 * Templates and offers written out in the file are made or updated by their name, published and activated.
 * @throws campaigns.bad_file with a pointer for each fault; nothing is written then
 */
export async function applyCampaignFile(
  deps: Pick<CampaignsDeps, 'relational' | 'audiences' | 'content' | 'offers' | 'channels'> & {
    readonly create: (draft: CampaignDraft, actor: Actor) => Promise<Campaign>;
    readonly change: (campaignId: string, draft: CampaignDraft, actor: Actor) => Promise<Campaign>;
  },
  yaml: string,
  actor: Actor,
): Promise<Campaign> {
  const file = parseCampaignFile(yaml);
  const faults: ProblemFault[] = [];
  const { audience, content } = file;
  const named = async (
    pointer: string,
    kind: string,
    name: string,
    find: () => Promise<string | undefined>,
  ): Promise<string> => {
    const id = await find();
    if (id === undefined) faults.push({ pointer, message: `there is no ${kind} “${name}”` });
    return id ?? '';
  };
  const audienceId = (pointer: string, name: string): Promise<string> =>
    named(pointer, 'audience', name, async () => {
      const found = (await deps.audiences.find(name)) ?? (await deps.audiences.findByName(name));
      return found?.id;
    });

  const savedId =
    audience?.saved === undefined ? undefined : await audienceId('/audience/saved', audience.saved);
  const excludedIds = await Promise.all(
    (audience?.exclude?.audiences ?? []).map((name, index) =>
      audienceId(`/audience/exclude/audiences/${index}`, name),
    ),
  );
  const convertedIn = await Promise.all(
    (audience?.exclude?.convertedIn ?? []).map((name, index) =>
      named(`/audience/exclude/convertedIn/${index}`, 'campaign', name, async () => {
        const found = await deps.relational.pool.query<{ id: string }>(
          'select c.id from campaigns.campaign c where c.id = $1 or c.name = $1 order by c.id desc limit 1',
          [name],
        );
        return found.rows[0]?.id;
      }),
    ),
  );
  const provider = file.provider;
  const providerId =
    provider === undefined
      ? undefined
      : await named('/provider', 'provider', provider, async () => {
          const all = await deps.channels.providers.list();
          return all.find((each) => each.id === provider || each.name === provider)?.id;
        });
  const templates = content && (await allTemplates(deps.content));
  const offers = content?.offer === undefined ? [] : await allOffers(deps.offers);
  const template = content?.template;
  const templateId =
    typeof template === 'string'
      ? await named(
          '/content/template',
          'template',
          template,
          async () => templates?.find((each) => each.id === template || each.name === template)?.id,
        )
      : undefined;
  const offer = content?.offer;
  const offerId =
    typeof offer === 'string'
      ? await named(
          '/content/offer',
          'offer',
          offer,
          async () => offers.find((each) => each.id === offer || each.name.en === offer)?.id,
        )
      : undefined;
  if (faults.length > 0) throw badFile(faults);

  const exclude = {
    ...(excludedIds.length > 0 ? { audienceIds: excludedIds } : {}),
    ...(convertedIn.length > 0 ? { convertedIn } : {}),
  };
  const madeOffer =
    offer === undefined || typeof offer === 'string'
      ? offerId
      : await applyOffer(deps.offers, offer, offers, actor);
  const madeTemplate =
    template === undefined || typeof template === 'string'
      ? templateId
      : await applyTemplate(deps.content, template, templates ?? [], actor);
  const { name, mode, purpose, goal, kpi, control, channel, schedule } = file;
  const draft: CampaignDraft = {
    name,
    ...(mode === undefined ? {} : { mode }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(goal === undefined ? {} : { goal }),
    ...(kpi === undefined ? {} : { kpi }),
    ...(audience === undefined
      ? {}
      : {
          audience: {
            ...(savedId === undefined ? {} : { audienceId: savedId }),
            ...(audience.condition === undefined ? {} : { condition: audience.condition }),
            ...(Object.keys(exclude).length > 0 ? { exclude } : {}),
          },
        }),
    ...(control === undefined ? {} : { control }),
    ...(madeTemplate === undefined
      ? {}
      : {
          content: { templateId: madeTemplate, ...(madeOffer === undefined ? {} : { offerId: madeOffer }) },
        }),
    ...(channel === undefined ? {} : { channel }),
    ...(providerId === undefined ? {} : { providerId }),
    ...(schedule === undefined ? {} : { schedule }),
  };
  const before = await latestByName(deps.relational.pool, name);
  return before && !wasLaunched(before) ? deps.change(before.id, draft, actor) : deps.create(draft, actor);
}

const wasLaunched = (row: CampaignRow): boolean => row.launched_at !== null || row.state === 'stopped';

/** @throws campaigns.bad_file */
export function parseCampaignFile(yaml: string): CampaignFile {
  let value: unknown;
  try {
    value = parse(yaml);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw badFile([{ pointer: '', message: `it is no YAML: ${message}` }], cause);
  }
  if (Value.Check(CampaignFileSchema, value)) return value;
  throw badFile(
    [...Value.Errors(CampaignFileSchema, value)].map((fault) => ({
      pointer: fault.instancePath,
      message: fault.message,
    })),
  );
}

function badFile(faults: readonly ProblemFault[], cause?: unknown): Error {
  return campaignsProblems.bad_file({
    detail: faults.map((fault) => `${fault.pointer || '/'}: ${fault.message}`).join('; '),
    faults,
    cause,
  });
}

type Templates = CampaignsDeps['content'];
type Offers = CampaignsDeps['offers'];

async function allTemplates(content: Templates): Promise<Awaited<ReturnType<Templates['list']>>> {
  const all: Awaited<ReturnType<Templates['list']>> = [];
  for (let before: string | undefined; ; ) {
    const page = await content.list({ limit: 500, ...(before === undefined ? {} : { before }) });
    all.push(...page);
    before = page.at(-1)?.id;
    if (page.length < 500) return all;
  }
}

async function allOffers(offers: Offers): Promise<Awaited<ReturnType<Offers['list']>>['items']> {
  const all: Awaited<ReturnType<Offers['list']>>['items'] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await offers.list({ limit: 500, ...(cursor === undefined ? {} : { cursor }) });
    all.push(...page.items);
    if (page.nextCursor === undefined) return all;
    cursor = page.nextCursor;
  }
}

/** An unchanged template keeps its version, so that applying the same file twice changes nothing. */
async function applyTemplate(
  content: Templates,
  body: TemplateBody,
  all: Awaited<ReturnType<Templates['list']>>,
  actor: Actor,
): Promise<string> {
  const known = all.find((each) => each.name === body.name && each.channel === body.channel);
  if (!known) {
    const created = await content.create(body, actor);
    await content.publish(created.id, actor);
    return created.id;
  }
  const same = known.purpose === body.purpose && Value.Equal(plain(known.variants), plain(body.variants));
  if (!same) await content.replace(known.id, body, actor);
  if (!same || known.state === 'draft') await content.publish(known.id, actor);
  return known.id;
}

async function applyOffer(
  offers: Offers,
  draft: OfferDraft,
  all: Awaited<ReturnType<Offers['list']>>['items'],
  actor: Actor,
): Promise<string> {
  const known = all.find((each) => each.name.en === draft.name.en && each.state !== 'retired');
  if (!known) {
    const created = await offers.create(draft, actor);
    await offers.activate(created.id, actor);
    return created.id;
  }
  const { id, state, version, createdAt, createdBy, updatedAt, ...before } = known;
  if (!Value.Equal(plain(before), plain(draft))) await offers.change(id, draft, actor);
  if (state === 'draft') await offers.activate(id, actor);
  return id;
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
