import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startServer } from '@rapport/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runRapport } from './testing.ts';

const MANIFEST = `
source: bank
title: { en: Small bank }
folder: files
tables:
  customer:
    path: customers.csv
    maxQuarantineShare: 0.5
    columns:
      customer_id: { type: text, required: true }
      full_name: text
      branch: text
    key: [customer_id]
    role: customer
    map: { name: full_name, org_unit: branch, kind: { value: retail } }
`;
const TAGS = `
tags:
  - id: branch
    title: { en: Branch }
    category: profile
    valueType: text
    definition: { kind: fact, from: customer, value: org_unit }
`;

describe('the command line', () => {
  let home: string;
  let server: RunningServer;
  const rapport = (...args: string[]) => runRapport(home, ...args);

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'rapport-cli-'));
    await mkdir(join(home, 'files'));
    await writeFile(
      join(home, 'files/customers.csv'),
      'customer_id,full_name,branch\nC1,Ann Lee,B1\nC2,Bo Chan,B2\nC2,Twice,B2\nC3,Cy Ng,B1\n',
    );
    await writeFile(join(home, 'bank.source.yaml'), MANIFEST);
    await writeFile(join(home, 'bank.tags.yaml'), TAGS);
    server = await startServer({
      env: { RAPPORT_HOME: home, PORT: '0', LOG_LEVEL: 'silent' },
      withDemo: false,
      announce: () => undefined,
    });
  });
  afterAll(async () => {
    await server?.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('puts a connection with its secret from the environment, and tests it', async () => {
    const file = join(home, 'feed.connection.yaml');
    await writeFile(
      file,
      'connection: feed\nkind: http\nurl: https://feeds.example.com/daily/\nuser: rapport\n',
    );
    process.env.RAPPORT_CONNECTION_SECRET = 'not to be shown';
    const put = await rapport('connection', 'put', 'feed', file).finally(() => {
      delete process.env.RAPPORT_CONNECTION_SECRET;
    });
    expect(put).toMatchObject({ code: 0, out: 'Connection feed is stored with a secret.\n' });
    const tried = await rapport('connection', 'test', 'feed');
    expect(tried.code).toBe(1);
    expect(tried.out).toBe(
      'Sources may not be read from feeds.example.com:443. An operator must add it to RAPPORT_SOURCE_HOSTS.\n',
    );
    expect(put.out + put.err + tried.out + tried.err).not.toContain('not to be shown');
    await writeFile(file, 'kind: ftp\n');
    const wrong = await rapport('connection', 'put', 'feed', file);
    expect(wrong.code).toBe(1);
    expect(wrong.err).not.toBe('');
  });

  it('takes a bank from its files to a counted audience', async () => {
    expect(await rapport('source', 'apply', join(home, 'bank.source.yaml'))).toMatchObject({ code: 0 });
    const load = await rapport('source', 'load', 'bank');
    expect(load.code).toBe(0);
    expect(load.out).toMatch(/customer\s+4\s+3\s+1/);
    expect(load.err).toContain('100 %');
    expect(await rapport('tag', 'import', join(home, 'bank.tags.yaml'))).toMatchObject({ code: 0 });
    expect(await rapport('tag', 'refresh')).toMatchObject({ code: 0 });
    const counted = await rapport(
      '--json',
      'audience',
      'count',
      '{"tag": "branch", "op": "=", "value": "B1"}',
    );
    expect(JSON.parse(counted.out)).toMatchObject({ count: 2, total: 3 });
  });

  it('writes tags to a file, and tells how a file differs from them', async () => {
    const path = join(home, 'out.tags.yaml');
    expect(await rapport('tag', 'export', '-o', path)).toMatchObject({ code: 0, out: '' });
    await writeFile(
      path,
      `${(await readFile(path, 'utf8')).replace('value: org_unit', 'value: upper(org_unit)')}  - id: city
    title: { en: City }
    category: profile
    valueType: text
    definition: { kind: fact, from: customer, value: city }
`,
    );
    const changed = await rapport('tag', 'diff', path, '--exit-code');
    expect(changed.code).toBe(1);
    expect(changed.out).toBe(
      '+ city  City\n~ branch\n    /definition/value: "org_unit" → "upper(org_unit)"\n0 tags are the same.\n',
    );
  });

  it('fails with one clear sentence and a code, as JSON when asked', async () => {
    const load = await rapport('source', 'load', 'ghost');
    expect(load.code).toBe(1);
    expect(load.err).toContain('There is no source "ghost"');
    const count = await rapport('--json', 'audience', 'count', '{"tag": "nope", "op": "=", "value": 1}');
    expect(count.code).toBe(1);
    expect(JSON.parse(count.out)).toMatchObject({
      code: 'conditions.invalid',
      faults: [{ pointer: '/condition/tag' }],
    });
  });

  it('checks the installation', async () => {
    const doctor = await rapport('doctor');
    expect(doctor.code).toBe(0);
    expect(JSON.parse(doctor.out)).toMatchObject({ status: 'ready', auditTrail: { intact: true } });
  });
});
