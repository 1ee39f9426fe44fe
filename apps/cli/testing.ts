import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const TSX = createRequire(import.meta.url).resolve('tsx/cli');
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** Runs `rapport …` as a program of its own against the platform of this home folder. */
export function runRapport(
  home: string,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [TSX, MAIN, ...args],
      { env: { ...process.env, RAPPORT_HOME: home } },
      (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err }),
    );
  });
}
