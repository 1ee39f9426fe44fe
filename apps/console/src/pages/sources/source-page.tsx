import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { itemsOf } from '../../api/paged.ts';
import { type Load, loadSource, loadsQuery, type Source, sourceQuery } from '../../api/sources.queries.ts';
import { useDynamicText, useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Figure, Num, Percent, When } from '../../ui/figures.tsx';
import { EditIcon, RefreshIcon } from '../../ui/icons.ts';
import { JobProgress } from '../../ui/job-progress.tsx';
import { Button, Tabs } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { LoadStateBadge } from './load-state.tsx';
import { ManifestDrawer } from './manifest-drawer.tsx';
import { QuarantinePanel } from './quarantine-panel.tsx';
import { TableDrawer } from './table-drawer.tsx';

export function SourcePage() {
  const t = useText();
  const localized = useLocalized();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const { sourceId } = useParams({ from: '/signed-in/sources/$sourceId' });
  const detail = useQuery(sourceQuery(sourceId));
  const [jobId, setJobId] = useState<string | undefined>(undefined);
  const [editing, setEditing] = useState(false);
  const load = useMutation({
    mutationFn: () => loadSource(sourceId),
    onSuccess: (accepted) => setJobId(accepted.jobId),
    onError: notify.problem,
  });
  const refresh = () => queries.invalidateQueries({ queryKey: ['sources'] });
  const last = detail.data?.source.lastLoad;
  const runningJob =
    jobId ?? (last?.state === 'running' || last?.state === 'queued' ? last.jobId : undefined);
  return (
    <Page
      title={detail.data ? localized(detail.data.source.title) : sourceId}
      intro={detail.data ? localized(detail.data.source.description) : undefined}
      crumbs={[{ label: t('sources.title'), to: '/sources' }]}
      actions={
        <>
          {may('sources.write') ? (
            <Button icon={<EditIcon />} disabled={!detail.data} onClick={() => setEditing(true)}>
              {t('sources.editManifest')}
            </Button>
          ) : null}
          {may('sources.load') ? (
            <Button
              type="primary"
              icon={<RefreshIcon />}
              loading={load.isPending}
              onClick={() => load.mutate()}
            >
              {t('sources.load.start')}
            </Button>
          ) : null}
        </>
      }
    >
      {runningJob ? (
        <Panel>
          <JobProgress key={runningJob} jobId={runningJob} onFinished={() => void refresh()} />
        </Panel>
      ) : null}
      <Answer query={detail}>
        {({ source, yaml }) => (
          <>
            <Headline source={source} />
            {source.lastLoad && source.lastLoad.faults.length > 0 ? (
              <LoadFaults load={source.lastLoad} />
            ) : null}
            <Tabs
              items={[
                { key: 'tables', label: t('sources.tables'), children: <TablesPanel source={source} /> },
                {
                  key: 'quarantine',
                  label: t('sources.quarantine.title'),
                  children: <QuarantinePanel sourceId={sourceId} onReplay={setJobId} />,
                },
                {
                  key: 'quality',
                  label: t('sources.quality.title'),
                  children: <QualityPanel load={source.lastLoad} />,
                },
                {
                  key: 'loads',
                  label: t('sources.load.history'),
                  children: <LoadsPanel sourceId={sourceId} />,
                },
              ]}
            />
            {editing ? <ManifestDrawer yaml={yaml} onClose={() => setEditing(false)} /> : null}
          </>
        )}
      </Answer>
    </Page>
  );
}

function Headline({ source }: { readonly source: Source }) {
  const t = useText();
  const last = source.lastLoad;
  const total = (pick: (table: Load['tables'][number]) => number): number =>
    (last?.tables ?? []).filter((table) => !table.derived).reduce((sum, table) => sum + pick(table), 0);
  return (
    <Panel>
      <div className="grid" style={cells(150)}>
        <Figure
          label={t('common.state')}
          value={<LoadStateBadge state={last?.state} />}
          note={<Ago at={last?.finishedAt} />}
        />
        <Figure
          label={t('sources.read')}
          value={<Num value={last ? total((table) => table.read) : undefined} />}
        />
        <Figure
          label={t('sources.loaded')}
          value={<Num value={last ? total((table) => table.loaded) : undefined} />}
        />
        <Figure
          label={t('sources.quarantined')}
          value={<Num value={last ? total((table) => table.quarantined) : undefined} />}
          note={t('sources.openNow', { count: source.openQuarantine })}
        />
        <Figure
          label={t('sources.manifest')}
          value={t('sources.version', { version: source.version })}
          note={<code style={{ overflowWrap: 'anywhere' }}>{source.folder}</code>}
        />
      </div>
    </Panel>
  );
}

function LoadFaults({ load }: { readonly load: Load }) {
  const t = useText();
  return (
    <div className="problem" role="alert">
      <strong>{t('sources.load.refused')}</strong>
      <ul>
        {load.faults.map((fault) => (
          <li key={`${fault.place}${fault.message}`}>
            <code>{fault.place}</code> {fault.message}
          </li>
        ))}
      </ul>
    </div>
  );
}

