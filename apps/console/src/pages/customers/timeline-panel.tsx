import type { TimelineItem } from '@rapport/customers/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { timelineQuery } from '../../api/customers.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useWords } from '../../i18n/words.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { Money, When } from '../../ui/figures.tsx';
import { Segmented } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

type Kind = TimelineItem['kind'];
const tones: Readonly<Record<Kind, Tone>> = { transaction: 'primary', event: 'info', contact: 'accent' };

/** Ids that say nothing to a reader; the campaign is shown as a link. */
const TECHNICAL = new Set(['campaign_id', 'delivery_id', 'template_id', 'offer_id', 'node', 'wave']);

interface TimelinePanelProps {
  readonly customerId: string;
  /** Only this kind; without it the reader chooses. */
  readonly kind?: Kind;
}

/** What happened to a customer, newest first. */
export function TimelinePanel({ customerId, kind }: TimelinePanelProps) {
  const t = useText();
  const [chosen, setChosen] = useState<Kind | 'all'>(kind ?? 'all');
  const timeline = useInfiniteQuery(timelineQuery(customerId, chosen === 'all' ? undefined : chosen));
  return (
    <Panel
      title={kind ? t('customers.contacts') : t('customers.timeline')}
      actions={
        kind ? null : (
          <Segmented<Kind | 'all'>
            value={chosen}
            onChange={setChosen}
            options={[
              { value: 'all', label: t('common.all') },
              { value: 'transaction', label: t('customers.item.transaction') },
              { value: 'event', label: t('customers.item.event') },
              { value: 'contact', label: t('customers.item.contact') },
            ]}
          />
        )
      }
    >
      <Answer query={timeline}>
        {(data) => {
          const items = itemsOf(data);
          if (items.length === 0) return <Nothing title={t('customers.noTimeline')} />;
          return (
            <>
              <ol className="list-plain list-rows">
                {items.map((item) => (
                  <Item key={`${item.kind}${item.id}${item.name}`} item={item} />
                ))}
              </ol>
              <MoreButton query={timeline} />
            </>
          );
        }}
      </Answer>
    </Panel>
  );
}

function Item({ item }: { readonly item: TimelineItem }) {
  const t = useText();
  const words = useWords();
  const campaignId = item.properties.campaign_id;
  const details = Object.entries(item.properties).filter(
    ([name, value]) => value !== '' && !TECHNICAL.has(name),
  );
  return (
    <li className="row between gap-m" style={{ alignItems: 'flex-start' }}>
      <div className="grow stack gap-xs">
        <div className="row gap-s">
          <Badge tone={tones[item.kind]}>{t(`customers.item.${item.kind}`)}</Badge>
          <strong>{words.event(item.name)}</strong>
          {campaignId ? (
            <Link to="/campaigns/$campaignId" params={{ campaignId }}>
              {t('customers.campaign')}
            </Link>
          ) : null}
        </div>
        {details.length > 0 ? (
          <div className="faint" style={{ overflowWrap: 'anywhere', fontSize: 13 }}>
            {details.map(([name, value]) => `${words.property(name)}: ${value}`).join(' · ')}
          </div>
        ) : null}
      </div>
      <div style={{ textAlign: 'right' }}>
        {item.amountMinor !== undefined && item.currency ? (
          <div style={{ color: item.direction === 'credit' ? 'var(--good)' : 'inherit', fontWeight: 500 }}>
            {item.direction === 'credit' ? '+' : '−'}
            <Money amountMinor={item.amountMinor} currency={item.currency} />
          </div>
        ) : null}
        <span className="faint">
          <When at={item.at} />
        </span>
      </div>
    </li>
  );
}
