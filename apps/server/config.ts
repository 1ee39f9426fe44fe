import { resolve } from 'node:path';
import { defineProblems, LANGUAGES } from '@rapport/kernel';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

export const ROLES = [
  'api',
  'collect',
  'project',
  'decide',
  'orchestrate',
  'deliver',
  'compute',
  'maintain',
] as const;
export type ProcessRole = (typeof ROLES)[number];

/** Every setting, read from the environment once at start. Defaults run everything on this machine. */
export const Settings = Type.Object(
  {
    PORT: Type.Integer({
      minimum: 0,
      maximum: 65535,
      default: 8080,
      description: 'Port of the console and API; 0 picks a free one',
    }),
    HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on' }),
    RAPPORT_HOME: Type.String({
      default: './data',
      description: 'Folder of everything the platform stores on this machine',
    }),
    RAPPORT_PUBLIC_URL: Type.Optional(
      Type.String({
        pattern: '^https?://',
        description: 'Address that customers and browsers reach; default http://HOST:PORT',
      }),
    ),
    RAPPORT_POSTGRES_URL: Type.Optional(
      Type.String({
        pattern: '^postgres(ql)?://',
        description: 'PostgreSQL to use in place of the local one',
      }),
    ),
    RAPPORT_CLICKHOUSE_URL: Type.Optional(
      Type.String({
        pattern: '^https?://[^,]+(,https?://[^,]+)*$',
        description: 'ClickHouse to use in place of the embedded one; of a cluster all nodes, with commas',
      }),
    ),
    RAPPORT_CLICKHOUSE_CLUSTER: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_]+$',
        description: "Cluster that shares the data out, by its name in the servers' remote_servers",
      }),
    ),
    RAPPORT_CLICKHOUSE_BLOCK: Type.Integer({
      minimum: 1,
      maximum: 4_294_967_295,
      default: 65_536,
      description: 'Customers in a row that stay together on one node of the cluster; never change it later',
    }),
    RAPPORT_CLICKHOUSE_USER: Type.String({ default: 'default', description: 'ClickHouse user' }),
    RAPPORT_CLICKHOUSE_PASSWORD: Type.String({ default: '', description: 'ClickHouse password' }),
    RAPPORT_CLICKHOUSE_DATABASE: Type.String({
      default: 'rapport',
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      description: 'ClickHouse database',
    }),
    RAPPORT_REDIS_URL: Type.Optional(
      Type.String({ pattern: '^rediss?://', description: 'Redis to use in place of LMDB' }),
    ),
    RAPPORT_NATS_URL: Type.Optional(
      Type.String({
        pattern: '^(nats|tls)://',
        description: 'NATS JetStream to use in place of the local log',
      }),
    ),
    RAPPORT_ROLES: Type.String({
      default: 'all',
      description: 'Parts this process runs: `all`, or a comma-separated list of roles',
    }),
    RAPPORT_DATASETS: Type.Optional(
      Type.String({ description: 'Folder of the public bank data that the examples read in place' }),
    ),
    RAPPORT_SOURCE_ROOTS: Type.Optional(
      Type.String({
        description:
          'Colon-separated folders that source manifests may read, beside RAPPORT_HOME, examples and RAPPORT_DATASETS',
      }),
    ),
    RAPPORT_SOURCE_HOSTS: Type.Optional(
      Type.String({
        description:
          'Comma-separated hosts that sources may be read from over the network: `host`, `host:port`, `*.domain`; addresses of private networks must be named here too',
      }),
    ),
    RAPPORT_ALERT_WEBHOOK: Type.Optional(
      Type.String({ pattern: '^https?://', description: 'Address that alerts are posted to as JSON' }),
    ),
    RAPPORT_ALERT_WEBHOOK_SECRET: Type.Optional(
      Type.String({ description: 'Key of the HMAC-SHA256 in the header `x-rapport-signature`' }),
    ),
    RAPPORT_ALERT_EMAIL: Type.Optional(Type.String({ description: 'Mailbox that alerts are sent to' })),
    RAPPORT_ALERT_SMTP: Type.Optional(
      Type.String({ pattern: '^smtps?://', description: 'Mail server for alerts, with user and password' }),
    ),
    RAPPORT_SECURE_COOKIES: Type.Boolean({
      default: false,
      description: 'Send session cookies over HTTPS only',
    }),
    RAPPORT_BANK_NAME: Type.String({
      default: 'Harbour Bank',
      description: 'Name of the bank in messages and pages',
    }),
    RAPPORT_TIME_ZONE: Type.String({ default: 'Asia/Hong_Kong', description: 'IANA time zone of the bank' }),
    RAPPORT_CURRENCY: Type.String({
      default: 'HKD',
      pattern: '^[A-Z]{3}$',
      description: 'Reporting currency',
    }),
    RAPPORT_LANGUAGE: Type.Enum(LANGUAGES, {
      default: 'zh-Hant',
      description: 'Language of messages to a customer who chose none',
    }),
    RAPPORT_TAG_HISTORY_DAYS: Type.Integer({
      minimum: 0,
      maximum: 3_660,
      default: 31,
      description: 'How many days back the values of tags are kept, for questions as of a past day',
    }),
    RAPPORT_DEMO_CUSTOMERS: Type.Integer({
      minimum: 100,
      maximum: 10_000_000,
      default: 20_000,
      description: 'Customers of the demo bank that the first start makes',
    }),
    LOG_LEVEL: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], {
      default: 'info',
      description: 'Least level that is logged',
    }),
  },
  { additionalProperties: false },
);
export type Settings = Static<typeof Settings>;

