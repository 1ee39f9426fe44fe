import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSecrets } from './secrets.ts';

describe('the secrets of an installation', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'rapport-secrets-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it('are made once, readable by their owner only, and the same ever after', async () => {
    const first = await openSecrets(home);
    expect((await stat(join(home, 'secrets.json'))).mode & 0o777).toBe(0o600);
    expect(first.dataKey).toHaveLength(32);
    expect(await openSecrets(home)).toEqual(first);
  });

  it('are never made anew over a file that cannot be understood', async () => {
    await writeFile(join(home, 'secrets.json'), '{"dataKey":"short"}');
    await expect(openSecrets(home)).rejects.toThrow(/restore the file from its backup/);
  });
});
