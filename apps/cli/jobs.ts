import { setTimeout as sleep } from 'node:timers/promises';
import { field, type Platform } from './platform.ts';

/** Waits for a job, showing its progress on standard error; answers its result. @throws Error with the job's own words when it failed */
export async function runJob(platform: Platform, jobId: string, showProgress: boolean): Promise<unknown> {
  let shown = '';
  for (;;) {
    const job = await platform.call('GET', `/jobs/${jobId}`);
    const state = field(job, 'state');
    const progress = field(job, 'progress');
    const line = `${Math.round(Number(field(progress, 'share') ?? 0) * 100)} % ${String(field(progress, 'message') ?? '')}`;
    if (showProgress && line !== shown) {
      process.stderr.write(`${line}\n`);
      shown = line;
    }
    if (state === 'done') return field(job, 'result');
    if (state === 'failed' || state === 'cancelled')
      throw new Error(String(field(job, 'error') ?? `The job was ${state}.`));
    await sleep(200);
  }
}
