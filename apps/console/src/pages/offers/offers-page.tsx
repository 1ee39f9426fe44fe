import type { Offer, OfferState } from '@rapport/offers/contract';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { activateOffer, offersQuery, retireOffer } from '../../api/offers.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Money, When } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { OfferDrawer } from './offer-drawer.tsx';

const tones: Readonly<Record<OfferState, Tone>> = { draft: 'calm', active: 'good', retired: 'bad' };

export function OffersPage() {
  const t = useText();
  const may = useMay();
  const localized = useLocalized();
  const notify = useNotify();
  const queries = useQueryClient();
  const offers = useInfiniteQuery(offersQuery());
  const [editing, setEditing] = useState<{ readonly offer?: Offer } | undefined>(undefined);
  const refresh = () => queries.invalidateQueries({ queryKey: ['offers'] });
  const activate = useMutation({ mutationFn: activateOffer, onSuccess: refresh, onError: notify.problem });
  const retire = useMutation({ mutationFn: retireOffer, onSuccess: refresh, onError: notify.problem });
  const mayWrite = may('offers.write');
  const create = mayWrite ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => setEditing({})}>
      {t('offers.new')}
    </Button>
  ) : null;
  return (
    <Page title={t('offers.title')} intro={t('offers.intro')} actions={create}>
      <Panel flush>
        <Answer query={offers}>
          {(data) => (
            <>
              <DataTable<Offer>
                label={t('offers.title')}
                rows={itemsOf(data)}
                rowKey={(offer) => offer.id}
                pageSize={100_000}
                onOpen={mayWrite ? (offer) => setEditing({ offer }) : undefined}
                empty={<Nothing title={t('offers.empty')} hint={t('offers.intro')} action={create} />}
                columns={[
                  {
                    title: t('common.name'),
                    render: (_, offer) => (
                      <div style={{ maxWidth: 420 }}>
                        <strong>{localized(offer.name)}</strong>
                        <div className="faint ellipsis">{localized(offer.description)}</div>
                      </div>
                    ),
                  },
                  { title: t('offers.kind'), render: (_, offer) => t(`offers.kinds.${offer.kind}`) },
                  {
                    title: t('offers.value'),
                    align: 'right',
                    render: (_, offer) => <Money amountMinor={offer.valueMinor} currency={offer.currency} />,
                  },
                  { title: t('offers.risk'), render: (_, offer) => offer.riskLevel ?? '' },
                  { title: t('offers.until'), render: (_, offer) => <When at={offer.validUntil} /> },
                  {
                    title: t('common.state'),
                    render: (_, offer) => (
                      <Badge tone={tones[offer.state]}>{t(`offers.state.${offer.state}`)}</Badge>
                    ),
                  },
                  {
                    title: '',
                    align: 'right',
                    render: (_, offer) =>
                      !mayWrite ? null : offer.state === 'active' ? (
                        <Button size="small" onClick={() => retire.mutate(offer.id)}>
                          {t('offers.retire')}
                        </Button>
                      ) : (
                        <Button size="small" type="primary" ghost onClick={() => activate.mutate(offer.id)}>
                          {t('offers.activate')}
                        </Button>
                      ),
                  },
                ]}
              />
              <MoreButton query={offers} />
            </>
          )}
        </Answer>
      </Panel>
      {editing ? (
        <OfferDrawer
          {...(editing.offer ? { offer: editing.offer } : {})}
          onClose={() => setEditing(undefined)}
        />
      ) : null}
    </Page>
  );
}
