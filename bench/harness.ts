import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Milliseconds of several runs of the same work. */
export interface Timing {
  readonly runs: number;
  readonly minMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

/** One figure of a benchmark, and what it is measured against in the same run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The engine's own limit, or a peer, measured beside it. */
  readonly against?: { readonly name: string; readonly value: number; readonly ratio: number };
  readonly size?: number;
  readonly note?: string;
}

/** Runs `work` once to warm up and then `runs` times, one after the other. */
export async function time(runs: number, work: (run: number) => Promise<unknown>): Promise<Timing> {
  await work(-1);
  const took: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await work(run);
    took.push(performance.now() - start);
  }
  return summarize(took);
}

/** Order statistics of durations in milliseconds; p95 is the nearest rank. */
export function summarize(tookMs: readonly number[]): Timing {
  const sorted = [...tookMs].sort((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  return { runs: sorted.length, minMs: at(0.0001), p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}

export const round = (value: number): number => Number(value.toPrecision(4));

/** Resident memory of this process and of the given others, in bytes. */
export function residentBytes(pids: readonly (number | undefined)[] = []): number {
  const others = pids
    .filter((pid) => pid !== undefined)
    .map(
      (pid) =>
        Number(spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()) * 1024,
    );
  return process.memoryUsage.rss() + others.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Runs `work` and answers its milliseconds, the CPU seconds that this process and the others spent meanwhile (which,
 * unlike time, do not grow when a machine is busy with other work), its result, and the most memory seen.
 */
export async function measure<Result>(
  pids: readonly (number | undefined)[],
  work: () => Promise<Result>,
): Promise<{ tookMs: number; cpuSeconds: number; peakMiB: number; result: Result }> {
  let peak = residentBytes(pids);
  const look = setInterval(() => {
    peak = Math.max(peak, residentBytes(pids));
  }, 500);
  try {
    const cpuBefore = cpuSeconds(pids);
    const start = performance.now();
    const result = await work();
    const tookMs = performance.now() - start;
    const cpu = round(cpuSeconds(pids) - cpuBefore);
    return {
      tookMs,
      cpuSeconds: cpu,
      peakMiB: round(Math.max(peak, residentBytes(pids)) / 1024 ** 2),
      result,
    };
  } finally {
    clearInterval(look);
  }
}

/** CPU time so far of this process and of the given others with their children; others count on Linux only. */
export function cpuSeconds(pids: readonly (number | undefined)[]): number {
  const { user, system } = process.cpuUsage();
  return pids.reduce<number>(
    (sum, pid) => sum + (pid === undefined ? 0 : processCpu(pid)),
    (user + system) / 1e6,
  );
}

function processCpu(pid: number): number {
  const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  // After the command in parentheses comes field 3; 14 to 17 are utime, stime and those of children that ended.
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 15);
  const own = fields.reduce((sum, field) => sum + Number(field), 0) / CLOCK_TICKS;
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').map(Number);
  return children.filter((child) => child > 0).reduce((sum, child) => sum + processCpu(child), own);
}

/** @source man 5 proc: times are in units of sysconf(_SC_CLK_TCK), 100 on every Linux that Node supports */
const CLOCK_TICKS = 100;

/** Sizes given as arguments, or the usual ones. */
export function sizesOr(usual: readonly number[]): readonly number[] {
  const given = process.argv
    .slice(2)
    .map((text) => Number(text.replaceAll(/[_,]/g, '')))
    .filter((size) => Number.isInteger(size) && size > 0);
  return given.length > 0 ? given : usual;
}

/** Prints the figures and writes `bench/results/<name>.json` with machine and commit. */
export function report(name: string, figures: readonly Figure[]): void {
  const here = dirname(fileURLToPath(import.meta.url));
  const git = (args: string[]): string =>
    spawnSync('git', args, { cwd: here, encoding: 'utf8' }).stdout.trim();
  const result = {
    name,
    measuredAt: new Date().toISOString(),
    commit: `${git(['rev-parse', '--short', 'HEAD'])}${git(['status', '--porcelain', '--', '..', ':!../bench/results']) === '' ? '' : ' with changes'}`,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      node: process.version,
      /** Above the number of cores, other work slowed all figures of the run; ratios and CPU times hold. */
      loadAverage: round(loadavg()[0] ?? 0),
    },
    figures,
  };
  mkdirSync(join(here, 'results'), { recursive: true });
  writeFileSync(join(here, 'results', `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  for (const { name: what, value, unit, against, size, note } of figures) {
    const beside = against ? `   ${against.ratio} of ${against.name} (${against.value} ${unit})` : '';
    console.log(
      `${what.padEnd(44)} ${String(value).padStart(10)} ${unit}${size === undefined ? '' : `  at ${size.toLocaleString('en')}`}${beside}${note ? `   ${note}` : ''}`,
    );
  }
}
