import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { refuse } from './refusal.ts';

/** An address that was looked up and may be connected to. */
export interface AllowedAddress {
  readonly host: string;
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * Which hosts sources may be read from. Nothing is allowed that is not named: `host`, `host:port` or `*.domain`.
 * Under a wildcard only public addresses are allowed, so that a name somebody else controls cannot point into the
 * bank's own network; an exact name may stand for a private address. Link-local addresses (where clouds keep their
 * credentials) are allowed by their number alone.
 */
export function createHostPolicy(allowed: readonly string[]) {
  const entries = allowed.map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== '');

  const entryFor = (host: string, port: number): string | undefined =>
    entries.find((entry) => entry === host || entry === `${host}:${port}`) ??
    entries.find((entry) => entry.startsWith('*.') && host.endsWith(entry.slice(1)));

  return {
    /**
     * Looks a host up once; whoever connects must use the address that is answered, or another lookup could answer
     * another one.
     * @throws LoadRefused `host_not_allowed` or `host_not_found`
     */
    async resolve(hostName: string, port: number, place: string): Promise<AllowedAddress> {
      const host = hostName.toLowerCase().replace(/^\[|\]$/g, '');
      const entry = entryFor(host, port);
      if (entry === undefined) {
        return refuse(
          'host_not_allowed',
          place,
          `Sources may not be read from ${host}:${port}. An operator must add it to RAPPORT_SOURCE_HOSTS.`,
        );
      }
      const found = await lookup(host, { all: true }).catch(() => []);
      const [first] = found;
      if (!first) return refuse('host_not_found', place, `The host ${host} is not known. Is its name right?`);
      const isExact = !entry.startsWith('*.');
      for (const { address } of found) {
        if (isLinkLocal(address) && entry !== address && entry !== `${address}:${port}`) {
          refuse(
            'host_not_allowed',
            place,
            `${host} is the link-local address ${address}, which is not allowed.`,
          );
        }
        if (!isExact && isPrivate(address)) {
          refuse(
            'host_not_allowed',
            place,
            `${host} is the private address ${address}; a private address must be named itself in RAPPORT_SOURCE_HOSTS.`,
          );
        }
      }
      return { host, address: first.address, family: first.family === 6 ? 6 : 4 };
    },
  };
}

export type HostPolicy = ReturnType<typeof createHostPolicy>;

/** IPv4 inside IPv6 (`::ffff:10.0.0.1`) counts as IPv4. */
const plain = (address: string): string => address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');

export function isLinkLocal(address: string): boolean {
  const text = plain(address);
  return text.startsWith('169.254.') || /^fe[89ab]/.test(text);
}

/** @source RFC 1918, RFC 4193, RFC 6598, RFC 6890 */
export function isPrivate(address: string): boolean {
  const text = plain(address);
  if (isIP(text) === 6) return text === '::1' || text === '::' || /^f[cd]/.test(text) || isLinkLocal(text);
  const [a = 0, b = 0] = text.split('.').map(Number);
  return (
    a === 10 ||
    a === 127 ||
    a === 0 ||
    a >= 224 ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b <= 127) ||
    (a === 198 && (b === 18 || b === 19))
  );
}
