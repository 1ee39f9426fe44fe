import {
  analyzeSync,
  IfTag,
  Liquid,
  LiquidError,
  Output,
  type Template,
  type Token,
  TypeGuards,
  toValueSync,
  UnlessTag,
  Value,
  Variable,
} from 'liquidjs';

export type MergeValue = string | number | boolean | readonly string[] | undefined;

/** One place in a template where a merge field is read. */
export interface FieldRead {
  /** `customer.city`; `undefined` when the name is computed and therefore can not be checked. */
  readonly field: string | undefined;
  readonly line: number;
  readonly column: number;
  /** An unknown value does no harm here: behind `| default:`, inside a condition, or guarded by one. */
  readonly safe: boolean;
}

export interface LiquidFault {
  readonly line: number;
  readonly column: number;
  readonly code: 'syntax' | 'unknown_filter';
  readonly message: string;
}

export interface LiquidEngine {
  /** Parses; answers the faults instead of throwing. */
  parse(text: string): { templates: Template[]; faults: LiquidFault[] };
  /** @throws Error naming line and column when a value is missing or a limit is passed */
  render(templates: Template[], scope: object): string;
}

const PARSE_LIMIT = 500_000;
const RENDER_LIMIT_MS = 2_000;
const MEMORY_LIMIT = 5_000_000;

/**
 * Liquid as templates may use it: unknown variables and filters are errors, no includes or files, no `raw`,
 * limits on size, time and memory; values are escaped when the output is HTML.
 */
export function createLiquid(options: {
  escape: boolean;
  materialUrl: (id: string) => string;
}): LiquidEngine {
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
    ownPropertyOnly: true,
    templates: {},
    parseLimit: PARSE_LIMIT,
    renderLimit: RENDER_LIMIT_MS,
    memoryLimit: MEMORY_LIMIT,
    timezoneOffset: 'UTC',
    ...(options.escape ? { outputEscape: 'escape' as const } : {}),
  });
  for (const tag of ['include', 'render', 'layout', 'block', 'increment', 'decrement'])
    delete liquid.tags[tag];
  delete liquid.filters.raw;
  liquid.registerFilter('money', (value: unknown, currency?: unknown, language?: unknown) =>
    formatMoney(value, currency, language),
  );
  liquid.registerFilter('number', (value: unknown, decimals?: unknown) => formatNumber(value, decimals));
  liquid.registerFilter('material_url', (value: unknown) => options.materialUrl(String(value)));
  return {
    parse(text) {
      try {
        return { templates: liquid.parse(text), faults: [] };
      } catch (error) {
        return { templates: [], faults: [toFault(error)] };
      }
    },
    render: (templates, scope) => {
      const output: unknown = liquid.renderSync(templates, scope);
      return String(output);
    },
  };
}

/** Minor units → text: `1234550 | money: "TWD"` is `NT$12,345.50`. */
function formatMoney(value: unknown, currency: unknown, language: unknown): string {
  const amount = Number(value) / 100;
  if (!Number.isFinite(amount)) return '';
  const locale = typeof language === 'string' && language !== '' ? language : 'en';
  if (typeof currency === 'string' && /^[A-Z]{3}$/.test(currency)) {
    return new Intl.NumberFormat(locale, { style: 'currency', currency }).format(amount);
  }
  return new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount);
}

function formatNumber(value: unknown, decimals: unknown): string {
  const digits = Math.min(10, Math.max(0, Number(decimals ?? 0) || 0));
  const number = Number(value);
  return Number.isFinite(number)
    ? new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
        number,
      )
    : '';
}

function toFault(error: unknown): LiquidFault {
  const message = error instanceof Error ? error.message : String(error);
  const position = LiquidError.is(error) ? placeOf(error.token) : { line: 1, column: 1 };
  const plain = message.replace(/, line:\d+, col:\d+$/, '');
  const filter = /^undefined filter: (.+)$/.exec(plain)?.[1];
  if (filter !== undefined) {
    return {
      ...position,
      code: 'unknown_filter',
      message: `There is no filter "${filter}"; see docs/content.md for those there are.`,
    };
  }
  return { ...position, code: 'syntax', message: `The Liquid does not parse: ${plain}.` };
}

function placeOf(token: Token): { line: number; column: number } {
  const [line, column] = token.getPosition();
  return { line: line ?? 1, column: column ?? 1 };
}

/**
 * Every read of a merge field (names assigned inside the template are left out), with whether a missing value
 * would do harm there.
 */
