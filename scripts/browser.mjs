// Finds Chromium for the browser tests; on Debian it is installed with apt when it is missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of a Chromium, or `undefined` (with a sentence on why) when there is none and none can be installed. */
export function ensureBrowser() {
  const found = [process.env.RAPPORT_CHROMIUM, ...PLACES].find(
    (path) => path !== undefined && existsSync(path),
  );
  if (found !== undefined) return found;
  console.log('Chromium is missing; installing it with apt …');
  const apt = (args) =>
    spawnSync('apt-get', args, {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  apt(['update', '-q']);
  apt(['install', '-y', '-q', '--no-install-recommends', 'chromium', 'fonts-noto-cjk']);
  const installed = PLACES.find((path) => existsSync(path));
  if (installed === undefined)
    console.log(
      'Chromium could not be installed; set RAPPORT_CHROMIUM to its path. The browser test will fail.',
    );
  return installed;
}
