import { startServer } from './server.ts';

/** Entry of the one process that runs everything: `node dist/server.mjs [--empty] [--roles api,deliver]`. */
const emptyStart = process.argv.includes('--empty');
const rolesAt = process.argv.indexOf('--roles');
const env = rolesAt >= 0 ? { ...process.env, RAPPORT_ROLES: process.argv[rolesAt + 1] } : process.env;

try {
  const server = await startServer({
    env,
    withDemo: !emptyStart,
    announce: (line) => process.stdout.write(`${line}\n`),
  });
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      server.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`${String(error)}\n`);
          process.exit(1);
        },
      );
    });
  }
} catch (error) {
  process.stderr.write(
    `Rapport could not start: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exit(1);
}
