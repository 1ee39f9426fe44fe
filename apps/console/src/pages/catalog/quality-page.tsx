import type { BlockView, QualityBoard } from '@rapport/catalog/contract';
import type { TagQualityRow, TagSummary } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { addQualityRule, qualityBoardQuery, releaseBlock } from '../../api/catalog.queries.ts';
import { lineageQuery, tagQualityBoardQuery } from '../../api/tags.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Field } from '../../ui/field.tsx';
import { Ago, Figure, Meter, Num, Percent } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Drawer, Input, Tabs } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { StatusBadge, VerdictBadge } from '../tags/badges.tsx';
import { CatalogFrame } from './catalog-frame.tsx';
import { ReasonModal } from './reason-modal.tsx';
import { RuleList } from './rule-list.tsx';

/** Quality of data and of tags, and what is held back for it. */
export function QualityPage() {
  const t = useText();
  const may = useMay();
  const board = useQuery(qualityBoardQuery);
  const [adding, setAdding] = useState(false);
  return (
    <CatalogFrame
      actions={
        may('catalog.write') ? (
          <Button icon={<AddIcon />} onClick={() => setAdding(true)}>
            {t('catalog.addRule')}
          </Button>
        ) : null
      }
    >
      <Answer query={board} rows={10}>
        {(data) => (
          <>
            <Blocks blocks={data.blocks} />
            <Tabs
              items={[
                {
                  key: 'rules',
                  label: `${t('catalog.rules')} ${data.rules.length}`,
                  children: (
                    <Panel flush>
                      {data.rules.length === 0 ? (
                        <Nothing title={t('catalog.noRules')} />
                      ) : (
                        <RuleList rules={data.rules} />
                      )}
                    </Panel>
                  ),
                },
                { key: 'tags', label: t('catalog.tagQuality'), children: <TagBoard /> },
                { key: 'scores', label: t('catalog.scores'), children: <Scores scores={data.scores} /> },
              ]}
            />
          </>
        )}
      </Answer>
      {adding ? <RuleDrawer onClose={() => setAdding(false)} /> : null}
    </CatalogFrame>
  );
}

function Blocks({ blocks }: { readonly blocks: readonly BlockView[] }) {
  const t = useText();
  const may = useMay();
  const queries = useQueryClient();
  const [asked, setAsked] = useState<BlockView | undefined>(undefined);
  const release = useMutation({
    mutationFn: ({ id, reason }: { id: string; reason: string }) => releaseBlock(id, reason),
    onSuccess: async () => {
      setAsked(undefined);
      await queries.invalidateQueries({ queryKey: ['catalog'] });
    },
  });
  const standing = blocks.filter(({ endedAt }) => endedAt === undefined);
  if (standing.length === 0) return null;
  return (
    <Panel title={t('catalog.blocks')} note={t('catalog.blocksNote')}>
      <ul className="list-plain list-rows">
        {standing.map((block) => (
          <li key={block.id} className="row between gap-m">
            <div className="stack gap-xs grow">
              <span className="row gap-s">
                <Badge tone="bad">{t(`catalog.because.${block.because}`)}</Badge>
                <Link to="/catalog/table" search={{ name: block.table }}>
                  <code>
                    {block.table}
                    {block.column ? `.${block.column}` : ''}
                  </code>
                </Link>
                <span className="faint">
                  {t('catalog.since')} <Ago at={block.since} />
                </span>
              </span>
              <span>{block.message}</span>
              <HeldTags block={block} />
            </div>
            {may('catalog.release') ? (
              <Button onClick={() => setAsked(block)}>{t('catalog.release')}</Button>
            ) : null}
          </li>
        ))}
      </ul>
      {asked ? (
        <ReasonModal
          title={t('catalog.releaseTitle', {
            what: asked.column ? `${asked.table}.${asked.column}` : asked.table,
          })}
          action={t('catalog.release')}
          label={t('catalog.reason')}
          isPending={release.isPending}
          error={release.error}
          onConfirm={(reason) => release.mutate({ id: asked.id, reason })}
          onClose={() => setAsked(undefined)}
        />
      ) : null}
    </Panel>
  );
}

