import type { SavedQuery, WorkbenchResult, WorkbenchRun, WorkbenchTable } from '@rapport/workbench/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import {
  deleteQuery,
  exportNotebook,
  exportSql,
  runSql,
  savedQueriesQuery,
  saveQuery,
  workbenchRunsQuery,
  workbenchTablesQuery,
} from '../../api/workbench.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { saveBlob } from '../../ui/download.ts';
import { useFormats, When } from '../../ui/figures.tsx';
import { Button, Checkbox, Collapse, Input, Modal, Tabs } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';

const START = 'SELECT city, count() AS customers\nFROM customer\nGROUP BY city\nORDER BY customers DESC';

export function WorkbenchPage() {
  const t = useText();
  const may = useMay();
  const queries = useQueryClient();
  const [sql, setSql] = useState(START);
  const [isSaving, setSaving] = useState(false);
  const stop = useRef<AbortController | undefined>(undefined);
  const run = useMutation({
    mutationFn: () => {
      stop.current = new AbortController();
      return runSql(sql, stop.current.signal);
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['workbench', 'runs'] }),
  });
  const csv = useMutation({
    mutationFn: () => exportSql(sql),
    onSuccess: (file) => saveBlob(file, 'answer.csv'),
  });
  const notebook = useMutation({
    mutationFn: () => exportNotebook(sql),
    onSuccess: (file) => saveBlob(file, 'question.ipynb'),
  });
  return (
    <Page title={t('workbench.title')} intro={t('workbench.intro')}>
      <div className="split" style={side(340)}>
        <div className="stack gap-m">
          <Panel>
            <section
              className="stack gap-m"
              aria-label={t('workbench.editor')}
              // Before the editor, which would begin a new line.
              onKeyDownCapture={(event) => {
                if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
                event.preventDefault();
                event.stopPropagation();
                run.mutate();
              }}
            >
              <CodeEditor
                language="sql"
                label={t('workbench.editor')}
                value={sql}
                onChange={setSql}
                height={320}
              />
              <div className="row gap-s">
                <Button type="primary" loading={run.isPending} onClick={() => run.mutate()}>
                  {t('workbench.run')}
                </Button>
                {run.isPending ? (
                  <Button onClick={() => stop.current?.abort()}>{t('workbench.cancel')}</Button>
                ) : null}
                <Button onClick={() => setSaving(true)}>{t('workbench.save')}</Button>
                {may('workbench.export') ? (
                  <Button loading={csv.isPending} onClick={() => csv.mutate()}>
                    {t('workbench.export')}
                  </Button>
                ) : null}
                <Button type="text" loading={notebook.isPending} onClick={() => notebook.mutate()}>
                  {t('workbench.notebook')}
                </Button>
                <span className="faint">{t('workbench.shortcut')}</span>
              </div>
            </section>
          </Panel>
          <Panel title={t('workbench.result')}>
            {run.error ? <ProblemView error={run.error} /> : null}
            {csv.error ? <ProblemView error={csv.error} /> : null}
            {run.data && !run.error ? <ResultTable result={run.data} /> : null}
            {!run.data && !run.error ? (
              <Nothing title={t('workbench.resultEmpty')} hint={t('workbench.resultHint')} />
            ) : null}
          </Panel>
        </div>
        <Panel>
          <Tabs
            items={[
              { key: 'tables', label: t('workbench.tables'), children: <TablesTab /> },
              { key: 'saved', label: t('workbench.saved'), children: <SavedTab onOpen={setSql} /> },
              { key: 'history', label: t('workbench.history'), children: <HistoryTab onOpen={setSql} /> },
            ]}
          />
        </Panel>
      </div>
      {isSaving ? <SaveDialog sql={sql} onClose={() => setSaving(false)} /> : null}
    </Page>
  );
}

function ResultTable({ result }: { readonly result: WorkbenchResult }) {
  const t = useText();
  const formats = useFormats();
  const rows = result.rows.map((values, at) => ({ at, values }));
  const minutes = (ms: number): string => formats.number(ms / 60_000, { maximumFractionDigits: 1 });
  return (
    <div className="stack gap-s">
      <div className="row gap-m faint" role="status">
        <span>{t('workbench.rows', { count: formats.number(rows.length), ms: result.tookMs })}</span>
        <span>
          {t('workbench.budget', {
            spent: minutes(result.budget.spentMs),
            daily: minutes(result.budget.dailyMs),
          })}
        </span>
      </div>
      <DataTable<(typeof rows)[number]>
        label={t('workbench.result')}
        rows={rows}
        rowKey={(row) => String(row.at)}
        empty={<Nothing title={t('workbench.noRows')} />}
        columns={result.columns.map((column, at) => ({
          title: <span title={column.type}>{column.name}</span>,
          align: /Int|Float|Decimal/.test(column.type) ? ('right' as const) : ('left' as const),
          render: (_: unknown, row: (typeof rows)[number]) => <Cell value={row.values[at]} />,
        }))}
      />
      {result.isComplete ? null : (
        <p className="faint">{t('workbench.more', { count: formats.number(rows.length) })}</p>
      )}
    </div>
  );
}

