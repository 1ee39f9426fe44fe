import { createReadStream, createWriteStream } from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { openPromise } from 'yauzl';
import type { Compression } from './manifest.ts';
import { LoadRefused, refuse } from './refusal.ts';

/** More than this out of one packed file is a bomb. */
const MAX_UNPACKED_BYTES = 500 * 1024 ** 3;

/** How a file is packed; `xlsx` is a zip too, but one that its own reader opens. */
export function packingOf(name: string, compression: Compression): 'none' | 'gzip' | 'zstd' | 'zip' {
  if (compression !== 'auto') return compression;
  if (/\.gz$/i.test(name)) return 'gzip';
  if (/\.zst$/i.test(name)) return 'zstd';
  return /\.zip$/i.test(name) ? 'zip' : 'none';
}

/**
 * Unpacks a file into another. Checksums of the formats are checked, so that a cut file is never taken for a whole one.
 * @throws LoadRefused `broken_file`, `too_large`
 */
export async function unpack(
  from: string,
  to: string,
  packing: 'gzip' | 'zstd' | 'zip',
  context: { readonly place: string; readonly file: string; readonly signal: AbortSignal },
): Promise<void> {
  const broken = (why: string): never =>
    refuse(
      'broken_file',
      context.place,
      `${context.file} cannot be unpacked as ${packing}: ${why}. Have it delivered again.`,
    );
  let written = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      written += chunk.length;
      if (written <= MAX_UNPACKED_BYTES) return done(null, chunk);
      return done(new Error(`it unpacks to more than ${MAX_UNPACKED_BYTES} bytes`));
    },
  });
  const into = (): ReturnType<typeof createWriteStream> => createWriteStream(to);
  const { signal } = context;
  try {
    if (packing === 'gzip') {
      await pipeline(createReadStream(from), createGunzip(), counted, into(), { signal });
      return;
    }
    if (packing === 'zstd') {
      await pipeline(createReadStream(from), createUnzstd(), counted, into(), { signal });
      return;
    }
    const zip = await openPromise(from, { lazyEntries: true, autoClose: false });
    try {
      const streams: Readable[] = [];
      const names: string[] = [];
      for await (const entry of zip.eachEntry()) {
        if (entry.fileName.endsWith('/') || entry.fileName.startsWith('__MACOSX/')) continue;
        names.push(entry.fileName);
        if (names.length === 1) streams.push(await zip.openReadStreamPromise(entry));
      }
      const [stream] = streams;
      if (!stream || names.length !== 1) {
        stream?.destroy();
        return broken(
          names.length === 0
            ? 'it is empty'
            : `it holds ${names.length} files (${names.slice(0, 3).join(', ')}), not one`,
        );
      }
      await pipeline(stream, counted, into(), { signal });
    } finally {
      zip.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadRefused) throw error;
    broken(error instanceof Error ? error.message : String(error));
  }
}

function createUnzstd(): Transform {
  let isWhole = false;
  let seen = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      try {
        decoder.push(chunk);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
    flush(done) {
      try {
        decoder.push(new Uint8Array(0), true);
        done(isWhole || seen === 0 ? undefined : new Error('it ends in the middle'));
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
  const decoder = new Decompress((piece, isLast) => {
    if (isLast === true) isWhole = true;
    if (piece.length > 0) stream.push(Buffer.from(piece));
  });
  return stream;
}
