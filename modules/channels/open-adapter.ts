import { Value } from 'typebox/value';
import type { ChannelAdapter } from './adapter.ts';
import { channelsProblems } from './channels.problems.ts';
import type { OpenProvider } from './channels.ts';
import { SmsHttpSettings, SmtpSettings } from './contract.ts';
import { createSmsHttpAdapter } from './sms-http.adapter.ts';
import { createSmtpAdapter } from './smtp.adapter.ts';

/** The adapter of a provider's kind. @throws channels.provider_unsuitable when what is stored does not fit the kind */
export function openAdapter({ view, password, signingKey }: OpenProvider): ChannelAdapter {
  const { settings, kind } = view;
  if (kind === 'smtp' && Value.Check(SmtpSettings, settings)) return createSmtpAdapter(settings, password);
  if (kind === 'sms_http' && Value.Check(SmsHttpSettings, settings) && signingKey !== undefined) {
    return createSmsHttpAdapter(settings, signingKey);
  }
  throw channelsProblems.provider_unsuitable({
    detail: `The settings of ${view.id} do not fit its kind ${kind}.`,
  });
}
