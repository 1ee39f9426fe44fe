import { useQuery } from '@tanstack/react-query';
import { type SourceTable, sourceTableQuery } from '../../api/sources.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Num } from '../../ui/figures.tsx';
import { Drawer } from '../../ui/kit.ts';
import { Answer } from '../../ui/states.tsx';

interface TableDrawerProps {
  readonly sourceId: string;
  readonly table: string;
  readonly onClose: () => void;
}

/** Columns of a loaded table with their statistics, and its first rows. */
export function TableDrawer({ sourceId, table, onClose }: TableDrawerProps) {
  const t = useText();
  const view = useQuery(sourceTableQuery(sourceId, table));
  return (
    <Drawer open size={960} title={table} onClose={onClose}>
      <Answer query={view}>
        {(data) => (
          <div className="stack gap-l">
            <Columns view={data} />
            <h3 className="panel-title">{t('sources.sample')}</h3>
            <Sample view={data} />
          </div>
        )}
      </Answer>
    </Drawer>
  );
}

function Columns({ view }: { readonly view: SourceTable }) {
  const t = useText();
  const localized = useLocalized();
  return (
    <DataTable
      label={t('sources.columns')}
      rows={view.columns}
      rowKey={(column) => column.name}
      pageSize={200}
      columns={[
        {
          title: t('sources.column'),
          render: (_, column) => (
            <span className="row gap-s">
              <code>{column.name}</code>
              {column.personal ? <Badge tone="violet">{t('sources.personal')}</Badge> : null}
              <span className="faint">{localized(column.title)}</span>
            </span>
          ),
        },
        { title: t('sources.type'), render: (_, column) => <code>{column.type}</code> },
        { title: t('common.unknown'), align: 'right', render: (_, column) => <Num value={column.unknown} /> },
        {
          title: t('sources.distinct'),
          align: 'right',
          render: (_, column) => <Num value={column.distinct} />,
        },
        { title: t('sources.least'), dataIndex: 'least' },
        { title: t('sources.greatest'), dataIndex: 'greatest' },
      ]}
    />
  );
}

function Sample({ view }: { readonly view: SourceTable }) {
  const t = useText();
  const rows = view.sample.map((row, index) => ({ index, row }));
  return (
    <DataTable
      label={t('sources.sample')}
      rows={rows}
      rowKey={({ index }) => String(index)}
      pageSize={100}
      columns={view.columns.map((column) => ({
        title: column.name,
        key: column.name,
        render: (_: unknown, { row }: (typeof rows)[number]) =>
          row[column.name] ?? <span className="faint">∅</span>,
      }))}
    />
  );
}
