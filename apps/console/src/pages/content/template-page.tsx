import type { TemplateBody, TemplateView, Variant } from '@rapport/content/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import {
  checkQuery,
  createTemplate,
  deleteTemplate,
  mergeFieldsQuery,
  publishTemplate,
  replaceTemplate,
  templateQuery,
} from '../../api/content.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { useConfirm } from '../../ui/confirm.ts';
import { CopyField } from '../../ui/copy-field.tsx';
import { AddIcon, RemoveIcon, SaveIcon, SendIcon } from '../../ui/icons.ts';
import { Button, Drawer, Input, Segmented, Select, Tabs } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';
import { useDebounced } from '../../ui/use-debounced.ts';
import { CheckPanel } from './check-panel.tsx';
import { PreviewPanel } from './preview-panel.tsx';
import { starterOf } from './starters.ts';
import { TemplateStateBadge } from './templates-page.tsx';
import { VariantRule } from './variant-rule.tsx';

export function NewTemplatePage() {
  return <TemplateEditor />;
}

export function TemplatePage() {
  const t = useText();
  const { templateId } = useParams({ from: '/signed-in/templates/$templateId' });
  const template = useQuery({ ...templateQuery(templateId), refetchOnMount: 'always' });
  if (template.data) return <TemplateEditor key={templateId} template={template.data} />;
  return (
    <Page title={t('content.title')} crumbs={[{ label: t('content.title'), to: '/templates' }]}>
      <Answer query={template}>{() => null}</Answer>
    </Page>
  );
}

const bodyOf = ({ name, channel, purpose, variants }: TemplateView): TemplateBody => ({
  name,
  channel,
  purpose,
  variants,
});

