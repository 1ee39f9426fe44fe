import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type SmsProvider, signedHeaders, startSmsProvider } from './sms-provider.ts';
import { type SmtpSink, startSmtpSink } from './smtp-sink.ts';

describe('the SMTP sink', () => {
  let sink: SmtpSink;
  beforeAll(async () => {
    sink = await startSmtpSink();
  });
  beforeEach(() => {
    sink.clear();
    sink.configure({ behave: () => 'accept' });
  });
  afterAll(() => sink.stop());
  const send = (): Promise<unknown> => {
    const transport = createTransport({
      host: sink.host,
      port: sink.port,
      secure: false,
      socketTimeout: 3000,
    });
    return transport
      .sendMail({
        from: 'bank@example.com',
        to: 'chan@example.com',
        subject: '利率',
        text: '年利率 3%',
        headers: { 'X-Campaign': 'cmp_1' },
      })
      .finally(() => transport.close());
  };

  it('keeps what it is sent, parsed', async () => {
    await send();
    expect(sink.mails).toHaveLength(1);
    expect(sink.mails[0]?.to).toEqual(['chan@example.com']);
    expect(sink.mails[0]?.mail.subject).toBe('利率');
    expect(sink.mails[0]?.mail.text?.trim()).toBe('年利率 3%');
    expect(sink.mails[0]?.mail.headers.get('x-campaign')).toBe('cmp_1');
  });

  it('answers 451 and 550 when told to', async () => {
    sink.configure({ behave: () => 'defer' });
    await expect(send()).rejects.toMatchObject({ responseCode: 451 });
    sink.configure({ behave: () => 'refuse' });
    await expect(send()).rejects.toMatchObject({ responseCode: 550 });
    expect(sink.mails).toHaveLength(0);
  });

  it('breaks the connection after the data, with or without keeping the message', async () => {
    sink.configure({ behave: () => 'drop' });
    await expect(send()).rejects.toThrow();
    expect(sink.mails).toHaveLength(1);
    sink.configure({ behave: () => 'lose' });
    await expect(send()).rejects.toThrow();
    expect(sink.mails).toHaveLength(1);
  });
});

describe('the SMS provider', () => {
  const signingKey = 'a-signing-key-of-32-characters!!';
  let provider: SmsProvider;
  beforeAll(async () => {
    provider = await startSmsProvider({ signingKey });
  });
  beforeEach(() => {
    provider.clear();
    provider.configure({ behave: () => 'accept' });
  });
  afterAll(() => provider.stop());
  const send = (idempotencyKey: string, key = signingKey): Promise<Response> => {
    const body = JSON.stringify({ to: '+886900000001', text: 'hello' });
    return fetch(provider.url, {
      method: 'POST',
      headers: { 'idempotency-key': idempotencyKey, ...signedHeaders(key, body) },
      body,
    });
  };

  it('takes an idempotency key once and answers alike', async () => {
    const first = await (await send('dlv_1')).json();
    const second = await (await send('dlv_1')).json();
    expect(second).toEqual(first);
    expect(provider.messages).toHaveLength(1);
    expect(provider.repeats).toBe(1);
  });

  it('refuses a wrong signature', async () => {
    expect((await send('dlv_2', 'another key')).status).toBe(401);
    expect(provider.forgeries).toBe(1);
    expect(provider.messages).toHaveLength(0);
  });

  it('takes the message but breaks the connection when told to drop', async () => {
    provider.configure({ behave: () => 'drop' });
    await expect(send('dlv_3')).rejects.toThrow();
    expect(provider.messages).toHaveLength(1);
  });
});
