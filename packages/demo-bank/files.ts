import { type FileHandle, open } from 'node:fs/promises';
import iconv from 'iconv-lite';

/** A text file written in the encoding asked for, a megabyte at a time; it counts its lines. */
export interface TextFile {
  readonly name: string;
  /** Number of the line last written, from 1. */
  readonly lines: number;
  /** Adds one line; resolves at once unless a full block has to be written. */
  line(text: string): Promise<void> | undefined;
  /** Adds one line of bytes as they are, to plant faults that no encoder makes. */
  bytes(data: Buffer): Promise<void> | undefined;
  close(): Promise<void>;
}

const BLOCK = 1 << 20;

export async function createTextFile(path: string, name: string, encoding: string): Promise<TextFile> {
  const handle: FileHandle = await open(path, 'w');
  let block = '';
  let lines = 0;
  const flush = async (): Promise<void> => {
    const text = block;
    block = '';
    if (text !== '') await handle.write(iconv.encode(text, encoding));
  };
  return {
    name,
    get lines() {
      return lines;
    },
    line(text) {
      lines++;
      block += `${text}\n`;
      return block.length >= BLOCK ? flush() : undefined;
    },
    async bytes(data) {
      lines++;
      await flush();
      await handle.write(data);
      await handle.write('\n');
    },
    async close() {
      await flush();
      await handle.close();
    },
  };
}

/** Quotes a CSV field where it has to be. */
export const csvField = (text: string | number): string => {
  const field = String(text);
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
};

/** Minor units as a decimal number of major units. */
export const major = (minor: number): string => {
  const digits = String(Math.abs(minor)).padStart(3, '0');
  return `${minor < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};

export const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
export const compactDay = (at: number): string => day(at).replaceAll('-', '');
export const localSecond = (at: number): string =>
  new Date(at + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
