import type { Http } from '@rapport/http';
import { Type } from 'typebox';
import { channelsProblems } from './channels.problems.ts';
import type { Channels } from './channels.ts';
import type { Channel } from './contract.ts';

const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const Token = Type.Object({
  token: Type.String({ maxLength: 100, description: 'Signed token', examples: ['AZ…'] }),
});
const Html = Type.String({ description: 'A page', examples: ['<!doctype html>…'] });

type PageLanguage = 'zh-Hant' | 'zh-Hans' | 'en';

/**
 * What links in messages lead to, outside `/api/v1` and without sign-in: `/t/{token}` follows a link,
 * `/o/{token}.gif` notes that a mail was opened, `/u/{token}` opts out (with List-Unsubscribe one-click, RFC 8058).
 */
export async function publicRoutes(
  http: Http,
  channels: Pick<Channels, 'follow' | 'noteOpen' | 'readUnsubscribe' | 'unsubscribe'>,
): Promise<void> {
  await http.register(async (scope) => {
    // Mail readers post a form for the one-click opt-out; nothing in it matters.
    scope.addContentTypeParser(
      /^(application\/x-www-form-urlencoded|multipart\/form-data)/,
      { parseAs: 'string', bodyLimit: 10_000 },
      (_request, body, done) => done(null, body),
    );
    const config = { permission: 'public' };

    scope.get<{ Params: { token: string } }>(
      '/t/:token',
      { config, schema: { params: Token, hide: true } },
      async (request, reply) => {
        const destination = await channels.follow(request.params.token);
        return reply
          .header('cache-control', 'no-store')
          .header('referrer-policy', 'no-referrer')
          .redirect(destination, 302);
      },
    );

    scope.get<{ Params: { file: string } }>(
      '/o/:file',
      { config, schema: { params: Type.Object({ file: Type.String({ maxLength: 100 }) }), hide: true } },
      async (request, reply) => {
        await channels.noteOpen(request.params.file.replace(/\.gif$/, ''));
        return reply
          .header('cache-control', 'no-store')
          .header('content-type', 'image/gif')
          .header('cross-origin-resource-policy', 'cross-origin')
          .send(PIXEL);
      },
    );

    // A GET changes nothing: scanners follow every link of a mail before its reader does.
    scope.get<{ Params: { token: string } }>(
      '/u/:token',
      { config, schema: { params: Token, response: { 200: Html }, hide: true } },
      async (request, reply) => {
        const language = languageOf(request.headers['accept-language']);
        const page = reply.header('cache-control', 'no-store').type('text/html; charset=utf-8');
        if (request.params.token === 'preview') return page.send(confirmPage(language, 'email', false));
        const { channel, optedOut } = await channels.readUnsubscribe(request.params.token);
        return page.send(optedOut ? donePage(language, channel) : confirmPage(language, channel, true));
      },
    );

    scope.post<{ Params: { token: string } }>(
      '/u/:token',
      { config, schema: { params: Token, response: { 200: Html }, hide: true } },
      async (request, reply) => {
        if (request.params.token === 'preview') throw channelsProblems.bad_link();
        const isOneClick =
          typeof request.body === 'string' && request.body.includes('List-Unsubscribe=One-Click');
        const { channel } = await channels.unsubscribe(
          request.params.token,
          isOneClick ? 'one-click opt-out of a mail reader' : 'opt-out page',
        );
        return reply
          .header('cache-control', 'no-store')
          .type('text/html; charset=utf-8')
          .send(donePage(languageOf(request.headers['accept-language']), channel));
      },
    );
  });
}

function languageOf(header: string | undefined): PageLanguage {
  for (const part of (header ?? '').split(',')) {
    const tag = part.split(';')[0]?.trim().toLowerCase() ?? '';
    if (/^zh(-hant)?-(tw|hk|mo)|^zh-hant/.test(tag)) return 'zh-Hant';
    if (tag.startsWith('zh')) return 'zh-Hans';
    if (tag.startsWith('en')) return 'en';
  }
  return 'en';
}

const WORDS: Readonly<
  Record<
    PageLanguage,
    {
      title: string;
      ask: Readonly<Record<Channel, string>>;
      button: string;
      done: Readonly<Record<Channel, string>>;
    }
  >
> = {
  'zh-Hant': {
    title: '退訂行銷訊息',
    ask: { email: '您要停止接收我們的行銷電子郵件嗎？', sms: '您要停止接收我們的行銷簡訊嗎？' },
    button: '確認退訂',
    done: { email: '已退訂。您不會再收到我們的行銷電子郵件。', sms: '已退訂。您不會再收到我們的行銷簡訊。' },
  },
  'zh-Hans': {
    title: '退订营销信息',
    ask: { email: '您要停止接收我们的营销电子邮件吗？', sms: '您要停止接收我们的营销短信吗？' },
    button: '确认退订',
    done: { email: '已退订。您不会再收到我们的营销电子邮件。', sms: '已退订。您不会再收到我们的营销短信。' },
  },
  en: {
    title: 'Unsubscribe',
    ask: {
      email: 'Stop receiving our marketing e-mail?',
      sms: 'Stop receiving our marketing text messages?',
    },
    button: 'Unsubscribe',
    done: {
      email: 'Done. You will get no more marketing e-mail from us.',
      sms: 'Done. You will get no more marketing text messages from us.',
    },
  },
};
const LANGUAGES_SHOWN: readonly PageLanguage[] = ['zh-Hant', 'zh-Hans', 'en'];

/** The reader's language first, the others below it: nobody must guess what the button does. */
const inOrder = (first: PageLanguage): PageLanguage[] => [
  first,
  ...LANGUAGES_SHOWN.filter((language) => language !== first),
];

function confirmPage(language: PageLanguage, channel: Channel, isActive: boolean): string {
  const [first, ...others] = inOrder(language);
  const words = WORDS[first ?? 'en'];
  const buttons = [words, ...others.map((other) => WORDS[other])].map((each) => each.button);
  return shell(
    language,
    words.title,
    `<h1>${words.ask[channel]}</h1>${others.map((other) => `<p lang="${other}">${WORDS[other].ask[channel]}</p>`).join('')}
    <form method="post"><button name="confirm" value="yes"${isActive ? '' : ' disabled'}>${buttons.join(' · ')}</button></form>`,
  );
}

function donePage(language: PageLanguage, channel: Channel): string {
  const [first, ...others] = inOrder(language);
  const words = WORDS[first ?? 'en'];
  return shell(
    language,
    words.title,
    `<h1>${words.done[channel]}</h1>${others.map((other) => `<p lang="${other}">${WORDS[other].done[channel]}</p>`).join('')}`,
  );
}

const shell = (language: PageLanguage, title: string, body: string): string => `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>${title}</title><style>body{font:16px/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem;color:#1f2937;text-align:center}
h1{font-size:1.35rem}p{color:#6b7280;margin:.3rem 0}button{margin-top:1.5rem;padding:.7rem 1.6rem;font-size:1rem;border:0;border-radius:.5rem;background:#1d4ed8;color:#fff;cursor:pointer}
button:disabled{background:#9ca3af}</style></head><body>${body}</body></html>`;
