import type { Preview, TemplateBody } from '@rapport/content/contract';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { previewQuery } from '../../api/content.queries.ts';
import { customersQuery } from '../../api/customers.queries.ts';
import { offersQuery } from '../../api/offers.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { Input, Segmented, Select } from '../../ui/kit.ts';
import { MessageFrame, SmsBubble } from '../../ui/message-frame.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

type Width = 'desktop' | 'phone';
const PHONE_PX = 375;

interface PreviewPanelProps {
  readonly template: TemplateBody;
  readonly variantId: string | undefined;
  /** The offer that `offer.*` is of; without it the reader chooses one. */
  readonly offerId?: string | undefined;
}

/** The message as a given customer would get it. */
export function PreviewPanel({ template, variantId, offerId }: PreviewPanelProps) {
  const t = useText();
  const localized = useLocalized();
  const may = useMay();
  const [width, setWidth] = useState<Width>('desktop');
  const [asked, setAsked] = useState('');
  const [mode, setMode] = useState<'this' | 'chosen'>('this');
  const [chosenOffer, setChosenOffer] = useState<string | undefined>(undefined);
  const offers = useInfiniteQuery({ ...offersQuery(), enabled: offerId === undefined && may('offers.read') });
  const shelf = offers.data ? itemsOf(offers.data) : [];
  const usesOffer = template.variants.some((one) => `${one.subject ?? ''}${one.body}`.includes('offer.'));
  const withOffer = offerId ?? chosenOffer ?? (usesOffer ? shelf[0]?.id : undefined);
  const someone = useInfiniteQuery(customersQuery({}));
  const customerId = asked || (someone.data ? itemsOf(someone.data)[0]?.customerId : undefined);
  const preview = useQuery({
    ...previewQuery({
      template,
      customerId: customerId ?? '',
      ...(mode === 'this' && variantId ? { variantId } : {}),
      ...(withOffer ? { offerId: withOffer } : {}),
    }),
    enabled: customerId !== undefined && !offers.isLoading,
  });
  return (
    <Panel
      title={t('content.preview.title')}
      actions={
        template.channel === 'email' ? (
          <Segmented<Width>
            size="small"
            value={width}
            onChange={setWidth}
            options={[
              { value: 'desktop', label: t('content.preview.desktop') },
              { value: 'phone', label: t('content.preview.phone') },
            ]}
          />
        ) : null
      }
    >
      <div className="stack gap-m">
        <div className="row gap-s">
          <Input.Search
            style={{ flex: '1 1 180px' }}
            aria-label={t('content.preview.customer')}
            placeholder={customerId ?? t('content.preview.customer')}
            enterButton={t('content.preview.show')}
            onSearch={(text) => setAsked(text.trim())}
          />
          <Segmented<'this' | 'chosen'>
            size="small"
            value={mode}
            onChange={setMode}
            options={[
              { value: 'this', label: t('content.preview.thisVariant') },
              { value: 'chosen', label: t('content.preview.theirVariant') },
            ]}
          />
        </div>
        {offerId === undefined && usesOffer && shelf.length > 0 ? (
          <Select<string>
            aria-label={t('content.preview.offer')}
            value={withOffer}
            options={shelf.map((one) => ({ value: one.id, label: localized(one.name) }))}
            onChange={setChosenOffer}
          />
        ) : null}
        {customerId === undefined && !someone.isPending ? (
          <Nothing title={t('content.preview.nobody')} />
        ) : (
          <Answer query={preview} rows={8}>
            {(shown) => <Shown preview={shown} width={width} />}
          </Answer>
        )}
      </div>
    </Panel>
  );
}

function Shown({ preview, width }: { readonly preview: Preview; readonly width: Width }) {
  const t = useText();
  return (
    <div className="stack gap-m">
      <div className="row gap-s">
        <Badge tone="primary">{preview.variantName}</Badge>
        {preview.sms ? (
          <Badge tone={preview.sms.segments > 1 ? 'warn' : 'calm'}>
            {t('content.preview.sms', {
              segments: preview.sms.segments,
              units: preview.sms.units,
              encoding: preview.sms.encoding,
            })}
          </Badge>
        ) : null}
        {preview.missing.map((field) => (
          <Badge key={field} tone="warn">
            {t('content.preview.missing', { field })}
          </Badge>
        ))}
      </div>
      {preview.subject ? <strong>{preview.subject}</strong> : null}
      {preview.html ? (
        <MessageFrame
          html={preview.html}
          title={t('content.preview.title')}
          height={480}
          {...(width === 'phone' ? { widthPx: PHONE_PX } : {})}
        />
      ) : (
        <SmsBubble text={preview.text} />
      )}
    </div>
  );
}