function TablesPanel({ source }: { readonly source: Source }) {
  const t = useText();
  const localized = useLocalized();
  const dynamic = useDynamicText();
  const [open, setOpen] = useState<string | undefined>(undefined);
  const reconciled = new Map(source.lastLoad?.tables.map((table) => [table.table, table]));
  return (
    <Panel flush>
      <DataTable
        label={t('sources.tables')}
        rows={source.tables}
        rowKey={(table) => table.table}
        pageSize={100}
        onOpen={(table) => setOpen(table.table)}
        columns={[
          {
            title: t('sources.table'),
            render: (_, table) => (
              <div>
                <div style={{ fontWeight: 500 }}>{localized(table.title) || table.table}</div>
                <code className="faint">{table.path ?? table.table}</code>
              </div>
            ),
          },
          {
            title: t('sources.role'),
            render: (_, table) => (
              <span className="row gap-xs">
                {table.role ? (
                  <Badge tone="primary">{dynamic(`sources.roles.${table.role}`, table.role)}</Badge>
                ) : null}
                {table.derived ? <Badge tone="violet">{t('sources.derived')}</Badge> : null}
              </span>
            ),
          },
          {
            title: t('sources.columns'),
            align: 'right',
            render: (_, table) => <Num value={table.columns} />,
          },
          {
            title: t('sources.read'),
            align: 'right',
            render: (_, table) => <Num value={reconciled.get(table.table)?.read} />,
          },
          {
            title: t('sources.loaded'),
            align: 'right',
            render: (_, table) => <Num value={reconciled.get(table.table)?.loaded ?? table.rows} />,
          },
          {
            title: t('sources.quarantined'),
            align: 'right',
            render: (_, table) => <Num value={reconciled.get(table.table)?.quarantined} />,
          },
        ]}
      />
      {open ? <TableDrawer sourceId={source.id} table={open} onClose={() => setOpen(undefined)} /> : null}
    </Panel>
  );
}

function QualityPanel({ load }: { readonly load: Load | undefined }) {
  const t = useText();
  const dynamic = useDynamicText();
  if (!load || (load.quality.length === 0 && load.rejected.length === 0 && load.notes.length === 0)) {
    return (
      <Panel>
        <Nothing title={t('sources.quality.empty')} />
      </Panel>
    );
  }
  return (
    <Panel>
      <ul className="list-plain list-rows">
        {load.quality.map((rule) => (
          <li key={rule.name} className="row gap-m">
            <Badge tone={rule.passed ? 'good' : rule.severity === 'fail' ? 'bad' : 'warn'}>
              {rule.passed ? t('sources.quality.passed') : t(`sources.quality.${rule.severity}`)}
            </Badge>
            <code>{rule.name}</code>
            <span className="soft">{rule.message}</span>
          </li>
        ))}
        {load.rejected.map((rejection) => (
          <li key={`${rejection.table}${rejection.reason}`} className="row gap-m">
            <Badge tone="warn">{dynamic(`sources.reason.${rejection.reason}`, rejection.reason)}</Badge>
            <code>{rejection.table}</code>
            <Num value={rejection.count} />
          </li>
        ))}
        {load.notes.map((note) => (
          <li key={note} className="soft">
            {note}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function LoadsPanel({ sourceId }: { readonly sourceId: string }) {
  const t = useText();
  const loads = useInfiniteQuery(loadsQuery(sourceId));
  return (
    <Panel flush>
      <Answer query={loads}>
        {(data) => (
          <>
            <DataTable<Load>
              label={t('sources.load.history')}
              rows={itemsOf(data)}
              rowKey={(load) => load.id}
              pageSize={100_000}
              expanded={(load) =>
                load.faults.length > 0 ? <LoadFaults load={load} /> : <span>{load.message}</span>
              }
              columns={[
                { title: t('sources.load.startedAt'), render: (_, load) => <When at={load.startedAt} /> },
                { title: t('sources.load.kind'), render: (_, load) => t(`sources.load.kinds.${load.kind}`) },
                { title: t('common.state'), render: (_, load) => <LoadStateBadge state={load.state} /> },
                {
                  title: t('sources.loaded'),
                  align: 'right',
                  render: (_, load) => (
                    <Num
                      value={load.tables
                        .filter((one) => !one.derived)
                        .reduce((sum, one) => sum + one.loaded, 0)}
                    />
                  ),
                },
                {
                  title: t('sources.quarantined'),
                  align: 'right',
                  render: (_, load) => (
                    <Num value={load.tables.reduce((sum, one) => sum + one.quarantined, 0)} />
                  ),
                },
                {
                  title: t('sources.load.progress'),
                  align: 'right',
                  render: (_, load) => <Percent ratio={load.progress} />,
                },
                {
                  title: t('sources.load.release'),
                  align: 'right',
                  render: (_, load) => <Num value={load.release} />,
                },
              ]}
            />
            <MoreButton query={loads} />
          </>
        )}
      </Answer>
    </Panel>
  );
}
