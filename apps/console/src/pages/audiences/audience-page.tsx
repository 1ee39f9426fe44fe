import type { Audience } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import {
  audienceQuery,
  createAudience,
  deleteAudience,
  explainQuery,
  replaceAudience,
  vocabularyQuery,
} from '../../api/audiences.queries.ts';
import { type Built, ConditionBuilder } from '../../builder/builder.tsx';
import { explainedByNode } from '../../builder/explained.ts';
import { useLanguage, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { useConfirm } from '../../ui/confirm.ts';
import { RemoveIcon, SaveIcon } from '../../ui/icons.ts';
import { Button, Input, Tabs } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';
import { useDebounced } from '../../ui/use-debounced.ts';
import { AudienceTotal } from './audience-total.tsx';
import { JsonPanel } from './json-panel.tsx';
import { SnapshotsPanel } from './snapshots-panel.tsx';
import { TryCustomerPanel } from './try-customer-panel.tsx';

const EVERYONE: Condition = { all: [] };

export function NewAudiencePage() {
  return <AudienceEditor />;
}

export function AudiencePage() {
  const t = useText();
  const { audienceId } = useParams({ from: '/signed-in/audiences/$audienceId' });
  const audience = useQuery({ ...audienceQuery(audienceId), refetchOnMount: 'always' });
  if (!audience.data) {
    return (
      <Page title={t('audiences.title')} crumbs={[{ label: t('audiences.title'), to: '/audiences' }]}>
        <Answer query={audience}>{() => null}</Answer>
      </Page>
    );
  }
  return <AudienceEditor key={audience.data.id} audience={audience.data} />;
}

function AudienceEditor({ audience }: { readonly audience?: Audience }) {
  const t = useText();
  const may = useMay();
  const language = useLanguage();
  const notify = useNotify();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const vocabulary = useQuery(vocabularyQuery);
  const [name, setName] = useState(audience?.name ?? '');
  const [description, setDescription] = useState(audience?.description ?? '');
  const [built, setBuilt] = useState<Built | undefined>(undefined);
  // A condition that came from outside the builder (JSON) starts the builder anew.
  const [start, setStart] = useState<{ readonly round: number; readonly condition: Condition }>({
    round: 0,
    condition: audience?.condition ?? EVERYONE,
  });

  // Questions wait until the hand rests; an older one under way is aborted by the newer.
  const asked = useDebounced(built, 250);
  const condition = asked?.complete ? asked.condition : undefined;
  const explain = useQuery({
    ...explainQuery(condition ?? EVERYONE, language),
    enabled: condition !== undefined,
  });
  const isSettled = asked === built && condition !== undefined && !explain.isPlaceholderData;
  const explained = explainedByNode(isSettled ? explain.data : undefined, asked?.pointers ?? new Map());

  const save = useMutation({
    mutationFn: async () => {
      const body = { name: name.trim(), description, condition: built?.condition ?? EVERYONE };
      return audience
        ? replaceAudience(audience.id, { ...body, version: audience.version })
        : createAudience(body);
    },
    onSuccess: async (saved) => {
      queries.setQueryData(audienceQuery(saved.id).queryKey, saved);
      await queries.invalidateQueries({ queryKey: ['audiences', 'list'] });
      await queries.invalidateQueries({ queryKey: vocabularyQuery.queryKey });
      notify.done(t('audiences.saved'));
      if (!audience) await navigate({ to: '/audiences/$audienceId', params: { audienceId: saved.id } });
    },
  });
  const remove = useMutation({
    mutationFn: () => deleteAudience(audience?.id ?? ''),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['audiences'] });
      await navigate({ to: '/audiences' });
    },
    onError: notify.problem,
  });
  const handleRemove = async (): Promise<void> => {
    const sure = await confirm({
      title: t('audiences.deleteTitle', { name: audience?.name ?? '' }),
      action: t('common.delete'),
      danger: true,
    });
    if (sure) remove.mutate();
  };
  const mayWrite = may('audiences.write');
  const title = audience ? audience.name : t('audiences.new');

  return (
    <Page
      title={title}
      crumbs={[{ label: t('audiences.title'), to: '/audiences' }]}
      actions={
        mayWrite ? (
          <>
            {audience ? (
              <Button
                danger
                type="text"
                icon={<RemoveIcon />}
                aria-label={t('audiences.delete')}
                onClick={() => void handleRemove()}
              />
            ) : null}
            <Button
              type="primary"
              icon={<SaveIcon />}
              loading={save.isPending}
              disabled={name.trim() === '' || built?.complete !== true}
              onClick={() => save.mutate()}
            >
              {t('audiences.save')}
            </Button>
          </>
        ) : null
      }
    >
      <div className="row gap-m" style={{ alignItems: 'flex-start' }}>
        <Input
          size="large"
          style={{ flex: '1 1 260px' }}
          aria-label={t('audiences.name')}
          placeholder={t('audiences.name')}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Input
          size="large"
          style={{ flex: '2 1 320px' }}
          aria-label={t('common.description')}
          placeholder={t('audiences.descriptionHint')}
          value={description}
          onChange={(event) => setDescription(event.target.value)}
        />
      </div>
      {save.error ? <ProblemView error={save.error} /> : null}
      <AudienceTotal
        result={condition === undefined ? undefined : explain.data}
        counting={explain.isFetching || asked !== built}
        incomplete={built !== undefined && !built.complete}
        error={condition === undefined ? undefined : explain.error}
      />
      <Tabs
        items={[
          {
            key: 'builder',
            label: t('audiences.tab.builder'),
            forceRender: true,
            children: (
              <Answer query={vocabulary}>
                {(words) => (
                  <ConditionBuilder
                    key={start.round}
                    vocabulary={words}
                    initial={start.condition}
                    explained={explained}
                    onChange={setBuilt}
                  />
                )}
              </Answer>
            ),
          },
          {
            key: 'try',
            label: t('audiences.tab.try'),
            children: <TryCustomerPanel condition={built?.complete ? built.condition : undefined} />,
          },
          {
            key: 'json',
            label: t('audiences.tab.json'),
            children: (
              <JsonPanel
                condition={built?.condition ?? start.condition}
                onApply={(next) => setStart({ round: start.round + 1, condition: next })}
              />
            ),
          },
          ...(audience
            ? [
                {
                  key: 'snapshots',
                  label: t('audiences.tab.snapshots'),
                  children: <SnapshotsPanel audience={audience} />,
                },
              ]
            : []),
        ]}
      />
      {audience ? (
        <Panel>
          <span className="faint">
            {t('audiences.versionBy', { version: audience.version, owner: audience.ownerName })}
          </span>
        </Panel>
      ) : null}
    </Page>
  );
}
