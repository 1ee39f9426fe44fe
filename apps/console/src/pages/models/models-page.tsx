import type { ModelView, NewModel } from '@rapport/models/contract';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { vocabularyQuery } from '../../api/audiences.queries.ts';
import { createModel, modelsQuery } from '../../api/models.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { DurationField } from '../../builder/duration-field.tsx';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useWords } from '../../i18n/words.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Num, useFormats } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Form, Input, Modal, Select } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';

export function ModelsPage() {
  const t = useText();
  const may = useMay();
  const formats = useFormats();
  const navigate = useNavigate();
  const models = useInfiniteQuery(modelsQuery);
  const [creating, setCreating] = useState(false);
  const create = may('models.write') ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => setCreating(true)}>
      {t('models.new')}
    </Button>
  ) : null;
  return (
    <Page title={t('models.title')} intro={t('models.intro')} actions={create}>
      <Panel flush>
        <Answer query={models}>
          {(data) => (
            <>
              <DataTable<ModelView>
                label={t('models.title')}
                rows={itemsOf(data)}
                rowKey={(model) => model.id}
                pageSize={100_000}
                onOpen={({ id }) => void navigate({ to: '/models/$modelId', params: { modelId: id } })}
                empty={<Nothing title={t('models.empty')} hint={t('models.emptyHint')} action={create} />}
                columns={[
                  {
                    title: t('common.name'),
                    render: (_, model) => (
                      <Link to="/models/$modelId" params={{ modelId: model.id }}>
                        <strong>{model.name}</strong>
                      </Link>
                    ),
                  },
                  { title: t('models.predicts'), render: (_, model) => <code>{labelText(model)}</code> },
                  {
                    title: t('models.features'),
                    align: 'right',
                    render: (_, model) => <Num value={model.features.length} />,
                  },
                  {
                    title: t('models.auc'),
                    align: 'right',
                    render: (_, model) =>
                      model.card
                        ? formats.number(model.card.validation.auc, { maximumFractionDigits: 3 })
                        : '—',
                  },
                  {
                    title: t('common.state'),
                    render: (_, model) => (
                      <Badge
                        tone={model.state === 'scored' ? 'good' : model.state === 'trained' ? 'info' : 'calm'}
                      >
                        {t(`models.state.${model.state}`)}
                      </Badge>
                    ),
                  },
                  { title: t('models.trained'), render: (_, model) => <Ago at={model.card?.trainedAt} /> },
                ]}
              />
              <MoreButton query={models} />
            </>
          )}
        </Answer>
      </Panel>
      {creating ? <NewModelDialog onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

export const labelText = (model: Pick<ModelView, 'label'>): string =>
  model.label.kind === 'event'
    ? `${model.label.event} ≤ ${model.label.within}`
    : JSON.stringify(model.label.condition);

function NewModelDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const localized = useLocalized();
  const words = useWords();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const known = useQuery(vocabularyQuery);
  const [name, setName] = useState('');
  const [features, setFeatures] = useState<string[]>([]);
  const [event, setEvent] = useState<string | undefined>(undefined);
  const [within, setWithin] = useState('P30D');
  const create = useMutation({
    mutationFn: (body: NewModel) => createModel(body),
    onSuccess: async (model) => {
      await queries.invalidateQueries({ queryKey: ['models'] });
      await navigate({ to: '/models/$modelId', params: { modelId: model.id } });
    },
  });
  return (
    <Modal
      open
      title={t('models.new')}
      okText={t('common.create')}
      okButtonProps={{ disabled: name.trim() === '' || features.length === 0 || event === undefined }}
      confirmLoading={create.isPending}
      onCancel={onClose}
      onOk={() =>
        create.mutate({ name: name.trim(), features, label: { kind: 'event', event: event ?? '', within } })
      }
    >
      <Answer query={known}>
        {(vocabulary) => (
          <Form layout="vertical" component="div">
            <Form.Item label={t('common.name')} htmlFor="model-name">
              <Input id="model-name" value={name} onChange={(changed) => setName(changed.target.value)} />
            </Form.Item>
            <Form.Item label={t('models.labelEvent')} htmlFor="model-event">
              <Select<string>
                id="model-event"
                showSearch={{ optionFilterProp: 'label' }}
                value={event}
                options={vocabulary.events.map((one) => ({
                  value: one.name,
                  label: words.event(one.name, one.title),
                }))}
                onChange={setEvent}
              />
            </Form.Item>
            <Form.Item label={t('models.within')}>
              <DurationField
                label={t('models.within')}
                value={within}
                onChange={(next) => setWithin(next ?? 'P30D')}
              />
            </Form.Item>
            <Form.Item label={t('models.features')} htmlFor="model-features">
              <Select<string[]>
                id="model-features"
                mode="multiple"
                maxTagCount={8}
                showSearch={{ optionFilterProp: 'label' }}
                value={features}
                options={vocabulary.tags
                  .filter((tag) => ['number', 'money', 'boolean', 'text'].includes(tag.type))
                  .map((tag) => ({ value: tag.id, label: localized(tag.title) }))}
                onChange={setFeatures}
              />
            </Form.Item>
            {create.error ? <ProblemView error={create.error} /> : null}
          </Form>
        )}
      </Answer>
    </Modal>
  );
}
