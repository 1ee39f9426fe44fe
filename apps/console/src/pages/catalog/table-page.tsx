import type { CatalogColumn, CatalogTable, NotePatch } from '@rapport/catalog/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { catalogTableQuery, noteCatalogTable } from '../../api/catalog.queries.ts';
import { useDynamicText, useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { BarsChart, TrendChart } from '../../ui/charts.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Figure, Meter, Num, useFormats } from '../../ui/figures.tsx';
import { EditIcon } from '../../ui/icons.ts';
import { Button, Form, Input, Modal, Select, Tabs } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { RuleList } from './rule-list.tsx';
import { ClassBadge, EntryState } from './tables-page.tsx';

/** A table with its columns and their statistics, its rules and its first rows. */
export function TablePage() {
  const t = useText();
  const localized = useLocalized();
  const may = useMay();
  const { name = '' } = useSearch({ from: '/signed-in/catalog/table' });
  const table = useQuery(catalogTableQuery(name));
  const [editing, setEditing] = useState<string | undefined>(undefined);
  const title = localized(table.data?.entry.title) || name;
  return (
    <Page
      title={title}
      heading={
        <span className="row gap-m">
          {title} {table.data ? <EntryState entry={table.data.entry} /> : null}
        </span>
      }
      intro={localized(table.data?.description) || <code>{name}</code>}
      crumbs={[{ label: t('catalog.title'), to: '/catalog' }]}
      actions={
        may('catalog.write') ? (
          <Button icon={<EditIcon />} onClick={() => setEditing('')}>
            {t('catalog.edit')}
          </Button>
        ) : null
      }
    >
      <Answer query={table} rows={12}>
        {(data) => (
          <>
            <Head table={data} />
            <Tabs
              items={[
                {
                  key: 'columns',
                  label: `${t('catalog.columns')} ${data.columns.length}`,
                  children: <Columns table={data} onEdit={setEditing} />,
                },
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
                { key: 'growth', label: t('catalog.growth'), children: <Growth table={data} /> },
                { key: 'sample', label: t('catalog.sample'), children: <Sample table={data} /> },
              ]}
            />
            {editing === undefined ? null : (
              <NoteModal table={data} column={editing} onClose={() => setEditing(undefined)} />
            )}
          </>
        )}
      </Answer>
    </Page>
  );
}

function Head({ table }: { readonly table: CatalogTable }) {
  const t = useText();
  const { entry, usage, sla } = table;
  return (
    <Panel>
      <div className="grid" style={cells(130)}>
        <Figure label={t('catalog.rows')} value={<Num compact value={entry.rows} />} />
        <Figure label={t('catalog.loaded')} value={<Ago at={entry.loadedAt} />} />
        <Figure
          label={t('catalog.owner')}
          value={entry.owner ?? '—'}
          note={entry.steward ? `${t('catalog.steward')}: ${entry.steward}` : undefined}
        />
        <Figure
          label={t('catalog.class')}
          value={entry.dataClass ? <ClassBadge dataClass={entry.dataClass} /> : '—'}
        />
        <Figure
          label={t('catalog.usage')}
          value={<Num value={usage.reads} />}
          note={t('catalog.readers', { shown: usage.readers })}
        />
        {sla ? (
          <Figure
            label={t('catalog.due')}
            value={sla.by}
            note={sla.state ? t(`catalog.arrival.${sla.state}`) : sla.every}
          />
        ) : null}
      </div>
    </Panel>
  );
}

function Columns({
  table,
  onEdit,
}: {
  readonly table: CatalogTable;
  readonly onEdit: (column: string) => void;
}) {
  const t = useText();
  const localized = useLocalized();
  const may = useMay();
  const rows = Math.max(1, table.entry.rows ?? 1);
  return (
    <Panel flush>
      <DataTable<CatalogColumn>
        label={t('catalog.columns')}
        rows={table.columns}
        rowKey={(column) => column.name}
        pageSize={100}
        expanded={(column) => <ColumnDetail table={table} column={column} />}
        columns={[
          {
            title: t('catalog.column'),
            render: (_, column) => (
              <div style={{ maxWidth: 320 }}>
                <span className="row gap-s">
                  <code>{column.name}</code>
                  {column.blocked ? <Badge tone="bad">{t('catalog.blocked')}</Badge> : null}
                  {column.personal ? <Badge tone="violet">{t('catalog.personal')}</Badge> : null}
                </span>
                <div className="faint">{localized(column.description) || localized(column.title)}</div>
              </div>
            ),
          },
          {
            title: t('catalog.type'),
            render: (_, column) => (
              <code title={column.engineType}>
                {column.type}
                {column.unit ? ` (${column.unit})` : ''}
              </code>
            ),
          },
          {
            title: t('catalog.class'),
            render: (_, column) =>
              column.dataClass ? (
                <ClassBadge dataClass={column.dataClass} />
              ) : column.suggested ? (
                <span className="faint">
                  {t('catalog.suggested', {
                    class: column.suggested.dataClass,
                    what: column.suggested.what,
                  })}
                </span>
              ) : (
                '—'
              ),
          },
          {
            title: t('catalog.unknown'),
            width: 110,
            render: (_, column) => (
              <div>
                <Num value={column.unknown} />
                <Meter share={column.unknown / rows} tone="var(--warn)" />
              </div>
            ),
          },
          {
            title: t('catalog.distinct'),
            align: 'right',
            render: (_, column) => <Num value={column.distinct} />,
          },
          { title: t('catalog.least'), render: (_, column) => <Short text={column.least} /> },
          { title: t('catalog.greatest'), render: (_, column) => <Short text={column.greatest} /> },
          ...(may('catalog.write')
            ? [
                {
                  title: '',
                  key: 'edit',
                  render: (_: unknown, column: CatalogColumn) => (
                    <Button
                      type="text"
                      size="small"
                      icon={<EditIcon />}
                      aria-label={t('catalog.editTitle', { name: column.name })}
                      onClick={() => onEdit(column.name)}
                    />
                  ),
                },
              ]
            : []),
        ]}
      />
    </Panel>
  );
}

const Short = ({ text }: { readonly text: string | undefined }) => (
  <span className="num ellipsis" style={{ display: 'inline-block', maxWidth: 130 }} title={text}>
    {text ?? '—'}
  </span>
);

function ColumnDetail({ table, column }: { readonly table: CatalogTable; readonly column: CatalogColumn }) {
  const t = useText();
  return (
    <div className="grid" style={cells(300)}>
      {column.histogram.length > 0 ? (
        <div>
          <h3 className="panel-title">{t('catalog.spread')}</h3>
          <BarsChart
            label={t('catalog.spread')}
            categories={column.histogram.map(({ from }) => from)}
            series={[{ name: t('catalog.rows'), values: column.histogram.map(({ rows }) => rows) }]}
            height={180}
          />
        </div>
      ) : null}
      {column.top.length > 0 ? (
        <div>
          <h3 className="panel-title">{t('catalog.frequent')}</h3>
          <BarsChart
            horizontal
            label={t('catalog.frequent')}
            categories={column.top.map(({ value }) => value)}
            series={[{ name: t('catalog.rows'), values: column.top.map(({ rows }) => rows) }]}
            height={Math.max(120, column.top.length * 26 + 30)}
          />
        </div>
      ) : null}
      <div className="stack gap-s">
        {column.words.length > 0 ? (
          <div>
            <h3 className="panel-title">{t('catalog.words')}</h3>
            {column.words.join(', ')}
          </div>
        ) : null}
        {table.entry.kind === 'canonical' ? (
          <Link to="/lineage" search={{ focus: `canonical_column:${table.entry.table}.${column.name}` }}>
            {t('catalog.lineage')}
          </Link>
        ) : table.entry.sourceId ? (
          <Link
            to="/lineage"
            search={{ focus: `source_column:${table.entry.table.replace(/^src\//, '')}.${column.name}` }}
          >
            {t('catalog.lineage')}
          </Link>
        ) : null}
      </div>
    </div>
  );
}

function Growth({ table }: { readonly table: CatalogTable }) {
  const t = useText();
  const formats = useFormats();
  return (
    <Panel>
      {table.growth.length < 2 ? (
        <Nothing title={t('common.nothing')} />
      ) : (
        <TrendChart
          area
          label={t('catalog.growth')}
          days={table.growth.map(({ at }) => at)}
          series={[{ name: t('catalog.rows'), values: table.growth.map(({ rows }) => rows) }]}
          format={(value) => formats.compact(value)}
        />
      )}
    </Panel>
  );
}

function Sample({ table }: { readonly table: CatalogTable }) {
  const t = useText();
  const rows = table.sample.map((row, index) => ({ index, row }));
  return (
    <Panel flush note={t('catalog.sampleNote')} title={t('catalog.sample')}>
      <DataTable
        label={t('catalog.sample')}
        rows={rows}
        rowKey={({ index }) => String(index)}
        pageSize={50}
        columns={table.columns.map((column) => ({
          title: column.name,
          key: column.name,
          render: (_: unknown, { row }: (typeof rows)[number]) => (
            <Short text={row[column.name] ?? undefined} />
          ),
        }))}
      />
    </Panel>
  );
}

interface Note {
  readonly owner?: string;
  readonly steward?: string;
  readonly dataClass?: 'C1' | 'C2' | 'C3';
  readonly en?: string;
  readonly hant?: string;
}

/** @param column empty = the table itself */
function NoteModal({
  table,
  column,
  onClose,
}: {
  readonly table: CatalogTable;
  readonly column: string;
  readonly onClose: () => void;
}) {
  const t = useText();
  const dynamic = useDynamicText();
  const notify = useNotify();
  const queries = useQueryClient();
  const [form] = Form.useForm<Note>();
  const own = table.columns.find(({ name }) => name === column);
  const about = own ?? table.entry;
  const description = own ? own.description : table.description;
  const save = useMutation({
    mutationFn: (note: Note) => {
      const body: NotePatch = {
        owner: note.owner?.trim() || null,
        ...(own ? {} : { steward: note.steward?.trim() || null }),
        dataClass: note.dataClass ?? null,
        description: note.en?.trim()
          ? { en: note.en.trim(), ...(note.hant?.trim() ? { 'zh-Hant': note.hant.trim() } : {}) }
          : null,
      };
      return noteCatalogTable(table.entry.table, column || undefined, body);
    },
    onSuccess: async (next) => {
      queries.setQueryData(catalogTableQuery(table.entry.table).queryKey, next);
      await queries.invalidateQueries({ queryKey: ['catalog', 'tables'] });
      notify.done(t('common.saved'));
      onClose();
    },
  });
  const initial: Note = {
    ...(about.owner ? { owner: about.owner } : {}),
    ...(table.entry.steward ? { steward: table.entry.steward } : {}),
    ...(description?.en ? { en: description.en } : {}),
    ...(description?.['zh-Hant'] ? { hant: description['zh-Hant'] } : {}),
  };
  return (
    <Modal
      open
      title={t('catalog.editTitle', { name: column || table.entry.table })}
      okText={t('common.save')}
      cancelText={t('common.cancel')}
      confirmLoading={save.isPending}
      onCancel={onClose}
      onOk={() => form.submit()}
    >
      <Form<Note>
        form={form}
        layout="vertical"
        initialValues={{ ...initial, dataClass: about.dataClass }}
        onFinish={(note) => save.mutate(note)}
      >
        <Form.Item name="owner" label={t('catalog.owner')}>
          <Input />
        </Form.Item>
        {own ? null : (
          <Form.Item name="steward" label={t('catalog.steward')}>
            <Input />
          </Form.Item>
        )}
        <Form.Item
          name="dataClass"
          label={t('catalog.class')}
          extra={
            own?.suggested
              ? t('catalog.suggested', { class: own.suggested.dataClass, what: own.suggested.what })
              : undefined
          }
        >
          <Select
            allowClear
            options={['C1', 'C2', 'C3'].map((one) => ({
              value: one,
              label: dynamic(`tags.dataClasses.${one}`, one),
            }))}
          />
        </Form.Item>
        <Form.Item name="en" label={t('catalog.descriptionEn')}>
          <Input.TextArea rows={2} />
        </Form.Item>
        <Form.Item name="hant" label={t('catalog.descriptionHant')}>
          <Input.TextArea rows={2} />
        </Form.Item>
        {save.error ? <ProblemView error={save.error} /> : null}
      </Form>
    </Modal>
  );
}
