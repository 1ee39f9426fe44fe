import type { DeliveryState } from '@rapport/channels/contract';
import { useState } from 'react';
import { useText } from '../../i18n/i18n.ts';
import { Select } from '../../ui/kit.ts';
import { Page } from '../../ui/page.tsx';
import { DELIVERY_STATES, DeliveriesPanel } from './deliveries-panel.tsx';

/** Messages of all campaigns as they move, newest first. */
export function ContactsPage() {
  const t = useText();
  const [state, setState] = useState<DeliveryState | undefined>(undefined);
  return (
    <Page
      title={t('contacts.title')}
      intro={t('contacts.intro')}
      actions={
        <Select<DeliveryState>
          allowClear
          style={{ width: 190 }}
          aria-label={t('contacts.onlyState')}
          placeholder={t('contacts.onlyState')}
          value={state}
          options={DELIVERY_STATES.map((one) => ({ value: one, label: t(`contacts.state.${one}`) }))}
          onChange={(next) => setState(next)}
        />
      }
    >
      <DeliveriesPanel filter={{ state }} live />
    </Page>
  );
}
