import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** Keys of this installation; whoever has them and the data can read the data. */
export interface Secrets {
  /** Encrypts personal data and provider secrets (AES-256). */
  readonly dataKey: Buffer;
  /** Signs links in messages. */
  readonly linkKey: Buffer;
}

/** Reads `secrets.json` (owner-readable only) in the home folder, making it on the first start. */
export async function openSecrets(home: string): Promise<Secrets> {
  await mkdir(home, { recursive: true, mode: 0o711 });
  const path = join(home, 'secrets.json');
  // Only a file that is not there is made anew: new keys over old ones would make stored personal data unreadable.
  if (existsSync(path)) return parse(await readFile(path, 'utf8'), path);
  const fresh = JSON.stringify({
    dataKey: randomBytes(32).toString('base64'),
    linkKey: randomBytes(32).toString('base64'),
  });
  await writePrivately(path, fresh);
  return parse(fresh, path);
}

/** Writes a file that only its owner can read; a crash leaves the old file or the new one. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  const file = await open(partial, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
}

function parse(text: string, path: string): Secrets {
  const value: unknown = JSON.parse(text);
  const keyOf = (name: string): Buffer => {
    const encoded =
      typeof value === 'object' && value !== null && name in value
        ? Object.entries(value).find(([key]) => key === name)?.[1]
        : undefined;
    const key = Buffer.from(typeof encoded === 'string' ? encoded : '', 'base64');
    if (key.length !== 32)
      throw new Error(
        `${path} has no 32-byte ${name}; restore the file from its backup, for without it stored personal data cannot be read.`,
      );
    return key;
  };
  return { dataKey: keyOf('dataKey'), linkKey: keyOf('linkKey') };
}
