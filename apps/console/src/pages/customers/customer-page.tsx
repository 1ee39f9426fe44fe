import type { CustomerProfile } from '@rapport/customers/contract';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { customerQuery } from '../../api/customers.queries.ts';
import { orgUnitsQuery } from '../../api/governance.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { Ago, Day, Facts, Figure, Money, Num, useFormats, When } from '../../ui/figures.tsx';
import { HideIcon, ShowIcon } from '../../ui/icons.ts';
import { Button, Tabs } from '../../ui/kit.ts';
import { cells, side } from '../../ui/metrics.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { AccountsPanel, HoldingsPanel } from './belongings.tsx';
import { COVERED } from './covered.ts';
import { CustomerTagsPanel } from './customer-tags-panel.tsx';
import { IdentityPanel } from './identity-panel.tsx';
import { KinPanel } from './kin-panel.tsx';
import { TimelinePanel } from './timeline-panel.tsx';

export function CustomerPage() {
  const t = useText();
  const dynamic = useDynamicText();
  const { customerId } = useParams({ from: '/signed-in/customers/$customerId' });
  const customer = useQuery(customerQuery(customerId));
  // Clear data stays covered until asked for: screens are seen by others too.
  const [revealed, setRevealed] = useState(false);
  const formats = useFormats();
  return (
    <Page
      title={customerId}
      heading={
        <span className="row gap-m">
          <span className="num">{customerId}</span>
          {customer.data ? (
            <Badge tone="primary">
              {dynamic(`customers.kinds.${customer.data.kind}`, customer.data.kind)}
            </Badge>
          ) : null}
        </span>
      }
      intro={customer.data ? t('common.took', { time: formats.duration(customer.data.tookMs) }) : undefined}
      crumbs={[{ label: t('customers.title'), to: '/customers' }]}
    >
      <Answer query={customer} rows={12}>
        {(profile) => (
          <>
            <Glance profile={profile} />
            <div className="split side-first" style={side(360)}>
              <div className="stack gap-m">
                <WhoPanel profile={profile} shown={revealed} onShow={setRevealed} />
                <KinPanel profile={profile} covered={profile.piiClear && !revealed} />
                <ConsentsPanel profile={profile} />
              </div>
              <Tabs
                items={[
                  {
                    key: 'tags',
                    label: t('customers.tags'),
                    children: <CustomerTagsPanel customerId={customerId} tags={profile.tags} />,
                  },
                  {
                    key: 'belongings',
                    label: t('customers.belongings'),
                    children: (
                      <div className="stack gap-m">
                        <AccountsPanel accounts={profile.accounts} />
                        <HoldingsPanel holdings={profile.holdings} />
                      </div>
                    ),
                  },
                  {
                    key: 'timeline',
                    label: t('customers.timeline'),
                    children: <TimelinePanel customerId={customerId} />,
                  },
                  {
                    key: 'contacts',
                    label: t('customers.contacts'),
                    children: <TimelinePanel customerId={customerId} kind="contact" />,
                  },
                  {
                    key: 'identity',
                    label: t('identity.tab'),
                    children: (
                      <IdentityPanel customerId={customerId} covered={profile.piiClear && !revealed} />
                    ),
                  },
                ]}
              />
            </div>
          </>
        )}
      </Answer>
    </Page>
  );
}

function Glance({ profile }: { readonly profile: CustomerProfile }) {
  const t = useText();
  const { summary } = profile;
  return (
    <Panel>
      <div className="grid" style={cells(140)}>
        {summary.totals.map((total) => (
          <Figure
            key={total.currency}
            label={t('customers.assets')}
            value={<Money amountMinor={total.assetsMinor} currency={total.currency} compact />}
            note={
              total.debtsMinor > 0 ? (
                <>
                  {t('customers.debts')}{' '}
                  <Money amountMinor={total.debtsMinor} currency={total.currency} compact />
                </>
              ) : undefined
            }
          />
        ))}
        <Figure label={t('customers.accounts')} value={<Num value={summary.accounts} />} />
        <Figure label={t('customers.holdings')} value={<Num value={summary.holdings} />} />
        <Figure label={t('customers.transactions')} value={<Num value={summary.transactions} />} />
        <Figure
          label={t('customers.events')}
          value={<Num value={summary.events} />}
          note={<Ago at={summary.lastActivityAt} />}
        />
        <Figure label={t('customers.contacts')} value={<Num value={summary.contacts} />} />
      </div>
    </Panel>
  );
}

