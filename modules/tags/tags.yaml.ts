import type { ProblemFault } from '@rapport/kernel';
import { Value } from 'typebox/value';
import { parseDocument, stringify } from 'yaml';
import { type TagDefinition, TagsDocument } from './contract.ts';
import { tagsProblems } from './tags.problems.ts';

/**
 * Reads a `*.tags.yaml` file.
 * @throws tags.invalid_file with the line of a syntax fault, or the pointer of every member that does not fit
 */
export function parseTagsYaml(yaml: string): TagsDocument {
  const document = parseDocument(yaml, { uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const line = error.linePos?.[0].line;
    throw tagsProblems.invalid_file({
      detail: `${line === undefined ? '' : `Line ${line}: `}${error.message.split('\n')[0] ?? 'the YAML cannot be read.'}`,
    });
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (Value.Check(TagsDocument, value)) {
    const seen = new Set<string>();
    for (const { id } of value.tags) {
      if (seen.has(id))
        throw tagsProblems.invalid_file({ detail: `The tag ${id} stands in the file twice.` });
      seen.add(id);
    }
    return value;
  }
  const faults: ProblemFault[] = [...Value.Errors(TagsDocument, value)].slice(0, 20).map((fault) => ({
    pointer: fault.instancePath || '/',
    message: fault.message,
  }));
  throw tagsProblems.invalid_file({
    detail: `The file does not have the form of docs/tags.md: ${faults
      .slice(0, 5)
      .map((fault) => `${fault.pointer} ${fault.message}`)
      .join('; ')}.`,
    faults,
  });
}

/** Writes definitions so that reading them gives the same ones. */
export function writeTagsYaml(tags: readonly TagDefinition[], asOf: string | undefined): string {
  return stringify(
    { ...(asOf === undefined ? {} : { asOf }), tags: tags.toSorted((a, b) => (a.id < b.id ? -1 : 1)) },
    { lineWidth: 110, aliasDuplicateObjects: false },
  );
}

/** JSON pointers of what differs between two definitions. */
export function differences(before: unknown, after: unknown, pointer = ''): string[] {
  if (Object.is(before, after)) return [];
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMap(before) && isMap(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differences(before[key], after[key], `${pointer}/${key}`));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, index) => differences(item, after[index], `${pointer}/${index}`));
  }
  return [pointer];
}
