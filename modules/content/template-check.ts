import type { Condition } from '@rapport/conditions';
import type { CompiledTemplate, CompiledVariant } from './compiled-template.ts';
import type { FieldUse, MergeFieldView, TemplateFault } from './contract.ts';

export interface CheckDeps {
  /** The whole merge vocabulary, tags and offers included. */
  readonly vocabulary: readonly MergeFieldView[];
  /** How many customers of the audience (all customers without one) have no value for the field. */
  readonly missingCount: (field: string) => Promise<number>;
  /** Faults of a condition against the current catalog. */
  readonly conditionFaults: (
    condition: Condition,
  ) => Promise<readonly { pointer: string; message: string }[]>;
  /** Hosts that links may lead to; `undefined` = any. */
  readonly linkHosts: readonly string[] | undefined;
}

/**
 * Everything that must be in order before a template may be published or launched: known fields, a fallback
 * wherever someone has no value, a way to opt out of marketing, links to allowed hosts, sound conditions.
 */
export async function checkTemplate(
  compiled: CompiledTemplate,
  deps: CheckDeps,
): Promise<{ faults: TemplateFault[]; fields: FieldUse[] }> {
  const byName = new Map(deps.vocabulary.map((entry) => [entry.field, entry]));
  const faults: TemplateFault[] = [...shapeFaults(compiled)];
  const uses = new Map<string, { uses: number; hasFallback: boolean }>();
  const missing = new Map<string, number>();
  for (const variant of compiled.variants) {
    faults.push(
      ...variant.faults,
      ...purposeFaults(compiled, variant),
      ...linkFaults(variant, deps.linkHosts),
    );
    faults.push(...(await whenFaults(variant, deps)));
    for (const read of variant.reads) {
      const at = { variantId: variant.variant.id, part: read.part, line: read.line, column: read.column };
      if (read.field === undefined) {
        faults.push({
          ...at,
          code: 'unknown_field',
          message: 'The name of a merge field may not be computed; write it out.',
        });
        continue;
      }
      const { field } = read;
      const entry = byName.get(field);
      if (!entry) {
        faults.push({
          ...at,
          code: 'unknown_field',
          field,
          message: `There is no merge field "${field}".${suggestion(field, byName)}`,
        });
        continue;
      }
      // Every offer has its own fields, but not every campaign has an offer.
      const isAlwaysThere = entry.always && !field.startsWith('offer.');
      const use = uses.get(field) ?? { uses: 0, hasFallback: true };
      uses.set(field, { uses: use.uses + 1, hasFallback: use.hasFallback && (read.safe || isAlwaysThere) });
      if (entry.always || read.safe) continue;
      const count = missing.get(field) ?? (await deps.missingCount(field));
      missing.set(field, count);
      if (count === 0) continue;
      const who = count === 1 ? '1 customer has' : `${count} customers have`;
      faults.push({
        ...at,
        code: 'needs_fallback',
        field,
        missing: count,
        message: `${who} no ${field}; write {{ ${field} | default: "…" }}, or put it inside {% if ${field} %}.`,
      });
    }
  }
  const fields = [...uses].map(([field, use]): FieldUse => {
    const count = missing.get(field);
    return { field, ...use, ...(count === undefined ? {} : { missing: count }) };
  });
  return { faults, fields };
}

function* shapeFaults({ template }: CompiledTemplate): Generator<TemplateFault> {
  const seen = new Set<string>();
  for (const variant of template.variants) {
    const at = {
      variantId: variant.id,
      part: 'when' as const,
      line: 1,
      column: 1,
      code: 'condition' as const,
    };
    if (seen.has(variant.id)) yield { ...at, message: `Two variants have the id "${variant.id}".` };
    seen.add(variant.id);
    const isLast = variant === template.variants.at(-1);
    const isOpen = variant.when === undefined && variant.language === undefined;
    if (isLast && !isOpen)
      yield {
        ...at,
        message:
          'The last variant is the fallback for everyone else; it has neither a condition nor a language.',
      };
    if (!isLast && isOpen)
      yield {
        ...at,
        message: `Variant "${variant.id}" fits everyone, so those after it are never used; give it a condition or a language.`,
      };
  }
}

/** The opt-out part may be the merge field or words that the receipts endpoint understands. */
const SMS_OPT_OUT = /(回[復复覆]\s*(STOP|TD|T|R|退訂|退订))|(\bSTOP\b)/i;

function* purposeFaults({ template }: CompiledTemplate, variant: CompiledVariant): Generator<TemplateFault> {
  if (template.purpose !== 'marketing' || variant.faults.length > 0) return;
  const at = { variantId: variant.variant.id, part: 'body' as const, line: 1, column: 1 };
  const inBody = (field: string): boolean =>
    variant.reads.some((read) => read.part === 'body' && read.field === field);
  if (template.channel === 'email' && !inBody('unsubscribe_url')) {
    yield {
      ...at,
      code: 'missing_unsubscribe',
      message: 'Marketing e-mail needs a link to {{ unsubscribe_url }}.',
    };
  }
  if (template.channel === 'sms' && !inBody('sms_opt_out') && !SMS_OPT_OUT.test(variant.variant.body)) {
    yield {
      ...at,
      code: 'missing_opt_out',
      message: 'Marketing SMS needs {{ sms_opt_out }}, or words such as 退訂請回覆T.',
    };
  }
}

function* linkFaults(
  variant: CompiledVariant,
  hosts: readonly string[] | undefined,
): Generator<TemplateFault> {
  if (hosts === undefined) return;
  for (const match of variant.variant.body.matchAll(/https?:\/\/([^/\s"'<>{}?#:]+)/gi)) {
    const host = match[1] ?? '';
    if (isAllowedHost(host, hosts)) continue;
    const before = variant.variant.body.slice(0, match.index).split('\n');
    yield {
      variantId: variant.variant.id,
      part: 'body',
      line: before.length,
      column: (before.at(-1)?.length ?? 0) + 1,
      code: 'link_not_allowed',
      message: `Links may not lead to ${host}; allowed are ${hosts.join(', ')}.`,
    };
  }
}

/** Whether the host is one of those allowed or below one. */
export function isAllowedHost(host: string, hosts: readonly string[] | undefined): boolean {
  if (hosts === undefined) return true;
  const name = host.toLowerCase();
  return hosts.some(
    (allowed) => name === allowed.toLowerCase() || name.endsWith(`.${allowed.toLowerCase()}`),
  );
}

async function whenFaults(variant: CompiledVariant, deps: CheckDeps): Promise<TemplateFault[]> {
  const { when, id } = variant.variant;
  if (when === undefined) return [];
  const faults = await deps.conditionFaults(when);
  return faults.map((fault) => ({
    variantId: id,
    part: 'when',
    line: 1,
    column: 1,
    code: 'condition',
    message: `${fault.pointer}: ${fault.message}`,
  }));
}

function suggestion(field: string, byName: ReadonlyMap<string, MergeFieldView>): string {
  let best: string | undefined;
  let bestDistance = 3;
  for (const name of byName.keys()) {
    const distance = editDistance(field, name, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best === undefined
    ? ' GET /api/v1/templates/fields lists those there are.'
    : ` Did you mean "${best}"?`;
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? limit;
}
