import type { TagAccess, TagLifecycle } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { allTagsQuery, revokeTagAccess, tagAccessQuery, tagLifecyclesQuery } from '../../api/tags.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { useConfirm } from '../../ui/confirm.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Facts, When } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Segmented, Tabs } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { STATUSES, StatusBadge } from './badges.tsx';
import { DemandDrawer } from './demand-drawer.tsx';
import { LifeActions } from './life-actions.tsx';

/** Tags on their way from a demand to their retirement, and who may use which. */
export function WorkflowPage() {
  const t = useText();
  const navigate = useNavigate();
  const { tab = 'lives' } = useSearch({ from: '/signed-in/tag-workflow' });
  const [demanding, setDemanding] = useState(false);
  return (
    <Page
      title={t('market.workflow.title')}
      intro={t('market.workflow.intro')}
      crumbs={[{ label: t('tags.title'), to: '/tags' }]}
      actions={
        <Button type="primary" icon={<AddIcon />} onClick={() => setDemanding(true)}>
          {t('market.demand.title')}
        </Button>
      }
    >
      <WhoMay />
      <Tabs
        activeKey={tab}
        onChange={(next) => void navigate({ to: '/tag-workflow', search: { tab: next }, replace: true })}
        items={[
          { key: 'lives', label: t('market.workflow.lives'), children: <Lives /> },
          { key: 'access', label: t('market.workflow.access'), children: <Accesses /> },
        ]}
      />
      {demanding ? <DemandDrawer onClose={() => setDemanding(false)} /> : null}
    </Page>
  );
}

const STEPS = ['demand', 'design', 'review', 'published', 'monitored', 'retired'] as const;

