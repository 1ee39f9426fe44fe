import type { TagDefinition, TagLifecycle, TagPreview, TagValueType, TagView } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import {
  createTag,
  previewTag,
  replaceTag,
  tagCategoriesQuery,
  tagLifecycleQuery,
  tagQuery,
} from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { Figure, Num, Percent, useFormats } from '../../ui/figures.tsx';
import { SaveIcon } from '../../ui/icons.ts';
import { AutoComplete, Button, Form, Input, Segmented, Select } from '../../ui/kit.ts';
import { cells, side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { ComputationEditor, startOf, type WrittenKind } from './computation-editor.tsx';
import { DistributionChart } from './distribution-chart.tsx';

const TYPES = [
  'text',
  'number',
  'money',
  'boolean',
  'date',
  'instant',
  'list',
] as const satisfies readonly TagValueType[];
const KINDS = ['fact', 'statistical', 'rule', 'derived'] as const satisfies readonly WrittenKind[];
const CLASSES = ['C1', 'C2', 'C3'] as const;

const BLANK: TagDefinition = {
  id: '',
  title: { en: '' },
  category: 'custom',
  valueType: 'number',
  dataClass: 'C2',
  definition: startOf('statistical'),
};

export function NewTagPage() {
  const t = useText();
  const { demand } = useSearch({ from: '/signed-in/tags/new' });
  const life = useQuery({ ...tagLifecycleQuery(demand ?? ''), enabled: demand !== undefined });
  if (demand === undefined) return <TagEditor initial={BLANK} />;
  // Whoever writes what was asked for begins with the words of the demand.
  if (life.data) return <TagEditor key={demand} initial={ofDemand(life.data)} />;
  return (
    <Page title={t('tags.new')} crumbs={[{ label: t('tags.title'), to: '/tags' }]}>
      <Answer query={life}>{() => null}</Answer>
    </Page>
  );
}

function ofDemand({ tagId, demand }: TagLifecycle): TagDefinition {
  return {
    ...BLANK,
    id: tagId,
    ...(demand
      ? {
          title: demand.title,
          description: demand.need,
          ...(demand.category === undefined ? {} : { category: demand.category }),
        }
      : {}),
  };
}

export function EditTagPage() {
  const t = useText();
  const { tagId } = useParams({ from: '/signed-in/tags/$tagId/edit' });
  const tag = useQuery({ ...tagQuery(tagId), refetchOnMount: 'always' });
  if (tag.data) return <TagEditor key={tagId} initial={writtenPart(tag.data)} existing />;
  return (
    <Page title={tagId} crumbs={[{ label: t('tags.title'), to: '/tags' }]}>
      <Answer query={tag}>{() => null}</Answer>
    </Page>
  );
}

/** What people wrote of a tag, without its figures. */
function writtenPart(tag: TagView): TagDefinition {
  const { id, title, description, category, valueType, unit, values, owner, dataClass, definition } = tag;
  return { id, title, description, category, valueType, unit, values, owner, dataClass, definition };
}

interface TagEditorProps {
  readonly initial: TagDefinition;
  readonly existing?: boolean;
}

function TagEditor({ initial, existing }: TagEditorProps) {
  const t = useText();
  const notify = useNotify();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [tag, setTag] = useState<TagDefinition>(initial);
  const categories = useQuery(tagCategoriesQuery);
  const set = (part: Partial<TagDefinition>): void => setTag({ ...tag, ...part });
  const preview = useMutation({
    mutationFn: () =>
      previewTag({ valueType: tag.valueType, definition: tag.definition }, AbortSignal.timeout(60_000)),
  });
  const save = useMutation({
    mutationFn: () => {
      if (!existing) return createTag(tag);
      const { id, ...body } = tag;
      return replaceTag(id, body);
    },
    onSuccess: async (saved) => {
      queries.setQueryData(tagQuery(saved.id).queryKey, saved);
      await queries.invalidateQueries({ queryKey: ['tags'] });
      notify.done(t('tags.editor.saved'));
      await navigate({ to: '/tags/$tagId', params: { tagId: saved.id } });
    },
  });
  return (
    <Page
      title={existing ? t('tags.editor.edit', { tag: tag.id }) : t('tags.new')}
      crumbs={[{ label: t('tags.title'), to: '/tags' }]}
      actions={
        <>
          <Button loading={preview.isPending} onClick={() => preview.mutate()}>
            {t('tags.editor.preview')}
          </Button>
          <Button
            type="primary"
            icon={<SaveIcon />}
            loading={save.isPending}
            disabled={tag.id === '' || tag.title.en === ''}
            onClick={() => save.mutate()}
          >
            {t('common.save')}
          </Button>
        </>
      }
    >
      {save.error ? <ProblemView error={save.error} /> : null}
      <div className="split" style={side(420)}>
        <div className="stack gap-m">
          <Panel title={t('tags.editor.about')}>
            <Form layout="vertical" component="div">
              <div className="grid" style={cells(220)}>
                <Form.Item label={t('tags.id')} htmlFor="tag-id" extra={t('tags.editor.idHint')}>
                  <Input
                    id="tag-id"
                    className="mono"
                    disabled={existing === true}
                    value={tag.id}
                    onChange={(event) => set({ id: event.target.value })}
                  />
                </Form.Item>
                <Form.Item label={t('tags.editor.titleEn')} htmlFor="tag-title-en">
                  <Input
                    id="tag-title-en"
                    value={tag.title.en}
                    onChange={(event) => set({ title: { ...tag.title, en: event.target.value } })}
                  />
                </Form.Item>
                <Form.Item label={t('tags.editor.titleHant')} htmlFor="tag-title-hant">
                  <Input
                    id="tag-title-hant"
                    value={tag.title['zh-Hant'] ?? ''}
                    onChange={(event) =>
                      set({ title: { ...tag.title, 'zh-Hant': event.target.value || undefined } })
                    }
                  />
                </Form.Item>
                <Form.Item label={t('tags.editor.titleHans')} htmlFor="tag-title-hans">
                  <Input
                    id="tag-title-hans"
                    value={tag.title['zh-Hans'] ?? ''}
                    onChange={(event) =>
                      set({ title: { ...tag.title, 'zh-Hans': event.target.value || undefined } })
                    }
                  />
                </Form.Item>
                <Form.Item label={t('tags.categoryTitle')} htmlFor="tag-category">
                  <AutoComplete
                    id="tag-category"
                    value={tag.category}
                    options={categories.data?.items.map((category) => ({ value: category.path }))}
                    onChange={(category) => set({ category })}
                  />
                </Form.Item>
                <Form.Item label={t('tags.valueType')} htmlFor="tag-type">
                  <Select<TagValueType>
                    id="tag-type"
                    value={tag.valueType}
                    options={TYPES.map((type) => ({ value: type, label: t(`tags.type.${type}`) }))}
                    onChange={(valueType) => set({ valueType })}
                  />
                </Form.Item>
                <Form.Item label={t('tags.unit')} htmlFor="tag-unit">
                  <Input
                    id="tag-unit"
                    value={tag.unit ?? ''}
                    onChange={(event) => set({ unit: event.target.value || undefined })}
                  />
                </Form.Item>
                <Form.Item label={t('tags.owner')} htmlFor="tag-owner">
                  <Input
                    id="tag-owner"
                    value={tag.owner ?? ''}
                    onChange={(event) => set({ owner: event.target.value || undefined })}
                  />
                </Form.Item>
                <Form.Item label={t('tags.dataClass')} htmlFor="tag-class">
                  <Select
                    id="tag-class"
                    value={tag.dataClass}
                    options={CLASSES.map((one) => ({ value: one, label: t(`tags.dataClasses.${one}`) }))}
                    onChange={(dataClass) => set({ dataClass })}
                  />
                </Form.Item>
              </div>
              <Form.Item
                label={t('common.description')}
                htmlFor="tag-description"
                style={{ marginBottom: 0 }}
              >
                <Input.TextArea
                  id="tag-description"
                  rows={2}
                  value={tag.description ?? ''}
                  onChange={(event) => set({ description: event.target.value || undefined })}
                />
              </Form.Item>
            </Form>
          </Panel>
          <Panel
            title={t('tags.editor.how')}
            actions={
              <Segmented<WrittenKind>
                value={tag.definition.kind === 'model' ? 'statistical' : tag.definition.kind}
                disabled={tag.definition.kind === 'model'}
                options={KINDS.map((kind) => ({ value: kind, label: t(`tags.kind.${kind}`) }))}
                onChange={(kind) => set({ definition: startOf(kind) })}
              />
            }
          >
            <ComputationEditor
              valueType={tag.valueType}
              definition={tag.definition}
              onChange={(definition) => set({ definition })}
            />
          </Panel>
        </div>
        <Panel title={t('tags.editor.preview')} note={t('tags.editor.previewNote')}>
          {preview.error ? <ProblemView error={preview.error} /> : null}
          {preview.data ? (
            <PreviewView preview={preview.data} tag={tag} />
          ) : preview.error ? null : (
            <Nothing title={t('tags.editor.noPreview')} />
          )}
        </Panel>
      </div>
    </Page>
  );
}

function PreviewView({ preview, tag }: { readonly preview: TagPreview; readonly tag: TagDefinition }) {
  const t = useText();
  const formats = useFormats();
  return (
    <div className="stack gap-l">
      <div className="grid" style={cells(120)}>
        <Figure
          label={t('tags.coverage')}
          value={<Percent ratio={preview.coverage} />}
          note={
            <>
              <Num value={preview.known} /> / <Num value={preview.customers} />
            </>
          }
        />
        <Figure
          label={t('tags.distinct')}
          value={<Num value={preview.distinct} />}
          note={t('common.took', { time: formats.duration(preview.tookMs) })}
        />
      </div>
      <DistributionChart
        distribution={preview.distribution}
        valueType={tag.valueType}
        unit={tag.unit}
        values={tag.values}
      />
    </div>
  );
}
