import type { CustomerList } from '@rapport/audiences/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { deleteList, listQuery } from '../../api/lists.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { useConfirm } from '../../ui/confirm.ts';
import { Day, Facts, Num, useFormats, When } from '../../ui/figures.tsx';
import { AddIcon, RemoveIcon } from '../../ui/icons.ts';
import { Button, Form } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { LookalikeView } from '../audiences/lookalike-view.tsx';
import { type ChosenFile, FilePicker } from './file-picker.tsx';
import { ListKindBadge } from './list-kind.tsx';
import './lists.css';
import { MatchReportView } from './match-report.tsx';
import { isStopped, useListUpload } from './use-upload.tsx';

export function ListPage() {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { listId } = useParams({ from: '/signed-in/lists/$listId' });
  const list = useQuery(listQuery(listId));
  const remove = useMutation({
    mutationFn: () => deleteList(listId),
    onSuccess: async () => {
      notify.done(t('lists.deleted'));
      await navigate({ to: '/lists' });
      queries.removeQueries({ queryKey: listQuery(listId).queryKey });
      await queries.invalidateQueries({ queryKey: ['lists', 'all'] });
      await queries.invalidateQueries({ queryKey: ['audiences', 'vocabulary'] });
    },
    onError: notify.problem,
  });
  const title = list.data?.name ?? t('lists.title');
  const handleRemove = async (): Promise<void> => {
    const sure = await confirm({
      title: t('lists.deleteTitle', { name: title }),
      text: t('lists.deleteText'),
      action: t('common.delete'),
      danger: true,
    });
    if (sure) remove.mutate();
  };
  return (
    <Page
      title={title}
      heading={
        list.data ? (
          <span className="row gap-m">
            {title} <ListKindBadge kind={list.data.kind} />
          </span>
        ) : undefined
      }
      intro={list.data?.purpose}
      crumbs={[{ label: t('lists.title'), to: '/lists' }]}
      actions={
        may('audiences.write') ? (
          <>
            <Button
              danger
              type="text"
              icon={<RemoveIcon />}
              aria-label={t('lists.delete')}
              loading={remove.isPending}
              onClick={() => void handleRemove()}
            />
            <Button
              type="primary"
              icon={<AddIcon />}
              onClick={() =>
                void navigate({
                  to: '/audiences/new',
                  search: { condition: JSON.stringify({ list: listId }) },
                })
              }
            >
              {t('lists.makeAudience')}
            </Button>
          </>
        ) : null
      }
    >
      <Answer query={list} rows={8}>
        {(data) => (
          <div className="split" style={side(360)}>
            <div className="stack gap-m">
              {data.report ? <MatchReportView report={data.report} /> : null}
              {data.lookalike ? <LookalikeView isOnListPage list={data} result={data.lookalike} /> : null}
              {data.report || data.lookalike ? null : (
                <Panel>
                  <Nothing title={t('lists.notYet')} hint={t('lists.dropHint')} />
                </Panel>
              )}
            </div>
            <div className="stack gap-m">
              <FactsPanel list={data} />
              {may('audiences.write') && data.origin === 'upload' ? (
                <ReplacePanel key={data.version} list={data} />
              ) : null}
            </div>
          </div>
        )}
      </Answer>
    </Page>
  );
}

function FactsPanel({ list }: { readonly list: CustomerList }) {
  const t = useText();
  return (
    <Panel title={t('lists.facts')}>
      <Facts
        items={[
          { term: t('lists.size'), value: <Num value={list.size} /> },
          { term: t('lists.origin.title'), value: t(`lists.origin.${list.origin}`) },
          { term: t('lists.version'), value: <Num value={list.version} /> },
          { term: t('lists.owner'), value: list.ownerName },
          { term: t('common.created'), value: <When at={list.createdAt} /> },
          { term: t('common.updated'), value: <When at={list.updatedAt} /> },
          {
            term: t('lists.expires'),
            value: list.expiresAt ? <Day date={list.expiresAt} /> : t('lists.never'),
          },
          { term: t('lists.id'), value: <code>{list.id}</code> },
        ]}
      />
    </Panel>
  );
}

function ReplacePanel({ list }: { readonly list: CustomerList }) {
  const t = useText();
  const formats = useFormats();
  const notify = useNotify();
  const upload = useListUpload();
  const [chosen, setChosen] = useState<ChosenFile | undefined>(undefined);
  const send = useMutation({
    mutationFn: (file: ChosenFile) => upload.send(list.id, file),
    onSuccess: (next) => notify.done(t('lists.done', { count: formats.number(next.size) })),
  });
  return (
    <Panel title={t(list.version === 0 ? 'lists.upload' : 'lists.replace')} note={t('lists.replaceNote')}>
      <Form
        layout="vertical"
        disabled={send.isPending}
        onFinish={() => {
          if (chosen) send.mutate(chosen);
        }}
      >
        <div className="stack gap-m">
          <div>
            <FilePicker onChange={setChosen} />
          </div>
          {upload.progress}
          {send.error && !isStopped(send.error) ? <ProblemView error={send.error} /> : null}
          {chosen ? (
            <Button block type="primary" htmlType="submit" loading={send.isPending}>
              {t('lists.upload')}
            </Button>
          ) : null}
        </div>
      </Form>
    </Panel>
  );
}
