import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type EpochMs, toIso } from '@rapport/kernel';
import { conversionProperties } from './activity.ts';
import { type BankPlan, customerAt, DAY, type DemoCustomer, indexOf } from './customers.ts';
import { logistic, stream, uniform } from './draws.ts';
import { type DemoOfferKind, potentialOf, RESPONSE_MODELS, responseTypeOf } from './effects.ts';

export interface Treated {
  readonly customerId: string;
  /** When the message reached them; absent when it never did, and then it changes nothing. */
  readonly deliveredAt?: EpochMs;
  /** Named in the receipts. */
  readonly deliveryId?: string;
}

export interface RespondInput {
  readonly plan: BankPlan;
  /** What is offered: which of the planted models answers. */
  readonly kind: DemoOfferKind;
  /** Separates the outcomes of campaigns; any text, such as the campaign id. */
  readonly campaign: string;
  /** Draws other outcomes for the same bank and campaign. @default 0 */
  readonly outcomeSeed?: number;
  readonly launchedAt: EpochMs;
  /** Window in which the conversions fall. @default the model's window */
  readonly windowMs?: number;
  readonly treated: Iterable<Treated>;
  readonly control: Iterable<string>;
  /** Written on every conversion, such as the code of the product that was offered. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface ResponseEvent {
  readonly event_id: string;
  readonly customer_id: string;
  readonly name: string;
  readonly at: string;
  readonly [property: string]: string | number;
}

/** In the form of `POST /receipts/{providerId}`. */
export interface ResponseReceipt {
  readonly id: string;
  readonly kind: 'delivered' | 'opened' | 'clicked';
  readonly deliveryId: string;
  readonly at: string;
}

export type DemoResponse =
  | { readonly event: ResponseEvent; readonly receipt?: undefined }
  | { readonly receipt: ResponseReceipt; readonly event?: undefined };

/**
 * What customers do after a campaign, the same for the same input: one uniform number per customer, campaign and
 * outcome seed decides conversion under control and under treatment alike, so every customer is a persuadable, a
 * sure thing, a lost cause or one better left alone. Customers that the bank does not know answer nothing.
 */
export function* respond(input: RespondInput): Generator<DemoResponse> {
  for (const treated of input.treated) yield* responsesOf(input, treated);
  for (const customerId of input.control) yield* responsesOf(input, { customerId });
}

function* responsesOf(input: RespondInput, treated: Treated): Generator<DemoResponse> {
  const { plan, kind, launchedAt, outcomeSeed = 0 } = input;
  const { customerId, deliveredAt, deliveryId } = treated;
  const index = indexOf(plan, customerId);
  if (index === undefined) return;
  const model = RESPONSE_MODELS[kind];
  const windowMs = input.windowMs ?? model.windowDays * DAY;
  const customer = customerAt(plan, index);
  const key = `${plan.seed}/${input.campaign}/${outcomeSeed}/${customerId}`;
  const potential = potentialOf(customer, model);
  const type = responseTypeOf(potential, uniform(`${key}/outcome`));
  const reached = deliveredAt !== undefined;
  const converts = type === 'sure_thing' || type === (reached ? 'persuadable' : 'do_not_disturb');
  const random = stream(plan.seed, key, index);

  let clickedAt: EpochMs | undefined;
  if (reached && deliveryId !== undefined) {
    const opened = random.next() < openRate(customer) || type === 'persuadable';
    const openedAt = Math.floor(deliveredAt + windowMs * 0.1 * random.next());
    if (opened) {
      yield { receipt: { id: `open-${deliveryId}`, kind: 'opened', deliveryId, at: toIso(openedAt) } };
      if (random.next() < (type === 'persuadable' ? 0.8 : 0.12)) {
        clickedAt = Math.floor(openedAt + windowMs * 0.02 * random.next());
        yield { receipt: { id: `click-${deliveryId}`, kind: 'clicked', deliveryId, at: toIso(clickedAt) } };
      }
    }
  }
  if (!converts) return;
  // Sure things act in their own time; the persuaded act after the message, mostly soon.
  const from = type === 'persuadable' ? (clickedAt ?? deliveredAt ?? launchedAt) : launchedAt;
  const until = launchedAt + windowMs;
  const share = type === 'persuadable' ? random.next() ** 2 : random.next();
  const at = Math.min(until, Math.max(launchedAt + 1, Math.ceil(from + share * Math.max(0, until - from))));
  yield {
    event: {
      event_id: `R-${input.campaign}-${outcomeSeed}-${customerId}`,
      customer_id: customerId,
      name: model.kpiEvent,
      at: toIso(at),
      ...conversionProperties(random, customer, kind),
      ...input.properties,
    },
  };
}

const openRate = (customer: DemoCustomer): number => 0.15 + 0.4 * logistic(3 * (customer.digital - 0.5));

/**
 * The effect that a report should find for these arms: the mean over the treated of what a delivered message adds
 * to the probability of converting (0 for those it did not reach).
 */
export function plantedEffect(input: {
  plan: BankPlan;
  kind: DemoOfferKind;
  treated: Iterable<Treated>;
}): number {
  const model = RESPONSE_MODELS[input.kind];
  let [sum, customers] = [0, 0];
  for (const { customerId, deliveredAt } of input.treated) {
    customers++;
    const index = indexOf(input.plan, customerId);
    if (index === undefined || deliveredAt === undefined) continue;
    const potential = potentialOf(customerAt(input.plan, index), model);
    sum += potential.treated - potential.untreated;
  }
  return customers > 0 ? sum / customers : 0;
}

export interface ResponsesWritten {
  readonly events: number;
  readonly receipts: number;
}

/**
 * Writes the conversions as JSON lines, to be loaded as a source of events, and the receipts beside them.
 * @param files.events    such as `responses/autumn.jsonl`
 * @param files.receipts  left out when absent
 */
export async function writeResponses(
  input: RespondInput,
  files: { events: string; receipts?: string },
): Promise<ResponsesWritten> {
  const counts = { events: 0, receipts: 0 };
  const receipts: string[] = [];
  await mkdir(dirname(files.events), { recursive: true });
  await pipeline(
    Readable.from(
      (function* () {
        for (const { event, receipt } of respond(input)) {
          if (event) {
            counts.events++;
            yield `${JSON.stringify(event)}\n`;
          } else {
            counts.receipts++;
            if (files.receipts !== undefined) receipts.push(`${JSON.stringify(receipt)}\n`);
          }
        }
      })(),
    ),
    createWriteStream(files.events),
  );
  if (files.receipts !== undefined)
    await pipeline(Readable.from(receipts), createWriteStream(files.receipts));
  return counts;
}
