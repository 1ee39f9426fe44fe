import { robustZ } from '@rapport/sources';

/** What a column brought in one load. */
export interface ColumnProfile {
  readonly name: string;
  /** Name in the file. */
  readonly from: string;
  /** Place in the file, from 0; undefined where the format has none. */
  readonly position?: number;
  /** Declared type; undefined for a column that the manifest does not list. */
  readonly type?: string;
  readonly nullShare?: number;
  readonly distinct?: number;
  /** All its texts, where they are few and not personal: a code list. */
  readonly codes?: readonly string[];
  /** Shares of the forms its texts have (`A` letter, `9` digit, `汉` Chinese character). */
  readonly shapes?: Readonly<Record<string, number>>;
  readonly min?: number;
  readonly max?: number;
  /** Texts refused for their type in this load, by reason, as a share of the records. */
  readonly refused?: Readonly<Record<string, number>>;
}

export interface TableProfile {
  readonly rows: number;
  readonly key: readonly string[];
  readonly columns: readonly ColumnProfile[];
}

export const DRIFT_KINDS = [
  'column_added',
  'column_removed',
  'column_renamed',
  'column_moved',
  'type_changed',
  'new_codes',
  'nulls_changed',
  'volume_out_of_range',
  'key_changed',
] as const;
export type DriftKind = (typeof DRIFT_KINDS)[number];

export interface DriftFinding {
  readonly kind: DriftKind;
  readonly column?: string;
  /** What it was and is, in words. */
  readonly message: string;
  readonly advice: string;
  /** The name a removed column seems to have now. */
  readonly renamedTo?: string;
  /** How sure a guess is, 0 … 1. */
  readonly confidence?: number;
  readonly codes?: readonly string[];
  /** Whether it adds something and changes nothing that was there. */
  readonly isAddition: boolean;
  /** Whether it touches names, types, keys or codes, rather than how much came. */
  readonly isStructural: boolean;
}

/**
 * Compares what a load brought with what the last accepted one did.
 * @param volumes rows of the last loads, newest first
 */
export function compareProfiles(
  before: TableProfile,
  after: TableProfile,
  volumes: readonly number[],
): DriftFinding[] {
  const findings: DriftFinding[] = [];
  const old = new Map(before.columns.map((column) => [column.from, column]));
  const now = new Map(after.columns.map((column) => [column.from, column]));
  const removed = before.columns.filter((column) => !now.has(column.from));
  const added = after.columns.filter((column) => !old.has(column.from));
  const renames = guessRenames(removed, added);
  for (const column of removed) {
    const rename = renames.get(column.from);
    if (rename) {
      findings.push({
        kind: 'column_renamed',
        column: column.name,
        renamedTo: rename.to.from,
        confidence: rename.confidence,
        message: `"${column.from}" is gone and "${rename.to.from}" is new; they look like the same column (${rename.why}).`,
        advice: `If it was renamed, set \`from: ${rename.to.from}\` at ${column.name} in the manifest and load again.`,
        isAddition: false,
        isStructural: true,
      });
      continue;
    }
    findings.push({
      kind: 'column_removed',
      column: column.name,
      message: `"${column.from}" is no longer delivered.`,
      advice: `Ask the deliverer for it, or take ${column.name} out of the manifest and out of what depends on it.`,
      isAddition: false,
      isStructural: true,
    });
  }
  const taken = new Set([...renames.values()].map((rename) => rename.to.from));
  for (const column of added) {
    if (taken.has(column.from)) continue;
    findings.push({
      kind: 'column_added',
      column: column.name,
      message: `"${column.from}" is delivered for the first time.`,
      advice:
        column.type === undefined
          ? 'List it in the manifest if it should be loaded.'
          : 'Nothing needs to be done.',
      isAddition: true,
      isStructural: true,
    });
  }
  findings.push(...movedColumns(before, after));
  for (const column of after.columns) {
    const earlier = old.get(column.from);
    if (earlier) findings.push(...compareColumns(earlier, column, before.rows, after.rows));
  }
  if (before.key.join('\n') !== after.key.join('\n')) {
    const words = (key: readonly string[]): string => (key.length === 0 ? 'none' : key.join(', '));
    findings.push({
      kind: 'key_changed',
      message: `The key was ${words(before.key)} and is ${words(after.key)}.`,
      advice: 'Rows are matched by the new key from now on; check references and duplicates.',
      isAddition: false,
      isStructural: true,
    });
  }
  if (volumes.length >= 5) {
    const { median, z } = robustZ(after.rows, volumes);
    if (Math.abs(z) > 6) {
      findings.push({
        kind: 'volume_out_of_range',
        message: `${after.rows} rows; usual are about ${Math.round(median)} (${z > 0 ? '+' : ''}${z.toFixed(1)} robust standard deviations over ${volumes.length} loads).`,
        advice: 'Ask the deliverer whether the file is whole, and not of two days.',
        isAddition: false,
        isStructural: false,
      });
    }
  } else if (before.rows > 100 && (after.rows < before.rows / 2 || after.rows > before.rows * 2)) {
    findings.push({
      kind: 'volume_out_of_range',
      message: `${after.rows} rows; the load before had ${before.rows}.`,
      advice: 'Ask the deliverer whether the file is whole, and not of two days.',
      isAddition: false,
      isStructural: false,
    });
  }
  return findings;
}

