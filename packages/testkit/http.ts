import { createHttp, type Http, mountRoutes, type Routes } from '@rapport/http';
import { type Actor, silentLog } from '@rapport/kernel';
import { testActor } from './actors.ts';

export interface TestHttp {
  readonly http: Http;
  /** Who the next requests come from; `undefined` is nobody. */
  signInAs(actor: Actor | undefined): void;
  stop(): Promise<void>;
}

/** Mounts routes on the real edge, to be asked through `http.inject`; every request comes from `actor`. */
export async function startTestHttp(
  routes: readonly Routes[],
  actor: Actor = testActor(),
): Promise<TestHttp> {
  let caller: Actor | undefined = actor;
  const http = await createHttp({ log: silentLog, version: 'test', authenticate: async () => caller });
  for (const each of routes) await mountRoutes(http, each);
  await http.ready();
  return {
    http,
    signInAs(next) {
      caller = next;
    },
    stop: () => http.close(),
  };
}
