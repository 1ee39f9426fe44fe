import { Instant } from '@rapport/kernel';
import { type Static, Type } from 'typebox';

const Url = (description: string, example: string) =>
  Type.String({ pattern: '^https?://[^@\\s]+$', maxLength: 2000, description, examples: [example] });
const Text = (description: string, example: string) =>
  Type.String({ minLength: 1, maxLength: 500, description, examples: [example] });

const HttpSettings = Type.Object(
  {
    kind: Type.Literal('http', { description: 'HTTP or HTTPS', examples: ['http'] }),
    url: Url('Address under which the paths of tables lie', 'https://feeds.example.com/daily/'),
    user: Type.Optional(
      Text('User of basic authentication; absent: the secret is a bearer token', 'rapport'),
    ),
  },
  { additionalProperties: false, description: 'Files of a web server' },
);
const S3Settings = Type.Object(
  {
    kind: Type.Literal('s3', { description: 'S3, or what speaks it', examples: ['s3'] }),
    endpoint: Url('Address of the service', 'https://s3.ap-east-1.amazonaws.com'),
    region: Type.Optional(Text('Region; default us-east-1', 'ap-east-1')),
    bucket: Text('Bucket', 'bank-lake'),
    prefix: Type.Optional(
      Type.String({ maxLength: 500, description: 'What all keys begin with', examples: ['daily/'] }),
    ),
    accessKeyId: Text('Access key; its secret is the secret of the connection', 'AKIAEXAMPLE'),
  },
  { additionalProperties: false, description: 'Objects of a bucket' },
);
const database = {
  host: Text('Host', 'core-db.bank.example'),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port', examples: [5432] })),
  database: Text('Database', 'core'),
  user: Text('User; read rights are enough', 'rapport_reader'),
  tls: Type.Optional(
    Type.Union([Type.Literal('require'), Type.Literal('off')], {
      description: '`require` (default) checks the certificate of the server',
      examples: ['require'],
    }),
  ),
};
const PostgresSettings = Type.Object(
  { kind: Type.Literal('postgresql', { description: 'PostgreSQL', examples: ['postgresql'] }), ...database },
  { additionalProperties: false, description: 'Tables of a PostgreSQL database' },
);
const MysqlSettings = Type.Object(
  { kind: Type.Literal('mysql', { description: 'MySQL or MariaDB', examples: ['mysql'] }), ...database },
  { additionalProperties: false, description: 'Tables of a MySQL database' },
);

export const ConnectionSettings = Type.Union([HttpSettings, S3Settings, PostgresSettings, MysqlSettings], {
  description: 'Where a connection leads; secrets are not part of it',
});
export type ConnectionSettings = Static<typeof ConnectionSettings>;

export const ConnectionBody = Type.Object(
  {
    settings: ConnectionSettings,
    secret: Type.Optional(
      Type.String({
        maxLength: 10_000,
        description: 'Password, token or secret key; absent: the stored one stays. It is never shown again',
        examples: ['correct horse battery staple'],
      }),
    ),
  },
  { additionalProperties: false, description: 'A connection' },
);
export type ConnectionBody = Static<typeof ConnectionBody>;

export const ConnectionView = Type.Object(
  {
    id: Type.String({ description: 'Name that manifests use', examples: ['lake'] }),
    settings: ConnectionSettings,
    hasSecret: Type.Boolean({ description: 'Whether a secret is stored', examples: [true] }),
    updatedAt: Instant('When it was changed'),
    updatedBy: Type.String({ description: 'Who changed it', examples: ['usr_01j9z3'] }),
  },
  { description: 'A connection, without its secret' },
);
export type ConnectionView = Static<typeof ConnectionView>;

export const ConnectionTest = Type.Object(
  {
    works: Type.Boolean({ description: 'Whether it can be read', examples: [true] }),
    message: Type.String({ description: 'What was found', examples: ['12 objects under daily/'] }),
  },
  { description: 'Outcome of a test' },
);
export type ConnectionTest = Static<typeof ConnectionTest>;
