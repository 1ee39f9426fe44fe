import { readdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { testActor } from '@rapport/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Connected, startConnected, startWebServer, type WebServer } from './connected.test-support.ts';
import { createConnections } from './connections.service.ts';
import { download } from './download.ts';
import { createHostPolicy } from './host-policy.ts';
import { type S3Server, startS3Server } from './s3-server.test-support.ts';

vi.setConfig({ testTimeout: 120_000 });

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCY';
const BUCKET = { bucket: 'bank-lake', accessKeyId: 'AKIAEXAMPLE', region: 'ap-east-1' };

let web: WebServer;
let other: WebServer;
let lake: S3Server;
let platform: Connected;

beforeAll(async () => {
  [web, other, lake] = await Promise.all([
    startWebServer(),
    startWebServer(),
    startS3Server({ ...BUCKET, secretAccessKey: SECRET, pageSize: 2 }),
  ]);
  platform = await startConnected([web.host, other.host, lake.host, '127.0.0.1:9']);
});

afterAll(async () => {
  await platform?.stop();
  await Promise.all([web?.stop(), other?.stop(), lake?.stop()]);
});

afterEach(() => {
  web.answers.clear();
  web.requests.length = 0;
  other.answers.clear();
  other.requests.length = 0;
});

const connect = async (id: string, settings: Record<string, unknown>, secret?: string): Promise<void> => {
  const put = await platform.ask('PUT', `/connections/${id}`, {
    settings,
    ...(secret === undefined ? {} : { secret }),
  });
  expect(put).toMatchObject({ status: 200, body: { id } });
};
const feed = (user?: string): Promise<void> =>
  connect('feed', { kind: 'http', url: web.url, ...(user === undefined ? {} : { user }) }, SECRET);

const text = (body: string | Buffer, headers: Record<string, string> = {}) => {
  return (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, headers).end(body);
  };
};
const table = (path: string | string[], more: Record<string, unknown> = {}) => ({
  path,
  columns: { id: 'integer', name: 'text' },
  ...more,
});
const loadOf = (path: string | string[], more: Record<string, unknown> = {}) =>
  platform.load('orders', { connection: 'feed', tables: { t: table(path, more) } });
const ids = async (): Promise<(string | null)[]> =>
  (await platform.rows('orders', 't', ['id'])).map(([id = null]) => id);
const CSV = 'id,name\n1,王\n2,李\n';

