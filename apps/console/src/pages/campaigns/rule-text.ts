import type { ContactRule } from '@rapport/decisions/contract';
import type { Translate } from '../../i18n/i18n.ts';
import { parseWindow } from '../governance/rule-window.ts';

/** A contact rule in words. */
export function formatRule(rule: ContactRule, t: Translate): string {
  const { size, unit } = parseWindow(rule.window);
  return t('campaigns.delivery.rule', {
    max: rule.max,
    channel: t(`common.channel.${rule.channel}`),
    size,
    unit: t(`governance.policy.${unit}`),
  });
}
