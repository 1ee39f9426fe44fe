import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { Http } from '@rapport/http';

const YEAR_MS = 365 * 86_400_000;

/** Serves the built console; every address that is not a file of it is a deep link and answers the page itself. */
export async function addConsole(http: Http, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) return;
  const files = new Set(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name))),
  );
  await http.register(fastifyStatic, { root: folder, serve: false, cacheControl: false });
  http.get(
    '/*',
    // No schema of the parameter: TypeBox reads a property named `*` as a pattern and fails on every request.
    { config: { permission: 'public' }, schema: { hide: true } },
    async (request, reply) => {
      const path = new URL(request.url, 'http://localhost').pathname.slice(1);
      if (files.has(path)) {
        // Vite names assets by their content, so they never change.
        const cache = path.startsWith('assets/')
          ? `public, max-age=${YEAR_MS / 1000}, immutable`
          : 'no-cache';
        return reply.header('cache-control', cache).sendFile(path);
      }
      const isPage = request.headers.accept?.includes('text/html') === true && !path.startsWith('api/');
      return isPage ? reply.header('cache-control', 'no-cache').sendFile('index.html') : reply.callNotFound();
    },
  );
}
