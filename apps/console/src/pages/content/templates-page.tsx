import type { TemplateSummary } from '@rapport/content/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { templatesQuery } from '../../api/content.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, Num } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Segmented } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

type ChannelChoice = 'all' | TemplateSummary['channel'];

export function TemplatesPage() {
  const t = useText();
  const may = useMay();
  const navigate = useNavigate();
  const [channel, setChannel] = useState<ChannelChoice>('all');
  const templates = useInfiniteQuery(templatesQuery({ channel: channel === 'all' ? undefined : channel }));
  const create = may('templates.write') ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => void navigate({ to: '/templates/new' })}>
      {t('content.new')}
    </Button>
  ) : null;
  return (
    <Page title={t('content.title')} intro={t('content.intro')} actions={create}>
      <div>
        <Segmented<ChannelChoice>
          value={channel}
          onChange={setChannel}
          options={[
            { value: 'all', label: t('common.all') },
            { value: 'email', label: t('common.channel.email') },
            { value: 'sms', label: t('common.channel.sms') },
          ]}
        />
      </div>
      <Panel flush>
        <Answer query={templates}>
          {(data) => (
            <>
              <DataTable<TemplateSummary>
                label={t('content.title')}
                rows={itemsOf(data)}
                rowKey={(template) => template.id}
                pageSize={100_000}
                onOpen={({ id }) =>
                  void navigate({ to: '/templates/$templateId', params: { templateId: id } })
                }
                empty={<Nothing title={t('content.empty')} hint={t('content.intro')} action={create} />}
                columns={[
                  {
                    title: t('common.name'),
                    render: (_, template) => (
                      <Link to="/templates/$templateId" params={{ templateId: template.id }}>
                        <strong>{template.name}</strong>
                      </Link>
                    ),
                  },
                  { title: t('content.channel'), render: (_, one) => t(`common.channel.${one.channel}`) },
                  { title: t('content.purpose'), render: (_, one) => t(`common.purpose.${one.purpose}`) },
                  {
                    title: t('content.variants'),
                    align: 'right',
                    render: (_, one) => <Num value={one.variantCount} />,
                  },
                  { title: t('common.state'), render: (_, one) => <TemplateStateBadge template={one} /> },
                  { title: t('common.updated'), render: (_, one) => <Ago at={one.updatedAt} /> },
                ]}
              />
              <MoreButton query={templates} />
            </>
          )}
        </Answer>
      </Panel>
    </Page>
  );
}

interface TemplateStateBadgeProps {
  readonly template: Pick<TemplateSummary, 'state' | 'version'>;
}

export function TemplateStateBadge({ template }: TemplateStateBadgeProps) {
  const t = useText();
  return (
    <span className="row gap-s">
      <Badge tone={template.state === 'published' ? 'good' : 'calm'}>
        {t(`content.state.${template.state}`)}
      </Badge>
      {template.version > 0 ? (
        <span className="faint" style={{ fontSize: 13, fontWeight: 400 }}>
          {t('content.version', { version: template.version })}
        </span>
      ) : null}
    </span>
  );
}