/** A ZIP of one or more files. */
function zipOf(files: Record<string, string>): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(files)) {
    const plain = Buffer.from(content);
    const packed = deflateRawSync(plain);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(plain), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(plain.length, 18);
    head.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    central.push(Buffer.from('PK\x01\x02\x14\x00'), head, tail, Buffer.from(name));
    parts.push(Buffer.from('PK\x03\x04'), head, Buffer.from(name), packed);
    at += 30 + name.length + packed.length;
  }
  const index = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, index, end]);
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('a web server', () => {
  it('delivers files that are plain, packed by name, packed on the way, and several together', async () => {
    await feed('rapport');
    web.answers.set('/plain%20file.csv', text('id,name\n1,王\n'));
    web.answers.set('/a.csv.gz', text(gzipSync('id,name\n2,李\n')));
    web.answers.set('/b.csv', text(gzipSync('id,name\n3,陳\n'), { 'content-encoding': 'gzip' }));
    web.answers.set('/c.csv.gz', text(gzipSync('id,name\n4,林\n'), { 'content-encoding': 'gzip' }));
    web.answers.set('/d.zip', text(zipOf({ 'inner.csv': 'id,name\n5,黃\n' })));
    const load = await loadOf(['plain file.csv', 'a.csv.gz', 'b.csv', 'c.csv.gz', 'd.zip']);
    expect(load).toMatchObject({ state: 'loaded', tables: [{ read: 5, loaded: 5 }] });
    expect(await platform.rows('orders', 't', ['id', 'name'])).toEqual([
      ['1', '王'],
      ['2', '李'],
      ['3', '陳'],
      ['4', '林'],
      ['5', '黃'],
    ]);
    expect(web.requests[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from(`rapport:${SECRET}`).toString('base64')}`,
    );
    // Nothing of what was brought is left on the disk.
    expect(await readdir(join(platform.stores.home, 'spool'))).toEqual([]);
  });

  it('keeps the old data and says exactly what is wrong when a file does not come', async () => {
    await feed();
    web.answers.set('/t.csv', text(CSV));
    expect((await loadOf('t.csv')).state).toBe('loaded');
    expect(web.requests[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
    const faultOf = async (path: string | string[], more: Record<string, unknown> = {}) => {
      const { state, faults } = await loadOf(path, more);
      expect(state).toBe('refused');
      expect(await ids()).toEqual(['1', '2']);
      return faults.map(({ code, place, message }) => `${code} · ${place} · ${message}`).join(' ');
    };
    expect(await faultOf('gone.csv')).toBe(
      `missing_file · t (gone.csv) · There is nothing at ${web.url}gone.csv (404). Has it been delivered?`,
    );
    web.answers.set('/secret.csv', (_, response) => response.writeHead(401).end());
    expect(await faultOf('secret.csv')).toBe(
      `not_authorised · t (secret.csv) · The server refuses to deliver ${web.url}secret.csv (401). Check the secret and the rights of the connection.`,
    );
    web.answers.set('/busy.csv', (_, response) => response.writeHead(503).end());
    expect(await faultOf('busy.csv')).toBe(
      `not_delivered · t (busy.csv) · ${web.url}busy.csv could not be read in 3 attempts: the server answers 503. Load again when it can be reached.`,
    );
    web.answers.set('/large.csv', text(Buffer.alloc(1_000_001, 'x'), { 'content-length': '1000001' }));
    expect(await faultOf('large.csv')).toBe(
      `too_large · t (large.csv) · ${web.url}large.csv has 1000001 bytes; at most 1000000 are taken.`,
    );
    web.answers.set('/endless.csv', (_, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.end(Buffer.alloc(1_000_001, 'x'));
    });
    expect(await faultOf('endless.csv')).toContain('has more than 1000000 bytes.');
    web.answers.set('/cut.csv.gz', text(gzipSync(CSV).subarray(0, 20)));
    expect(await faultOf('cut.csv.gz')).toMatch(
      /broken_file · t \(cut\.csv\.gz\) · cut\.csv\.gz cannot be unpacked as gzip: .+\. Have it delivered again\./,
    );
    web.answers.set('/two.zip', text(zipOf({ 'a.csv': CSV, 'b.csv': CSV })));
    expect(await faultOf('two.zip')).toContain('it holds 2 files (a.csv, b.csv), not one');
    web.answers.set('/brotli.csv', text(CSV, { 'content-encoding': 'br' }));
    expect(await faultOf('brotli.csv')).toContain('brotli.csv comes packed as br, which is not read.');
    expect(await faultOf('day_*.csv')).toBe(
      'missing_file · t · "day_*.csv" is a pattern; a web server has no list of its files. Name them one by one.',
    );
    expect(await faultOf('../t.csv')).toBe('missing_file · t · "../t.csv" leads out of its place.');
    web.answers.set('/renamed.csv', text('id,title\n1,x\n'));
    expect(await faultOf('renamed.csv')).toContain('renamed.csv has no column "name"');
    expect(
      (
        await platform.load('orders', {
          connection: 'feed',
          tables: { t: { relation: { table: 'public.t' }, columns: { id: 'integer' } } },
        })
      ).faults,
    ).toMatchObject([
      {
        code: 'wrong_connection',
        message: 'The connection feed leads to files; name them by `path`, not by `relation`.',
      },
    ]);
    expect(
      (await platform.load('orders', { connection: 'nobody', tables: { t: table('t.csv') } })).faults,
    ).toMatchObject([
      {
        code: 'connection_not_found',
        message:
          'There is no connection "nobody". An administrator can add it, with its secret, under Connections.',
      },
    ]);
    expect(await ids()).toEqual(['1', '2']);
  });

  it('names everything that is missing at once', async () => {
    await feed();
    const load = await platform.load('many', {
      connection: 'feed',
      tables: { a: table('a.csv'), b: table('b.csv') },
    });
    expect(load.faults.map((fault) => fault.place)).toEqual(['a (a.csv)', 'b (b.csv)']);
  });

  it('takes a broken transfer up where it broke, and begins again when the file has changed', async () => {
    await feed();
    const rows = Array.from({ length: 2_000 }, (_, row) => `${row + 1},name ${row + 1}`).join('\n');
    const whole = Buffer.from(`id,name\n${rows}\n`);
    /** Breaks the first answer off in the middle; serves ranges of `versions` by their number. */
    const breaking = (versions: readonly Buffer[]) => {
      let answered = 0;
      return (request: IncomingMessage, response: ServerResponse): void => {
        const version = Math.min(answered++, versions.length - 1);
        const body = versions[version] ?? whole;
        const etag = `"v${version}"`;
        if (answered === 1) {
          response.writeHead(200, { etag, 'content-length': body.length });
          response.write(body.subarray(0, 9_000), () => setTimeout(() => response.destroy(), 300));
          return;
        }
        const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        if (from > 0 && request.headers['if-range'] === etag) {
          response.writeHead(206, {
            etag,
            'content-length': body.length - from,
            'content-range': `bytes ${from}-${body.length - 1}/${body.length}`,
          });
          response.end(body.subarray(from));
        } else response.writeHead(200, { etag, 'content-length': body.length }).end(body);
      };
    };
    web.answers.set('/t.csv', breaking([whole]));
    // The first answer has the only version there is, and so have the later ones.
    expect(await loadOf('t.csv')).toMatchObject({ state: 'loaded', tables: [{ loaded: 2_000 }] });
    expect(web.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      expect.stringMatching(/^bytes=[1-9]\d*-$/),
    ]);
    const changed = Buffer.from(whole.toString().replaceAll('name ', 'NAME '));
    web.answers.set('/t.csv', breaking([whole, changed]));
    expect((await loadOf('t.csv')).state).toBe('loaded');
    const names = (await platform.rows('orders', 't', ['name'])).map(([name]) => name);
    expect(names.every((name) => name?.startsWith('NAME'))).toBe(true);
    // One that never gets through leaves the data as it is.
    web.answers.set('/t.csv', (_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('id,name\n9,broken\n', () => setTimeout(() => response.destroy(), 20));
    });
    const broken = await loadOf('t.csv');
    expect(broken.faults).toMatchObject([{ code: 'not_delivered', place: 't (t.csv)' }]);
    expect(broken.faults[0]?.message).toMatch(/could not be read in 3 attempts: .+ Load again/);
    expect(await ids()).toHaveLength(2_000);
  });

  it('follows redirects to allowed hosts only, without giving the secret away', async () => {
    await feed();
    other.answers.set('/t.csv', text(CSV));
    const redirect = (location: string) => (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(302, { location }).end();
    };
    web.answers.set('/t.csv', redirect('/moved.csv'));
    web.answers.set('/moved.csv', redirect(`${other.url}t.csv`));
    expect((await loadOf('t.csv')).state).toBe('loaded');
    expect(web.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${SECRET}`,
      `Bearer ${SECRET}`,
    ]);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    const refusals: readonly (readonly [string, string])[] = [
      ['http://169.254.169.254/latest/meta-data/', 'Sources may not be read from 169.254.169.254:80.'],
      [`http://localhost:${web.port}/t.csv`, `Sources may not be read from localhost:${web.port}.`],
      ['http://[::1]/t.csv', 'Sources may not be read from ::1:80.'],
      ['http://2130706433/t.csv', 'Sources may not be read from 127.0.0.1:80.'],
      ['file:///etc/passwd', 'redirects to file:, which is not allowed.'],
      ['/t.csv', 'redirects without end.'],
    ];
    for (const [location, message] of refusals) {
      web.answers.set('/t.csv', redirect(location));
      const { faults } = await loadOf('t.csv');
      expect(faults).toHaveLength(1);
      expect(faults[0]?.message).toContain(message);
    }
    expect(await ids()).toEqual(['1', '2']);
  });

  it('connects to the address that was checked, whatever the name means a moment later', async () => {
    web.answers.set('/t.csv', text(CSV));
    let asked = 0;
    // Public for whoever checks, the platform's own machine for whoever asks again.
    const policy = createHostPolicy([`feeds.bank.test:${web.port}`], async () => [
      { address: asked++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 },
    ]);
    const path = join(platform.stores.home, 'pinned.csv');
    const url = new URL(`http://feeds.bank.test:${web.port}/t.csv`);
    const options = {
      policy,
      limits: { maxBytes: 1_000, idleMs: 1_000, attempts: 1, backoffMs: 1 },
      signal: AbortSignal.timeout(10_000),
      place: 't',
      headersFor: () => ({}),
    };
    expect(await download(url, path, options)).toMatchObject({ bytes: Buffer.byteLength(CSV) });
    expect(asked).toBe(1);
    expect(web.requests[0]?.headers.host).toBe(`feeds.bank.test:${web.port}`);
    await expect(download(url, path, options)).rejects.toThrow('link-local address 169.254.169.254');
  });
});