export interface Config {
  readonly settings: Settings;
  readonly home: string;
  readonly roles: ReadonlySet<ProcessRole>;
  readonly sourceRoots: readonly string[];
}

const configProblems = defineProblems('config', {
  invalid_setting: { status: 500, title: 'A setting is not valid.' },
});

/**
 * Reads the settings from an environment; unknown variables are ignored, a bad value names itself.
 * @throws config.invalid_setting
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, projectRoot: string): Config {
  const given: Record<string, string> = {};
  for (const name of Object.keys(Settings.properties)) {
    const value = env[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const settings = Value.Convert(Settings, Value.Default(Settings, given));
  if (!Value.Check(Settings, settings)) {
    const faults = Value.Errors(Settings, settings).map((fault) => ({
      pointer: fault.instancePath,
      message: fault.message,
    }));
    throw configProblems.invalid_setting({
      detail: faults.map((fault) => `${fault.pointer.slice(1)} ${fault.message}`).join('; '),
      faults,
    });
  }
  const { RAPPORT_CLICKHOUSE_URL: url, RAPPORT_CLICKHOUSE_CLUSTER: cluster } = settings;
  if (url?.includes(',') && cluster === undefined) {
    throw configProblems.invalid_setting({
      detail:
        "RAPPORT_CLICKHOUSE_URL names several nodes; RAPPORT_CLICKHOUSE_CLUSTER must say which of the servers' remote_servers they are.",
    });
  }
  if (url === undefined && cluster !== undefined) {
    throw configProblems.invalid_setting({
      detail: 'RAPPORT_CLICKHOUSE_CLUSTER is set; RAPPORT_CLICKHOUSE_URL must name its nodes, with commas.',
    });
  }
  const home = resolve(settings.RAPPORT_HOME);
  const roots = [
    home,
    resolve(projectRoot, 'examples'),
    settings.RAPPORT_DATASETS,
    ...(settings.RAPPORT_SOURCE_ROOTS ?? '').split(':'),
  ];
  return {
    settings,
    home,
    roles: readRoles(settings.RAPPORT_ROLES),
    sourceRoots: roots.filter((root) => root !== undefined && root !== '').map((root) => resolve(root ?? '')),
  };
}

function readRoles(text: string): ReadonlySet<ProcessRole> {
  if (text === 'all') return new Set(ROLES);
  const wanted = text.split(',').map((role) => role.trim());
  const unknown = wanted.filter((role) => !ROLES.some((known) => known === role));
  if (unknown.length > 0) {
    throw configProblems.invalid_setting({
      detail: `RAPPORT_ROLES names ${unknown.join(', ')}; known roles are ${ROLES.join(', ')}.`,
    });
  }
  return new Set(ROLES.filter((role) => wanted.includes(role)));
}
