import { type Actor, newId, toIso } from '@rapport/kernel';
import { channelsProblems } from './channels.problems.ts';
import type { ChannelsDeps, OpenProvider, Providers } from './channels.ts';
import type { ProviderBody, ProviderTest, ProviderView, SmsHttpSettings, SmtpSettings } from './contract.ts';
import { seal, unseal } from './signing.ts';

interface ProviderRow {
  readonly id: string;
  readonly channel: ProviderView['channel'];
  readonly kind: ProviderView['kind'];
  readonly name: string;
  readonly settings: SmtpSettings | SmsHttpSettings;
  readonly secret: Buffer | null;
  readonly rate_per_second: number;
  readonly enabled: boolean;
  readonly created_at: Date;
  readonly updated_at: Date;
}

interface StoredSecrets {
  readonly password?: string;
  readonly signingKey?: string;
}

const COLUMNS =
  'p.id, p.channel, p.kind, p.name, p.settings, p.secret, p.rate_per_second, p.enabled, p.created_at, p.updated_at';

/** Providers of channels; their secrets are encrypted at rest and leave this module only towards an adapter. */
export function createProviders(
  deps: Pick<ChannelsDeps, 'relational' | 'clock' | 'audit' | 'secrets'> & {
    readonly tryOut: (provider: OpenProvider) => Promise<ProviderTest>;
  },
): Providers {
  const { clock, audit, secrets } = deps;
  const { pool } = deps.relational;

  const secretsOf = (row: ProviderRow): StoredSecrets => {
    if (!row.secret) return {};
    const value: unknown = JSON.parse(unseal(secrets.dataKey, row.id, row.secret));
    const text = (name: string): string | undefined => {
      const found: unknown =
        typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
      return typeof found === 'string' ? found : undefined;
    };
    const [password, signingKey] = [text('password'), text('signingKey')];
    return {
      ...(password === undefined ? {} : { password }),
      ...(signingKey === undefined ? {} : { signingKey }),
    };
  };
  const present = (row: ProviderRow): ProviderView => {
    const stored = secretsOf(row);
    return {
      id: row.id,
      channel: row.channel,
      kind: row.kind,
      name: row.name,
      settings: row.settings,
      ratePerSecond: row.rate_per_second,
      enabled: row.enabled,
      hasPassword: stored.password !== undefined,
      hasSigningKey: stored.signingKey !== undefined,
      receiptsUrl: `/api/v1/receipts/${row.id}`,
      createdAt: toIso(row.created_at.getTime()),
    };
  };
  const find = async (providerId: string): Promise<ProviderRow | undefined> => {
    const found = await pool.query<ProviderRow>(
      `select ${COLUMNS} from channels.provider p where p.id = $1`,
      [providerId],
    );
    return found.rows[0];
  };
  const need = async (providerId: string): Promise<ProviderRow> => {
    const row = await find(providerId);
    if (!row) throw channelsProblems.provider_not_found({ detail: `There is no provider ${providerId}.` });
    return row;
  };
  const openRow = (row: ProviderRow): OpenProvider => {
    const stored = secretsOf(row);
    const revision = `${row.id}@${row.updated_at.getTime()}`;
    return { view: present(row), password: stored.password, signingKey: stored.signingKey, revision };
  };
  const write = async (id: string, provider: ProviderBody, stored: StoredSecrets): Promise<ProviderView> => {
    const sealed = Object.keys(stored).length > 0 ? seal(secrets.dataKey, id, JSON.stringify(stored)) : null;
    const channel = provider.kind === 'smtp' ? 'email' : 'sms';
    const written = await pool.query<ProviderRow>(
      `insert into channels.provider as p (id, channel, kind, name, settings, secret, rate_per_second, enabled, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
       on conflict (id) do update set name = excluded.name, settings = excluded.settings, secret = excluded.secret,
         rate_per_second = excluded.rate_per_second, enabled = excluded.enabled,
         updated_at = greatest(excluded.updated_at, p.updated_at + interval '1 millisecond')
       returning ${COLUMNS}`,
      [
        id,
        channel,
        provider.kind,
        provider.name,
        JSON.stringify(provider.settings),
        sealed,
        provider.ratePerSecond,
        provider.enabled,
        new Date(clock.now()),
      ],
    );
    const row = written.rows[0];
    if (!row) throw new Error('the provider was not written');
    return present(row);
  };

  return {
    async list() {
      const found = await pool.query<ProviderRow>(
        `select ${COLUMNS} from channels.provider p order by p.channel, p.name, p.id`,
      );
      return found.rows.map(present);
    },
    get: async (providerId) => present(await need(providerId)),
    async create(provider, actor) {
      refuseUnsuitable(provider, provider.secrets ?? {});
      const view = await write(newId('prv'), provider, provider.secrets ?? {});
      await audit.record({
        actor,
        action: 'provider.created',
        subject: view.id,
        details: auditable(provider),
      });
      return view;
    },
    async replace(providerId, provider, actor: Actor) {
      const row = await need(providerId);
      if (row.kind !== provider.kind)
        throw channelsProblems.provider_kind_fixed({ detail: `${providerId} is of kind ${row.kind}.` });
      const stored = { ...secretsOf(row), ...(provider.secrets ?? {}) };
      refuseUnsuitable(provider, stored);
      const view = await write(providerId, provider, stored);
      await audit.record({
        actor,
        action: 'provider.changed',
        subject: providerId,
        details: auditable(provider),
      });
      return view;
    },
    test: async (providerId) => deps.tryOut(openRow(await need(providerId))),
    async open(providerId) {
      const row = await find(providerId);
      return row && openRow(row);
    },
    async enabled() {
      const found = await pool.query<ProviderRow>(
        `select ${COLUMNS} from channels.provider p where p.enabled order by p.id`,
      );
      return found.rows.map(openRow);
    },
  };
}

function refuseUnsuitable(provider: ProviderBody, stored: StoredSecrets): void {
  if (provider.kind === 'sms_http' && stored.signingKey === undefined) {
    throw channelsProblems.provider_unsuitable({
      detail: 'An SMS provider needs secrets.signingKey, which signs every request.',
    });
  }
  if (provider.kind === 'smtp' && provider.settings.username !== undefined && stored.password === undefined) {
    throw channelsProblems.provider_unsuitable({
      detail: `settings.username is "${provider.settings.username}", but there is no secrets.password.`,
    });
  }
}

const auditable = (provider: ProviderBody): Record<string, unknown> => ({
  name: provider.name,
  kind: provider.kind,
  settings: provider.settings,
  ratePerSecond: provider.ratePerSecond,
  enabled: provider.enabled,
  secretsChanged: Object.keys(provider.secrets ?? {}),
});
