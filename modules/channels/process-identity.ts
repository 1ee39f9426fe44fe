import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where a process runs: host name and, on Linux, the process-id namespace, since containers may share a host name. */
export function hostIdentity(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Which process: its id and start time, since ids are used again. */
export const processIdentity = (pid: number = process.pid): string => `${pid} ${startTimeOf(pid) ?? ''}`;

/** Whether that very process of this host still runs. */
export function isRunning(identity: string): boolean {
  const pid = Number(identity.split(' ')[0]);
  if (!Number.isInteger(pid)) return false;
  const started = startTimeOf(pid);
  if (started !== undefined) return identity === `${pid} ${started}`;
  try {
    process.kill(pid, 0);
    return !identity.includes(' ') || identity.endsWith(' ');
  } catch (error) {
    return typeof error === 'object' && error !== null && Reflect.get(error, 'code') === 'EPERM';
  }
}

/** Clock ticks since boot at which the process started (field 22); a zombie counts as gone. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
