import { pino } from 'pino';

export interface Log {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  child(fields: Record<string, unknown>): Log;
}

/** Field names that never reach a log in clear, at any of the first three depths. */
const REDACTED = [
  'password',
  'token',
  'authorization',
  'cookie',
  'secret',
  'apiKey',
  'writeKey',
  'phone',
  'email',
  'address',
  'name',
  'birthDate',
  'idNumber',
  'to',
  'recipient',
  'body',
];

/** Structured JSON logs on standard error, with personal data and secrets replaced by `[redacted]`. */
export function createLog(options: { level?: string; base?: Record<string, unknown> } = {}): Log {
  return pino(
    {
      level: options.level ?? 'info',
      base: options.base ?? {},
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: REDACTED.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[redacted]',
      },
    },
    pino.destination(2),
  );
}

/** Drops everything; for tests that do not look at logs. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
