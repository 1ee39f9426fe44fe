import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyValue } from './ports.ts';

/** What every key-value store must do. */
export function keyValueConformance(engine: string, open: () => Promise<KeyValue>): void {
  describe(`key-value on ${engine}`, () => {
    let store: KeyValue;
    beforeAll(async () => {
      store = await open();
      await store.start();
    });
    afterAll(() => store?.stop());
    const text = (value: Uint8Array | undefined): string | undefined =>
      value && Buffer.from(value).toString('utf8');
    const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
    const keysOf = async (from: string, to: string, limit?: number): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of store.range({ from, to, ...(limit === undefined ? {} : { limit }) }))
        keys.push(key);
      return keys;
    };

    it('answers what was put, and nothing for a key that is not there', async () => {
      await store.put([
        { key: 'basic/客戶', value: bytes('一') },
        { key: 'basic/empty', value: new Uint8Array() },
      ]);
      expect(text(await store.get('basic/客戶'))).toBe('一');
      expect(await store.get('basic/empty')).toHaveLength(0);
      expect(await store.get('basic/none')).toBeUndefined();
      expect((await store.getMany(['basic/none', 'basic/客戶'])).map(text)).toEqual([undefined, '一']);
    });

    it('keeps bytes as they are', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (value) => {
          await store.put([{ key: 'bytes', value }]);
          expect(Buffer.from((await store.get('bytes')) ?? [])).toEqual(Buffer.from(value));
        }),
        { numRuns: 50 },
      );
    });

    it('keeps what it answered when the caller changes the bytes afterwards', async () => {
      const value = bytes('before');
      await store.put([{ key: 'copy', value }]);
      value.fill(0);
      const first = await store.get('copy');
      expect(text(first)).toBe('before');
      await store.put([{ key: 'copy', value: bytes('after!') }]);
      expect(text(first)).toBe('before');
    });

    it('forgets what is deleted, in ranges too', async () => {
      await store.put([
        { key: 'gone/1', value: bytes('x') },
        { key: 'gone/2', value: bytes('y') },
      ]);
      await store.delete(['gone/1', 'gone/none']);
      expect(await store.get('gone/1')).toBeUndefined();
      expect(await keysOf('gone/', 'gone0')).toEqual(['gone/2']);
    });

    it('ranges over [from, to) in the order of UTF-8 bytes', async () => {
      const keys = ['a', 'aa', 'a\u0001', 'b', 'é', '客', '😀', '\uffee', 'Z', '~', 'a/1', 'a/10', 'a/2'].map(
        (key) => `order/${key}`,
      );
      await store.put(keys.map((key) => ({ key, value: bytes(key) })));
      const sorted = [...keys].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
      expect(await keysOf('order/', 'order0')).toEqual(sorted);
      expect(await keysOf('order/a', 'order/b')).toEqual(sorted.filter((key) => key.startsWith('order/a')));
      expect(await keysOf('order/', 'order0', 3)).toEqual(sorted.slice(0, 3));
      expect(await keysOf('order0', 'order/')).toEqual([]);
    });

    it('ranges over more than a page', async () => {
      const key = (index: number): string => `page/${String(index).padStart(5, '0')}`;
      await store.put(
        Array.from({ length: 2500 }, (_, index) => ({ key: key(index), value: bytes(String(index)) })),
      );
      const seen: string[] = [];
      for await (const entry of store.range({ from: 'page/', to: 'page0' }))
        seen.push(text(entry.value) ?? '');
      expect(seen).toEqual(Array.from({ length: 2500 }, (_, index) => String(index)));
    });

    it('refuses keys that are empty or longer than 500 bytes', async () => {
      await expect(store.put([{ key: 'x'.repeat(501), value: bytes('') }])).rejects.toMatchObject({
        code: 'stores.bad_key',
      });
      await expect(store.get('')).rejects.toMatchObject({ code: 'stores.bad_key' });
      await store.put([{ key: 'x'.repeat(500), value: bytes('long') }]);
      expect(text(await store.get('x'.repeat(500)))).toBe('long');
    });

    it('updates one key atomically among many writers', async () => {
      const increment = (value: Uint8Array | undefined): Uint8Array =>
        bytes(String(Number(text(value) ?? '0') + 1));
      await Promise.all(Array.from({ length: 500 }, () => store.update('counter', increment)));
      expect(text(await store.get('counter'))).toBe('500');
    });

    it('answers what is stored after an update, keeps and deletes on request', async () => {
      expect(text(await store.update('cell', () => bytes('1')))).toBe('1');
      expect(text(await store.update('cell', () => 'keep'))).toBe('1');
      expect(await store.update('cell', () => undefined)).toBeUndefined();
      expect(await store.get('cell')).toBeUndefined();
      expect(await store.update('cell', () => 'keep')).toBeUndefined();
      expect(await keysOf('cell', 'celm')).toEqual([]);
    });

    it('leaves a key as it was when the change throws', async () => {
      await store.put([{ key: 'faulty', value: bytes('whole') }]);
      await expect(
        store.update('faulty', () => {
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect(text(await store.get('faulty'))).toBe('whole');
      expect(text(await store.update('faulty', () => bytes('next')))).toBe('next');
    });

    it('agrees with a map over random histories', async () => {
      const key = fc.constantFrom('m/a', 'm/b', 'm/c', 'm/客', 'm/d');
      const step = fc.oneof(
        fc.record({
          kind: fc.constant('put' as const),
          key,
          value: fc.string({ minLength: 1, maxLength: 5 }),
        }),
        fc.record({ kind: fc.constant('delete' as const), key, value: fc.constant('') }),
        fc.record({
          kind: fc.constant('update' as const),
          key,
          value: fc.string({ minLength: 1, maxLength: 5 }),
        }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
          await store.delete(await keysOf('m/', 'm0'));
          const model = new Map<string, string>();
          for (const { kind, key: name, value } of steps) {
            if (kind === 'put') {
              await store.put([{ key: name, value: bytes(value) }]);
              model.set(name, value);
            } else if (kind === 'delete') {
              await store.delete([name]);
              model.delete(name);
            } else {
              await store.update(name, (old) => bytes((text(old) ?? '') + value));
              model.set(name, (model.get(name) ?? '') + value);
            }
          }
          const stored: [string, string | undefined][] = [];
          for await (const entry of store.range({ from: 'm/', to: 'm0' }))
            stored.push([entry.key, text(entry.value)]);
          expect(stored).toEqual(
            [...model].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other))),
          );
        }),
        { numRuns: 25 },
      );
    });
  });
}