/** Tags that keep their values while a table or column is held back, by the lineage. */
function HeldTags({ block }: { readonly block: BlockView }) {
  const t = useText();
  const may = useMay();
  const lineage = useQuery({ ...lineageQuery(undefined), enabled: may('lineage.read') });
  if (!lineage.data) return null;
  const name = block.table.replace(/^src\//, '');
  const isOf = (id: string): boolean => {
    if (block.column !== undefined)
      return (
        id === `source_column:${name}.${block.column}` || id === `canonical_column:${name}.${block.column}`
      );
    return id.startsWith(`source_column:${name}.`) || id.startsWith(`canonical_column:${name}.`);
  };
  const below = new Map<string, string[]>();
  for (const { from, to } of lineage.data.edges) {
    const known = below.get(from);
    if (known) known.push(to);
    else below.set(from, [to]);
  }
  const seen = new Set(lineage.data.nodes.map(({ id }) => id).filter(isOf));
  for (const id of seen) for (const next of below.get(id) ?? []) seen.add(next);
  const tags = lineage.data.nodes.filter(({ id, kind }) => kind === 'tag' && seen.has(id));
  if (tags.length === 0) return null;
  return (
    <div className="faint">
      {t('catalog.heldTags')} ({tags.length}):{' '}
      {tags.slice(0, 12).map(({ id, title }, at) => (
        <span key={id}>
          {at > 0 ? ', ' : ''}
          <Link to="/tags/$tagId" params={{ tagId: id.slice('tag:'.length) }}>
            {title}
          </Link>
        </span>
      ))}
      {tags.length > 12 ? ' …' : ''}
    </div>
  );
}

type Verdict = TagSummary['verdict'];

function TagBoard() {
  const t = useText();
  const localized = useLocalized();
  const navigate = useNavigate();
  const board = useQuery(tagQualityBoardQuery);
  const verdicts: readonly Verdict[] = ['bad', 'warn', 'unknown', 'good'];
  return (
    <Answer query={board} rows={8}>
      {(data) => (
        <div className="stack gap-m">
          <Panel note={t('catalog.tagQualityNote')} title={t('catalog.tagQuality')}>
            <div className="grid" style={cells(120)}>
              {verdicts.map((verdict) => (
                <Figure
                  key={verdict}
                  label={<VerdictBadge verdict={verdict} />}
                  value={
                    <Link to="/tags" search={{ verdict }}>
                      <Num value={data.counts[verdict]} />
                    </Link>
                  }
                />
              ))}
            </div>
          </Panel>
          <Panel flush>
            <DataTable<TagQualityRow>
              label={t('catalog.tagQuality')}
              rows={data.items}
              rowKey={(row) => row.tagId}
              pageSize={50}
              onOpen={({ tagId }) =>
                void navigate({ to: '/tags/$tagId', params: { tagId }, search: { tab: 'quality' } })
              }
              empty={<Nothing title={t('tags.empty')} />}
              columns={[
                {
                  title: t('tags.tag'),
                  render: (_, row) => (
                    <div>
                      <Link to="/tags/$tagId" params={{ tagId: row.tagId }} search={{ tab: 'quality' }}>
                        <strong style={{ fontWeight: 550 }}>{localized(row.title)}</strong>
                      </Link>
                      <div>
                        <code className="faint">{row.tagId}</code>
                      </div>
                    </div>
                  ),
                },
                { title: t('market.quality'), render: (_, row) => <VerdictBadge verdict={row.verdict} /> },
                { title: t('market.statusTitle'), render: (_, row) => <StatusBadge status={row.status} /> },
                {
                  title: t('market.q.findings'),
                  render: (_, row) => (
                    <div className="faint" style={{ maxWidth: 420 }}>
                      {row.findings.map(({ message }) => localized(message)).join(' ')}
                    </div>
                  ),
                },
                {
                  title: t('tags.coverage'),
                  align: 'right',
                  render: (_, row) => <Percent ratio={row.coverage} />,
                },
                {
                  title: t('market.q.psi'),
                  align: 'right',
                  render: (_, row) => (
                    <Num value={row.psi === undefined ? undefined : Math.round(row.psi * 1000) / 1000} />
                  ),
                },
                { title: t('tags.refreshed'), render: (_, row) => <Ago at={row.refreshedAt} /> },
              ]}
            />
          </Panel>
        </div>
      )}
    </Answer>
  );
}

function Scores({ scores }: { readonly scores: QualityBoard['scores'] }) {
  const t = useText();
  return (
    <Panel flush>
      <DataTable<QualityBoard['scores'][number]>
        label={t('catalog.scores')}
        rows={scores}
        rowKey={(score) => score.table}
        columns={[
          {
            title: t('catalog.table'),
            render: (_, score) => (
              <Link to="/catalog/table" search={{ name: score.table }}>
                <code>{score.table}</code>
              </Link>
            ),
          },
          {
            title: t('catalog.scores'),
            width: 220,
            render: (_, score) => (
              <div>
                <Percent ratio={score.completeness} />
                <Meter share={score.completeness} />
              </div>
            ),
          },
          { title: t('catalog.passing'), render: (_, score) => <Percent ratio={score.passing} /> },
        ]}
      />
    </Panel>
  );
}

const EXAMPLE = `{
  "name": "phone_is_known",
  "kind": "notNull",
  "column": "phone",
  "severity": "warn"
}
`;

function RuleDrawer({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const [table, setTable] = useState('');
  const [text, setText] = useState(EXAMPLE);
  const add = useMutation({
    mutationFn: () => addQualityRule({ table: table.trim(), rule: JSON.parse(text) }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['catalog'] });
      notify.done(t('catalog.ruleAdded'));
      onClose();
    },
  });
  return (
    <Drawer
      open
      size={620}
      title={t('catalog.addRule')}
      onClose={onClose}
      extra={
        <Button
          type="primary"
          loading={add.isPending}
          disabled={table.trim() === ''}
          onClick={() => add.mutate()}
        >
          {t('common.save')}
        </Button>
      }
    >
      <div className="stack gap-m">
        <Field label={t('catalog.table')}>
          <Input
            placeholder="src/core/client"
            value={table}
            onChange={({ target }) => setTable(target.value)}
          />
        </Field>
        {add.error ? <ProblemView error={add.error} /> : null}
        <CodeEditor language="json" label={t('catalog.ruleYaml')} value={text} onChange={setText} />
      </div>
    </Drawer>
  );
}