function WhoPanel({
  profile,
  shown,
  onShow,
}: {
  readonly profile: CustomerProfile;
  readonly shown: boolean;
  readonly onShow: (shown: boolean) => void;
}) {
  const t = useText();
  const dynamic = useDynamicText();
  const units = useQuery(orgUnitsQuery);
  const unitName = units.data?.items.find((unit) => unit.code === profile.orgUnit)?.name;
  const personal = (value: string | undefined) => {
    if (!value) return undefined;
    return profile.piiClear && !shown ? <span title={t('customers.covered')}>{COVERED}</span> : value;
  };
  const attributes = Object.entries(profile.attributes);
  return (
    <Panel
      title={t('customers.who')}
      note={profile.piiClear ? undefined : t('customers.masked')}
      actions={
        profile.piiClear ? (
          <Button
            size="small"
            icon={shown ? <HideIcon /> : <ShowIcon />}
            aria-pressed={shown}
            onClick={() => onShow(!shown)}
          >
            {shown ? t('customers.cover') : t('customers.reveal')}
          </Button>
        ) : null
      }
    >
      <Facts
        items={[
          { term: t('common.name'), value: personal(profile.name) },
          { term: t('customers.phone'), value: personal(profile.phone) },
          { term: t('customers.email'), value: personal(profile.email) },
          {
            term: t('customers.gender'),
            value: profile.gender
              ? dynamic(`customers.genders.${profile.gender}`, profile.gender)
              : undefined,
          },
          {
            term: t('customers.birth'),
            value: profile.birthDate ? (
              profile.piiClear ? (
                shown ? (
                  <Day date={profile.birthDate} />
                ) : (
                  COVERED
                )
              ) : (
                profile.birthDate.slice(0, 4)
              )
            ) : undefined,
          },
          { term: t('customers.city'), value: profile.city },
          { term: t('customers.orgUnit'), value: unitName ?? profile.orgUnit },
          { term: t('customers.rm'), value: profile.rm },
          { term: t('customers.risk'), value: profile.riskLevel ? `C${profile.riskLevel}` : undefined },
          { term: t('customers.since'), value: <Day date={profile.openedOn} /> },
          { term: t('customers.language'), value: profile.language },
          {
            term: t('customers.identities'),
            value: [...new Set(profile.identities.map(({ kind }) => kind))].join(', ') || undefined,
          },
          { term: t('customers.source'), value: <code>{profile.source}</code> },
          profile.records.length > 1
            ? { term: t('identity.records'), value: profile.records.join(', ') }
            : undefined,
          ...attributes.map(([name, value]) => ({ term: name, value })),
        ]}
      />
    </Panel>
  );
}

function ConsentsPanel({ profile }: { readonly profile: CustomerProfile }) {
  const t = useText();
  const dynamic = useDynamicText();
  return (
    <Panel title={t('customers.consents')}>
      {profile.consents.length === 0 ? (
        <Nothing title={t('customers.noConsents')} />
      ) : (
        <ul className="list-plain list-rows">
          {profile.consents.map((consent) => (
            <li key={`${consent.channel}${consent.purpose}`} className="row between gap-s">
              <div>
                <div>
                  {dynamic(`common.channel.${consent.channel}`, consent.channel)} ·{' '}
                  {dynamic(`common.purpose.${consent.purpose}`, consent.purpose)}
                </div>
                <div className="faint">
                  <When at={consent.at} /> {consent.evidence}
                </div>
              </div>
              <Badge tone={consent.granted ? 'good' : 'bad'}>
                {consent.granted ? t('customers.granted') : t('customers.withdrawn')}
              </Badge>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
