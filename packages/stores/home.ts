import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Account, isEnterable } from './accounts.ts';
import { storesProblems } from './problems.ts';
import { isAlive, startMark } from './processes.ts';

export interface HomeLock {
  release(): Promise<void>;
}

/**
 * Takes the data folder for this process, until it ends: the engines in it bear one user at a time.
 * @throws stores.home_in_use when a live process holds it
 */
export async function lockHome(home: string): Promise<HomeLock> {
  await mkdir(home, { recursive: true });
  const path = join(home, 'lock');
  for (let attempt = 1; ; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(JSON.stringify({ pid: process.pid, mark: startMark(process.pid) }));
      await file.close();
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = await readHolder(path);
    if (
      holder &&
      isAlive(holder.pid) &&
      (holder.mark === undefined || startMark(holder.pid) === holder.mark)
    ) {
      throw storesProblems.home_in_use({
        detail: `The data folder ${resolve(home)} is in use by process ${holder.pid}; stop that one, or set RAPPORT_HOME to another folder.`,
        details: { pid: holder.pid },
      });
    }
    if (attempt > 20)
      throw storesProblems.home_in_use({ detail: `The data folder ${resolve(home)} cannot be locked.` });
    await rm(path, { force: true });
  }
}

async function readHolder(path: string): Promise<{ pid: number; mark?: string } | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text !== '') return JSON.parse(text);
    // Its maker is between making and writing it.
    await new Promise((done) => setTimeout(done, 20));
  }
  return undefined;
}

/** The longest path of a Unix socket is 107 bytes; file names of sockets take up to 30 of them. */
const LONGEST = 75;

/**
 * The folder for Unix sockets: inside the home folder, or in the system's folder for temporary files where the
 * path would be too long or the account of PostgreSQL cannot get there.
 */
export async function runDirectory(home: string, account: Account | undefined): Promise<string> {
  const near = join(resolve(home), 'run');
  await mkdir(near, { recursive: true, mode: 0o711 });
  await chmod(near, 0o711);
  if (Buffer.byteLength(near) <= LONGEST && (!account || (await isEnterable(near, account)))) return near;
  const digest = createHash('sha256').update(resolve(home)).digest('hex').slice(0, 12);
  const far = join(tmpdir(), `rapport-${process.getuid?.() ?? 0}-${digest}`);
  await mkdir(far, { mode: 0o711 }).catch(() => undefined);
  const { uid } = await lstat(far).then((entry) => (entry.isDirectory() ? entry : { uid: -1 }));
  if (uid !== (process.getuid?.() ?? uid)) {
    throw storesProblems.engine_down({
      detail: `${far} belongs to someone else; remove it, or set RAPPORT_HOME to a shorter path.`,
    });
  }
  await chmod(far, 0o711);
  return far;
}
