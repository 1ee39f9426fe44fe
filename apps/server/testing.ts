import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startServer } from './server.ts';

export interface TestServer {
  readonly url: string;
  readonly home: string;
  /** The modules themselves, for what comes to them by other ways than HTTP. */
  readonly platform: RunningServer['platform'];
  /** Signs in as one of the first users; answers a caller of the API that throws on a refusal. */
  as(username: string): Promise<Caller>;
  /** Stops the server and starts it again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export type Caller = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; body: Record<string, unknown> }>;

/** Boots the whole platform in a temporary folder on a free port, by default without a demo bank. */
export async function startTestServer(
  options: { env?: Record<string, string>; withDemo?: boolean } = {},
): Promise<TestServer> {
  const home = await mkdtemp(join(tmpdir(), 'rapport-e2e-'));
  const boot = (withDemo: boolean): Promise<RunningServer> =>
    startServer({
      env: { RAPPORT_HOME: home, PORT: '0', LOG_LEVEL: 'silent', ...options.env },
      withDemo,
      announce: () => undefined,
    });
  let server = await boot(options.withDemo ?? false);
  return {
    get url() {
      return server.url;
    },
    home,
    get platform() {
      return server.platform;
    },
    async as(username) {
      const file: { users: { username: string; password: string }[] } = JSON.parse(
        await readFile(join(home, 'credentials.json'), 'utf8'),
      );
      const password = file.users.find((user) => user.username === username)?.password;
      const signedIn = await fetch(`${server.url}/api/v1/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username, password }),
      });
      const { token }: { token: string } = await signedIn.json();
      return async (method, path, body) => {
        const answer = await fetch(`${server.url}/api/v1${path}`, {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await answer.text();
        const isJson = answer.headers.get('content-type')?.includes('json') === true && text !== '';
        return { status: answer.status, body: isJson ? JSON.parse(text) : { text } };
      };
    },
    async restart() {
      await server.stop();
      server = await boot(false);
    },
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
