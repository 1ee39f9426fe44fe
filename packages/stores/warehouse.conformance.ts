import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cidSetFromBytes, cidSetOf } from './cid-sets.ts';
import type { Warehouse, WarehouseTable } from './ports.ts';

/** What ClickHouse must do through our driver, embedded or by URL. */
export function warehouseConformance(
  engine: string,
  open: () => Promise<Warehouse>,
  close: () => Promise<void>,
): void {
  describe(`warehouse on ${engine}`, () => {
    let store: Warehouse;
    const made: string[] = [];
    beforeAll(async () => {
      store = await open();
    });
    afterAll(async () => {
      await store.drop(...made).catch(() => undefined);
      await close();
    });
    const makeTable = async (
      columns: string,
      more: Partial<Omit<WarehouseTable, 'name' | 'columns'>> = {},
    ): Promise<string> => {
      const table = `conformance_${randomUUID().replaceAll('-', '')}`;
      made.push(table);
      await store.createTable({ name: table, columns, orderBy: 'tuple()', spread: 'any', ...more });
      return table;
    };
    const makeName = (): string => {
      const name = `conformance_${randomUUID().replaceAll('-', '')}`;
      made.push(name);
      return name;
    };
    const Count = Type.Object({ n: Type.Integer() });
    const countOf = async (table: string): Promise<number | undefined> =>
      (await store.query(Count, `SELECT count() AS n FROM ${table}`))[0]?.n;

    it('answers rows typed by the schema', async () => {
      const Row = Type.Object({
        small: Type.Integer(),
        big: Type.Integer(),
        exact: Type.String(),
        huge: Type.BigInt(),
        real: Type.Number(),
        money: Type.Number(),
        flag: Type.Boolean(),
        text: Type.String(),
        none: Type.Union([Type.Null(), Type.Integer()]),
        some: Type.Union([Type.Integer(), Type.Null()]),
        list: Type.Array(Type.Integer()),
        map: Type.Record(Type.String(), Type.Integer()),
        day: Type.String(),
        at: Type.String(),
      });
      const rows = await store.query(
        Row,
        `SELECT toUInt8(7) AS small, toUInt64(9007199254740991) AS big, toUInt64(18446744073709551615) AS exact,
           toUInt64(18446744073709551615) AS huge, 0.1 AS real, toDecimal64(12.34, 2) AS money, true AS flag,
           '客戶\\n"\\'' AS text, CAST(NULL, 'Nullable(UInt64)') AS none, CAST(5, 'Nullable(UInt64)') AS some,
           [toUInt64(1), 2] AS list, map('a', toUInt64(3)) AS map, toDate('2026-03-01') AS day,
           toDateTime64('2026-03-01 09:30:00.123', 3, 'UTC') AS at`,
      );
      expect(rows).toEqual([
        {
          small: 7,
          big: 9_007_199_254_740_991,
          exact: '18446744073709551615',
          huge: 18_446_744_073_709_551_615n,
          real: 0.1,
          money: 12.34,
          flag: true,
          text: '客戶\n"\'',
          none: null,
          some: 5,
          list: [1, 2],
          map: { a: 3 },
          day: '2026-03-01',
          at: '2026-03-01T09:30:00.123Z',
        },
      ]);
    });

    it('refuses an integer that a number cannot hold, and rows of another form', async () => {
      await expect(store.query(Count, 'SELECT toUInt64(9007199254740993) AS n')).rejects.toMatchObject({
        code: 'stores.row_mismatch',
      });
      await expect(store.query(Count, "SELECT 'x' AS n")).rejects.toMatchObject({
        code: 'stores.row_mismatch',
      });
      await expect(store.query(Count, 'SELECT 1 AS m')).rejects.toMatchObject({
        code: 'stores.row_mismatch',
      });
    });

    it('binds parameters of every kind as data', async () => {
      const evil = "'; DROP TABLE x; --\\ \n\t{n:UInt8} 客";
      const Row = Type.Object({
        s: Type.String(),
        n: Type.Integer(),
        l: Type.Array(Type.String()),
        e: Type.Null(),
        d: Type.String(),
        b: Type.Boolean(),
      });
      const rows = await store.query(
        Row,
        'SELECT {s:String} AS s, {n:Int64} AS n, {l:Array(String)} AS l, {e:Nullable(String)} AS e, {d:Date} AS d, {b:Bool} AS b',
        { s: evil, n: -5, l: [evil, ''], e: null, d: '2026-03-01', b: true },
      );
      expect(rows).toEqual([{ s: evil, n: -5, l: [evil, ''], e: null, d: '2026-03-01', b: true }]);
    });

    it('keeps the parameters of simultaneous statements apart', async () => {
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, index) => store.query(Count, 'SELECT {n:UInt32} AS n', { n: index })),
      );
      expect(answers.flat().map(({ n }) => n)).toEqual(Array.from({ length: 60 }, (_, index) => index));
    });

    it('refuses a statement whose parameter is missing, whatever was bound before', async () => {
      await store.query(Count, 'SELECT {n:UInt32} AS n', { n: 1 });
      for (let time = 0; time < 10; time++) {
        await expect(store.query(Count, 'SELECT {n:UInt32} AS n')).rejects.toMatchObject({
          code: 'stores.query_failed',
          details: { engineCode: 456 },
        });
      }
    });

    it('binds a list of 100,000 numbers', async () => {
      const cids = Array.from({ length: 100_000 }, (_, index) => index * 3);
      expect(await store.query(Count, 'SELECT length({cids:Array(UInt32)}) AS n', { cids })).toEqual([
        { n: 100_000 },
      ]);
    });

    it('applies settings to one statement only', async () => {
      const Row = Type.Object({ n: Type.Integer() });
      const sql = "SELECT toUInt32(getSetting('max_threads')) AS n";
      expect(await store.query(Row, sql, {}, { settings: { max_threads: 1 } })).toEqual([{ n: 1 }]);
      const later = await Promise.all(
        Array.from({ length: 20 }, () => store.query(Row, sql, {}, { settings: { max_threads: 2 } })),
      );
      expect(new Set(later.flat().map(({ n }) => n))).toEqual(new Set([2]));
    });

    it('inserts objects and answers them', async () => {
      const table = await makeTable(
        'cid UInt32, big UInt64, name Nullable(String), tags Array(String), at DateTime64(3), props Map(String, String)',
      );
      await store.insert(table, [
        {
          cid: 1,
          big: 18_446_744_073_709_551_615n,
          name: '陳\n大文',
          tags: ['a', "b'"],
          at: 1_700_000_000_123,
          props: { k: 'v' },
        },
        { cid: 2, big: 0, name: null, tags: [], at: '2026-03-01T00:00:00.000Z', props: {} },
      ]);
      const Row = Type.Object({
        cid: Type.Integer(),
        big: Type.BigInt(),
        name: Type.Union([Type.String(), Type.Null()]),
        tags: Type.Array(Type.String()),
        at: Type.String(),
        props: Type.Record(Type.String(), Type.String()),
      });
      expect(
        await store.query(Row, `SELECT cid, big, name, tags, at, props FROM ${table} ORDER BY cid`),
      ).toEqual(
        [
          {
            cid: 1,
            big: 18_446_744_073_709_551_615n,
            name: '陳\n大文',
            tags: ['a', "b'"],
            at: '2023-11-14T22:13:20.123Z',
            props: { k: 'v' },
          },
          { cid: 2, big: 0n, name: null, tags: [], at: '2026-03-01T00:00:00Z', props: {} },
        ].map((row) => ({ ...row, at: expect.stringContaining(row.at.slice(0, 19)) })),
      );
    });

    it('inserts equal rows as often as asked, and a repeated token once', async () => {
      const table = await makeTable('cid UInt32');
      const rows = [{ cid: 1 }, { cid: 2 }];
      for (let time = 0; time < 3; time++) await store.insert(table, rows);
      expect(await countOf(table)).toBe(6);
      for (let time = 0; time < 3; time++) await store.insert(table, rows, { dedupeToken: 'load-1' });
      expect(await countOf(table)).toBe(8);
      await store.insert(table, rows, { dedupeToken: 'load-2' });
      for (let time = 0; time < 2; time++) await store.insert(table, rows);
      expect(await countOf(table)).toBe(14);
    });

    it('inserts 100,000 rows as one block, all or nothing', async () => {
      const table = await makeTable('cid UInt32, name String');
      const rows = Array.from({ length: 100_000 }, (_, cid) => ({ cid, name: `customer ${cid}` }));
      await store.insert(table, rows, { dedupeToken: 'big' });
      await store.insert(table, rows, { dedupeToken: 'big' });
      expect(await countOf(table)).toBe(100_000);
      const broken = [...rows.slice(0, 99_999), { cid: 'no number', name: '' }];
      await expect(store.insert(table, broken)).rejects.toMatchObject({ code: 'stores.query_failed' });
      expect(await countOf(table)).toBe(100_000);
    });

    it('inserts from a stream of bytes, empty lines and line feeds in binary data included', async () => {
      const table = await makeTable('cid UInt32, name String');
      async function* binary(): AsyncIterable<Uint8Array> {
        for (let start = 0; start < 200_000; start += 10_000) {
          const bytes = Buffer.alloc(10_000 * 7);
          for (let index = 0; index < 10_000; index++) {
            bytes.writeUInt32LE(start + index, index * 7);
            bytes.write('\u0002\n\n', index * 7 + 4, 'latin1');
          }
          yield bytes;
        }
      }
      await store.insertStream(`INSERT INTO ${table} FORMAT RowBinary`, binary());
      expect(await countOf(table)).toBe(200_000);
      const Row = Type.Object({ last: Type.Integer(), names: Type.Integer() });
      expect(
        await store.query(Row, `SELECT max(cid) AS last, uniqExact(name) AS names FROM ${table}`),
      ).toEqual([{ last: 199_999, names: 1 }]);

      const strings = await makeTable('name String');
      async function* tsv(): AsyncIterable<Uint8Array> {
        yield Buffer.from('one\n\n\ntwo');
        yield Buffer.from('\\n2\nthree\n');
      }
      await store.insertStream(`INSERT INTO ${strings} (name) FORMAT TabSeparated`, tsv());
      const Name = Type.Object({ name: Type.String() });
      const names = await store.query(Name, `SELECT name FROM ${strings}`);
      expect(names.map(({ name }) => name).toSorted()).toEqual(['', '', 'one', 'three', 'two\n2']);
    });

    it('inserts through input() with expressions', async () => {
      const table = await makeTable('cid UInt32, name String');
      async function* csv(): AsyncIterable<Uint8Array> {
        yield Buffer.from('1,chan\n2,wong\n');
      }
      await store.insertStream(
        `INSERT INTO ${table} SELECT c + 10, upper(n) FROM input('c UInt32, n String') FORMAT CSV`,
        csv(),
      );
      const Row = Type.Object({ cid: Type.Integer(), name: Type.String() });
      expect(await store.query(Row, `SELECT cid, name FROM ${table} ORDER BY cid`)).toEqual([
        { cid: 11, name: 'CHAN' },
        { cid: 12, name: 'WONG' },
      ]);
    });

    it('stores nothing of a stream that breaks off', async () => {
      const table = await makeTable('cid UInt32');
      async function* broken(): AsyncIterable<Uint8Array> {
        yield Buffer.from('1\n2\n');
        throw new Error('the source broke');
      }
      await expect(
        store.insertStream(`INSERT INTO ${table} FORMAT TabSeparated`, broken()),
      ).rejects.toThrow();
      await sleep(200);
      expect(await countOf(table)).toBe(0);
    });

    it('streams results larger than a batch', async () => {
      const Row = Type.Object({ n: Type.Integer(), s: Type.String() });
      let sum = 0;
      let batches = 0;
      for await (const rows of store.stream(
        Row,
        "SELECT number AS n, concat('客\\n', toString(number)) AS s FROM numbers({count:UInt64})",
        { count: 500_000 },
      )) {
        batches++;
        for (const { n } of rows) sum += n;
      }
      expect(sum).toBe((500_000 * 499_999) / 2);
      expect(batches).toBeGreaterThan(1);
    });

    it('stops a stream that its reader leaves, and goes on with others', async () => {
      for (let time = 0; time < 12; time++) {
        for await (const rows of store.stream(Count, 'SELECT number AS n FROM numbers(100000000)')) {
          expect(rows.length).toBeGreaterThan(0);
          break;
        }
      }
      expect(await store.query(Count, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    });

    it('fails a stream whose statement fails midway, and goes on with others', async () => {
      for (let time = 0; time < 3; time++) {
        const read = async (): Promise<void> => {
          for await (const _rows of store.stream(
            Count,
            'SELECT number + throwIf(number = 600000) AS n FROM numbers(1000000)',
          ));
        };
        await expect(read()).rejects.toMatchObject({ name: 'Problem' });
      }
      expect(await store.query(Count, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    });

    it('cancels on the engine when the signal fires', async () => {
      const abort = new AbortController();
      const started = performance.now();
      const heavy =
        'SELECT toUInt32(count()) AS n FROM numbers(1000000000000) WHERE sipHash64(number) % 7 = 1';
      const query = store.query(Count, heavy, {}, { signal: abort.signal });
      setTimeout(() => abort.abort(), 300);
      await expect(query).rejects.toMatchObject({ code: 'stores.query_cancelled' });
      expect(performance.now() - started).toBeLessThan(3_000);
      const Running = Type.Object({ n: Type.Integer() });
      for (let left = 50; ; left--) {
        const [running] = await store.query(
          Running,
          "SELECT count() AS n FROM system.processes WHERE query LIKE '%1000000000000%' AND query NOT LIKE '%system.processes%'",
        );
        if (running?.n === 0) break;
        if (left === 0) throw new Error('the statement still runs');
        await sleep(100);
      }
    });

    it('gives up statements that take too long or too much memory', async () => {
      const slow = store.query(
        Count,
        'SELECT count() AS n FROM numbers(1000000000000) WHERE sipHash64(number) % 7 = 1',
        {},
        { maxSeconds: 1 },
      );
      await expect(slow).rejects.toMatchObject({ code: 'stores.query_too_slow' });
      const large = store.query(
        Count,
        'SELECT length(groupArray(number)) AS n FROM numbers(100000000)',
        {},
        { settings: { max_memory_usage: 50_000_000 } },
      );
      await expect(large).rejects.toMatchObject({ code: 'stores.query_too_large' });
      expect(await store.query(Count, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    });

    it('says what the engine said about a faulty statement', async () => {
      await expect(store.query(Count, 'SELEC 1')).rejects.toMatchObject({
        code: 'stores.query_failed',
        details: { engineCode: 62 },
      });
      await expect(store.command('INSERT INTO no_such_table VALUES (1)')).rejects.toMatchObject({
        details: { engineCode: 60 },
      });
    });

    it('exchanges sets of customers byte by byte, small and large', async () => {
      const table = await makeTable('name String, cids AggregateFunction(groupBitmap, UInt32)');
      const samples = [
        [],
        [0],
        [1, 5, 4_294_967_295],
        Array.from({ length: 32 }, (_, index) => index * 1000),
        Array.from({ length: 33 }, (_, index) => index * 1000),
        Array.from({ length: 200_000 }, (_, index) => index * 7),
        Array.from({ length: 70_000 }, (_, index) => index),
      ];
      for (const [index, cids] of samples.entries()) {
        const set = cidSetOf(cids);
        async function* row(): AsyncIterable<Uint8Array> {
          const name = Buffer.from(`s${index}`);
          yield Buffer.concat([Buffer.of(name.length), name, set.toWarehouseBytes()]);
        }
        await store.insertStream(`INSERT INTO ${table} FORMAT RowBinary`, row());
        const back = await store.queryCids(
          `SELECT groupBitmapMergeState(cids) FROM ${table} WHERE name = {name:String}`,
          { name: `s${index}` },
        );
        expect([...back.toArray()]).toEqual(cids);
        const [known] = await store.query(
          Count,
          `SELECT bitmapCardinality(cids) AS n FROM ${table} WHERE name = {name:String}`,
          { name: `s${index}` },
        );
        expect(known?.n).toBe(cids.length);
        const engineMade = await store.queryCids('SELECT groupBitmapState(arrayJoin({cids:Array(UInt32)}))', {
          cids,
        });
        expect(cidSetFromBytes(engineMade.toBytes()).toArray()).toEqual(set.toArray());
      }
    });

    describe('tables spread over nodes', () => {
      const Row = Type.Object({ cid: Type.Integer(), n: Type.Integer() });
      /** 3,000 customers, their events (customer `c` has `c % 4`), and a small table of names. */
      const makeBank = async () => {
        const customer = await makeTable('cid UInt32, city LowCardinality(String)', {
          orderBy: 'cid',
          spread: 'cid',
        });
        const event = await makeTable(
          "cid UInt32, name String, at DateTime64(3, 'UTC'), INDEX name_filter name TYPE bloom_filter(0.01) GRANULARITY 1",
          {
            orderBy: 'cid, name, at',
            partitionBy: 'toYYYYMM(at)',
            settings: 'index_granularity = 1024',
            spread: 'cid',
          },
        );
        const city = await makeTable('code String, name String', { orderBy: 'code', spread: 'copy' });
        await store.command(
          `INSERT INTO ${customer} (cid, city) SELECT number, ['hk', 'sz', 'gz'][number % 3 + 1] FROM numbers(3000)`,
        );
        await store.command(
          `INSERT INTO ${event} SELECT cid, ['login', 'view'][number % 2 + 1], toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 86400 FROM (SELECT cid, arrayJoin(range(cid % 4)) AS number FROM ${customer})`,
        );
        await store.insert(city, [
          { code: 'hk', name: '香港' },
          { code: 'sz', name: '深圳' },
        ]);
        return { customer, event, city };
      };

      it('join and count as one table does', async () => {
        const { customer, event, city } = await makeBank();
        expect([await countOf(customer), await countOf(event), await countOf(city)]).toEqual([3000, 4500, 2]);
        const counts: Record<string, number> = {
          [`${customer} AS c INNER JOIN ${event} AS e ON c.cid = e.cid`]: 4500,
          [`${customer} AS c LEFT JOIN (SELECT cid, count() AS k FROM ${event} GROUP BY cid) AS e ON c.cid = e.cid WHERE k > 2`]: 750,
          [`(SELECT cid AS row_cid, count() AS k FROM ${event} GROUP BY cid) AS e RIGHT JOIN (SELECT cid FROM ${customer}) AS c ON e.row_cid = c.cid`]: 3000,
          [`${customer} WHERE cid IN (SELECT cid FROM ${event} WHERE name = 'view')`]: 1500,
          [`${customer} WHERE cid NOT IN (SELECT cid FROM ${event})`]: 750,
          [`${customer} WHERE cid IN (SELECT cid FROM (SELECT cid FROM ${event} WHERE name = 'view' UNION ALL SELECT cid FROM ${customer} WHERE city = 'hk'))`]: 2000,
          [`${customer} AS c INNER JOIN ${city} AS k ON c.city = k.code`]: 2000,
          [`${city} AS k INNER JOIN ${customer} AS c ON c.city = k.code`]: 2000,
          [`(SELECT cid, row_number() OVER (PARTITION BY cid ORDER BY at) AS place FROM ${event}) WHERE place = 2`]: 1500,
          [`${customer} WHERE cid = 7`]: 1,
        };
        for (const [from, expected] of Object.entries(counts)) {
          const [row] = await store.query(Count, `SELECT count() AS n FROM ${from}`);
          expect(row?.n, from).toBe(expected);
        }
        const set = await store.queryCids(
          `SELECT bitmapAndnot((SELECT groupBitmapState(cid) FROM ${customer}), (SELECT groupBitmapState(cid) FROM ${event}))`,
        );
        expect(set.size).toBe(750);
        expect([...set.toArray()].every((cid) => cid % 4 === 0)).toBe(true);
      });

      it('take what a query answers, wherever its rows lie', async () => {
        const { customer, event } = await makeBank();
        const typed = await makeTable('id String, n UInt64');
        await store.command(`INSERT INTO ${typed} SELECT toString(cid), count() FROM ${event} GROUP BY cid`);
        const joined = await makeTable('cid UInt32, n UInt64', { orderBy: 'cid', spread: 'cid' });
        await store.command(
          `INSERT INTO ${joined} SELECT c.cid, t.n FROM ${typed} AS t INNER JOIN ${customer} AS c ON toString(c.cid) = t.id`,
        );
        const copied = await makeTable('cid UInt32, n UInt64', { orderBy: 'cid', spread: 'copy' });
        for (const low of [0, 1500])
          await store.command(
            `INSERT INTO ${copied} (cid, n) SELECT cid, n FROM ${joined} WHERE cid >= {low:UInt32} AND cid < {low:UInt32} + 1500`,
            { low },
          );
        await store.insertStream(
          `INSERT INTO ${copied} FORMAT TabSeparated`,
          (async function* () {
            yield Buffer.from('4000\t9\n');
          })(),
        );
        for (let time = 0; time < 4; time++) {
          expect(await countOf(joined)).toBe(2250);
          expect(await countOf(copied)).toBe(2251);
          const found = await store.query(
            Row,
            `SELECT j.cid AS cid, k.n AS n FROM ${joined} AS j INNER JOIN ${copied} AS k ON j.cid = k.cid WHERE j.n = k.n ORDER BY cid`,
          );
          expect(found).toHaveLength(2250);
          expect(found[0]).toEqual({ cid: 1, n: 1 });
        }
      });

      it('work customer by customer on their own node', async () => {
        const { customer, event, city } = await makeBank();
        const [plain, own] = [
          await makeTable('cid UInt32, n UInt64, city String', { orderBy: 'cid', spread: 'cid' }),
          await makeTable('cid UInt32, n UInt64, city String', { orderBy: 'cid', spread: 'cid' }),
        ];
        const select = `SELECT c.cid, e.n, k.name FROM ${customer} AS c LEFT JOIN (SELECT cid, count() AS n FROM ${event} WHERE name = {name:String} GROUP BY cid) AS e ON e.cid = c.cid LEFT JOIN ${city} AS k ON k.code = c.city`;
        await store.command(`INSERT INTO ${plain} ${select}`, { name: 'login' });
        await store.command(`INSERT INTO ${own} ${select}`, { name: 'login' }, { perCustomer: true });
        const Sum = Type.Object({ rows: Type.Integer(), hash: Type.String() });
        const sum = async (table: string) =>
          store.query(
            Sum,
            `SELECT count() AS rows, toString(sum(cityHash64(cid, n, city))) AS hash FROM ${table}`,
          );
        expect(await sum(own)).toEqual(await sum(plain));
        expect((await sum(own))[0]?.rows).toBe(3000);
      });

      it('read through views, and go when they are dropped', async () => {
        const { customer, event } = await makeBank();
        const patch = await makeTable('cid UInt32, city LowCardinality(String)', {
          orderBy: 'cid',
          spread: 'cid',
        });
        await store.command(`INSERT INTO ${patch} SELECT number * 10, 'gz' FROM numbers(300)`);
        const select = `SELECT cid, city FROM ${customer} WHERE cid NOT IN (SELECT cid FROM ${patch}) UNION ALL SELECT cid, city FROM ${patch}`;
        const views = [makeName(), makeName()];
        const [whole = '', own = ''] = views;
        await store.createView(whole, select);
        await store.createView(own, select, { spread: 'cid' });
        for (const view of views) {
          expect(await countOf(view)).toBe(3000);
          expect(
            await store.query(
              Count,
              `SELECT count() AS n FROM ${view} AS v INNER JOIN ${event} AS e ON e.cid = v.cid WHERE v.city = 'gz'`,
            ),
          ).toEqual([{ n: 1700 }]);
          const set = await store.queryCids(
            `SELECT groupBitmapState(cid) FROM ${view} WHERE city = 'gz' AND cid IN (SELECT cid FROM ${view} WHERE cid < 100)`,
          );
          expect(set.size).toBe(40);
        }
        const summed = await makeTable('cid UInt32, n UInt64', { orderBy: 'cid', spread: 'cid' });
        await store.command(
          `INSERT INTO ${summed} SELECT cid, count() FROM ${own} GROUP BY cid`,
          {},
          { perCustomer: true },
        );
        expect(await countOf(summed)).toBe(3000);
        await store.drop(...views, customer);
        await store.drop(customer);
        for (const name of [...views, customer])
          await expect(countOf(name)).rejects.toMatchObject({ details: { engineCode: 60 } });
        await store.createTable({
          name: customer,
          columns: 'cid UInt32, city String',
          orderBy: 'cid',
          spread: 'cid',
        });
        expect(await countOf(customer)).toBe(0);
      });

      it('are made once when they may exist, and refused when they must not', async () => {
        for (const spread of ['cid', 'any', 'copy'] as const) {
          const table = { name: makeName(), columns: 'cid UInt32', orderBy: 'cid', spread };
          await store.createTable({ ...table, ifNotExists: true });
          await store.insert(table.name, [{ cid: 1 }, { cid: 100_000 }]);
          await store.createTable({ ...table, ifNotExists: true });
          await expect(store.createTable(table)).rejects.toMatchObject({ details: { engineCode: 57 } });
          expect(await countOf(table.name)).toBe(2);
        }
      });

      it('store rows once for a token, on every node', async () => {
        for (const spread of ['cid', 'any', 'copy'] as const) {
          const table = await makeTable('cid UInt32', { orderBy: 'cid', spread });
          const rows = Array.from({ length: 1000 }, (_, cid) => ({ cid }));
          for (let time = 0; time < 3; time++) await store.insert(table, rows, { dedupeToken: 'load-1' });
          for (let time = 0; time < 3; time++) expect(await countOf(table)).toBe(1000);
        }
      });
    });

    it('quotes names and refuses what is none', () => {
      expect(store.identifier('transaction__01jb')).toBe('`transaction__01jb`');
      for (const name of ['', 'a b', 'a`b', 'a.b', "a'b", '客'])
        expect(() => store.identifier(name)).toThrow();
    });

    it('does not let a light statement wait behind heavy ones', async () => {
      const abort = new AbortController();
      const heavy = [1, 2].map(() =>
        store
          .query(
            Count,
            'SELECT toUInt32(count()) AS n FROM numbers(1000000000000) WHERE sipHash64(number) % 7 = {k:UInt8}',
            { k: 1 },
            { signal: abort.signal },
          )
          .catch(() => []),
      );
      await sleep(100);
      const started = performance.now();
      await store.query(Count, 'SELECT {n:UInt8} AS n', { n: 1 });
      expect(performance.now() - started).toBeLessThan(2_000);
      abort.abort();
      await Promise.all(heavy);
    });
  });
}