function TemplateEditor({ template }: { readonly template?: TemplateView }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<TemplateBody>(template ? bodyOf(template) : starterOf('email'));
  const [chosen, setChosen] = useState(draft.variants[0]?.id ?? '');
  const [showFields, setShowFields] = useState(false);
  const settled = useDebounced(draft, 500);
  const named = { ...settled, name: settled.name.trim() || t('content.unnamed') };
  const check = useQuery(checkQuery({ template: named }));
  const variant = draft.variants.find((one) => one.id === chosen) ?? draft.variants[0];
  const isLast = variant !== undefined && draft.variants.at(-1)?.id === variant.id;

  const setVariant = (next: Variant): void =>
    setDraft({ ...draft, variants: draft.variants.map((one) => (one.id === next.id ? next : one)) });
  const handleAdd = (): void => {
    const taken = new Set(draft.variants.map((one) => one.id));
    let number = draft.variants.length;
    while (taken.has(`variant-${number}`)) number++;
    const fallback = draft.variants.at(-1);
    if (!fallback) return;
    // The last variant stays the fallback, so a new one goes before it.
    const added: Variant = {
      ...fallback,
      id: `variant-${number}`,
      name: t('content.newVariant', { number }),
    };
    setDraft({ ...draft, variants: [...draft.variants.slice(0, -1), added, fallback] });
    setChosen(added.id);
  };
  const handleRemoveVariant = (): void => {
    const variants = draft.variants.filter((one) => one.id !== variant?.id);
    setDraft({ ...draft, variants });
    setChosen(variants[0]?.id ?? '');
  };

  const store = async (): Promise<TemplateView> => {
    const body = { ...draft, name: draft.name.trim() };
    const saved = template ? await replaceTemplate(template.id, body) : await createTemplate(body);
    queries.setQueryData(templateQuery(saved.id).queryKey, saved);
    await queries.invalidateQueries({ queryKey: ['templates', 'list'] });
    return saved;
  };
  const save = useMutation({
    mutationFn: store,
    onSuccess: async (saved) => {
      notify.done(t('common.saved'));
      if (!template) await navigate({ to: '/templates/$templateId', params: { templateId: saved.id } });
    },
  });
  const publish = useMutation({
    mutationFn: async () => publishTemplate((await store()).id),
    onSuccess: async (published) => {
      queries.setQueryData(templateQuery(published.id).queryKey, published);
      await queries.invalidateQueries({ queryKey: ['templates', 'list'] });
      notify.done(t('content.published', { version: published.version }));
      if (!template) await navigate({ to: '/templates/$templateId', params: { templateId: published.id } });
    },
  });
  const remove = useMutation({
    mutationFn: () => deleteTemplate(template?.id ?? ''),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['templates', 'list'] });
      await navigate({ to: '/templates' });
    },
    onError: notify.problem,
  });
  const handleRemove = async (): Promise<void> => {
    const sure = await confirm({
      title: t('content.deleteTitle', { name: draft.name }),
      action: t('common.delete'),
      danger: true,
    });
    if (sure) remove.mutate();
  };
  const mayWrite = may('templates.write');
  const isNamed = draft.name.trim() !== '';
  const title = template?.name ?? t('content.new');

  return (
    <Page
      title={title}
      heading={
        <span className="row gap-m">
          {title} {template ? <TemplateStateBadge template={template} /> : null}
        </span>
      }
      crumbs={[{ label: t('content.title'), to: '/templates' }]}
      actions={
        mayWrite ? (
          <>
            {template ? (
              <Button
                danger
                type="text"
                icon={<RemoveIcon />}
                aria-label={t('content.delete')}
                onClick={() => void handleRemove()}
              />
            ) : null}
            <Button
              icon={<SaveIcon />}
              disabled={!isNamed}
              loading={save.isPending}
              onClick={() => save.mutate()}
            >
              {t('content.saveDraft')}
            </Button>
            <Button
              type="primary"
              icon={<SendIcon />}
              disabled={!isNamed || check.data?.ok === false}
              loading={publish.isPending}
              onClick={() => publish.mutate()}
            >
              {t('content.publish')}
            </Button>
          </>
        ) : null
      }
    >
      {save.error || publish.error ? <ProblemView error={save.error ?? publish.error} /> : null}
      <div className="row gap-m">
        <Input
          size="large"
          style={{ flex: '1 1 280px' }}
          aria-label={t('content.name')}
          placeholder={t('content.name')}
          value={draft.name}
          onChange={(event) => setDraft({ ...draft, name: event.target.value })}
        />
        {template ? (
          <Badge tone="primary">{t(`common.channel.${draft.channel}`)}</Badge>
        ) : (
          <Segmented<TemplateBody['channel']>
            size="large"
            value={draft.channel}
            onChange={(channel) => {
              const starter = starterOf(channel);
              setDraft({ ...starter, name: draft.name });
              setChosen(starter.variants[0]?.id ?? '');
            }}
            options={(['email', 'sms'] as const).map((one) => ({
              value: one,
              label: t(`common.channel.${one}`),
            }))}
          />
        )}
        <Select<TemplateBody['purpose']>
          size="large"
          style={{ width: 160 }}
          aria-label={t('content.purpose')}
          value={draft.purpose}
          options={(['marketing', 'service'] as const).map((one) => ({
            value: one,
            label: t(`common.purpose.${one}`),
          }))}
          onChange={(purpose) => setDraft({ ...draft, purpose })}
        />
      </div>
      <div className="split" style={side(520)}>
        <Panel>
          <Tabs
            type="card"
            activeKey={variant?.id ?? ''}
            onChange={setChosen}
            items={draft.variants.map((one) => ({ key: one.id, label: one.name }))}
            tabBarExtraContent={
              mayWrite ? (
                <Button size="small" icon={<AddIcon />} onClick={handleAdd}>
                  {t('content.addVariant')}
                </Button>
              ) : null
            }
          />
          {variant ? (
            <div className="stack gap-m">
              <div className="row gap-s">
                <Input
                  style={{ flex: '1 1 180px' }}
                  aria-label={t('content.variantName')}
                  value={variant.name}
                  onChange={(event) => setVariant({ ...variant, name: event.target.value })}
                />
                <Button onClick={() => setShowFields(true)}>{t('content.fields')}</Button>
                {draft.variants.length > 1 && !isLast ? (
                  <Button
                    danger
                    type="text"
                    icon={<RemoveIcon />}
                    aria-label={t('content.removeVariant')}
                    onClick={handleRemoveVariant}
                  />
                ) : null}
              </div>
              {isLast ? (
                <span className="faint">{t('content.fallback')}</span>
              ) : (
                <VariantRule key={variant.id} variant={variant} onChange={setVariant} />
              )}
              {draft.channel === 'email' ? (
                <Input
                  addonBefore={t('content.subject')}
                  aria-label={t('content.subject')}
                  value={variant.subject ?? ''}
                  onChange={(event) => setVariant({ ...variant, subject: event.target.value })}
                />
              ) : null}
              <CodeEditor
                key={variant.id}
                language={draft.channel === 'email' ? 'mjml' : 'text'}
                label={t('content.body')}
                height={560}
                value={variant.body}
                onChange={(body) => setVariant({ ...variant, body })}
              />
            </div>
          ) : null}
        </Panel>
        <div className="stack gap-m">
          <PreviewPanel template={named} variantId={variant?.id} />
          <CheckPanel check={check} />
        </div>
      </div>
      {showFields ? <FieldsDrawer onClose={() => setShowFields(false)} /> : null}
    </Page>
  );
}

function FieldsDrawer({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const fields = useQuery(mergeFieldsQuery);
  const [search, setSearch] = useState('');
  const wanted = search.trim().toLowerCase();
  return (
    <Drawer open size={460} title={t('content.fields')} onClose={onClose}>
      <div className="stack gap-m">
        <Input
          allowClear
          aria-label={t('common.search')}
          placeholder={t('common.search')}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <Answer query={fields}>
          {({ items }) => (
            <ul className="list-plain list-rows">
              {items
                .filter((one) => `${one.field} ${one.description}`.toLowerCase().includes(wanted))
                .map((one) => (
                  <li key={one.field} className="stack gap-xs">
                    <span className="soft">
                      {one.description}{' '}
                      {one.always ? null : <Badge tone="warn">{t('content.needsDefault')}</Badge>}
                    </span>
                    <CopyField
                      label={one.field}
                      value={one.always ? `{{ ${one.field} }}` : `{{ ${one.field} | default: "" }}`}
                    />
                  </li>
                ))}
            </ul>
          )}
        </Answer>
      </div>
    </Drawer>
  );
}
