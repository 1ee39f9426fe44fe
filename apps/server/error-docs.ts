import { declaredProblems } from '@rapport/kernel';
import './server.ts';

/** The text of `docs/errors.md`: every stable code that this server can answer. */
export function errorDocs(): string {
  const rows = [...declaredProblems()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, spec]) => `| <a id="${code}"></a>\`${code}\` | ${spec.status} | ${spec.title} |`);
  return [
    '# Errors',
    '',
    'Every refused request answers `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, a stable',
    '`code` and, where several things are wrong, `faults` with a pointer each. A code is never renamed.',
    '',
    '| code | status | meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
