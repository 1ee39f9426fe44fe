import type { ProfileRequest, Vocabulary } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { exportProfile, profileQuery } from '../../api/audiences.queries.ts';
import { useLanguage, useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { saveBlob } from '../../ui/download.ts';
import { DownloadIcon } from '../../ui/icons.ts';
import { Alert, Button, Form, Popover, Select, Spin } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { conditionOfId } from './audience-search.ts';
import { ProfileView } from './profile-view.tsx';
import { effectLevel } from './profile-words.ts';

interface ProfilePanelProps {
  /** `undefined` while something is missing in it. */
  readonly condition: Condition | undefined;
  /** The audience itself, which is no base for itself. */
  readonly audienceId: string | undefined;
  readonly vocabulary: Vocabulary | undefined;
  readonly base: string | undefined;
  readonly isPast: boolean;
  readonly onBase: (base: string | undefined) => void;
  readonly onNarrow: (extra: Condition, label: string) => void;
}

type Correction = NonNullable<ProfileRequest['correction']>;
const CORRECTIONS: readonly Correction[] = ['benjamini-hochberg', 'holm'];
const LEAST_EFFECTS = [0.02, 0.1, 0.2, 0.5] as const;
const EVERYBODY = 'everybody';

/** How the customers of the condition differ from a base, over every tag. */
export function ProfilePanel(props: ProfilePanelProps) {
  const { condition, audienceId, vocabulary, base, onBase } = props;
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const language = useLanguage();
  const localized = useLocalized();
  const [correction, setCorrection] = useState<Correction>('benjamini-hochberg');
  const [minEffect, setMinEffect] = useState<number>(0.1);
  const request: ProfileRequest = {
    condition: condition ?? { all: [] },
    ...(base === undefined ? {} : { base: { condition: conditionOfId(base) } }),
    correction,
    minEffect,
    findings: 20,
    language,
  };
  const profile = useQuery({ ...profileQuery(request), enabled: condition !== undefined });
  const download = useMutation({
    mutationFn: async () => saveBlob(await exportProfile(request), 'profile.csv'),
    onError: notify.problem,
  });
  const audiences = (vocabulary?.audiences ?? []).filter(({ id }) => id !== audienceId);
  const lists = vocabulary?.lists ?? [];
  const groups = [
    {
      label: t('insight.profile.audiences'),
      options: audiences.map(({ id, name }) => ({ value: id, label: name })),
    },
    {
      label: t('insight.profile.lists'),
      options: lists.map(({ id, title }) => ({ value: id, label: localized(title) })),
    },
  ];
  const bases = [
    { value: EVERYBODY, label: t('insight.profile.everybody') },
    ...groups.filter(({ options }) => options.length > 0),
  ];
  return (
    <div className="stack gap-m">
      <div className="row between gap-s">
        <div className="row gap-s" style={{ flex: '1 1 320px' }}>
          <span className="faint">{t('insight.profile.base')}</span>
          <Select<string>
            aria-label={t('insight.profile.base')}
            style={{ minWidth: 180, maxWidth: '100%' }}
            popupMatchSelectWidth={false}
            showSearch={{ optionFilterProp: 'label' }}
            value={base ?? EVERYBODY}
            options={bases}
            onChange={(next) => onBase(next === EVERYBODY ? undefined : next)}
          />
          {profile.isFetching ? <Spin size="small" /> : null}
        </div>
        <div className="row gap-s">
          <Popover
            trigger="click"
            placement="bottomRight"
            title={t('insight.profile.settings')}
            content={
              <Form layout="vertical" style={{ width: 300, maxWidth: '80vw' }}>
                <Form.Item label={t('insight.profile.minEffect')}>
                  <Select<number>
                    aria-label={t('insight.profile.minEffect')}
                    value={minEffect}
                    onChange={setMinEffect}
                    options={LEAST_EFFECTS.map((h) => ({
                      value: h,
                      label:
                        h < 0.1
                          ? t('insight.profile.anyEffect')
                          : t('insight.profile.effectFrom', {
                              effect: t(`insight.profile.level.${effectLevel(h)}`),
                              h,
                            }),
                    }))}
                  />
                </Form.Item>
                <Form.Item label={t('insight.profile.correction')} style={{ marginBottom: 0 }}>
                  <Select<Correction>
                    aria-label={t('insight.profile.correction')}
                    value={correction}
                    onChange={setCorrection}
                    options={CORRECTIONS.map((one) => ({ value: one, label: t(`insight.profile.${one}`) }))}
                  />
                </Form.Item>
              </Form>
            }
          >
            <Button>{t('insight.profile.settings')}</Button>
          </Popover>
          {may('audiences.export') ? (
            <Button
              icon={<DownloadIcon />}
              disabled={!profile.data}
              loading={download.isPending}
              onClick={() => download.mutate()}
            >
              {t('insight.profile.download')}
            </Button>
          ) : null}
        </div>
      </div>
      {props.isPast ? <Alert type="info" showIcon title={t('insight.asOf.presentOnly')} /> : null}
      {condition === undefined ? (
        <Panel>
          <Nothing title={t('insight.profile.incomplete')} />
        </Panel>
      ) : (
        <Answer
          query={profile}
          rows={12}
          isEmpty={(data) => data.size === 0 || data.baseSize === 0}
          empty={
            <Panel>
              <Nothing title={t('insight.profile.nobody')} hint={t('insight.profile.nobodyHint')} />
            </Panel>
          }
        >
          {(data) => (
            <div style={{ opacity: profile.isPlaceholderData ? 0.55 : 1 }} aria-busy={profile.isFetching}>
              <ProfileView profile={data} onNarrow={props.onNarrow} />
            </div>
          )}
        </Answer>
      )}
    </div>
  );
}
