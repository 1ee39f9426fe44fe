import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether a process with this id exists and is no zombie (pid 1 of a container may never reap an orphan). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return procStat(pid)?.state !== 'Z';
}

/** When a process started, in a form that differs for another process with the same id; `undefined` where unknown. */
export function startMark(pid: number): string | undefined {
  return procStat(pid)?.startedAt;
}

/** @source proc(5), fields 3 and 22, counted after the command, which may itself hold spaces and brackets */
function procStat(pid: number): { state: string | undefined; startedAt: string | undefined } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], startedAt: fields[19] };
  } catch {
    return undefined;
  }
}

export interface StopOptions {
  readonly signal: NodeJS.Signals;
  readonly graceMs: number;
  /** Sent when the process is still there after `graceMs`. */
  readonly last: NodeJS.Signals;
}

/** Ends a process and resolves once it is gone. */
export async function stopProcess(pid: number, options: StopOptions): Promise<void> {
  send(pid, options.signal);
  if (await waitForExit(pid, options.graceMs)) return;
  send(pid, options.last);
  if (await waitForExit(pid, 5_000)) return;
  send(pid, 'SIGKILL');
  await waitForExit(pid, 5_000);
}

/** Whether the process is gone before the time is over. */
export async function waitForExit(pid: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    if (!isAlive(pid)) return true;
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}
