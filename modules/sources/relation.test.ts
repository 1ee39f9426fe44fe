import { readFile, writeFile } from 'node:fs/promises';
import { waitFor } from '@rapport/testkit';
import { type Connection, createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Connected, startConnected, startTunnel, type Tunnel } from './connected.test-support.ts';
import type { LoadView } from './contract.ts';

vi.setConfig({ testTimeout: 120_000 });

const PASSWORD = "s3cret'of\\the bank";
const COLUMNS = {
  id: 'integer',
  name: 'text',
  balance: 'money',
  rate: 'number',
  born: 'date',
  seen: 'instant',
  visited: { type: 'instant', zone: 'Asia/Taipei' },
  vip: 'boolean',
  raw: 'text',
  extra: 'text',
};
const NAMES = Object.keys(COLUMNS);

const faultsOf = (load: LoadView): string => {
  expect(load.state).toBe('refused');
  return load.faults.map(({ code, place, message }) => `${code} · ${place} · ${message}`).join(' ');
};

describe('a PostgreSQL database', () => {
  let platform: Connected;
  let bank: Client;
  let tunnel: Tunnel;

  /** The platform's own PostgreSQL, behind a port and a password, is the bank's. */
  beforeAll(async () => {
    // The port is known only after the platform is there; any port of this host is allowed by its bare name.
    platform = await startConnected(['127.0.0.1']);
    const { pool } = platform.stores.relational;
    const setting = async (name: string): Promise<string> => {
      const { rows } = await pool.query<{ value: string }>('select current_setting($1) as value', [name]);
      return rows[0]?.value ?? '';
    };
    await pool.query('create database bank');
    const socket = await setting('unix_socket_directories');
    const rules = await setting('hba_file');
    await writeFile(rules, `local bank reader scram-sha-256\n${await readFile(rules, 'utf8')}`);
    await pool.query('select pg_reload_conf()');
    bank = new Client({ host: socket, user: 'rapport', database: 'bank' });
    bank.on('error', () => undefined);
    await bank.connect();
    await bank.query(`
      create role reader login password '${PASSWORD.replaceAll("'", "''")}';
      create schema core;
      grant usage on schema core to reader;
      create table core.customer (
        id bigint primary key, name text, balance numeric(20, 4), rate double precision, born date, seen timestamptz,
        visited timestamp, vip boolean, raw bytea, extra jsonb
      );
      create table core."Odd Name" ("Customer ""No""" integer);
      create table core.hidden (id integer);
      grant select on core.customer, core."Odd Name" to reader;
      insert into core."Odd Name" values (7);
      insert into core.customer values
        (1, '王, "小"明' || chr(10) || '二', 1234567890.5000, 0.1, '1931-05-06', '1969-07-20 20:17:40.123456+00', '2026-01-02 08:00:00', true, '\\xdead', '{"a": [1, null]}'),
        (2, null, null, null, null, null, null, null, null, null),
        (3, '', -0.05, 'nan', '2030-12-31', '2026-11-25 08:00:00+08', '2026-07-01 00:00:00.5', false, '', 'null');
    `);
    tunnel = await startTunnel({ path: `${socket}/.s.PGSQL.5432` });
    await connect();
  });

  afterAll(async () => {
    await tunnel?.stop();
    await bank?.end();
    await platform?.stop();
  });

  const connect = async (settings: Record<string, unknown> = {}, secret = PASSWORD): Promise<void> => {
    const put = await platform.ask('PUT', '/connections/core', {
      settings: {
        kind: 'postgresql',
        host: '127.0.0.1',
        port: tunnel.port,
        database: 'bank',
        user: 'reader',
        tls: 'off',
        ...settings,
      },
      secret,
    });
    expect(put.status).toBe(200);
  };
  const load = (relation: string, columns: Record<string, unknown> = COLUMNS) =>
    platform.load('core', {
      connection: 'core',
      tables: { t: { relation: { table: relation }, columns, maxQuarantineShare: 1 } },
    });
  const count = async () => (await platform.rows('core', 't', ['id'])).length;

  it('is read with every value as it is', async () => {
    const found = await load('core.customer');
    expect(found).toMatchObject({ state: 'loaded', tables: [{ read: 3, loaded: 2, quarantined: 1 }] });
    expect(await platform.rows('core', 't', NAMES)).toEqual([
      [
        '1',
        '王, "小"明\n二',
        '123456789050',
        '0.1',
        '1931-05-06',
        '1969-07-20 20:17:40.123',
        '2026-01-02 00:00:00.000',
        'true',
        '\\xdead',
        '{"a": [1, null]}',
      ],
      ['2', '', null, null, null, null, null, null, '', ''],
    ]);
    // A number that is none is refused like in any file.
    const { body } = await platform.ask('GET', '/sources/core/quarantine');
    expect(body.items).toMatchObject([
      { file: 'core.customer', field: 'rate', value: 'NaN', reason: 'not_a_number' },
    ]);
    expect((await platform.ask('POST', '/connections/core/test')).body).toEqual({
      works: true,
      message: 'bank answers and can be read.',
    });
    // Views, odd names and columns that are not wanted.
    await bank.query(
      'create view core.few as select id, name, pg_typeof(id) as kind from core.customer where id < 3; grant select on core.few to reader',
    );
    expect((await load('core.few', { number: { type: 'integer', from: 'id' } })).tables).toMatchObject([
      { loaded: 2 },
    ]);
    expect(
      (await load('core.Odd Name', { id: { type: 'integer', from: 'Customer "No"' } })).tables,
    ).toMatchObject([{ loaded: 1 }]);
  });

  it('says exactly why it cannot be read, and leaves the data of before', async () => {
    await load('core.customer');
    const where = `127.0.0.1:${tunnel.port}`;
    expect(faultsOf(await load('core.gone'))).toBe(
      'missing_file · t (core.gone) · The database has no table core.gone, or the user of the connection may not see it.',
    );
    expect(faultsOf(await load('core.customer', { id: 'integer', phone: 'text' }))).toBe(
      'missing_column · t (core.customer) · core.customer has no column "phone"; it has id, name, balance, rate, born, seen, visited, vip, raw, extra. Correct `from` in the manifest.',
    );
    expect(faultsOf(await load('core.hidden', { id: 'integer' }))).toBe(
      'not_authorised · t (core.hidden) · The user of the connection may not read it: permission denied for table hidden (42501). Grant SELECT on it.',
    );
    await connect({}, 'wrong');
    expect(faultsOf(await load('core.customer'))).toBe(
      `not_connected · t · The postgresql database bank at ${where} cannot be opened: password authentication failed for user "reader" (28P01). Check the connection and its secret.`,
    );
    await connect({ database: 'nowhere' });
    expect(faultsOf(await load('core.customer'))).toContain('database "nowhere" does not exist (3D000)');
    await connect({ tls: 'require' });
    expect(faultsOf(await load('core.customer'))).toContain('The server does not support SSL connections');
    await connect({ port: 9 });
    expect(faultsOf(await load('core.customer'))).toContain(
      'cannot be opened: connect ECONNREFUSED 127.0.0.1:9 (ECONNREFUSED).',
    );
    await connect({ host: 'localhost' });
    expect(faultsOf(await load('core.customer'))).toBe(
      `host_not_allowed · t · Sources may not be read from localhost:${tunnel.port}. An operator must add it to RAPPORT_SOURCE_HOSTS.`,
    );
    expect((await platform.ask('POST', '/connections/core/test')).body).toMatchObject({ works: false });
    await connect({ host: '169.254.169.254' });
    expect(faultsOf(await load('core.customer'))).toContain('host_not_allowed');
    await connect();
    expect(
      (
        await platform.load('core', {
          connection: 'core',
          tables: { t: { path: 't.csv', columns: { id: 'integer' } } },
        })
      ).faults,
    ).toMatchObject([
      {
        code: 'wrong_connection',
        message: 'The connection core leads to a database; name the table by `relation`, not by `path`.',
      },
    ]);
    expect(await count()).toBe(2);
    expect(platform.said.length).toBeGreaterThan(10);
    for (const line of platform.said) expect(line).not.toContain(PASSWORD);
  });

  it('keeps the old data when it breaks in the middle', async () => {
    await load('core.customer');
    await bank.query(
      `create or replace view core.slow as select i as id, repeat('x', 1000) as name, pg_sleep(0.002)::text as pause from generate_series(1, 100000) i; grant select on core.slow to reader`,
    );
    const isCopying = async (): Promise<boolean> => {
      const { rows } = await bank.query<{ n: number }>(
        `select count(*)::integer as n from pg_stat_activity where application_name = 'Rapport' and state = 'active' and query like 'copy%'`,
      );
      return (rows[0]?.n ?? 0) > 0;
    };
    const ending = load('core.slow', { id: 'integer', name: 'text' });
    await waitFor(isCopying);
    await bank.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'Rapport' and query like 'copy%'`,
    );
    expect(faultsOf(await ending)).toBe(
      'not_delivered · t (core.slow) · The database broke the reading off: terminating connection due to administrator command (57P01). Load again; nothing was changed.',
    );
    const cut = load('core.slow', { id: 'integer', name: 'text' });
    await waitFor(isCopying);
    tunnel.cut();
    expect(faultsOf(await cut)).toContain(
      'not_delivered · t (core.slow) · The database broke the reading off:',
    );
    expect(await count()).toBe(2);
  });

  it('is read as of one moment, however many tables a source has', async () => {
    await bank.query(`
      create table core.account (id integer);
      create table core.posting (account integer);
      insert into core.account values (1);
      insert into core.posting values (1);
      create view core.slow_account as select id, pg_sleep(1)::text as pause from core.account;
      grant select on core.posting, core.slow_account to reader`);
    const loading = platform.load('ledger', {
      connection: 'core',
      tables: {
        account: { relation: { table: 'core.slow_account' }, columns: { id: 'integer' } },
        posting: { relation: { table: 'core.posting' }, columns: { account: 'integer' } },
      },
    });
    await waitFor(async () => {
      const { rows } = await bank.query(
        `select 1 from pg_stat_activity where application_name = 'Rapport' and state = 'active' and query like 'copy%slow_account%'`,
      );
      return rows.length > 0;
    });
    await bank.query('insert into core.account values (2); insert into core.posting values (2)');
    expect((await loading).tables).toMatchObject([
      { table: 'account', loaded: 1 },
      { table: 'posting', loaded: 1 },
    ]);
  });
});

const ADMIN = { host: '127.0.0.1', port: 3306, user: 'root', password: '' };
const mysql: Connection | undefined = await createConnection({ ...ADMIN, connectTimeout: 2_000 }).catch(
  () => undefined,
);

describe.skipIf(mysql === undefined)('a MySQL or MariaDB database', () => {
  const database = `rapport_sources_${process.pid}`;
  const reader = `reader_${process.pid}`;
  let platform: Connected;
  let tunnel: Tunnel;

  beforeAll(async () => {
    platform = await startConnected(['127.0.0.1']);
    tunnel = await startTunnel({ host: ADMIN.host, port: ADMIN.port });
    await mysql?.query(`create database ${database} character set utf8mb4`);
    await mysql?.query(`use ${database}`);
    await mysql?.query(`create user '${reader}'@'%' identified by ?`, [PASSWORD]);
    await mysql?.query(`grant select on ${database}.* to '${reader}'@'%'`);
    await mysql?.query(`create table customer (
      id bigint primary key, name varchar(60), balance decimal(20, 4), rate double, born date, seen timestamp(6) null,
      visited datetime(3), vip tinyint(1), raw varbinary(10), extra json, flag bit(1))`);
    await mysql?.query("set time_zone = '+00:00'");
    await mysql?.query(`insert into customer values
      (1, '王, "小"明\\n二', 1234567890.5000, 0.1, '1931-05-06', '1970-07-20 20:17:40.123456', '2026-01-02 08:00:00', true, x'dead', '{"a": [1, null]}', b'1'),
      (2, null, null, null, null, null, null, null, null, null, null)`);
    await connect();
  });

  afterAll(async () => {
    await mysql?.query(`drop database if exists ${database}`);
    await mysql?.query(`drop user if exists '${reader}'@'%'`);
    await mysql?.end();
    await tunnel?.stop();
    await platform?.stop();
  });

  const connect = async (settings: Record<string, unknown> = {}, secret = PASSWORD): Promise<void> => {
    const put = await platform.ask('PUT', '/connections/shop', {
      settings: {
        kind: 'mysql',
        host: '127.0.0.1',
        port: tunnel.port,
        database,
        user: reader,
        tls: 'off',
        ...settings,
      },
      secret,
    });
    expect(put.status).toBe(200);
  };
  const load = (relation: string, columns: Record<string, unknown> = { ...COLUMNS, flag: 'boolean' }) =>
    platform.load('shop', {
      connection: 'shop',
      tables: { t: { relation: { table: relation }, columns, maxQuarantineShare: 1 } },
    });

  it('is read with every value as it is', async () => {
    expect(await load('customer')).toMatchObject({ state: 'loaded', tables: [{ read: 2, loaded: 2 }] });
    expect(await platform.rows('shop', 't', [...NAMES, 'flag'])).toEqual([
      [
        '1',
        '王, "小"明\n二',
        '123456789050',
        '0.1',
        '1931-05-06',
        '1970-07-20 20:17:40.123',
        '2026-01-02 00:00:00.000',
        'true',
        '\\xdead',
        '{"a": [1, null]}',
        'true',
      ],
      ['2', '', null, null, null, null, null, null, '', '', null],
    ]);
    expect((await platform.ask('POST', '/connections/shop/test')).body).toMatchObject({ works: true });
  });

  it('says exactly why it cannot be read, and leaves the data of before', async () => {
    await load('customer');
    expect(faultsOf(await load('gone'))).toBe(
      'missing_file · t (gone) · The database has no table gone, or the user of the connection may not see it.',
    );
    expect(faultsOf(await load('customer', { id: 'integer', phone: 'text' }))).toContain(
      'missing_column · t (customer) · customer has no column "phone"; it has id, name, balance',
    );
    await mysql?.query(
      `create view slow as select c.id + sleep(0.05) as id from customer c join information_schema.collations d`,
    );
    const ending = load('slow', { id: 'integer' });
    const running = await waitFor(async () => {
      const rows = await mysql?.query(
        `select id from information_schema.processlist where user = '${reader}' and info like 'select%slow%'`,
      );
      const [first] = Array.isArray(rows?.[0]) ? rows[0] : [];
      return first && 'id' in first ? Number(first.id) : undefined;
    });
    await mysql?.query(`kill ${running}`);
    expect(faultsOf(await ending)).toContain(
      'not_delivered · t (slow) · The database broke the reading off:',
    );
    await connect({}, 'wrong');
    expect(faultsOf(await load('customer'))).toMatch(
      /not_connected · t · The mysql database rapport_sources_\d+ at 127\.0\.0\.1:\d+ cannot be opened: Access denied for user .+ \(ER_ACCESS_DENIED_ERROR\)\. Check the connection and its secret\./,
    );
    await connect({ port: 9 });
    expect(faultsOf(await load('customer'))).toContain('connect ECONNREFUSED 127.0.0.1:9');
    await connect({ tls: 'require' });
    expect(faultsOf(await load('customer'))).toMatch(/cannot be opened: .*(secure connection|certificate)/i);
    await connect({ host: 'localhost' });
    expect(faultsOf(await load('customer'))).toContain('host_not_allowed');
    expect(await platform.rows('shop', 't', ['id'])).toHaveLength(2);
    for (const line of platform.said) expect(line).not.toContain(PASSWORD);
  });
});
