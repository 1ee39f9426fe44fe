import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog, systemClock } from '@rapport/kernel';
import { startTestHttp, startTestStores, type TestHttp, type TestStores, testActor } from '@rapport/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSources, sourcesMigrations, sourcesRoutes } from './index.ts';

let stores: TestStores;
let edge: TestHttp;

beforeAll(async () => {
  stores = await startTestStores([sourcesMigrations], { runsJobs: false });
  const root = join(stores.home, 'files');
  await mkdir(root);
  await writeFile(join(root, 't.csv'), 'id,phone\n1,138\nx,139\n');
  const sources = createSources({
    stores,
    clock: systemClock,
    log: silentLog,
    audit: { record: async () => undefined },
    allowedRoots: [root],
    variables: {},
  });
  edge = await startTestHttp([sourcesRoutes(sources)]);
  await stores.jobs.start();
});

afterAll(async () => {
  await edge?.stop();
  await stores?.stop();
});

const manifest = {
  source: 'web',
  title: { en: 'Web' },
  folder: '.',
  tables: {
    t: {
      path: 't.csv',
      maxQuarantineShare: 1,
      columns: { id: 'integer', phone: { type: 'text', personal: true } },
    },
  },
};

async function ask(method: 'GET' | 'POST', url: string, payload?: object) {
  const answer = await edge.http.inject({ method, url: `/api/v1${url}`, ...(payload ? { payload } : {}) });
  return {
    status: answer.statusCode,
    body: String(answer.headers['content-type']).includes('json') ? answer.json() : answer.body,
  };
}

it('applies, loads, shows and replays a source over HTTP', async () => {
  expect(await ask('POST', '/sources', manifest)).toEqual({
    status: 200,
    body: { id: 'web', version: 1, changed: true },
  });
  const { default: yaml } = await import('yaml');
  expect((await ask('POST', '/sources', { yaml: yaml.stringify(manifest) })).body).toMatchObject({
    changed: false,
  });
  const accepted = await ask('POST', '/sources/web/loads');
  expect(accepted.status).toBe(202);
  await stores.jobs.wait(accepted.body.jobId);
  const view = await ask('GET', `/sources/web/loads/${accepted.body.loadId}`);
  expect(view.body).toMatchObject({
    state: 'loaded',
    tables: [{ table: 't', read: 2, loaded: 1, quarantined: 1 }],
  });
  expect((await ask('GET', '/sources/web/loads')).body.items).toHaveLength(1);
  expect((await ask('GET', '/sources')).body.items[0]).toMatchObject({ id: 'web', openQuarantine: 1 });
  expect((await ask('GET', '/sources/web')).body.manifest.source).toBe('web');
  expect((await ask('GET', '/sources/web/tables/t?limit=5')).body).toMatchObject({
    rows: 1,
    sample: [{ id: '1', phone: '138' }],
  });
  const refused = await ask('GET', '/sources/web/quarantine?reason=not_an_integer');
  expect(refused.body.items).toMatchObject([
    { line: 3, field: 'id', value: 'x', reason: 'not_an_integer', record: 'x,139' },
  ]);
  expect((await ask('GET', '/sources/web/quarantine/export')).body).toContain(
    't,t.csv,3,id,x,not_an_integer,open,"x,139"',
  );
  const replay = await ask('POST', '/sources/web/quarantine/replay', {
    records: [{ table: 't', file: 't.csv', line: 3, record: '2,139' }],
  });
  expect(replay.status).toBe(202);
  await stores.jobs.wait(replay.body.jobId);
  expect((await ask('GET', '/sources/web')).body.source).toMatchObject({
    openQuarantine: 0,
    tables: [{ rows: 2 }],
  });
});

it('answers faults as problems', async () => {
  expect(await ask('GET', '/sources/nobody')).toMatchObject({
    status: 404,
    body: { code: 'sources.not_found' },
  });
  const wrong = await ask('POST', '/sources', { yaml: 'source: x' });
  expect(wrong).toMatchObject({ status: 422, body: { code: 'sources.invalid_manifest' } });
  expect(wrong.body.faults.length).toBeGreaterThan(0);
  expect(
    (
      await ask('POST', '/sources', {
        yaml: 'source: x\ntitle: {en: X}\nfolder: /etc\ntables: {t: {path: t, columns: {a: text}}}',
      })
    ).body.code,
  ).toBe('sources.folder_not_allowed');
});

it('asks for the right permissions, and hides personal data', async () => {
  edge.signInAs(testActor(['sources.read']));
  try {
    expect((await ask('POST', '/sources/web/loads')).status).toBe(403);
    expect((await ask('GET', '/sources/web/quarantine/export')).status).toBe(403);
    expect((await ask('GET', '/sources/web/tables/t')).body.sample[0]).toMatchObject({ phone: '•••' });
  } finally {
    edge.signInAs(testActor());
  }
});
