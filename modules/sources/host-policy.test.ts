import { expect, it } from 'vitest';
import { createHostPolicy, isLinkLocal, isPrivate } from './host-policy.ts';

/** What a policy says of a host: the address to connect to, or the message of the refusal. */
async function ask(allowed: readonly string[], host: string, port: number, answers: readonly string[]) {
  let asked = 0;
  const policy = createHostPolicy(allowed, async () => {
    asked++;
    return answers.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  });
  const said = await policy.resolve(host, port, 'orders').then(
    ({ address }) => address,
    (error: Error) => error.message,
  );
  return { said, asked };
}

it('allows nothing that is not named', async () => {
  expect(await ask([''], 'feeds.example.com', 443, ['203.0.113.7'])).toEqual({
    said: 'orders: Sources may not be read from feeds.example.com:443. An operator must add it to RAPPORT_SOURCE_HOSTS.',
    asked: 0,
  });
  expect((await ask(['feeds.example.com:443'], 'feeds.example.com', 80, ['203.0.113.7'])).said).toContain(
    'may not be read from feeds.example.com:80',
  );
  expect((await ask(['*.example.com'], 'example.com.evil.test', 443, ['203.0.113.7'])).said).toContain(
    'may not be read',
  );
  expect((await ask(['*.example.com'], 'evilexample.com', 443, ['203.0.113.7'])).said).toContain(
    'may not be read',
  );
  expect(await ask([' Feeds.Example.com '], 'FEEDS.example.com', 443, ['203.0.113.7'])).toEqual({
    said: '203.0.113.7',
    asked: 1,
  });
  expect((await ask(['[fd00::1]:8443'], '[fd00::1]', 8443, ['fd00::1'])).said).toBe('fd00::1');
});

it('lets a wildcard lead to public addresses only, and an exact name into the own network', async () => {
  for (const inner of [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.1.1',
    '100.64.0.1',
    '::1',
    '::ffff:10.0.0.1',
    'fd12::1',
  ]) {
    expect((await ask(['*.example.com'], 'a.example.com', 443, [inner])).said).toBe(
      `orders: a.example.com is the private address ${inner}; a private address must be named itself in RAPPORT_SOURCE_HOSTS.`,
    );
    expect((await ask(['a.example.com'], 'a.example.com', 443, [inner])).said).toBe(inner);
  }
  // One bad address among several is enough: whoever connects could take it.
  expect((await ask(['*.example.com'], 'a.example.com', 443, ['203.0.113.7', '10.0.0.1'])).said).toContain(
    'private address 10.0.0.1',
  );
});

it('allows addresses of the link by their number alone, where clouds keep their credentials', async () => {
  for (const inner of ['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254']) {
    expect((await ask(['meta.example.com'], 'meta.example.com', 80, [inner])).said).toBe(
      `orders: meta.example.com is the link-local address ${inner}, which is not allowed.`,
    );
  }
  expect((await ask(['169.254.10.1'], '169.254.10.1', 80, ['169.254.10.1'])).said).toBe('169.254.10.1');
});

it('says that a name is not known', async () => {
  expect((await ask(['nowhere.example.com'], 'nowhere.example.com', 443, [])).said).toBe(
    'orders: The host nowhere.example.com is not known. Is its name right?',
  );
});

it('knows public addresses from others', () => {
  for (const address of ['8.8.8.8', '172.32.0.1', '11.0.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])
    expect(isPrivate(address), address).toBe(false);
  for (const address of [
    '0.0.0.0',
    '172.31.255.255',
    '198.19.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '64:ff9b::7f00:1',
    'ff02::1',
    'fe80::1%eth0',
  ])
    expect(isPrivate(address), address).toBe(true);
  expect(isLinkLocal('fe80::1%eth0')).toBe(true);
  expect(isLinkLocal('fec0::1')).toBe(false);
});
