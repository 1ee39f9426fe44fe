import type { Campaign, CampaignState } from '@rapport/campaigns/contract';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { campaignsQuery, createCampaign } from '../../api/campaigns.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Form, Input, Modal, Select } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';
import { CampaignStateBadge } from './campaign-state.tsx';

const STATES = [
  'draft',
  'in_review',
  'approved',
  'scheduled',
  'running',
  'paused',
  'finished',
  'stopped',
  'rejected',
] as const satisfies readonly CampaignState[];

export function CampaignsPage() {
  const t = useText();
  const may = useMay();
  const navigate = useNavigate();
  const [state, setState] = useState<CampaignState | undefined>(undefined);
  const [text, setText] = useState('');
  const [creating, setCreating] = useState(false);
  const campaigns = useInfiniteQuery(campaignsQuery({ state, text }));
  const create = may('campaigns.write') ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => setCreating(true)}>
      {t('campaigns.new')}
    </Button>
  ) : null;
  return (
    <Page title={t('campaigns.title')} intro={t('campaigns.intro')} actions={create}>
      <div className="row gap-s">
        <Input.Search
          allowClear
          style={{ maxWidth: 320 }}
          placeholder={t('campaigns.search')}
          aria-label={t('campaigns.search')}
          onSearch={(next) => setText(next.trim())}
        />
        <Select<CampaignState>
          allowClear
          style={{ width: 180 }}
          placeholder={t('campaigns.anyState')}
          aria-label={t('campaigns.anyState')}
          value={state}
          options={STATES.map((one) => ({ value: one, label: t(`campaigns.state.${one}`) }))}
          onChange={(next) => setState(next)}
        />
      </div>
      <Panel flush>
        <Answer query={campaigns}>
          {(data) => (
            <>
              <DataTable<Campaign>
                label={t('campaigns.title')}
                rows={itemsOf(data)}
                rowKey={(campaign) => campaign.id}
                pageSize={100_000}
                onOpen={({ id }) =>
                  void navigate({ to: '/campaigns/$campaignId', params: { campaignId: id } })
                }
                empty={
                  <Nothing title={t('campaigns.empty')} hint={t('campaigns.emptyHint')} action={create} />
                }
                columns={[
                  {
                    title: t('common.name'),
                    render: (_, campaign) => (
                      <div style={{ maxWidth: 460 }}>
                        <Link to="/campaigns/$campaignId" params={{ campaignId: campaign.id }}>
                          <strong>{campaign.name}</strong>
                        </Link>
                        <div className="faint ellipsis">{campaign.goal?.text}</div>
                      </div>
                    ),
                  },
                  {
                    title: t('common.state'),
                    render: (_, campaign) => <CampaignStateBadge state={campaign.state} />,
                  },
                  {
                    title: t('campaigns.objective'),
                    render: (_, campaign) =>
                      campaign.goal ? t(`campaigns.objectives.${campaign.goal.objective}`) : '',
                  },
                  {
                    title: t('campaigns.channel'),
                    render: (_, campaign) =>
                      campaign.channel ? t(`common.channel.${campaign.channel}`) : '',
                  },
                  { title: t('campaigns.maker'), dataIndex: 'createdByName' },
                  {
                    title: t('campaigns.launched'),
                    render: (_, campaign) => <Ago at={campaign.launchedAt} />,
                  },
                  { title: t('common.updated'), render: (_, campaign) => <Ago at={campaign.updatedAt} /> },
                ]}
              />
              <MoreButton query={campaigns} />
            </>
          )}
        </Answer>
      </Panel>
      {creating ? <NewCampaignDialog onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

function NewCampaignDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const create = useMutation({
    mutationFn: () => createCampaign({ name: name.trim(), control: { share: 0.1 } }),
    onSuccess: async (campaign) => {
      await queries.invalidateQueries({ queryKey: ['campaigns', 'list'] });
      await navigate({ to: '/campaigns/$campaignId/edit', params: { campaignId: campaign.id } });
    },
  });
  const handleCreate = (): void => {
    if (name.trim() !== '') create.mutate();
  };
  return (
    <Modal
      open
      title={t('campaigns.new')}
      okText={t('common.create')}
      okButtonProps={{ disabled: name.trim() === '' }}
      confirmLoading={create.isPending}
      onOk={handleCreate}
      onCancel={onClose}
    >
      <Form layout="vertical" component="div">
        <Form.Item label={t('campaigns.name')} htmlFor="campaign-name">
          <Input
            id="campaign-name"
            autoFocus
            value={name}
            onChange={(event) => setName(event.target.value)}
            onPressEnter={handleCreate}
          />
        </Form.Item>
        {create.error ? <ProblemView error={create.error} /> : null}
      </Form>
    </Modal>
  );
}
