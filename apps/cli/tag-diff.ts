import { field } from './platform.ts';

export function listOf(value: unknown, name: string): readonly unknown[] {
  const list = field(value, name);
  return Array.isArray(list) ? list : [];
}

/** A difference of tags as lines: `+` only in the file, `-` only in the platform, `~` other in the file. */
export function diffText(diff: unknown): string {
  const named = (sign: string, tag: unknown): string =>
    `${sign} ${String(field(tag, 'id'))}  ${String(field(field(tag, 'title'), 'en'))}`;
  const lines = [
    ...listOf(diff, 'created').map((tag) => named('+', tag)),
    ...listOf(diff, 'changed').flatMap((tag) => [
      `~ ${String(field(tag, 'id'))}`,
      ...listOf(tag, 'changes').map(
        (change) =>
          `    ${String(field(change, 'pointer'))}: ${String(field(change, 'before') ?? '(none)')} → ${String(field(change, 'after') ?? '(none)')}`,
      ),
    ]),
    ...listOf(diff, 'dictionaries').map((id) => `~ dictionary ${String(id)}`),
    ...listOf(diff, 'missing').map((tag) => named('-', tag)),
  ];
  const same = listOf(diff, 'unchanged').length;
  return [
    ...lines,
    lines.length === 0 ? `No difference; ${same} tags are the same.` : `${same} tags are the same.`,
  ].join('\n');
}
