import type { DeliveryState, DeliveryView } from '@rapport/channels/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { deliveriesQuery } from '../../api/channels.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { CustomerLink } from '../../ui/customer-link.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { When } from '../../ui/figures.tsx';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

const tones: Readonly<Record<DeliveryState, Tone>> = {
  queued: 'calm',
  sending: 'info',
  sent: 'primary',
  delivered: 'good',
  opened: 'good',
  clicked: 'violet',
  bounced: 'bad',
  failed: 'bad',
  suppressed: 'warn',
  expired: 'warn',
  cancelled: 'calm',
  unknown: 'accent',
};
export const DELIVERY_STATES = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'opened',
  'clicked',
  'bounced',
  'failed',
  'suppressed',
  'expired',
  'cancelled',
  'unknown',
] as const satisfies readonly DeliveryState[];

/** The instant of the last thing that happened to a message. */
const lastAt = (delivery: DeliveryView): string =>
  delivery.clickedAt ??
  delivery.openedAt ??
  delivery.endedAt ??
  delivery.deliveredAt ??
  delivery.sentAt ??
  delivery.queuedAt;

interface DeliveriesPanelProps {
  readonly filter: {
    readonly campaignId?: string;
    readonly customerId?: string;
    readonly state?: DeliveryState | undefined;
  };
  /** Keeps asking, so that the list moves while messages do. */
  readonly live?: boolean;
}

export function DeliveriesPanel({ filter, live }: DeliveriesPanelProps) {
  const t = useText();
  const dynamic = useDynamicText();
  const deliveries = useInfiniteQuery({ ...deliveriesQuery(filter), refetchInterval: live ? 5000 : false });
  return (
    <Panel flush>
      <Answer query={deliveries}>
        {(data) => (
          <>
            <DataTable<DeliveryView>
              label={t('contacts.title')}
              rows={itemsOf(data)}
              rowKey={(delivery) => delivery.id}
              pageSize={100_000}
              empty={<Nothing title={t('contacts.empty')} hint={t('contacts.emptyHint')} />}
              columns={[
                {
                  title: t('common.state'),
                  render: (_, delivery) => (
                    <Badge tone={tones[delivery.state]} live={delivery.state === 'sending'}>
                      {t(`contacts.state.${delivery.state}`)}
                    </Badge>
                  ),
                },
                {
                  title: t('contacts.customer'),
                  render: (_, delivery) => <CustomerLink customerId={delivery.customerId} />,
                },
                {
                  title: t('contacts.channel'),
                  render: (_, delivery) => t(`common.channel.${delivery.channel}`),
                },
                ...(filter.campaignId
                  ? []
                  : [
                      {
                        title: t('contacts.campaign'),
                        render: (_: unknown, delivery: DeliveryView) => (
                          <Link to="/campaigns/$campaignId" params={{ campaignId: delivery.campaignId }}>
                            {delivery.campaignId}
                          </Link>
                        ),
                      },
                    ]),
                { title: t('contacts.variant'), dataIndex: 'variantId' },
                { title: t('contacts.at'), render: (_, delivery) => <When at={lastAt(delivery)} /> },
                {
                  title: t('contacts.reason'),
                  render: (_, delivery) => (
                    <span title={delivery.detail}>
                      {delivery.reason ? dynamic(`contacts.reasons.${delivery.reason}`, delivery.reason) : ''}
                    </span>
                  ),
                },
              ]}
            />
            <MoreButton query={deliveries} />
          </>
        )}
      </Answer>
    </Panel>
  );
}
