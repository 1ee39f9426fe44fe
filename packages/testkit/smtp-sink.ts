import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

export interface SinkMail {
  /** Envelope sender and recipients. */
  readonly from: string;
  readonly to: readonly string[];
  readonly mail: ParsedMail;
  readonly receivedAt: number;
}

/**
 * What happens to a message once its data has arrived:
 * `accept` 250 · `defer` 451, try again · `refuse` 550, never · `drop` kept, but the connection breaks before any answer
 * · `lose` the connection breaks and the message is not kept.
 */
export type SinkBehaviour = 'accept' | 'defer' | 'refuse' | 'drop' | 'lose';

export interface SmtpSinkOptions {
  readonly behave?: (envelope: { readonly from: string; readonly to: readonly string[] }) => SinkBehaviour;
  /** Waits this long before it answers to the data. */
  readonly delayMs?: number;
  /** Refuses everybody else at sign-in. @default anybody may send */
  readonly auth?: { readonly user: string; readonly password: string };
}

export interface SmtpSink {
  readonly host: string;
  readonly port: number;
  /** Messages that were taken, `drop` included. */
  readonly mails: readonly SinkMail[];
  /** Connections opened so far. */
  readonly connections: number;
  configure(options: SmtpSinkOptions): void;
  clear(): void;
  stop(): Promise<void>;
}

/** A real SMTP server on the loopback interface that keeps what it is sent. */
export async function startSmtpSink(initial: SmtpSinkOptions = {}): Promise<SmtpSink> {
  let options = initial;
  let connections = 0;
  const mails: SinkMail[] = [];
  const server = new SMTPServer({
    authOptional: initial.auth === undefined,
    allowInsecureAuth: true,
    disabledCommands: initial.auth === undefined ? ['STARTTLS', 'AUTH'] : ['STARTTLS'],
    logger: false,
    onAuth(auth, _session, callback) {
      const isKnown = auth.username === options.auth?.user && auth.password === options.auth?.password;
      if (isKnown) callback(null, { user: auth.username });
      else callback(new Error('Invalid username or password'));
    },
    onConnect(_session, callback) {
      connections++;
      callback();
    },
    onData(stream, session, callback) {
      const { mailFrom, rcptTo } = session.envelope;
      const envelope = { from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) };
      const behaviour = options.behave?.(envelope) ?? 'accept';
      const settle = async (): Promise<void> => {
        const mail = await simpleParser(stream);
        if (options.delayMs !== undefined)
          await new Promise((resolve) => setTimeout(resolve, options.delayMs));
        if (behaviour === 'accept' || behaviour === 'drop')
          mails.push({ ...envelope, mail, receivedAt: Date.now() });
        if (behaviour === 'drop' || behaviour === 'lose') breakConnection(server, session.id);
        else if (behaviour === 'accept') callback();
        else
          callback(
            Object.assign(new Error(ANSWERS[behaviour].text), { responseCode: ANSWERS[behaviour].code }),
          );
      };
      settle().catch((error: Error) => callback(error));
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = addressOf(server);
  return {
    host: '127.0.0.1',
    port,
    mails,
    get connections() {
      return connections;
    },
    configure(next) {
      options = { ...options, ...next };
    },
    clear() {
      mails.length = 0;
    },
    stop: () =>
      new Promise((resolve) => {
        for (const connection of server.connections) connection._socket?.destroy();
        server.close(() => resolve());
      }),
  };
}

const ANSWERS = {
  defer: { code: 451, text: 'Try again later' },
  refuse: { code: 550, text: 'No such mailbox' },
};

function addressOf(server: SMTPServer): AddressInfo {
  const address = server.server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The SMTP sink has no address.');
  return address;
}

function breakConnection(server: SMTPServer, id: string): void {
  for (const connection of server.connections) {
    if (connection.id === id) connection._socket?.destroy();
  }
}