export function readsOf(templates: Template[]): FieldRead[] {
  const safe = new Set<string>();
  walk(templates, new Set(), safe);
  const reads: FieldRead[] = [];
  const add = (variable: Variable): void => {
    const { row, col } = variable.location;
    const parts = variable.segments.filter((segment) => !(segment instanceof Variable)).map(String);
    for (const segment of variable.segments) if (segment instanceof Variable) add(segment);
    const computed = parts.length < variable.segments.length;
    reads.push({
      field: computed ? undefined : fieldOf(parts),
      line: row,
      column: col,
      safe: safe.has(`${row}:${col}`),
    });
  };
  for (const variables of Object.values(analyzeSync(templates).globals))
    for (const variable of variables) add(variable);
  return reads.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** `tag["a.b"]` names the tag `a.b`; deeper reads such as `.size` of a value belong to the value's field. */
function fieldOf(parts: readonly string[]): string {
  const last = parts.at(-1);
  const isProperty = parts.length > 2 && (last === 'size' || last === 'first' || last === 'last');
  return (isProperty ? parts.slice(0, -1) : parts).join('.');
}

function walk(templates: readonly Template[], guarded: ReadonlySet<string>, safe: Set<string>): void {
  for (const template of templates) {
    if (template instanceof Output) {
      noteValue(template.value, guarded, safe);
      continue;
    }
    if (template instanceof IfTag || template instanceof UnlessTag) {
      for (const branch of template.branches) {
        for (const token of accessesOf(branch.value.initial.postfix)) noteSafe(token, safe);
        const more = template instanceof IfTag ? knownWhenTrue(branch.value.initial.postfix) : [];
        walk(branch.templates, new Set([...guarded, ...more]), safe);
      }
      walk(template.elseTemplates ?? [], guarded, safe);
      continue;
    }
    const isCase = 'name' in template && template.name === 'case';
    for (const argument of template.arguments?.() ?? []) {
      if (argument instanceof Value) {
        if (isCase) for (const token of accessesOf(argument.initial.postfix)) noteSafe(token, safe);
        noteValue(argument, guarded, safe);
      } else for (const token of accessesOf([argument])) noteGuarded(token, guarded, safe);
    }
    if (template.children) {
      const children: unknown = toValueSync(template.children(false, true));
      if (Array.isArray(children)) walk(children.filter(isTemplate), guarded, safe);
    }
  }
}

const isTemplate = (value: unknown): value is Template =>
  typeof value === 'object' && value !== null && 'render' in value && 'token' in value;

function noteValue(value: Value, guarded: ReadonlySet<string>, safe: Set<string>): void {
  const hasDefault = value.filters[0]?.name === 'default';
  for (const token of accessesOf(value.initial.postfix)) {
    if (hasDefault) noteSafe(token, safe);
    else noteGuarded(token, guarded, safe);
  }
  for (const filter of value.filters) {
    for (const argument of filter.args) {
      const tokens = Array.isArray(argument) ? (argument[1] === undefined ? [] : [argument[1]]) : [argument];
      for (const token of accessesOf(tokens)) noteGuarded(token, guarded, safe);
    }
  }
}

type Access = ReturnType<typeof accessesOf>[number];

function accessesOf(tokens: readonly Token[]) {
  return tokens.filter((token) => TypeGuards.isPropertyAccessToken(token));
}

const keyOf = (token: Token): string => {
  const place = placeOf(token);
  return `${place.line}:${place.column}`;
};

function noteSafe(token: Access, safe: Set<string>): void {
  safe.add(keyOf(token));
}

function noteGuarded(token: Access, guarded: ReadonlySet<string>, safe: Set<string>): void {
  if (guarded.has(token.getText())) safe.add(keyOf(token));
}

/** Fields that must have a value when the condition holds; cautious: anything with `or`, `not` or `!=` proves nothing. */
function knownWhenTrue(postfix: readonly Token[]): string[] {
  const operators = postfix
    .filter((token) => TypeGuards.isOperatorToken(token))
    .map((token) => token.operator);
  if (operators.some((operator) => operator === 'or' || operator === 'not' || operator === '!=')) return [];
  const accesses = accessesOf(postfix);
  if (!operators.includes('==')) return accesses.map((token) => token.getText());
  const comparesConstant = postfix.some(
    (token) => TypeGuards.isQuotedToken(token) || TypeGuards.isNumberToken(token),
  );
  return postfix.length === 3 && accesses.length === 1 && comparesConstant
    ? accesses.map((token) => token.getText())
    : [];
}
