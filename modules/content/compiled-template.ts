import type { Template } from 'liquidjs';
import type { TemplateBody, TemplateFault, Variant } from './contract.ts';
import { type FieldRead, type LiquidEngine, readsOf } from './liquid.ts';
import { compileMjml, toPlainText } from './mjml.ts';

/** The two Liquid engines: values are escaped in HTML and left alone in plain text. */
export interface Engines {
  readonly html: LiquidEngine;
  readonly plain: LiquidEngine;
}

export interface PlacedRead extends FieldRead {
  readonly part: 'subject' | 'body';
}

export interface RenderedParts {
  readonly subject?: string;
  readonly html?: string;
  readonly text: string;
}

export interface CompiledVariant {
  readonly variant: Variant;
  readonly reads: readonly PlacedRead[];
  /** Distinct merge fields, in order of first use. */
  readonly fields: readonly string[];
  readonly faults: readonly TemplateFault[];
  /** @throws Error when a value is missing without fallback, or a limit is passed */
  render(scope: object): RenderedParts;
}

export interface CompiledTemplate {
  readonly template: TemplateBody;
  readonly variants: readonly CompiledVariant[];
}

/** Parses and compiles every variant once; a variant with faults refuses to render. */
export async function compileTemplate(template: TemplateBody, engines: Engines): Promise<CompiledTemplate> {
  const variants: CompiledVariant[] = [];
  for (const variant of template.variants) {
    variants.push(
      template.channel === 'email' ? await compileEmail(variant, engines) : compileSms(variant, engines),
    );
  }
  return { template, variants };
}

async function compileEmail(variant: Variant, engines: Engines): Promise<CompiledVariant> {
  const subject = engines.plain.parse(variant.subject ?? '');
  const source = engines.html.parse(variant.body);
  const faults: TemplateFault[] = [
    ...subject.faults.map((fault) => ({ ...fault, variantId: variant.id, part: 'subject' as const })),
    ...source.faults.map((fault) => ({ ...fault, variantId: variant.id, part: 'body' as const })),
  ];
  if ((variant.subject ?? '').trim() === '') {
    faults.push({
      variantId: variant.id,
      part: 'subject',
      line: 1,
      column: 1,
      code: 'syntax',
      message: 'An e-mail needs a subject.',
    });
  }
  const compiled = source.faults.length === 0 ? await compileMjml(variant.body) : undefined;
  for (const fault of compiled?.faults ?? []) faults.push({ ...fault, variantId: variant.id, part: 'body' });
  const html = engines.html.parse(compiled?.html ?? '');
  const text = compiled?.text === undefined ? undefined : engines.plain.parse(compiled.text);
  const reads = [...placed('subject', subject.templates), ...placed('body', source.templates)];
  return {
    variant,
    reads,
    fields: fieldsOf(reads),
    faults,
    render(scope) {
      const body = engines.html.render(html.templates, scope);
      return {
        subject: oneLine(engines.plain.render(subject.templates, scope)),
        html: body,
        text:
          text && text.faults.length === 0
            ? tidy(engines.plain.render(text.templates, scope))
            : toPlainText(body),
      };
    },
  };
}

function compileSms(variant: Variant, engines: Engines): CompiledVariant {
  const body = engines.plain.parse(variant.body);
  const reads = placed('body', body.templates);
  return {
    variant,
    reads,
    fields: fieldsOf(reads),
    faults: body.faults.map((fault) => ({ ...fault, variantId: variant.id, part: 'body' })),
    render: (scope) => ({ text: engines.plain.render(body.templates, scope).trim() }),
  };
}

const placed = (part: 'subject' | 'body', templates: Template[]): PlacedRead[] =>
  readsOf(templates).map((read) => ({ ...read, part }));

function fieldsOf(reads: readonly PlacedRead[]): string[] {
  const fields = new Set<string>();
  for (const read of reads) if (read.field !== undefined) fields.add(read.field);
  return [...fields];
}

/** A subject is a header: line breaks in a merged value must not end it. */
const oneLine = (text: string): string => text.replace(/[\r\n\t]+/g, ' ').trim();
const tidy = (text: string): string =>
  text
    .replace(/[ \t]+\n/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
