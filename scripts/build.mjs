// Bundles the server and the command line into dist/ with esbuild and the console with Vite. Packages with native
// parts or data files of their own stay outside the bundle and are loaded from node_modules.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const rapportSourcesOnly = {
  name: 'rapport-sources-only',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('@rapport/') ? undefined : { path, external: true },
    );
  },
};

/** A fingerprint of all sources below the given folders, so that an unchanged part is not built again. */
function fingerprint(folders) {
  const hash = createHash('sha256');
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (['node_modules', 'dist', 'data'].includes(entry.name)) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else hash.update(child.slice(root.length)).update(readFileSync(child));
    }
  };
  for (const folder of folders)
    if (statSync(join(root, folder), { throwIfNoEntry: false })) visit(join(root, folder));
  return hash.update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

function isFresh(stampPath, print) {
  return existsSync(stampPath) && readFileSync(stampPath, 'utf8') === print;
}

const serverPrint = fingerprint(['packages', 'modules', 'apps/server', 'apps/cli', 'scripts']);
const serverStamp = join(root, 'dist/.fingerprint');
if (!isFresh(serverStamp, serverPrint)) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: {
      server: 'apps/server/main.ts',
      rapport: 'apps/cli/main.ts',
      'warehouse-child': 'packages/stores/warehouse-child.ts',
    },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    logLevel: 'warning',
    plugins: [rapportSourcesOnly],
  });
  writeFileSync(serverStamp, serverPrint);
}

const consolePrint = fingerprint(['apps/console', 'packages/kernel', 'packages/conditions', 'modules']);
const consoleStamp = join(root, 'apps/console/dist/.fingerprint');
if (!isFresh(consoleStamp, consolePrint)) {
  const vite = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'],
    {
      cwd: join(root, 'apps/console'),
      stdio: 'inherit',
    },
  );
  if (vite.status !== 0) process.exit(vite.status ?? 1);
  writeFileSync(consoleStamp, consolePrint);
}
