import type { ArrivalBoard, ArrivalState, ArrivalView } from '@rapport/catalog/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { arrivalsQuery, cancelFreeze, releaseArrival, setFreeze } from '../../api/catalog.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { useFormats, When } from '../../ui/figures.tsx';
import { Alert, Button, Form, Input, Modal, Tooltip } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { CatalogFrame } from './catalog-frame.tsx';
import { ReasonModal } from './reason-modal.tsx';

const tones: Readonly<Record<ArrivalState, Tone>> = {
  waiting: 'info',
  arrived: 'good',
  late: 'warn',
  missing: 'bad',
  released: 'violet',
};

/** What arrived, by source and day, and when tags are held back. */
export function ArrivalsPage() {
  const t = useText();
  const may = useMay();
  const board = useQuery(arrivalsQuery);
  const [freezing, setFreezing] = useState(false);
  return (
    <CatalogFrame
      actions={
        may('catalog.release') ? (
          <Button onClick={() => setFreezing(true)}>{t('catalog.freeze')}</Button>
        ) : null
      }
    >
      <Answer query={board} rows={8}>
        {(data) => (
          <>
            {data.latest ? (
              <Alert
                showIcon
                type={data.latest.complete ? 'success' : 'warning'}
                title={t('catalog.latest', {
                  day: data.latest.day,
                  due: data.latest.due,
                  arrived: data.latest.arrived,
                })}
              />
            ) : null}
            <Board board={data} />
            <Freezes board={data} />
          </>
        )}
      </Answer>
      {freezing ? <FreezeModal onClose={() => setFreezing(false)} /> : null}
    </CatalogFrame>
  );
}

function Board({ board }: { readonly board: ArrivalBoard }) {
  const t = useText();
  const localized = useLocalized();
  const formats = useFormats();
  const queries = useQueryClient();
  const [asked, setAsked] = useState<ArrivalView | undefined>(undefined);
  const release = useMutation({
    mutationFn: ({ arrival, reason }: { arrival: ArrivalView; reason: string }) =>
      releaseArrival(arrival.sourceId, arrival.businessDay, reason),
    onSuccess: async () => {
      setAsked(undefined);
      await queries.invalidateQueries({ queryKey: ['catalog', 'arrivals'] });
    },
  });
  if (board.sources.length === 0)
    return (
      <Panel>
        <Nothing title={t('catalog.noArrivals')} hint={t('catalog.noArrivalsHint')} />
      </Panel>
    );
  return (
    <Panel flush>
      <section className="table-wrap" style={{ overflowX: 'auto' }} aria-label={t('catalog.tab.arrivals')}>
        <table className="plain-table">
          <thead>
            <tr>
              <th>{t('catalog.kind.source')}</th>
              {board.days.map((day) => (
                <th key={day} className="num">
                  {formats.day(day)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {board.sources.map((source) => (
              <tr key={source.sourceId}>
                <th scope="row">
                  <Link to="/sources/$sourceId" params={{ sourceId: source.sourceId }}>
                    {localized(source.title)}
                  </Link>
                  <div className="faint">
                    {t('catalog.by', { time: source.by, zone: source.zone })}
                    {source.gate ? ` · ${t('catalog.gate')}` : ''}
                  </div>
                </th>
                {board.days.map((day) => (
                  <td key={day}>
                    <Cell
                      arrival={source.days.find(({ businessDay }) => businessDay === day)}
                      onRelease={setAsked}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {asked ? (
        <ReasonModal
          title={t('catalog.releaseTitle', { what: `${asked.sourceId} ${asked.businessDay}` })}
          action={t('catalog.release')}
          label={t('catalog.reason')}
          isPending={release.isPending}
          error={release.error}
          onConfirm={(reason) => release.mutate({ arrival: asked, reason })}
          onClose={() => setAsked(undefined)}
        />
      ) : null}
    </Panel>
  );
}

function Cell({
  arrival,
  onRelease,
}: {
  readonly arrival: ArrivalView | undefined;
  readonly onRelease: (arrival: ArrivalView) => void;
}) {
  const t = useText();
  const may = useMay();
  const formats = useFormats();
  if (!arrival) return <span className="faint">—</span>;
  const isOpen = arrival.state === 'waiting' || arrival.state === 'missing';
  return (
    <div className="stack gap-xs">
      <Tooltip
        title={
          arrival.releaseReason ??
          (arrival.arrivedAt ? formats.instant(arrival.arrivedAt) : formats.instant(arrival.dueAt))
        }
      >
        <span>
          <Badge tone={tones[arrival.state]}>{t(`catalog.arrival.${arrival.state}`)}</Badge>
        </span>
      </Tooltip>
      {isOpen && may('catalog.release') ? (
        <Button size="small" type="link" onClick={() => onRelease(arrival)}>
          {t('catalog.release')}
        </Button>
      ) : null}
    </div>
  );
}

function Freezes({ board }: { readonly board: ArrivalBoard }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: cancelFreeze,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['catalog', 'arrivals'] }),
    onError: notify.problem,
  });
  return (
    <Panel title={t('catalog.freezes')}>
      {board.freezes.length === 0 ? (
        <span className="faint">{t('catalog.noFreezes')}</span>
      ) : (
        <ul className="list-plain list-rows">
          {board.freezes.map((freeze) => (
            <li key={freeze.id} className="row between gap-m">
              <span className="row gap-m">
                <span>
                  <When at={freeze.from} /> – <When at={freeze.to} />
                </span>
                <span>{freeze.reason}</span>
                <span className="faint">
                  {freeze.sources.length === 0 ? t('common.all') : freeze.sources.join(', ')} ·{' '}
                  {freeze.createdBy}
                </span>
              </span>
              {may('catalog.release') ? (
                <Button size="small" onClick={() => cancel.mutate(freeze.id)}>
                  {t('catalog.cancelFreeze')}
                </Button>
              ) : null}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

interface Asked {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

function FreezeModal({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const queries = useQueryClient();
  const [form] = Form.useForm<Asked>();
  const set = useMutation({
    mutationFn: ({ from, to, reason }: Asked) =>
      setFreeze({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), reason }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['catalog', 'arrivals'] });
      onClose();
    },
  });
  const required = { required: true, message: t('market.required') };
  return (
    <Modal
      open
      title={t('catalog.freeze')}
      okText={t('common.save')}
      cancelText={t('common.cancel')}
      confirmLoading={set.isPending}
      onCancel={onClose}
      onOk={() => form.submit()}
    >
      <Form<Asked> form={form} layout="vertical" requiredMark={false} onFinish={(asked) => set.mutate(asked)}>
        <Form.Item name="from" label={t('catalog.freezeFrom')} rules={[required]}>
          <Input type="datetime-local" />
        </Form.Item>
        <Form.Item name="to" label={t('catalog.freezeTo')} rules={[required]}>
          <Input type="datetime-local" />
        </Form.Item>
        <Form.Item name="reason" label={t('catalog.reason')} rules={[required, { min: 3 }]}>
          <Input.TextArea rows={2} />
        </Form.Item>
        {set.error ? <ProblemView error={set.error} /> : null}
      </Form>
    </Modal>
  );
}