function Cell({ value }: { readonly value: unknown }) {
  const formats = useFormats();
  if (value === null || value === undefined) return <span className="faint">—</span>;
  if (typeof value === 'number')
    return <span className="num">{formats.number(value, { maximumFractionDigits: 6 })}</span>;
  return <>{typeof value === 'string' ? value : JSON.stringify(value)}</>;
}

function TablesTab() {
  const t = useText();
  const tables = useQuery(workbenchTablesQuery);
  const [search, setSearch] = useState('');
  const wanted = search.trim().toLowerCase();
  const fits = (table: WorkbenchTable): boolean =>
    wanted === '' ||
    `${table.name} ${table.title}`.toLowerCase().includes(wanted) ||
    table.columns.some((column) => column.name.toLowerCase().includes(wanted));
  return (
    <div className="stack gap-s">
      <Input
        allowClear
        placeholder={t('workbench.findTable')}
        aria-label={t('workbench.findTable')}
        value={search}
        onChange={(changed) => setSearch(changed.target.value)}
      />
      <Answer query={tables} rows={6}>
        {({ items, isScoped }) => (
          <>
            {isScoped ? <p className="faint">{t('workbench.scoped')}</p> : null}
            <Collapse
              size="small"
              items={items.filter(fits).map((table) => ({
                key: table.name,
                label: (
                  <span>
                    <code>{table.name}</code> <span className="faint">{table.title}</span>
                  </span>
                ),
                children: (
                  <ul className="list-plain stack gap-xs">
                    {table.columns
                      .filter(
                        (column) =>
                          wanted === '' ||
                          column.name.toLowerCase().includes(wanted) ||
                          table.name.includes(wanted),
                      )
                      .map((column) => (
                        <li key={column.name} className="row between gap-s">
                          <code>{column.name}</code>
                          <span className="faint">
                            {column.access === 'clear' ? column.type : t(`workbench.access.${column.access}`)}
                          </span>
                        </li>
                      ))}
                  </ul>
                ),
              }))}
            />
          </>
        )}
      </Answer>
    </div>
  );
}

function SavedTab({ onOpen }: { readonly onOpen: (sql: string) => void }) {
  const t = useText();
  const queries = useQueryClient();
  const saved = useQuery(savedQueriesQuery);
  const remove = useMutation({
    mutationFn: deleteQuery,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['workbench', 'queries'] }),
  });
  return (
    <Answer
      query={saved}
      isEmpty={({ items }) => items.length === 0}
      empty={<Nothing title={t('workbench.savedEmpty')} />}
    >
      {({ items }) => (
        <ul className="list-plain stack gap-s">
          {items.map((query: SavedQuery) => (
            <li key={query.id} className="row between gap-s">
              <Button type="link" onClick={() => onOpen(query.sql)}>
                {query.name}
              </Button>
              {query.isMine ? (
                <Button type="text" size="small" onClick={() => remove.mutate(query.id)}>
                  {t('workbench.delete')}
                </Button>
              ) : (
                <span className="faint">{query.ownerName}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </Answer>
  );
}

function HistoryTab({ onOpen }: { readonly onOpen: (sql: string) => void }) {
  const t = useText();
  const runs = useQuery(workbenchRunsQuery);
  return (
    <Answer
      query={runs}
      isEmpty={({ items }) => items.length === 0}
      empty={<Nothing title={t('workbench.historyEmpty')} />}
    >
      {({ items }) => (
        <ul className="list-plain stack gap-s">
          {items.map((run: WorkbenchRun) => (
            <li key={run.id}>
              <div className="row between gap-s faint">
                <span>
                  {t(`workbench.state.${run.state}`)} · {run.byName}
                </span>
                <When at={run.startedAt} />
              </div>
              <Button type="link" style={{ padding: 0 }} onClick={() => onOpen(run.sql)}>
                <code className="ellipsis" style={{ maxWidth: 280 }}>
                  {run.sql}
                </code>
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Answer>
  );
}

function SaveDialog({ sql, onClose }: { readonly sql: string; readonly onClose: () => void }) {
  const t = useText();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [isShared, setShared] = useState(false);
  const save = useMutation({
    mutationFn: () => saveQuery({ name: name.trim(), sql, shared: isShared }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['workbench', 'queries'] });
      onClose();
    },
  });
  return (
    <Modal
      open
      title={t('workbench.save')}
      okText={t('workbench.save')}
      okButtonProps={{ disabled: name.trim() === '' }}
      confirmLoading={save.isPending}
      onCancel={onClose}
      onOk={() => save.mutate()}
    >
      <div className="stack gap-m">
        <Input
          placeholder={t('workbench.name')}
          aria-label={t('workbench.name')}
          value={name}
          onChange={(changed) => setName(changed.target.value)}
        />
        <Checkbox checked={isShared} onChange={(changed) => setShared(changed.target.checked)}>
          {t('workbench.shared')}
        </Checkbox>
        {save.error ? <ProblemView error={save.error} /> : null}
      </div>
    </Modal>
  );
}
