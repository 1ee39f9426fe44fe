import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { sourcesProblems } from './sources.errors.ts';

export interface FolderSettings {
  /** Folders under which sources may lie. */
  readonly allowedRoots: readonly string[];
  /** Values that `${NAME}` may take in a manifest's folder. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/**
 * The real path of a manifest's folder.
 * @param baseDir where the manifest lies; relative folders begin there
 * @throws sources.variable_not_set, sources.folder_not_allowed (also for links that lead out of the allowed roots)
 */
export async function resolveFolder(
  folder: string,
  baseDir: string | undefined,
  settings: FolderSettings,
): Promise<string> {
  const replaced = folder.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = settings.variables[name];
    if (value === undefined || value === '') {
      throw sourcesProblems.variable_not_set({
        detail: `The folder "${folder}" needs ${name}. Set it in the environment, such as ${name}=/data, and try again.`,
        details: { variable: name },
      });
    }
    return value;
  });
  const [firstRoot] = settings.allowedRoots;
  const path = isAbsolute(replaced) ? resolve(replaced) : resolve(baseDir ?? firstRoot ?? '/', replaced);
  const roots = await Promise.all(
    settings.allowedRoots.map((root) => realpath(root).catch(() => resolve(root))),
  );
  // What is outside is refused before it is looked at, so that nobody learns what exists there.
  const isNamedInside = isUnder(path, [...roots, ...settings.allowedRoots.map((root) => resolve(root))]);
  const real = isNamedInside ? await realpath(path).catch(() => undefined) : undefined;
  if (!isNamedInside || (real !== undefined && !isUnder(real, roots))) {
    throw sourcesProblems.folder_not_allowed({
      detail: `The folder "${folder}" lies outside the folders sources may be read from. Put the files under one of them, or add it to the allowed folders.`,
    });
  }
  return real ?? path;
}

/** Files of a folder that match the paths, as paths under it in name order; links that lead out are not followed. */
export async function findFiles(folder: string, patterns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) {
    if (isAbsolute(pattern) || pattern.split(/[\\/]/).includes('..')) {
      throw sourcesProblems.folder_not_allowed({
        detail: `The path "${pattern}" leads out of the folder of the source.`,
      });
    }
    if (!/[*?]/.test(pattern)) {
      if (await isFileInside(folder, join(folder, pattern))) found.add(pattern.split(sep).join('/'));
      continue;
    }
    const matcher = globMatcher(pattern);
    for (const file of await listFiles(folder, pattern.includes('/') || pattern.includes('**'))) {
      if (matcher.test(file) && (await isFileInside(folder, join(folder, file)))) found.add(file);
    }
  }
  return [...found].sort();
}

async function isFileInside(folder: string, path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined || !isUnder(real, [folder])) return false;
  return (await stat(real)).isFile();
}

async function listFiles(folder: string, isDeep: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: isDeep }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

export function globMatcher(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|[*?]|[\\^$.+()[\]{}|]/g, (token) => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    return `\\${token}`;
  });
  return new RegExp(`^${source}$`, 'u');
}

function isUnder(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep));
}
