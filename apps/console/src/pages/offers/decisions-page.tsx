import type { Decision, NewDecisionResponse } from '@rapport/decisions/contract';
import type { Offer } from '@rapport/offers/contract';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { decide, offersQuery, recordResponse, replayDecision } from '../../api/offers.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { CustomerLink } from '../../ui/customer-link.tsx';
import { Facts, Money, Num, Percent, When } from '../../ui/figures.tsx';
import { Alert, Button, Input, InputNumber } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Nothing, ProblemView } from '../../ui/states.tsx';

export function DecisionsPage() {
  const t = useText();
  const may = useMay();
  const [customerId, setCustomerId] = useState('');
  const [slot, setSlot] = useState('');
  const [limit, setLimit] = useState(3);
  const offers = useInfiniteQuery(offersQuery());
  const ask = useMutation({
    mutationFn: () =>
      decide({ customerId: customerId.trim(), limit, ...(slot.trim() ? { slot: slot.trim() } : {}) }),
  });
  const handleAsk = (): void => {
    if (customerId.trim() !== '') ask.mutate();
  };
  return (
    <Page title={t('decisions.title')} intro={t('decisions.intro')}>
      <Panel>
        <div className="row gap-s">
          <Input
            style={{ flex: '1 1 200px', maxWidth: 320 }}
            aria-label={t('decisions.customer')}
            placeholder={t('decisions.customer')}
            value={customerId}
            onChange={(event) => setCustomerId(event.target.value)}
            onPressEnter={handleAsk}
          />
          <Input
            style={{ flex: '1 1 140px', maxWidth: 220 }}
            aria-label={t('decisions.slot')}
            placeholder={t('decisions.slot')}
            value={slot}
            onChange={(event) => setSlot(event.target.value)}
            onPressEnter={handleAsk}
          />
          <InputNumber
            min={1}
            max={50}
            style={{ width: 90 }}
            aria-label={t('decisions.limit')}
            value={limit}
            onChange={(next) => setLimit(next ?? 3)}
          />
          <Button
            type="primary"
            loading={ask.isPending}
            disabled={customerId.trim() === '' || !may('decisions.write')}
            onClick={handleAsk}
          >
            {t('decisions.ask')}
          </Button>
        </div>
      </Panel>
      {ask.error ? <ProblemView error={ask.error} /> : null}
      {ask.data ? (
        <DecisionView
          key={ask.data.id}
          decision={ask.data}
          offers={offers.data ? itemsOf(offers.data) : []}
        />
      ) : ask.error ? null : (
        <Panel>
          <Nothing title={t('decisions.none')} hint={t('decisions.noneHint')} />
        </Panel>
      )}
    </Page>
  );
}

interface DecisionViewProps {
  readonly decision: Decision;
  readonly offers: readonly Offer[];
}

const RESPONSES = ['shown', 'clicked', 'accepted', 'rejected'] as const;

function DecisionView({ decision, offers }: DecisionViewProps) {
  const t = useText();
  const localized = useLocalized();
  const notify = useNotify();
  const replay = useMutation({ mutationFn: () => replayDecision(decision.id), onError: notify.problem });
  const respond = useMutation({
    mutationFn: (body: NewDecisionResponse) => recordResponse(decision.id, body),
    onSuccess: () => notify.done(t('decisions.recorded')),
    onError: notify.problem,
  });
  const byId = new Map(offers.map((offer) => [offer.id, offer]));
  return (
    <div className="split" style={side(360)}>
      <div className="stack gap-m">
        <Panel title={t('decisions.winners')}>
          {decision.offers.length === 0 ? (
            <Nothing title={t('decisions.noWinner')} />
          ) : (
            <ol className="list-plain list-rows">
              {decision.offers.map((offer) => {
                const known = byId.get(offer.offerId);
                return (
                  <li key={offer.offerId} className="stack gap-s">
                    <div className="row between gap-s">
                      <strong>
                        {offer.rank}. {localized(offer.name)}
                      </strong>
                      <span className="row gap-s">
                        <Badge tone="primary">
                          {t('decisions.chance')} <Percent ratio={offer.propensity} />
                        </Badge>
                        <Badge tone="calm">{t(`decisions.source.${offer.propensitySource}`)}</Badge>
                      </span>
                    </div>
                    <div className="row gap-m soft">
                      <span>
                        {t('decisions.worth')}{' '}
                        {known ? (
                          <Money amountMinor={offer.valueMinor} currency={known.currency} />
                        ) : (
                          <Num value={offer.valueMinor} />
                        )}
                      </span>
                      <span>
                        {t('decisions.score')}{' '}
                        {known ? (
                          <Money amountMinor={Math.round(offer.score)} currency={known.currency} />
                        ) : (
                          <Num value={Math.round(offer.score)} />
                        )}
                      </span>
                    </div>
                    <div className="row gap-xs">
                      {RESPONSES.map((response) => (
                        <Button
                          key={response}
                          size="small"
                          onClick={() => respond.mutate({ offerId: offer.offerId, response })}
                        >
                          {t(`decisions.response.${response}`)}
                        </Button>
                      ))}
                    </div>
                  </li>
                );
              })}
            </ol>
          )}
        </Panel>
        <Panel title={t('decisions.losers')} note={t('decisions.losersNote')}>
          {decision.lost.length === 0 ? (
            <Nothing title={t('decisions.noLoser')} />
          ) : (
            <ul className="list-plain list-rows">
              {decision.lost.map((offer) => (
                <li key={offer.offerId} className="stack gap-xs">
                  <div className="row between gap-s">
                    <span>{localized(byId.get(offer.offerId)?.name) || offer.offerId}</span>
                    <Badge tone="warn">{t(`decisions.reason.${offer.reason}`)}</Badge>
                  </div>
                  <span className="faint">
                    {offer.because} {t('decisions.wouldWin', { change: offer.wouldWinIf })}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Panel>
      </div>
      <Panel
        title={t('decisions.decision')}
        actions={
          <Button size="small" loading={replay.isPending} onClick={() => replay.mutate()}>
            {t('decisions.replay')}
          </Button>
        }
      >
        <div className="stack gap-m">
          <Facts
            items={[
              { term: t('decisions.customer'), value: <CustomerLink customerId={decision.customerId} /> },
              { term: t('decisions.customerRisk'), value: decision.customerRisk ?? t('common.unknown') },
              { term: t('decisions.at'), value: <When at={decision.at} /> },
              { term: t('decisions.id'), value: <code>{decision.id}</code> },
              { term: t('decisions.release'), value: <Num value={decision.release} /> },
              { term: t('decisions.engine'), value: decision.engine },
            ]}
          />
          {replay.data ? (
            <Alert
              showIcon
              type={replay.data.identical ? 'success' : 'error'}
              title={replay.data.identical ? t('decisions.identical') : t('decisions.different')}
            />
          ) : null}
        </div>
      </Panel>
    </div>
  );
}
