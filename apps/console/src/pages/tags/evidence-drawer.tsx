import type { TagEvidence } from '@rapport/tags/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { tagEvidenceQuery } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Figure, useFormats, When } from '../../ui/figures.tsx';
import { Alert, Collapse, Drawer } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Answer } from '../../ui/states.tsx';
import { TagValueText } from './tag-value.tsx';

interface EvidenceDrawerProps {
  readonly tagId: string;
  readonly title: string;
  readonly valueType: string;
  readonly unit?: string | undefined;
  readonly customerId: string;
  readonly onClose: () => void;
}

/** Why a customer has a tag: the value computed again from the rows, and the rows. */
export function EvidenceDrawer({ tagId, title, valueType, unit, customerId, onClose }: EvidenceDrawerProps) {
  const t = useText();
  const evidence = useQuery(tagEvidenceQuery(tagId, customerId));
  return (
    <Drawer
      open
      size={760}
      title={t('tags.evidence.title', { tag: title, customer: customerId })}
      onClose={onClose}
    >
      <Answer query={evidence}>
        {(data) => <EvidenceContent evidence={data} valueType={valueType} unit={unit} />}
      </Answer>
    </Drawer>
  );
}

interface EvidenceContentProps {
  readonly evidence: TagEvidence;
  readonly valueType: string;
  readonly unit: string | undefined;
}

function EvidenceContent({ evidence, valueType, unit }: EvidenceContentProps) {
  const t = useText();
  const formats = useFormats();
  const rows = evidence.rows.map((row, index) => ({ index, row }));
  const columns = [...new Set(evidence.rows.flatMap((row) => Object.keys(row)))];
  return (
    <div className="stack gap-l">
      <Alert
        showIcon
        type={evidence.agrees ? 'success' : 'warning'}
        title={evidence.agrees ? t('tags.evidence.agrees') : t('tags.evidence.differs')}
      />
      <div className="grid" style={cells(180)}>
        <Figure
          label={t('tags.evidence.stored')}
          value={<TagValueText value={evidence.stored} valueType={valueType} unit={unit} />}
        />
        <Figure
          label={t('tags.evidence.recomputed')}
          value={<TagValueText value={evidence.recomputed} valueType={valueType} unit={unit} />}
          note={
            <>
              {t('tags.evidence.asOf')} <When at={evidence.asOf} />
            </>
          }
        />
      </div>
      {evidence.matchedCase !== undefined ? (
        <p>
          {evidence.matchedCase < 0
            ? t('tags.evidence.otherwise')
            : t('tags.evidence.matchedCase', { number: evidence.matchedCase + 1 })}
        </p>
      ) : null}
      {evidence.inputs.length > 0 ? (
        <section className="stack gap-s">
          <h3 className="panel-title">{t('tags.evidence.inputs')}</h3>
          <ul className="list-plain list-rows">
            {evidence.inputs.map((input) => (
              <li key={input.tagId} className="row between gap-s">
                <Link to="/tags/$tagId" params={{ tagId: input.tagId }}>
                  {input.tagId}
                </Link>
                <TagValueText value={input.value} valueType="text" />
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      {evidence.rowCount > 0 ? (
        <section className="stack gap-s">
          <h3 className="panel-title">
            {t('tags.evidence.rows', {
              shown: formats.number(evidence.rows.length),
              all: formats.number(evidence.rowCount),
              table: evidence.table ?? '',
            })}
          </h3>
          <DataTable
            label={t('tags.evidence.rowsLabel')}
            rows={rows}
            rowKey={({ index }) => String(index)}
            pageSize={20}
            columns={columns.map((name) => ({
              title: name,
              key: name,
              render: (_: unknown, { row }: (typeof rows)[number]) => String(row[name] ?? '∅'),
            }))}
          />
        </section>
      ) : null}
      <Collapse
        ghost
        items={[
          {
            key: 'sql',
            label: t('tags.evidence.sql'),
            children: (
              <CodeEditor language="sql" label={t('tags.evidence.sql')} value={evidence.sql} readOnly />
            ),
          },
        ]}
      />
    </div>
  );
}
