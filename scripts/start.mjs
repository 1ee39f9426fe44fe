// `npm start`: installs what is missing, builds what changed, then runs the server in this process.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

if (!existsSync(join(root, 'node_modules/.package-lock.json'))) {
  console.log('Installing packages …');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}
console.log('Building …');
run(process.execPath, ['scripts/build.mjs']);
await import(pathToFileURL(join(root, 'dist/server.mjs')).href);
