// `npm run generate:client`: writes the types of packages/client from the server's own OpenAPI document.
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientTypes } from '../apps/server/client-types.ts';
import { startServer } from '../apps/server/server.ts';

const home = await mkdtemp(join(tmpdir(), 'rapport-openapi-'));
const server = await startServer({
  env: { RAPPORT_HOME: home, PORT: '0', LOG_LEVEL: 'silent' },
  withDemo: false,
  announce: () => undefined,
});
try {
  writeFileSync(new URL('../packages/client/api.gen.ts', import.meta.url), await clientTypes(server.url));
} finally {
  await server.stop();
  await rm(home, { recursive: true, force: true });
}
