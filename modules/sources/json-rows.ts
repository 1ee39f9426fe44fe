import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** An element of a JSON array: its text on one line, and the line where it begins in the document, from 1. */
export interface JsonRow {
  readonly line: number;
  readonly text: string;
}

export class NotJsonRows extends Error {
  override readonly name = 'NotJsonRows';
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** A row longer than this is no row. */
const MAX_ROW = 16 * 1024 * 1024;

/**
 * Reads the elements of one array of a JSON document as a stream, without holding the document. `path` names the
 * array from the root; an empty one means that the document is the array. Elements are not parsed here, so numbers
 * keep all their digits.
 * @throws NotJsonRows when there is no such array, or the document ends in the middle
 */
export async function* jsonRows(stream: Readable, path: readonly string[]): AsyncGenerator<JsonRow[]> {
  const decoder = new StringDecoder('utf8');
  let line = 1;
  /** Keys of the objects that are open outside the array; `[]` for an array that is not the wanted one. */
  const open: (string | undefined)[] = [];
  let state: 'before' | 'inside' | 'done' = 'before';
  let depth = 0;
  let isText = false;
  let isEscaped = false;
  let text = '';
  let lastText = '';
  let row = '';
  let rowLine = 1;
  let expectsKey = false;
  let isFirst = true;
  const matches = (): boolean =>
    open.length === path.length && open.every((key, index) => key === path[index]);

  const feed = (piece: string): JsonRow[] => {
    const rows: JsonRow[] = [];
    for (const character of piece) {
      if (isFirst) {
        isFirst = false;
        if (character === '\ufeff') continue;
      }
      if (character === '\n') line++;
      if (state === 'done') continue;
      if (state === 'inside') {
        if (isText) {
          row += character;
          if (isEscaped) isEscaped = false;
          else if (character === '\\') isEscaped = true;
          else if (character === '"') isText = false;
          continue;
        }
        if (character === '"') {
          if (row.trim() === '') rowLine = line;
          isText = true;
          row += character;
          continue;
        }
        if (depth === 0 && (character === ',' || character === ']')) {
          if (row.trim() !== '') rows.push({ line: rowLine, text: row.trim() });
          else if (character === ',') throw new NotJsonRows(line, 'an element is missing before ","');
          row = '';
          if (character === ']') state = 'done';
          continue;
        }
        if (character === '{' || character === '[') depth++;
        if (character === '}' || character === ']') depth--;
        if (row === '' && /\s/.test(character)) continue;
        if (row === '') rowLine = line;
        row += character === '\n' || character === '\r' ? ' ' : character;
        if (row.length > MAX_ROW)
          throw new NotJsonRows(rowLine, `an element is longer than ${MAX_ROW} characters`);
        continue;
      }
      if (isText) {
        text += character;
        if (isEscaped) isEscaped = false;
        else if (character === '\\') isEscaped = true;
        else if (character === '"') {
          isText = false;
          lastText = text;
        }
        continue;
      }
      switch (character) {
        case '"':
          isText = true;
          text = '"';
          break;
        case '{':
          open.push(undefined);
          expectsKey = true;
          break;
        case ':':
          if (expectsKey && open.length > 0) open[open.length - 1] = keyOf(lastText, line);
          expectsKey = false;
          break;
        case ',':
          expectsKey = true;
          break;
        case '[':
          if (matches()) state = 'inside';
          else open.push('[]');
          break;
        case '}':
        case ']':
          open.pop();
          break;
        default:
          if (open.length === 0 && !/\s/.test(character))
            throw new NotJsonRows(line, `"${character}" is not the beginning of a JSON array or object`);
      }
    }
    return rows;
  };

  for await (const chunk of stream) {
    const rows = feed(typeof chunk === 'string' ? chunk : decoder.write(chunk));
    if (rows.length > 0) yield rows;
  }
  const rest = feed(decoder.end());
  if (rest.length > 0) yield rest;
  if (state === 'before') {
    throw new NotJsonRows(
      1,
      path.length === 0
        ? 'the document is no array; say by `rows` where in it the array is'
        : `there is no array at "${path.join('.')}"`,
    );
  }
  if (state === 'inside') throw new NotJsonRows(line, 'the document ends in the middle of the array');
}

function keyOf(text: string, line: number): string {
  try {
    const key: unknown = JSON.parse(text);
    return typeof key === 'string' ? key : '';
  } catch {
    throw new NotJsonRows(line, `${text} is no key`);
  }
}
