import type { ProblemFault } from '@rapport/kernel';
import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseDocument, stringify } from 'yaml';
import {
  COMPUTATION_OF_KIND,
  type DefinitionChange,
  TAG_KINDS,
  TagDefinition,
  TagsDocument,
} from './contract.ts';
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
  const faults = faultsOf(value).slice(0, 20);
  throw tagsProblems.invalid_file({
    detail: `The file does not have the form of docs/tags.md: ${faults
      .slice(0, 5)
      .map((fault) => `${fault.pointer} ${fault.message}`)
      .join('; ')}.`,
    faults,
  });
}

const Envelope = Type.Object({ tags: Type.Array(Type.Unknown()) });
const AnyTag = Type.Object({ definition: Type.Object({ kind: Type.Enum(TAG_KINDS) }) });

/** Faults tag by tag, each against the form of its own kind. */
function faultsOf(value: unknown): ProblemFault[] {
  const list = (schema: TSchema, part: unknown, at: string): ProblemFault[] =>
    [...Value.Errors(schema, part)].map((fault) => ({
      pointer: `${at}${fault.instancePath}` || '/',
      message: fault.message,
    }));
  if (!Value.Check(Envelope, value)) return list(Envelope, value, '');
  const inTags = value.tags.flatMap((tag, index) => {
    if (Value.Check(TagDefinition, tag)) return [];
    const at = `/tags/${index}`;
    if (!Value.Check(AnyTag, tag)) return list(AnyTag, tag, at);
    const own = list(COMPUTATION_OF_KIND[tag.definition.kind], tag.definition, `${at}/definition`);
    const others = list(TagDefinition, tag, at).filter(
      ({ pointer }) => !pointer.startsWith(`${at}/definition`),
    );
    return [...own, ...others];
  });
  return inTags.length > 0 ? inTags : list(TagsDocument, value, '');
}

/** Writes definitions so that reading them gives the same ones. */
export function writeTagsYaml(document: TagsDocument): string {
  return stringify(
    { ...document, tags: document.tags.toSorted((a, b) => (a.id < b.id ? -1 : 1)) },
    { lineWidth: 110, aliasDuplicateObjects: false },
  );
}

/** A definition as it is written: the values of a dictionary stand in the dictionary. */
export function written(definition: TagDefinition): TagDefinition {
  if (definition.dictionary === undefined) return definition;
  const { values: _, ...rest } = definition;
  return rest;
}

/** What a document has at a pointer, as JSON of at most 2,000 characters. */
export function jsonAt(document: unknown, pointer: string): string | undefined {
  let value = document;
  for (const part of pointer.split('/').slice(1))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined;
  return value === undefined ? undefined : JSON.stringify(value).slice(0, 2_000);
}

/** What differs between two definitions, with both sides. */
export const changesOf = (before: unknown, after: unknown): DefinitionChange[] =>
  differences(before, after).map((pointer) => {
    const [was, is] = [jsonAt(before, pointer), jsonAt(after, pointer)];
    return {
      pointer,
      ...(was === undefined ? {} : { before: was }),
      ...(is === undefined ? {} : { after: is }),
    };
  });

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
