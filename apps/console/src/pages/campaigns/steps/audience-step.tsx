import type { CampaignAudience } from '@rapport/campaigns/contract';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import {
  audienceQuery,
  audiencesQuery,
  explainQuery,
  vocabularyQuery,
} from '../../../api/audiences.queries.ts';
import { campaignsQuery } from '../../../api/campaigns.queries.ts';
import { itemsOf } from '../../../api/paged.ts';
import { type Built, ConditionBuilder } from '../../../builder/builder.tsx';
import { explainedByNode } from '../../../builder/explained.ts';
import { useLanguage, useText } from '../../../i18n/i18n.ts';
import { Figure, Num } from '../../../ui/figures.tsx';
import { Form, Segmented, Select } from '../../../ui/kit.ts';
import { cells } from '../../../ui/metrics.ts';
import { Panel } from '../../../ui/page.tsx';
import { Answer } from '../../../ui/states.tsx';
import { useDebounced } from '../../../ui/use-debounced.ts';
import { AudienceTotal } from '../../audiences/audience-total.tsx';
import type { StepProps } from './step-props.ts';

type Way = 'saved' | 'own';

/** 用戶篩選: whom to target, and who is left out. */
export function AudienceStep({ draft, change, steps, campaignId }: StepProps) {
  const t = useText();
  const audience = draft.audience ?? {};
  const [way, setWay] = useState<Way>(audience.condition ? 'own' : 'saved');
  const audiences = useInfiniteQuery(audiencesQuery());
  const launched = useInfiniteQuery(campaignsQuery());
  const saved = audiences.data ? itemsOf(audiences.data) : [];
  const options = saved.map((one) => ({ value: one.id, label: one.name }));
  const exclude = (part: NonNullable<CampaignAudience['exclude']>): void => {
    const next = { ...audience.exclude, ...part };
    const audienceIds = next.audienceIds?.length ? next.audienceIds : undefined;
    const convertedIn = next.convertedIn?.length ? next.convertedIn : undefined;
    change({
      audience: {
        ...audience,
        exclude: audienceIds || convertedIn ? { audienceIds, convertedIn } : undefined,
      },
    });
  };
  return (
    <div className="stack gap-m">
      <Panel
        title={t('campaigns.audience.title')}
        actions={
          <Segmented<Way>
            value={way}
            onChange={setWay}
            options={[
              { value: 'saved', label: t('campaigns.audience.saved') },
              { value: 'own', label: t('campaigns.audience.own') },
            ]}
          />
        }
      >
        {way === 'saved' ? (
          <div className="row gap-s">
            <Select<string>
              allowClear
              size="large"
              style={{ width: 420, maxWidth: '100%' }}
              aria-label={t('campaigns.audience.choose')}
              placeholder={t('campaigns.audience.choose')}
              showSearch={{ optionFilterProp: 'label' }}
              loading={audiences.isPending}
              value={audience.audienceId}
              options={options}
              onChange={(audienceId) => {
                const { condition: _own, ...rest } = audience;
                change({ audience: { ...rest, audienceId } });
              }}
            />
            <Link to="/audiences/new">{t('audiences.new')}</Link>
          </div>
        ) : null}
      </Panel>
      {way === 'saved' && audience.audienceId ? <SavedTotal audienceId={audience.audienceId} /> : null}
      {way === 'own' ? (
        <OwnCondition
          audience={audience}
          onChange={(condition) => {
            const { audienceId: _saved, ...rest } = audience;
            change({ audience: { ...rest, condition } });
          }}
        />
      ) : null}
      <Panel title={t('campaigns.audience.leftOut')} note={t('campaigns.audience.leftOutNote')}>
        <Form layout="vertical" component="div">
          <div className="grid" style={cells(300)}>
            <Form.Item label={t('campaigns.audience.excludeAudiences')} htmlFor="exclude-audiences">
              <Select<string[]>
                id="exclude-audiences"
                mode="multiple"
                showSearch={{ optionFilterProp: 'label' }}
                value={audience.exclude?.audienceIds ?? []}
                options={options.filter((one) => one.value !== audience.audienceId)}
                onChange={(audienceIds) => exclude({ audienceIds })}
              />
            </Form.Item>
            <Form.Item label={t('campaigns.audience.excludeConverted')} htmlFor="exclude-converted">
              <Select<string[]>
                id="exclude-converted"
                mode="multiple"
                showSearch={{ optionFilterProp: 'label' }}
                value={audience.exclude?.convertedIn ?? []}
                options={(launched.data ? itemsOf(launched.data) : [])
                  .filter((one) => one.launchedAt && one.id !== campaignId)
                  .map((one) => ({ value: one.id, label: one.name }))}
                onChange={(convertedIn) => exclude({ convertedIn })}
              />
            </Form.Item>
          </div>
        </Form>
        {steps?.audienceSize !== undefined ? (
          <Figure label={t('campaigns.audience.targeted')} value={<Num value={steps.audienceSize} />} />
        ) : null}
      </Panel>
    </div>
  );
}

function SavedTotal({ audienceId }: { readonly audienceId: string }) {
  const language = useLanguage();
  const audience = useQuery(audienceQuery(audienceId));
  const explain = useQuery({
    ...explainQuery(audience.data?.condition ?? { all: [] }, language),
    enabled: audience.data !== undefined,
  });
  return (
    <AudienceTotal
      result={explain.data}
      counting={explain.isFetching}
      incomplete={false}
      error={audience.error ?? explain.error}
    />
  );
}

interface OwnConditionProps {
  readonly audience: CampaignAudience;
  readonly onChange: (condition: Built['condition']) => void;
}

function OwnCondition({ audience, onChange }: OwnConditionProps) {
  const language = useLanguage();
  const vocabulary = useQuery(vocabularyQuery);
  const [initial] = useState(audience.condition ?? { all: [] });
  const [built, setBuilt] = useState<Built | undefined>(undefined);
  const asked = useDebounced(built, 250);
  const condition = asked?.complete ? asked.condition : undefined;
  const explain = useQuery({
    ...explainQuery(condition ?? { all: [] }, language),
    enabled: condition !== undefined,
  });
  const isSettled = asked === built && condition !== undefined && !explain.isPlaceholderData;
  return (
    <>
      <AudienceTotal
        result={condition === undefined ? undefined : explain.data}
        counting={explain.isFetching || asked !== built}
        incomplete={built !== undefined && !built.complete}
        error={condition === undefined ? undefined : explain.error}
      />
      <Answer query={vocabulary}>
        {(words) => (
          <ConditionBuilder
            vocabulary={words}
            initial={initial}
            explained={explainedByNode(isSettled ? explain.data : undefined, asked?.pointers ?? new Map())}
            onChange={(next) => {
              setBuilt(next);
              if (next.complete) onChange(next.condition);
            }}
          />
        )}
      </Answer>
    </>
  );
}
