/*
 * A receiver in a process of its own, so that it does not share the event loop with what is measured:
 * `sink.ts smtp | sms <signing key>`. It sends `{ port | url }` once it listens, and a count when it is sent anything.
 */
import { startSmsProvider } from '@rapport/testkit';
import { SMTPServer } from 'smtp-server';

const [kind, signingKey = ''] = process.argv.slice(2);
if (kind === 'smtp') {
  // Testkit's sink parses and keeps every mail, which takes longer than sending it; this one reads and counts.
  let taken = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onData(stream, _session, callback) {
      stream.on('data', () => undefined);
      stream.on('end', () => {
        taken++;
        callback();
      });
    },
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1', () => {
    const address = server.server.address();
    process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 });
  });
  process.on('message', () => process.send?.({ taken }));
} else {
  const provider = await startSmsProvider({ signingKey });
  process.send?.({ url: provider.url });
  process.on('message', () => process.send?.({ taken: provider.messages.length }));
}
process.on('disconnect', () => process.exit());
