import { Table, type TableColumnsType } from 'antd';
import type { ReactNode } from 'react';
import { useText } from '../i18n/i18n.ts';
import { Nothing } from './states.tsx';

interface DataTableProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly columns: TableColumnsType<Row>;
  readonly onOpen?: ((row: Row) => void) | undefined;
  readonly empty?: ReactNode;
  readonly pageSize?: number;
  readonly minWidth?: number;
  readonly loading?: boolean;
  readonly expanded?: (row: Row) => ReactNode;
}

/** A table that scrolls sideways when it must, opens rows by click or Enter, and pages only when long. */
export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const t = useText();
  const { onOpen, pageSize = 25, expanded } = props;
  return (
    <section className="table-wrap" aria-label={props.label}>
      <Table<Row>
        size="middle"
        rowKey={props.rowKey}
        columns={props.columns}
        dataSource={[...props.rows]}
        loading={props.loading ?? false}
        scroll={{ x: props.minWidth ?? 'max-content' }}
        pagination={
          props.rows.length > pageSize ? { pageSize, showSizeChanger: false, align: 'center' } : false
        }
        locale={{ emptyText: props.empty ?? <Nothing title={t('common.nothing')} /> }}
        {...(expanded ? { expandable: { expandedRowRender: expanded } } : {})}
        {...(onOpen
          ? {
              rowClassName: () => 'clickable',
              onRow: (row: Row) => ({
                tabIndex: 0,
                onClick: (event) => {
                  if (!startedOnControl(event.target)) onOpen(row);
                },
                onKeyDown: (event) => {
                  if (event.key === 'Enter' && event.target === event.currentTarget) onOpen(row);
                },
              }),
            }
          : {})}
      />
    </section>
  );
}

const startedOnControl = (target: EventTarget): boolean =>
  target instanceof Element && target.closest('a, button, input, label, .ant-select') !== null;
