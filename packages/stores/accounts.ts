import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { storesProblems } from './problems.ts';

const run = promisify(execFile);

/** An account of the operating system. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The account to run PostgreSQL under when we are root, made when it is missing; `undefined` when we are not. */
export async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const found = (await accountOf('rapport')) ?? (await accountOf('postgres'));
  if (found) return found;
  try {
    await run('useradd', [
      '--system',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      '--user-group',
      'rapport',
    ]);
  } catch (cause) {
    throw storesProblems.engine_down({
      detail:
        'PostgreSQL does not run as root, and the system account "rapport" could not be made; create it, start as another user, or set the URL of a PostgreSQL server.',
      cause,
    });
  }
  const made = await accountOf('rapport');
  if (!made)
    throw storesProblems.engine_down({
      detail: 'The system account "rapport" was made but cannot be found.',
    });
  return made;
}

async function accountOf(name: string): Promise<Account | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((line) => line[0] === name);
  return fields ? { uid: Number(fields[2]), gid: Number(fields[3]) } : undefined;
}

/** Whether the account may enter the folder and every folder above it. */
export async function isEnterable(folder: string, account: Account): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