/** Of columns that both have, the fewest whose place in the order changed. */
function movedColumns(before: TableProfile, after: TableProfile): DriftFinding[] {
  const places = new Map(
    before.columns.flatMap((column) =>
      column.position === undefined ? [] : [[column.from, column.position]],
    ),
  );
  const both = after.columns
    .filter((column) => column.position !== undefined && places.has(column.from))
    .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0));
  const order = both.map((column) => places.get(column.from) ?? 0);
  const kept = new Set(longestRise(order));
  return both.flatMap((column, index): DriftFinding[] =>
    kept.has(index)
      ? []
      : [
          {
            kind: 'column_moved',
            column: column.name,
            message: `"${column.from}" stands at place ${(column.position ?? 0) + 1}, before at ${(places.get(column.from) ?? 0) + 1}.`,
            advice:
              'Columns are found by name, so nothing needs to be done; a file without a header would be misread.',
            isAddition: true,
            isStructural: true,
          },
        ],
  );
}

/** Indexes of a longest strictly rising subsequence. */
function longestRise(values: readonly number[]): number[] {
  const lengths = values.map(() => 1);
  const previous = values.map(() => -1);
  let best = -1;
  for (let at = 0; at < values.length; at++) {
    for (let earlier = 0; earlier < at; earlier++) {
      if ((values[earlier] ?? 0) < (values[at] ?? 0) && (lengths[earlier] ?? 0) + 1 > (lengths[at] ?? 0)) {
        lengths[at] = (lengths[earlier] ?? 0) + 1;
        previous[at] = earlier;
      }
    }
    if (best === -1 || (lengths[at] ?? 0) > (lengths[best] ?? 0)) best = at;
  }
  const found: number[] = [];
  for (let at = best; at !== -1; at = previous[at] ?? -1) found.push(at);
  return found.reverse();
}

function compareColumns(
  earlier: ColumnProfile,
  column: ColumnProfile,
  rowsBefore: number,
  rowsAfter: number,
): DriftFinding[] {
  const findings: DriftFinding[] = [];
  if (earlier.type !== undefined && column.type !== undefined && earlier.type !== column.type) {
    findings.push({
      kind: 'type_changed',
      column: column.name,
      message: `It was ${earlier.type} and is ${column.type}.`,
      advice: WIDER.has(`${earlier.type} ${column.type}`)
        ? 'The new type holds every value of the old one; tags over it keep working.'
        : 'Check the tags and rules that compare it with values of the old type.',
      isAddition: false,
      isStructural: true,
    });
  }
  for (const [reason, share] of Object.entries(column.refused ?? {})) {
    const usual = earlier.refused?.[reason] ?? 0;
    if (share < 0.01 || share < usual * 3) continue;
    findings.push({
      kind: 'type_changed',
      column: column.name,
      message: `${percent(share)} of the records have a text that is refused as ${reason}; before it was ${percent(usual)}.`,
      advice: `If the deliverer changed its form, widen the type of ${column.name} in the manifest and replay the quarantine.`,
      isAddition: false,
      isStructural: true,
    });
  }
  if (earlier.codes && column.codes) {
    const fresh = column.codes.filter((code) => !earlier.codes?.includes(code));
    if (fresh.length > 0) {
      findings.push({
        kind: 'new_codes',
        column: column.name,
        codes: fresh,
        message: `New values: ${fresh.slice(0, 8).join(', ')}${fresh.length > 8 ? `, and ${fresh.length - 8} more` : ''}.`,
        advice:
          'Add them to the dictionary and to the rules of tags that list the values, or they count as “other”.',
        isAddition: true,
        isStructural: true,
      });
    }
  }
  const [nullsBefore, nullsAfter] = [earlier.nullShare, column.nullShare];
  if (nullsBefore !== undefined && nullsAfter !== undefined && rowsBefore >= 50 && rowsAfter >= 50) {
    // Two-proportion z; a change must also be large enough to matter.
    const pooled = (nullsBefore * rowsBefore + nullsAfter * rowsAfter) / (rowsBefore + rowsAfter);
    const error = Math.sqrt(pooled * (1 - pooled) * (1 / rowsBefore + 1 / rowsAfter));
    const z = error === 0 ? 0 : (nullsAfter - nullsBefore) / error;
    if (Math.abs(nullsAfter - nullsBefore) >= 0.05 && Math.abs(z) > 5) {
      findings.push({
        kind: 'nulls_changed',
        column: column.name,
        message: `${percent(nullsAfter)} of the rows have no value; before it was ${percent(nullsBefore)}.`,
        advice: 'Ask the deliverer whether the column is still filled.',
        isAddition: false,
        isStructural: false,
      });
    }
  }
  return findings;
}

