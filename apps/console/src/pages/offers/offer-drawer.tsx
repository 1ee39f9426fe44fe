import type { Condition } from '@rapport/conditions';
import type { Offer, OfferDraft, OfferKind, RiskLevel } from '@rapport/offers/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { vocabularyQuery } from '../../api/audiences.queries.ts';
import { createOffer, replaceOffer } from '../../api/offers.queries.ts';
import { type Built, ConditionBuilder } from '../../builder/builder.tsx';
import { majorOf, minorOf } from '../../builder/money-units.ts';
import { useText } from '../../i18n/i18n.ts';
import { InstantField } from '../../ui/date-fields.tsx';
import { Button, Drawer, Form, Input, InputNumber, Select, Switch } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Answer, ProblemView } from '../../ui/states.tsx';

const KINDS = ['rate', 'coupon', 'points', 'service', 'message'] as const satisfies readonly OfferKind[];
const RISKS = ['R1', 'R2', 'R3', 'R4', 'R5'] as const satisfies readonly RiskLevel[];
const NOTHING_EXPLAINED = new Map<string, never>();
const BLANK: OfferDraft = { name: { en: '' }, kind: 'rate', valueMinor: 0, currency: 'CNY' };

const digitsOf = (currency: string): number => {
  try {
    return (
      new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ??
      2
    );
  } catch {
    // Still being typed.
    return 2;
  }
};

function draftOf(offer: Offer): OfferDraft {
  const {
    id: _id,
    state: _state,
    version: _version,
    createdAt: _at,
    createdBy: _by,
    updatedAt: _up,
    ...draft
  } = offer;
  return draft;
}

interface OfferDrawerProps {
  readonly offer?: Offer;
  readonly onClose: () => void;
}

/** Writes or changes an offer, and who may have it. */
export function OfferDrawer({ offer, onClose }: OfferDrawerProps) {
  const t = useText();
  const queries = useQueryClient();
  const vocabulary = useQuery(vocabularyQuery);
  const [draft, setDraft] = useState<OfferDraft>(offer ? draftOf(offer) : BLANK);
  const [built, setBuilt] = useState<Built | undefined>(undefined);
  const [limited, setLimited] = useState(offer?.eligibility !== undefined);
  const set = (part: Partial<OfferDraft>): void => setDraft({ ...draft, ...part });
  const save = useMutation({
    mutationFn: () => {
      const { eligibility: _old, ...rest } = draft;
      const eligibility: Condition | undefined = limited ? built?.condition : undefined;
      const body = { ...rest, ...(eligibility ? { eligibility } : {}) };
      return offer ? replaceOffer(offer.id, { ...body, version: offer.version }) : createOffer(body);
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['offers'] });
      onClose();
    },
  });
  const digits = digitsOf(draft.currency);
  return (
    <Drawer
      open
      size={limited ? 1100 : 640}
      title={offer ? draft.name.en : t('offers.new')}
      onClose={onClose}
      extra={
        <Button
          type="primary"
          loading={save.isPending}
          disabled={draft.name.en.trim() === '' || (limited && !built?.complete)}
          onClick={() => save.mutate()}
        >
          {t('common.save')}
        </Button>
      }
    >
      <Form layout="vertical" component="div">
        {save.error ? <ProblemView error={save.error} /> : null}
        <div className="grid" style={cells(230)}>
          <Form.Item label={t('offers.nameEn')} htmlFor="offer-en">
            <Input
              id="offer-en"
              value={draft.name.en}
              onChange={(event) => set({ name: { ...draft.name, en: event.target.value } })}
            />
          </Form.Item>
          <Form.Item label={t('offers.nameHant')} htmlFor="offer-hant">
            <Input
              id="offer-hant"
              value={draft.name['zh-Hant'] ?? ''}
              onChange={(event) =>
                set({ name: { ...draft.name, 'zh-Hant': event.target.value || undefined } })
              }
            />
          </Form.Item>
          <Form.Item label={t('offers.kind')} htmlFor="offer-kind">
            <Select<OfferKind>
              id="offer-kind"
              value={draft.kind}
              options={KINDS.map((kind) => ({ value: kind, label: t(`offers.kinds.${kind}`) }))}
              onChange={(kind) => set({ kind })}
            />
          </Form.Item>
          <Form.Item label={t('offers.risk')} htmlFor="offer-risk">
            <Select<RiskLevel>
              allowClear
              id="offer-risk"
              placeholder={t('offers.noRisk')}
              value={draft.riskLevel}
              options={RISKS.map((risk) => ({ value: risk, label: risk }))}
              onChange={(riskLevel) => set({ riskLevel })}
            />
          </Form.Item>
          <Form.Item label={t('offers.value')} htmlFor="offer-value" extra={t('offers.valueHint')}>
            <InputNumber
              id="offer-value"
              min={0}
              style={{ width: '100%' }}
              value={majorOf(draft.valueMinor, digits)}
              onChange={(value) => set({ valueMinor: minorOf(value ?? 0, digits) })}
            />
          </Form.Item>
          <Form.Item label={t('offers.currency')} htmlFor="offer-currency">
            <Input
              id="offer-currency"
              maxLength={3}
              value={draft.currency}
              onChange={(event) => set({ currency: event.target.value.toUpperCase() })}
            />
          </Form.Item>
          <Form.Item label={t('offers.from')}>
            <InstantField
              label={t('offers.from')}
              value={draft.validFrom}
              onChange={(validFrom) => set({ validFrom })}
            />
          </Form.Item>
          <Form.Item label={t('offers.until')}>
            <InstantField
              label={t('offers.until')}
              value={draft.validUntil}
              onChange={(validUntil) => set({ validUntil })}
            />
          </Form.Item>
        </div>
        <Form.Item label={t('offers.landing')} htmlFor="offer-landing">
          <Input
            id="offer-landing"
            type="url"
            value={draft.landingUrl ?? ''}
            onChange={(event) => set({ landingUrl: event.target.value || undefined })}
          />
        </Form.Item>
        <Form.Item label={t('common.description')} htmlFor="offer-description">
          <Input.TextArea
            id="offer-description"
            rows={2}
            value={draft.description?.en ?? ''}
            onChange={(event) =>
              set({
                description: event.target.value
                  ? { ...draft.description, en: event.target.value }
                  : undefined,
              })
            }
          />
        </Form.Item>
        <Form.Item label={t('offers.limited')}>
          <Switch checked={limited} aria-label={t('offers.limited')} onChange={setLimited} />
        </Form.Item>
        {limited ? (
          <Answer query={vocabulary}>
            {(words) => (
              <ConditionBuilder
                vocabulary={words}
                initial={offer?.eligibility ?? { all: [] }}
                explained={NOTHING_EXPLAINED}
                onChange={setBuilt}
              />
            )}
          </Answer>
        ) : null}
      </Form>
    </Drawer>
  );
}