describe('a bucket', () => {
  const settings = () => ({ kind: 's3', endpoint: lake.endpoint, prefix: 'daily/', ...BUCKET });
  const put = (key: string, body: string | Buffer, encoding?: string): void => {
    lake.objects.set(key, { body: Buffer.from(body), ...(encoding === undefined ? {} : { encoding }) });
  };
  const load = (path: string | string[]) =>
    platform.load('lake', { connection: 'lake', tables: { t: table(path) } });

  it('is listed over pages, with signed requests, whatever signs keys are made of', async () => {
    await connect('lake', settings(), SECRET);
    for (const [index, name] of ['a', "o'b (1)", 'c+d', 'e&f', '客戶'].entries())
      put(`daily/2026/${name}.csv`, `id,name\n${index},${name}\n`);
    put('daily/2026/g.csv.gz', gzipSync('id,name\n9,g\n'), 'gzip');
    put('daily/2026/deeper/h.csv', 'id,name\n10,h\n');
    put('weekly/2026/i.csv', 'id,name\n11,i\n');
    const before = lake.pages;
    const found = await load('2026/*.csv*');
    expect(found.faults).toEqual([]);
    expect(found).toMatchObject({ state: 'loaded', tables: [{ read: 6, loaded: 6 }] });
    expect(lake.pages - before).toBe(4);
    expect((await platform.rows('lake', 't', ['name'])).flat().toSorted()).toEqual(
      ['a', "o'b (1)", 'c+d', 'e&f', '客戶', 'g'].toSorted(),
    );
    expect((await platform.ask('POST', '/connections/lake/test')).body).toEqual({
      works: true,
      message: 'At least 2 objects under bank-lake/daily/.',
    });
  });

  it('says why it cannot be read, and leaves the data as it was', async () => {
    const messageOf = async (path: string | string[]) => {
      const { state, faults } = await load(path);
      expect(state).toBe('refused');
      expect(await platform.rows('lake', 't', ['id'])).toHaveLength(6);
      return faults.map(({ code, message }) => `${code} · ${message}`).join(' ');
    };
    expect(await messageOf('2027/*.csv')).toBe(
      'missing_file · No object of bank-lake matches "daily/2027/*.csv". Has it been delivered?',
    );
    expect(await messageOf('none.csv')).toBe(
      `missing_file · There is nothing at ${lake.endpoint}/bank-lake/daily/none.csv (404 NoSuchKey). Has it been delivered?`,
    );
    await connect('lake', settings(), 'wrong');
    expect(await messageOf('2026/a.csv')).toBe(
      `not_authorised · The server refuses to deliver ${lake.endpoint}/bank-lake/daily/2026/a.csv (403 SignatureDoesNotMatch). Check the secret and the rights of the connection.`,
    );
    expect((await platform.ask('POST', '/connections/lake/test')).body).toMatchObject({ works: false });
    await connect('lake', { ...settings(), bucket: 'other' }, SECRET);
    expect(await messageOf('2026/*.csv')).toContain('(404 NoSuchBucket)');
    await connect('lake', { ...settings(), region: 'us-west-2' }, SECRET);
    expect(await messageOf('2026/a.csv')).toContain('(403 AuthorizationHeaderMalformed)');
    web.answers.set('/bank-lake?list-type=2&prefix=daily%2F2026%2F', text('<html>hello</html>'));
    await connect('lake', { ...settings(), endpoint: web.url }, SECRET);
    expect(await messageOf('2026/*.csv')).toBe(
      `not_delivered · ${web.host} answers no list of bank-lake. Does the endpoint of the connection speak S3?`,
    );
  });
});

