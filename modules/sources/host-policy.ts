import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
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
export function createHostPolicy(allowed: readonly string[], lookUp: LookUp = addressesOf) {
  const entries = allowed
    .map((entry) => entry.trim().toLowerCase().replace(/[[\]]/g, ''))
    .filter((entry) => entry !== '');

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
      const found = await lookUp(host);
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

/** All addresses of a name; none when it is not known. */
export type LookUp = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const addressesOf: LookUp = (host) => lookup(host, { all: true }).catch(() => []);

function blocks(...ranges: readonly (readonly [network: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, familyOf(network));
  return list;
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');
/** A scoped address (`fe80::1%eth0`) without its zone. */
const plain = (address: string): string => address.split('%')[0] ?? address;
const holds = (list: BlockList, address: string): boolean =>
  list.check(plain(address), familyOf(plain(address)));

/** IPv4 inside IPv6 (`::ffff:10.0.0.1`) counts as IPv4. @source RFC 3927, RFC 4291 */
const LINK_LOCAL = blocks(['169.254.0.0', 16], ['fe80::', 10]);

/** @source RFC 6890 and the IANA registries of special-purpose addresses; 64:ff9b::/96 stands for IPv4 (RFC 6052) */
const PRIVATE = blocks(
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
);

export const isLinkLocal = (address: string): boolean => holds(LINK_LOCAL, address);
export const isPrivate = (address: string): boolean => holds(PRIVATE, address);