/** The way of a tag, and whose work each step is. */
function WhoMay() {
  const t = useText();
  return (
    <Panel>
      <ol className="list-plain row gap-m" style={{ alignItems: 'stretch' }}>
        {STEPS.map((step, index) => (
          <li key={step} style={{ flex: '1 1 150px' }}>
            <div className="row gap-s">
              <span className="faint num">{index + 1}</span>
              <StatusBadge status={step} />
            </div>
            <div className="faint" style={{ marginTop: 4 }}>
              {t(`market.workflow.who.${step}`)}
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function Lives() {
  const t = useText();
  const localized = useLocalized();
  const navigate = useNavigate();
  const lives = useQuery(tagLifecyclesQuery);
  const tags = useQuery(allTagsQuery);
  const [status, setStatus] = useState<TagLifecycle['status'] | 'all'>('all');
  const titles = new Map((tags.data ?? []).map((tag) => [tag.id, tag.title]));
  const titleOf = (life: TagLifecycle): string =>
    localized(titles.get(life.tagId) ?? life.demand?.title) || life.tagId;
  return (
    <Answer
      query={lives}
      isEmpty={({ items }) => items.length === 0}
      empty={
        <Panel>
          <Nothing title={t('market.workflow.none')} hint={t('market.workflow.noneHint')} />
        </Panel>
      }
    >
      {({ items }) => (
        <div className="stack gap-m">
          <Segmented<TagLifecycle['status'] | 'all'>
            value={status}
            onChange={setStatus}
            options={[
              { value: 'all', label: `${t('common.all')} ${items.length}` },
              ...STATUSES.map((one) => ({
                value: one,
                label: `${t(`market.status.${one}`)} ${items.filter((life) => life.status === one).length}`,
              })),
            ]}
          />
          <Panel flush>
            <DataTable<TagLifecycle>
              label={t('market.workflow.lives')}
              rows={items.filter((life) => status === 'all' || life.status === status)}
              rowKey={(life) => life.tagId}
              onOpen={(life) =>
                life.hasDefinition
                  ? void navigate({
                      to: '/tags/$tagId',
                      params: { tagId: life.tagId },
                      search: { tab: 'life' },
                    })
                  : undefined
              }
              expanded={(life) => <LifeDetail life={life} />}
              columns={[
                {
                  title: t('tags.tag'),
                  render: (_, life) => (
                    <div>
                      <strong style={{ fontWeight: 550 }}>{titleOf(life)}</strong>
                      <div>
                        <code className="faint">{life.tagId}</code>
                      </div>
                    </div>
                  ),
                },
                { title: t('market.statusTitle'), render: (_, life) => <StatusBadge status={life.status} /> },
                { title: t('market.workflow.since'), render: (_, life) => <Ago at={life.since} /> },
                { title: t('market.demand.department'), render: (_, life) => life.demand?.department },
                {
                  title: t('market.demand.neededBy'),
                  render: (_, life) => life.demand?.neededBy,
                },
                {
                  title: t('common.actions'),
                  render: (_, life) => (
                    <span className="row gap-xs">
                      {life.status === 'review' ? (
                        <Link to="/approvals">{t('market.workflow.decide')}</Link>
                      ) : null}
                      <LifeActions life={life} small />
                    </span>
                  ),
                },
              ]}
            />
          </Panel>
        </div>
      )}
    </Answer>
  );
}

function LifeDetail({ life }: { readonly life: TagLifecycle }) {
  const t = useText();
  return (
    <div className="stack gap-m">
      {life.demand ? (
        <Facts
          items={[
            { term: t('market.demand.need'), value: life.demand.need },
            { term: t('market.demand.expectedValue'), value: life.demand.expectedValue },
          ]}
        />
      ) : null}
      <LifeSteps life={life} />
    </div>
  );
}

/** What was done with a tag, oldest first. */
export function LifeSteps({ life }: { readonly life: TagLifecycle }) {
  const t = useText();
  if (life.steps.length === 0) return <span className="faint">{t('market.workflow.noSteps')}</span>;
  return (
    <ol className="list-plain list-rows" aria-label={t('market.workflow.steps')}>
      {life.steps.map((step) => (
        <li key={`${step.at} ${step.action}`} className="row gap-m">
          <StatusBadge status={step.to} />
          <When at={step.at} />
          <span className="faint">{step.by}</span>
          {step.note ? <span>{step.note}</span> : null}
        </li>
      ))}
    </ol>
  );
}

const accessTones: Readonly<Record<TagAccess['state'], Tone>> = {
  requested: 'warn',
  approved: 'good',
  refused: 'bad',
  revoked: 'calm',
  expired: 'calm',
};

/** Who asked for which tag. */
export function Accesses({ tagId }: { readonly tagId?: string }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const confirm = useConfirm();
  const queries = useQueryClient();
  const accesses = useQuery(tagAccessQuery(tagId));
  const revoke = useMutation({
    mutationFn: revokeTagAccess,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tags', 'access'] }),
    onError: notify.problem,
  });
  const handleRevoke = async (access: TagAccess): Promise<void> => {
    const sure = await confirm({
      title: t('market.access.revokeTitle', { who: access.orgUnit ?? access.requestedBy }),
      action: t('market.access.revoke'),
      danger: true,
    });
    if (sure) revoke.mutate(access.id);
  };
  return (
    <Panel flush>
      <Answer query={accesses}>
        {({ items }) => (
          <DataTable<TagAccess>
            label={t('market.workflow.access')}
            rows={items}
            rowKey={(access) => access.id}
            empty={<Nothing title={t('market.access.none')} hint={t('market.access.noneHint')} />}
            columns={[
              ...(tagId === undefined
                ? [
                    {
                      title: t('tags.tag'),
                      key: 'tag',
                      render: (_: unknown, access: TagAccess) => (
                        <Link to="/tags/$tagId" params={{ tagId: access.tagId }}>
                          <code>{access.tagId}</code>
                        </Link>
                      ),
                    },
                  ]
                : []),
              {
                title: t('common.state'),
                render: (_, access) => (
                  <Badge tone={accessTones[access.state]}>{t(`market.access.state.${access.state}`)}</Badge>
                ),
              },
              { title: t('market.access.purpose'), dataIndex: 'purpose' },
              {
                title: t('market.access.who'),
                render: (_, access) => access.orgUnit ?? access.requestedBy,
              },
              { title: t('market.access.asked'), render: (_, access) => <Ago at={access.requestedAt} /> },
              { title: t('market.access.until'), render: (_, access) => <When at={access.expiresAt} /> },
              {
                title: t('common.actions'),
                render: (_, access) =>
                  access.state === 'requested' && access.approvalId ? (
                    <Link to="/approvals">{t('market.workflow.decide')}</Link>
                  ) : access.state === 'approved' && may('tags.write') ? (
                    <Button size="small" danger onClick={() => void handleRevoke(access)}>
                      {t('market.access.revoke')}
                    </Button>
                  ) : null,
              },
            ]}
          />
        )}
      </Answer>
    </Panel>
  );
}