describe('connections', () => {
  it('are tested before a source uses them', async () => {
    const outcome = async (settings: Record<string, unknown>) => {
      await connect('tried', settings, SECRET);
      return (await platform.ask('POST', '/connections/tried/test')).body;
    };
    web.answers.set('/', (_, response) => response.writeHead(403).end());
    expect(await outcome({ kind: 'http', url: web.url })).toEqual({
      works: false,
      message: `${web.host} refuses the secret of the connection (403). Check it and its rights.`,
    });
    web.answers.set('/', text(''));
    expect(await outcome({ kind: 'http', url: web.url })).toEqual({
      works: true,
      message: `${web.host} answers (200).`,
    });
    expect(await outcome({ kind: 'http', url: 'http://127.0.0.1:9/' })).toEqual({
      works: false,
      message: 'http://127.0.0.1:9/ does not answer: connect ECONNREFUSED 127.0.0.1:9.',
    });
    expect(await outcome({ kind: 'http', url: 'http://169.254.169.254/' })).toEqual({
      works: false,
      message:
        'Sources may not be read from 169.254.169.254:80. An operator must add it to RAPPORT_SOURCE_HOSTS.',
    });
    expect(await outcome({ kind: 's3', ...BUCKET, endpoint: 'http://127.0.0.1:9' })).toMatchObject({
      works: false,
    });
  });

  it('take a secret along only to where it was given for', async () => {
    await connect('moving', { kind: 'http', url: web.url }, SECRET);
    // Another path of the same host is fine.
    await connect('moving', { kind: 'http', url: `${web.url}daily/` });
    const elsewhere = await platform.ask('PUT', '/connections/moving', {
      settings: { kind: 'http', url: 'http://collector.example.com/' },
    });
    expect(elsewhere).toMatchObject({
      status: 422,
      body: {
        code: 'sources.invalid_connection',
        detail: 'moving would lead elsewhere with the secret it has. Give the secret again.',
      },
    });
    // Also another kind of connection leads elsewhere.
    const asBucket = await platform.ask('PUT', '/connections/moving', {
      settings: { kind: 's3', ...BUCKET, endpoint: web.url },
    });
    expect(asBucket.status).toBe(422);
    const { body } = await platform.ask('GET', '/connections');
    expect(body.items).toContainEqual(
      expect.objectContaining({
        id: 'moving',
        hasSecret: true,
        settings: { kind: 'http', url: `${web.url}daily/` },
      }),
    );
    expect((await platform.ask('DELETE', '/connections/moving')).status).toBe(204);
    expect((await platform.ask('DELETE', '/connections/moving')).body.code).toBe(
      'sources.connection_not_found',
    );
  });

  it('are refused with a secret in their address, a wrong name or an unknown setting', async () => {
    const put = (id: string, settings: Record<string, unknown>) =>
      platform.ask('PUT', `/connections/${id}`, { settings });
    expect((await put('a', { kind: 'http', url: `http://u:p@${web.host}/` })).status).toBe(400);
    expect((await put('a', { kind: 'http', url: web.url, password: 'x' })).status).toBe(400);
    expect((await put('A B', { kind: 'http', url: web.url })).body).toMatchObject({
      code: 'sources.invalid_connection',
    });
  });

  it('are for administrators', async () => {
    platform.edge.signInAs(testActor(['sources.read', 'sources.load']));
    try {
      expect((await platform.ask('GET', '/connections')).status).toBe(403);
      expect((await platform.ask('POST', '/connections/feed/test')).status).toBe(403);
    } finally {
      platform.edge.signInAs(testActor());
    }
  });

  it('keep their secrets encrypted, each for itself, and never say them', async () => {
    await connect('feed', { kind: 'http', url: web.url }, SECRET);
    await connect('tried', { kind: 'http', url: web.url }, SECRET);
    const { pool } = platform.stores.relational;
    const { rows } = await pool.query<{ id: string; text: string; secret: Buffer }>(
      `select c.id, row_to_json(c)::text as text, c.secret from sources.connection c where c.secret is not null`,
    );
    const told = [...platform.said, ...rows.flatMap((row) => [row.text, row.secret.toString('latin1')])].join(
      '\n',
    );
    expect(platform.said.length).toBeGreaterThan(50);
    for (const form of [
      SECRET,
      encodeURIComponent(SECRET),
      Buffer.from(`rapport:${SECRET}`).toString('base64'),
    ])
      expect(told).not.toContain(form);
    expect(told).toContain('"action":"connection.set"');
    // A sealed secret put under another name does not open, nor with another key.
    await pool.query(
      `update sources.connection c set secret = (select o.secret from sources.connection o where o.id = 'feed') where c.id = 'tried'`,
    );
    const open = (dataKey: Buffer, id: string) =>
      createConnections({
        relational: platform.stores.relational,
        clock: { now: () => 0 },
        audit: { record: async () => undefined },
        dataKey,
      }).open(id);
    expect((await open(Buffer.alloc(32, 7), 'feed')).secret).toBe(SECRET);
    await expect(open(Buffer.alloc(32, 7), 'tried')).rejects.toThrow();
    await expect(open(Buffer.alloc(32, 8), 'feed')).rejects.toThrow();
  });
});