const WIDER = new Set([
  'integer number',
  'integer text',
  'number text',
  'money number',
  'money text',
  'date text',
  'instant text',
  'date instant',
  'boolean text',
]);

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

interface Rename {
  readonly to: ColumnProfile;
  readonly confidence: number;
  readonly why: string;
}

/** Pairs columns that are gone with new ones, the surest first. */
function guessRenames(
  removed: readonly ColumnProfile[],
  added: readonly ColumnProfile[],
): Map<string, Rename> {
  const pairs = removed.flatMap((from) =>
    added.map((to) => {
      const name = nameSimilarity(from.from, to.from);
      const content = contentSimilarity(from, to);
      const place =
        from.position !== undefined && to.position !== undefined
          ? Math.max(0, 1 - Math.abs(from.position - to.position) / 4)
          : 0.5;
      const confidence =
        content === undefined ? name * 0.8 + place * 0.2 : name * 0.4 + content * 0.45 + place * 0.15;
      const why = [
        ...(name >= 0.5 ? ['the names are alike'] : []),
        ...(content !== undefined && content >= 0.6 ? ['the values have the same form'] : []),
        ...(place > 0.9 ? ['it stands at the same place'] : []),
      ].join(', ');
      return { from, to, confidence, why };
    }),
  );
  const found = new Map<string, Rename>();
  const used = new Set<string>();
  for (const pair of pairs.toSorted((a, b) => b.confidence - a.confidence)) {
    if (pair.confidence < 0.5 || pair.why === '') break;
    if (found.has(pair.from.from) || used.has(pair.to.from)) continue;
    used.add(pair.to.from);
    found.set(pair.from.from, pair);
  }
  return found;
}

/** 0 … 1 by pairs of letters (Dice), after case, blanks and signs are dropped. */
export function nameSimilarity(a: string, b: string): number {
  const normal = (text: string): string => text.toLowerCase().replace(/[^\p{Letter}\p{Number}]/gu, '');
  const [left, right] = [normal(a), normal(b)];
  if (left === right) return 1;
  const pairsOf = (text: string): string[] =>
    text.length < 2 ? [text] : Array.from({ length: text.length - 1 }, (_, at) => text.slice(at, at + 2));
  const rest = pairsOf(right);
  let common = 0;
  const pairs = pairsOf(left);
  for (const pair of pairs) {
    const at = rest.indexOf(pair);
    if (at === -1) continue;
    common++;
    rest.splice(at, 1);
  }
  return (2 * common) / (pairs.length + pairsOf(right).length);
}

function contentSimilarity(a: ColumnProfile, b: ColumnProfile): number | undefined {
  const scores: number[] = [];
  if (a.codes && b.codes && a.codes.length > 0) {
    const both = a.codes.filter((code) => b.codes?.includes(code)).length;
    scores.push(both / Math.max(1, new Set([...a.codes, ...b.codes]).size), both > 0 ? 1 : 0);
  }
  if (a.shapes && b.shapes) {
    const shapes = new Set([...Object.keys(a.shapes), ...Object.keys(b.shapes)]);
    let overlap = 0;
    for (const shape of shapes) overlap += Math.min(a.shapes[shape] ?? 0, b.shapes[shape] ?? 0);
    scores.push(overlap);
  }
  if (scores.length === 0) return undefined;
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** The form of a text: letters `A`, digits `9`, Chinese characters `汉`, runs shortened. */
export function shapeOf(text: string): string {
  return text
    .slice(0, 64)
    .replace(/\p{Script=Han}+/gu, '汉')
    .replace(/[０-９]/gu, '9')
    .replace(/[A-Za-z]+/g, 'A')
    .replace(/\d+/g, (digits) => (digits.length > 6 ? '9+' : '9'.repeat(digits.length)));
}

/** Shares of the commonest forms among texts. */
export function shapesOf(texts: readonly string[]): Record<string, number> {
  const known = texts.filter((text) => text !== '');
  const counts = new Map<string, number>();
  for (const text of known) counts.set(shapeOf(text), (counts.get(shapeOf(text)) ?? 0) + 1);
  return Object.fromEntries(
    [...counts]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, 12)
      .map(([shape, count]) => [shape, count / known.length]),
  );
}
