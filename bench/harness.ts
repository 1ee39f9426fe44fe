import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
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
