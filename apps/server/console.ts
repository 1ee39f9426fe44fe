import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { Http } from '@rapport/http';

/** Serves the built console; every address that is not a file of it is a deep link and answers the page itself. */
export async function addConsole(http: Http, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) return;
  http.addHook('onRoute', (route) => {
    if (route.config?.permission === undefined) route.config = { ...route.config, permission: 'public' };
  });
  await http.register(async (scope) => {
    await scope.register(fastifyStatic, {
      root: folder,
      wildcard: false,
      index: false,
      setHeaders(reply, path) {
        reply.setHeader(
          'cache-control',
          path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
        );
      },
    });
    scope.get('/*', { config: { permission: 'public' } }, async (request, reply) => {
      const isPage =
        request.headers.accept?.includes('text/html') === true && !request.url.startsWith('/api/');
      return isPage ? reply.sendFile('index.html') : reply.callNotFound();
    });
  });
}
