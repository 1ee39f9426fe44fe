import { createHmac } from 'node:crypto';
import type { AlertSink } from '@rapport/catalog';
import { createTransport } from 'nodemailer';

/** Where alerts are sent beside the list, as the settings say. */
export function alertSinks(settings: {
  readonly RAPPORT_ALERT_WEBHOOK?: string;
  readonly RAPPORT_ALERT_WEBHOOK_SECRET?: string;
  readonly RAPPORT_ALERT_EMAIL?: string;
  readonly RAPPORT_ALERT_SMTP?: string;
  readonly RAPPORT_BANK_NAME: string;
}): AlertSink[] {
  const sinks: AlertSink[] = [];
  const { RAPPORT_ALERT_WEBHOOK: url, RAPPORT_ALERT_EMAIL: to, RAPPORT_ALERT_SMTP: smtp } = settings;
  if (url !== undefined) {
    sinks.push({
      name: 'webhook',
      async send(alert) {
        const body = JSON.stringify(alert);
        const signature = createHmac('sha256', settings.RAPPORT_ALERT_WEBHOOK_SECRET ?? '').update(body);
        const answer = await fetch(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-rapport-signature': `sha256=${signature.digest('hex')}`,
          },
          body,
          redirect: 'error',
          signal: AbortSignal.timeout(10_000),
        });
        if (!answer.ok) throw new Error(`The alert webhook answered ${answer.status}.`);
      },
    });
  }
  if (to !== undefined && smtp !== undefined) {
    const transport = createTransport(smtp, { from: `Rapport <${to}>` });
    sinks.push({
      name: 'e-mail',
      async send(alert) {
        await transport.sendMail({
          to,
          subject: `[${settings.RAPPORT_BANK_NAME}] ${alert.severity}: ${alert.kind} ${alert.subject}`,
          text: `${alert.message.en}\n\n${alert.message['zh-Hant'] ?? ''}\n\n${alert.id}, ${alert.raisedAt}`,
        });
      },
    });
  }
  return sinks;
}
