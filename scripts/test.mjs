// `npm test`: everything, on a machine that has Node, npm and apt. Prints `N passed, N failed` at the end.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBrowser } from './browser.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const run = (command, args, env = {}) =>
  spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0;

if (
  !existsSync(join(root, 'node_modules/.package-lock.json')) &&
  !run('npm', ['ci', '--no-audit', '--no-fund'])
)
  process.exit(1);

const steps = [
  ['types', () => run(process.execPath, ['node_modules/typescript7/bin/tsc', '-p', '.'])],
  ['lint', () => run(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check', '.'])],
  [
    'import table',
    () =>
      run(process.execPath, [
        'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
        '--config',
        '.dependency-cruiser.cjs',
        'packages',
        'modules',
        'apps',
      ]),
  ],
  ['build', () => run(process.execPath, ['scripts/build.mjs'])],
];
let passed = 0;
const failed = [];
for (const [name, step] of steps) {
  console.log(`\n── ${name}`);
  if (step()) passed += 1;
  else failed.push(name);
}

console.log('\n── tests');
const report = join(mkdtempSync(join(tmpdir(), 'rapport-report-')), 'vitest.json');
const browser = ensureBrowser();
const args = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
];
run(
  process.execPath,
  [...args, ...process.argv.slice(2)],
  browser === undefined ? {} : { RAPPORT_CHROMIUM: browser },
);
if (existsSync(report)) {
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  passed += numPassedTests;
  for (const file of testResults) {
    const broken = file.assertionResults
      .filter((each) => each.status === 'failed')
      .map((each) => `${file.name}: ${each.fullName}`);
    failed.push(
      ...(broken.length === 0 && file.status === 'failed' ? [`${file.name}: ${file.message}`] : broken),
    );
  }
  if (numFailedTests > 0 && failed.length === 0) failed.push('vitest');
} else {
  failed.push('vitest gave no report');
}

for (const name of failed) console.log(`failed: ${name}`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);
