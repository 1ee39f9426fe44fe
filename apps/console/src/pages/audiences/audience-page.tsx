import type { Audience } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import {
  audienceQuery,
  countQuery,
  createAudience,
  deleteAudience,
  explainQuery,
  replaceAudience,
  vocabularyQuery,
} from '../../api/audiences.queries.ts';
import { type Built, ConditionBuilder } from '../../builder/builder.tsx';
import { explainedByNode } from '../../builder/explained.ts';
import { useLanguage, useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { useConfirm } from '../../ui/confirm.ts';
import { RemoveIcon, SaveIcon, TargetIcon } from '../../ui/icons.ts';
import { Button, Input, Tabs } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';
import { useDebounced } from '../../ui/use-debounced.ts';
import { AsOfControl } from './as-of-control.tsx';
import { type AudienceSearch, type AudienceTab, conditionOf, narrowed } from './audience-search.ts';
import { AudienceTotal } from './audience-total.tsx';
import './audiences.css';
import { GrowthPanel } from './growth-panel.tsx';
import { JsonPanel } from './json-panel.tsx';
import { LookalikePanel } from './lookalike-panel.tsx';
import { OverlapPanel } from './overlap-panel.tsx';
import { ProfilePanel } from './profile-panel.tsx';
import { RelaxDrawer } from './relax-drawer.tsx';
import { SnapshotsPanel } from './snapshots-panel.tsx';
import { TryCustomerPanel } from './try-customer-panel.tsx';

const EVERYONE: Condition = { all: [] };

export function NewAudiencePage() {
  const navigate = useNavigate();
  const search = useSearch({ from: '/signed-in/audiences/new' });
  const handleSearch = (next: AudienceSearch): void =>
    void navigate({ to: '/audiences/new', search: { ...search, ...next }, replace: true });
  return <AudienceEditor search={search} onSearch={handleSearch} />;
}

export function AudiencePage() {
  const t = useText();
  const navigate = useNavigate();
  const { audienceId } = useParams({ from: '/signed-in/audiences/$audienceId' });
  const search = useSearch({ from: '/signed-in/audiences/$audienceId' });
  const audience = useQuery({ ...audienceQuery(audienceId), refetchOnMount: 'always' });
  if (!audience.data) {
    return (
      <Page title={t('audiences.title')} crumbs={[{ label: t('audiences.title'), to: '/audiences' }]}>
        <Answer query={audience}>{() => null}</Answer>
      </Page>
    );
  }
  const handleSearch = (next: AudienceSearch): void =>
    void navigate({
      to: '/audiences/$audienceId',
      params: { audienceId },
      search: { ...search, ...next },
      replace: true,
    });
  return (
    <AudienceEditor key={audience.data.id} audience={audience.data} search={search} onSearch={handleSearch} />
  );
}

interface AudienceEditorProps {
  readonly audience?: Audience;
  readonly search: AudienceSearch;
  readonly onSearch: (next: AudienceSearch) => void;
}

function AudienceEditor({ audience, search, onSearch }: AudienceEditorProps) {
  const t = useText();
  const may = useMay();
  const language = useLanguage();
  const localized = useLocalized();
  const notify = useNotify();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const vocabulary = useQuery(vocabularyQuery);
  const [name, setName] = useState(audience?.name ?? '');
  const [description, setDescription] = useState(audience?.description ?? '');
  const [built, setBuilt] = useState<Built | undefined>(undefined);
  const [initial] = useState<Condition>(
    () => audience?.condition ?? conditionOf(search.condition) ?? EVERYONE,
  );
  // A condition that came from outside the builder (JSON, a proposal, a finding) takes its place; undo brings it back.
  const [replacement, setReplacement] = useState<{ condition: Condition; round: number } | undefined>(
    undefined,
  );
  const replace = (next: Condition): void =>
    setReplacement((last) => ({ condition: next, round: (last?.round ?? 0) + 1 }));
  const [isRelaxing, setIsRelaxing] = useState(false);
  const { asOf } = search;
  const tab = search.tab ?? 'builder';

  // Questions wait until the hand rests; an older one under way is aborted by the newer.
  const asked = useDebounced(built, 250);
  // Before the builder has read its vocabulary the condition is the one it will begin with.
  const condition = asked === undefined ? initial : asked.complete ? asked.condition : undefined;
  const explain = useQuery({
    ...explainQuery(condition ?? EVERYONE, language, asOf),
    enabled: condition !== undefined,
  });
  const isSettled = asked === built && condition !== undefined && !explain.isPlaceholderData;
  const explained = explainedByNode(isSettled ? explain.data : undefined, asked?.pointers ?? new Map());

  // While something is dragged, what dropping it where it hovers would give.
  const [hovered, setHovered] = useState<Built | undefined>(undefined);
  const hover = useDebounced(hovered, 120);
  const ifDropped = useQuery({
    ...countQuery(hover?.condition ?? EVERYONE, asOf),
    enabled: hovered !== undefined && hover?.complete === true,
  });

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
      if (!audience) {
        await navigate({
          to: '/audiences/$audienceId',
          params: { audienceId: saved.id },
          search: { ...search, condition: undefined },
        });
      }
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
  const handleNarrow = (extra: Condition, label: string): void => {
    if (!built) return;
    replace(narrowed(built.condition, extra));
    notify.done(t('insight.profile.narrowed', { label }));
  };
  const titleOf = (tagId: string): string =>
    localized(vocabulary.data?.tags.find(({ id }) => id === tagId)?.title ?? tagId);
  const tabs: { key: AudienceTab; label: string; forceRender?: boolean; children: ReactNode }[] = [
    {
      key: 'builder',
      label: t('audiences.tab.builder'),
      forceRender: true,
      children: (
        <Answer query={vocabulary}>
          {(words) => (
            <ConditionBuilder
              vocabulary={words}
              initial={initial}
              replacement={replacement}
              explained={explained}
              onChange={setBuilt}
              onHover={setHovered}
            />
          )}
        </Answer>
      ),
    },
    {
      key: 'profile',
      label: t('audiences.tab.profile'),
      children: (
        <ProfilePanel
          condition={condition}
          audienceId={audience?.id}
          vocabulary={vocabulary.data}
          base={search.base}
          isPast={asOf !== undefined}
          onBase={(base) => onSearch({ base })}
          onNarrow={handleNarrow}
        />
      ),
    },
    {
      key: 'overlap',
      label: t('audiences.tab.overlap'),
      children: (
        <OverlapPanel
          condition={condition}
          name={name.trim()}
          audienceId={audience?.id}
          vocabulary={vocabulary.data}
          compared={search.with}
          isPast={asOf !== undefined}
          onCompare={(ids) => onSearch({ with: ids })}
        />
      ),
    },
    {
      key: 'lookalike',
      label: t('audiences.tab.lookalike'),
      children: (
        <LookalikePanel
          condition={condition}
          count={isSettled && asOf === undefined ? explain.data?.count : undefined}
          name={name.trim()}
          audienceId={audience?.id}
          vocabulary={vocabulary.data}
          jobId={search.job}
          onJob={(job) => onSearch({ job })}
        />
      ),
    },
    ...(audience
      ? [
          {
            key: 'growth' as const,
            label: t('audiences.tab.growth'),
            children: <GrowthPanel audience={audience} />,
          },
          {
            key: 'snapshots' as const,
            label: t('audiences.tab.snapshots'),
            children: <SnapshotsPanel audience={audience} />,
          },
        ]
      : []),
    {
      key: 'try',
      label: t('audiences.tab.try'),
      children: <TryCustomerPanel condition={built?.complete ? built.condition : undefined} />,
    },
    {
      key: 'json',
      label: t('audiences.tab.json'),
      children: <JsonPanel condition={built?.condition ?? initial} onApply={replace} />,
    },
  ];
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
        ifDropped={
          hovered !== undefined && hover === hovered && hover.complete && !ifDropped.isPlaceholderData
            ? ifDropped.data?.count
            : undefined
        }
        controls={
          <>
            <AsOfControl
              asOf={asOf}
              result={isSettled ? explain.data : undefined}
              titleOf={titleOf}
              onChange={(next) => onSearch({ asOf: next })}
            />
            <Button icon={<TargetIcon />} onClick={() => setIsRelaxing(true)}>
              {t('insight.relax.open')}
            </Button>
          </>
        }
      />
      <RelaxDrawer
        open={isRelaxing}
        onClose={() => setIsRelaxing(false)}
        condition={condition}
        explained={isSettled ? explain.data : undefined}
        onUse={(next) => {
          setIsRelaxing(false);
          replace(next);
          notify.done(t('insight.relax.used'));
        }}
      />
      <Tabs
        activeKey={tab}
        onChange={(key) => onSearch({ tab: tabs.find((one) => one.key === key)?.key })}
        items={tabs}
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
