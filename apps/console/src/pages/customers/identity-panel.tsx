import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type CustomerIdentity, customerIdentityQuery, undoMerge } from '../../api/identity.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Figure, Percent, When } from '../../ui/figures.tsx';
import { Button, Input, Modal } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { COVERED, PERSONAL } from './covered.ts';

type HistoryItem = CustomerIdentity['history'][number];
type Provenance = CustomerIdentity['provenance'][number];

/** Which records a customer is made of, why, and where every field came from. */
export function IdentityPanel({
  customerId,
  covered,
}: {
  readonly customerId: string;
  /** Personal values are not to be seen yet. */
  readonly covered: boolean;
}) {
  const identity = useQuery(customerIdentityQuery(customerId));
  return (
    <Answer query={identity} rows={8}>
      {(view) => (
        <div className="stack gap-m">
          <QualityPanel view={view} />
          <HistoryPanel customerId={customerId} history={view.history} />
          <ProvenancePanel provenance={view.provenance} covered={covered} />
        </div>
      )}
    </Answer>
  );
}

function QualityPanel({ view }: { readonly view: CustomerIdentity }) {
  const t = useText();
  const dynamic = useDynamicText();
  const names = (fields: readonly string[]) =>
    fields.map((field) => dynamic(`identity.field.${field}`, field)).join(', ');
  const { completeness, accuracy, missing, conflicting, malformed } = view.quality;
  return (
    <Panel>
      <div className="grid" style={cells(180)}>
        <Figure
          label={t('identity.records')}
          value={view.records.length}
          note={view.records.map(({ bankId }) => bankId).join(', ')}
        />
        <Figure
          label={t('identity.completeness')}
          value={<Percent ratio={completeness} />}
          note={missing.length > 0 ? t('identity.missing', { fields: names(missing) }) : undefined}
        />
        <Figure
          label={t('identity.accuracy')}
          value={<Percent ratio={accuracy} />}
          note={[
            ...(conflicting.length > 0 ? [t('identity.conflicting', { fields: names(conflicting) })] : []),
            ...(malformed.length > 0 ? [t('identity.malformed', { fields: names(malformed) })] : []),
          ].join(' · ')}
        />
      </div>
    </Panel>
  );
}

const TONES: Readonly<Record<string, Tone>> = {
  merge: 'good',
  unmerge: 'warn',
  distinct: 'info',
  undistinct: 'calm',
};

function HistoryPanel({
  customerId,
  history,
}: {
  readonly customerId: string;
  readonly history: readonly HistoryItem[];
}) {
  const t = useText();
  const dynamic = useDynamicText();
  const may = useMay();
  const [undoing, setUndoing] = useState<HistoryItem | undefined>(undefined);
  return (
    <Panel title={t('identity.history')}>
      {history.length === 0 ? (
        <Nothing title={t('identity.noHistory')} />
      ) : (
        <ul className="list-plain list-rows">
          {history.map((item) => (
            <li key={item.id} className="row between gap-s">
              <div className="grow">
                <div className="row gap-s">
                  <Badge tone={TONES[item.kind] ?? 'calm'}>
                    {dynamic(`identity.kind.${item.kind}`, item.kind)}
                  </Badge>
                  <span className="num">{item.bankIds.join(' + ')}</span>
                  <span>{dynamic(`identity.ruleName.${item.rule}`, item.rule)}</span>
                  {item.probability === undefined ? null : (
                    <span className="faint">
                      <Percent ratio={item.probability} digits={1} />
                    </span>
                  )}
                </div>
                <div className="faint">
                  {item.by} · <When at={item.at} />
                  {item.reason ? ` · ${item.reason}` : ''}
                </div>
              </div>
              {item.holds && may('identity.write') ? (
                <Button onClick={() => setUndoing(item)}>{t('identity.unmerge')}</Button>
              ) : null}
            </li>
          ))}
        </ul>
      )}
      {undoing ? (
        <UnmergeDialog customerId={customerId} item={undoing} onClose={() => setUndoing(undefined)} />
      ) : null}
    </Panel>
  );
}

function UnmergeDialog({
  customerId,
  item,
  onClose,
}: {
  readonly customerId: string;
  readonly item: HistoryItem;
  readonly onClose: () => void;
}) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const undo = useMutation({
    mutationFn: () => undoMerge(item.id, reason),
    onSuccess: async () => {
      notify.done(t('identity.unmerged'));
      onClose();
      await Promise.all([
        queries.invalidateQueries({ queryKey: ['customers', customerId] }),
        queries.invalidateQueries({ queryKey: ['identity'] }),
      ]);
    },
  });
  return (
    <Modal
      open
      title={t('identity.unmergeTitle', { records: item.bankIds.join(' + ') })}
      okText={t('identity.unmerge')}
      okButtonProps={{ disabled: reason.trim() === '', danger: true }}
      confirmLoading={undo.isPending}
      onOk={() => undo.mutate()}
      onCancel={onClose}
    >
      <div className="stack gap-m">
        <p>{t('identity.unmergeNote')}</p>
        <Input
          aria-label={t('identity.reason')}
          placeholder={t('identity.reason')}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        {undo.error ? <ProblemView error={undo.error} /> : null}
      </div>
    </Modal>
  );
}

function ProvenancePanel({
  provenance,
  covered,
}: {
  readonly provenance: readonly Provenance[];
  readonly covered: boolean;
}) {
  const t = useText();
  const dynamic = useDynamicText();
  const shownValue = (field: string, value: string) => (covered && PERSONAL.has(field) ? COVERED : value);
  const place = ({ source, table, file, line, bankId }: Provenance['chosen']) =>
    `${source}.${table} · ${bankId}${file ? ` · ${file}:${line}` : ''}`;
  return (
    <Panel flush title={t('identity.provenance')} note={t('identity.provenanceNote')}>
      <DataTable<Provenance>
        label={t('identity.provenance')}
        rows={provenance}
        rowKey={(row) => row.field}
        pageSize={100}
        empty={<Nothing title={t('identity.noProvenance')} />}
        expanded={(row) =>
          row.others.length === 0 ? (
            <span className="faint">{t('identity.onlyOne')}</span>
          ) : (
            <ul className="list-plain list-rows">
              {row.others.map((other) => (
                <li
                  key={`${other.source}${other.table}${other.bankId}${other.line}`}
                  className="row between gap-s"
                >
                  <span>{shownValue(row.field, other.value)}</span>
                  <span className="faint">
                    <code>{place(other)}</code> · {dynamic(`identity.lost.${other.because}`, other.because)}
                  </span>
                </li>
              ))}
            </ul>
          )
        }
        columns={[
          {
            title: t('identity.fieldTitle'),
            render: (_, row) => dynamic(`identity.field.${row.field}`, row.field),
          },
          { title: t('identity.value'), render: (_, row) => shownValue(row.field, row.chosen.value) },
          { title: t('identity.cameFrom'), render: (_, row) => <code>{place(row.chosen)}</code> },
          { title: t('identity.chosenBy'), render: (_, row) => dynamic(`identity.by.${row.by}`, row.by) },
          { title: t('identity.otherValues'), align: 'right', render: (_, row) => row.others.length },
        ]}
      />
    </Panel>
  );
}
