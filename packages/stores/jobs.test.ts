import { setTimeout as sleep } from 'node:timers/promises';
import { defineProblems, silentLog, systemClock } from '@rapport/kernel';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobs } from './jobs.ts';
import type { Jobs } from './ports.ts';
import { startTemporaryStores, type TemporaryStores } from './testing.ts';

const problems = defineProblems('jobs_test', { refused: { status: 409, title: 'Refused.' } });
const None = Type.Object({});

describe('jobs', () => {
  let stores: TemporaryStores;
  let jobs: Jobs;
  beforeAll(async () => {
    stores = await startTemporaryStores();
    jobs = stores.jobs;
    await jobs.start();
  });
  afterAll(() => stores?.stop());
  /** Another process on the same database. */
  const otherProcess = (isAlone = false): Jobs =>
    createJobs({ relational: stores.relational, clock: systemClock, log: silentLog, isAlone });

  it('run with their payload and keep result and progress', async () => {
    jobs.define(
      'sum',
      Type.Object({ numbers: Type.Array(Type.Integer()) }),
      async ({ payload, report, attempt, jobId }) => {
        await report({ share: 0.5, message: 'half' });
        return { total: payload.numbers.reduce((sum, each) => sum + each, 0), attempt, jobId };
      },
    );
    const id = await jobs.enqueue('sum', { numbers: [1, 2, 3] }, { subject: 'src_1' });
    expect(id).toMatch(/^job_/);
    const job = await jobs.wait(id);
    expect(job).toMatchObject({
      kind: 'sum',
      state: 'done',
      subject: 'src_1',
      progress: { share: 1, message: 'half' },
      result: { total: 6, attempt: 1, jobId: id },
    });
    expect(job.finishedAt).toBeGreaterThanOrEqual(job.createdAt);
    expect(await jobs.list({ subject: 'src_1' })).toEqual([job]);
    expect(await jobs.get('job_none')).toBeUndefined();
  });

  it('are refused with a payload that does not fit, or of an unknown kind', async () => {
    await expect(jobs.enqueue('sum', { numbers: 'x' })).rejects.toMatchObject({ code: 'stores.job_failed' });
    await expect(jobs.enqueue('nonsense', {})).rejects.toMatchObject({ code: 'stores.unknown_job_kind' });
  });

  it('fail with the error of their handler', async () => {
    jobs.define('fails', None, async () => {
      throw problems.refused({ detail: 'The file is gone.' });
    });
    const id = await jobs.enqueue('fails', {});
    await expect(jobs.wait(id)).rejects.toMatchObject({
      code: 'stores.job_failed',
      message: 'The file is gone.',
    });
    expect(await jobs.get(id)).toMatchObject({ state: 'failed', error: 'The file is gone.' });
  });

  it('are retried as often as allowed, but not after a refusal', async () => {
    let tries = 0;
    jobs.define(
      'shaky',
      None,
      async ({ attempt }) => {
        tries++;
        if (attempt < 2) throw new Error('not yet');
        return attempt;
      },
      { retries: 1 },
    );
    expect((await jobs.wait(await jobs.enqueue('shaky', {}))).result).toBe(2);
    expect(tries).toBe(2);
    let refusals = 0;
    jobs.define(
      'refuses',
      None,
      async () => {
        refusals++;
        throw problems.refused();
      },
      { retries: 3 },
    );
    await expect(jobs.wait(await jobs.enqueue('refuses', {}))).rejects.toThrow();
    expect(refusals).toBe(1);
  });

  it('of one singleton never run at the same time, over processes too', async () => {
    let active = 0;
    let most = 0;
    const handle = async (): Promise<void> => {
      most = Math.max(most, ++active);
      await sleep(50);
      active--;
    };
    const other = otherProcess();
    jobs.define('single', None, handle, { concurrency: 5 });
    other.define('single', None, handle, { concurrency: 5 });
    await other.start();
    const ids = await Promise.all(
      Array.from({ length: 6 }, () => jobs.enqueue('single', {}, { singleton: 'load:src_1' })),
    );
    await Promise.all(ids.map((id) => jobs.wait(id)));
    await other.stop();
    expect(most).toBe(1);
  });

  it('run side by side up to the concurrency of their kind', async () => {
    let active = 0;
    let most = 0;
    jobs.define(
      'parallel',
      None,
      async () => {
        most = Math.max(most, ++active);
        await sleep(100);
        active--;
      },
      { concurrency: 3 },
    );
    const ids = await Promise.all(Array.from({ length: 7 }, () => jobs.enqueue('parallel', {})));
    await Promise.all(ids.map((id) => jobs.wait(id)));
    expect(most).toBe(3);
  });

  it('wait for their time', async () => {
    jobs.define('later', None, async () => systemClock.now());
    const at = systemClock.now() + 700;
    const job = await jobs.wait(await jobs.enqueue('later', {}, { startAfter: at }));
    expect(job.result).toBeGreaterThanOrEqual(at);
  });

  it('are cancelled while they wait and while they run', async () => {
    jobs.define('long', None, async ({ signal }) => {
      await sleep(60_000, undefined, { signal });
    });
    const running = await jobs.enqueue('long', {});
    while ((await jobs.get(running))?.state !== 'running') await sleep(10);
    const queued = await jobs.enqueue('long', {});
    await jobs.cancel(queued);
    await jobs.cancel(running);
    await expect(jobs.wait(queued)).rejects.toMatchObject({ code: 'stores.job_cancelled' });
    await expect(jobs.wait(running)).rejects.toMatchObject({ code: 'stores.job_cancelled' });
    expect((await jobs.get(running))?.state).toBe('cancelled');
    await expect(jobs.cancel('job_none')).rejects.toMatchObject({ code: 'stores.job_not_found' });
  });

  it('are cancelled through another process within seconds', async () => {
    const other = otherProcess();
    let isAborted = false;
    other.define('far', None, async ({ signal }) => {
      await sleep(60_000, undefined, { signal }).catch(() => undefined);
      isAborted = signal.aborted;
      signal.throwIfAborted();
    });
    await other.start();
    const id = await other.enqueue('far', {});
    while ((await jobs.get(id))?.state !== 'running') await sleep(10);
    await jobs.cancel(id);
    await expect(jobs.wait(id)).rejects.toMatchObject({ code: 'stores.job_cancelled' });
    expect(isAborted).toBe(true);
    await other.stop();
  });

  it('go back to the queue when their process stops in order, and run elsewhere as the same attempt', async () => {
    const leaving = otherProcess();
    leaving.define('moving', None, async ({ signal }) => {
      await sleep(60_000, undefined, { signal });
    });
    await leaving.start();
    const id = await leaving.enqueue('moving', {});
    while ((await jobs.get(id))?.state !== 'running') await sleep(10);
    await leaving.stop();
    jobs.define('moving', None, async ({ attempt }) => attempt);
    expect((await jobs.wait(id)).result).toBe(1);
  });

  it('of a process that died are taken up at once by the next one that is alone', async () => {
    await stores.relational.pool.query(
      `insert into rapport.job (id, kind, state, payload, attempt, created_at, start_after, owner, lease_until)
       values ('job_orphan', 'orphan', 'running', '{}', 1, now(), now(), 'own_dead', now() + interval '1 hour'),
              ('job_poison', 'orphan', 'running', '{}', 9, now(), now(), 'own_dead', now() + interval '1 hour')`,
    );
    const next = otherProcess(true);
    next.define('orphan', None, async ({ attempt }) => attempt);
    await next.start();
    expect((await next.wait('job_orphan')).result).toBe(2);
    await expect(next.wait('job_poison')).rejects.toMatchObject({
      message: expect.stringContaining('process died'),
    });
    await next.stop();
  });
});
