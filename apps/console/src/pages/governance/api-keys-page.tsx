import type { ApiKeyView, NewApiKey } from '@rapport/governance/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { apiKeysQuery, createApiKey, revokeApiKey } from '../../api/governance.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { useConfirm } from '../../ui/confirm.ts';
import { CopyField } from '../../ui/copy-field.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { When } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Alert, Button, Form, Input, Modal, Select } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';

const SCOPES = [
  'customers.read',
  'tags.read',
  'audiences.read',
  'audiences.*',
  'campaigns.read',
  'deliveries.read',
  'receipts.write',
  'reports.read',
  'sources.*',
  'decisions.*',
  'jobs.read',
];

export function ApiKeysPage() {
  const t = useText();
  const may = useMay();
  const keys = useQuery(apiKeysQuery);
  const queries = useQueryClient();
  const notify = useNotify();
  const confirm = useConfirm();
  const [creating, setCreating] = useState(false);
  const revoke = useMutation({
    mutationFn: revokeApiKey,
    onSuccess: () => queries.invalidateQueries({ queryKey: apiKeysQuery.queryKey }),
    onError: notify.problem,
  });
  const handleRevoke = async (key: ApiKeyView): Promise<void> => {
    const sure = await confirm({
      title: t('governance.keys.revokeTitle', { name: key.name }),
      text: t('governance.keys.revokeText'),
      action: t('governance.keys.revoke'),
      danger: true,
    });
    if (sure) revoke.mutate(key.id);
  };
  return (
    <Page
      title={t('governance.keys.title')}
      intro={t('governance.keys.intro')}
      actions={
        may('api_keys.write') ? (
          <Button type="primary" icon={<AddIcon />} onClick={() => setCreating(true)}>
            {t('governance.keys.new')}
          </Button>
        ) : null
      }
    >
      <Panel flush>
        <Answer query={keys}>
          {({ items }) => (
            <DataTable<ApiKeyView>
              label={t('governance.keys.title')}
              rows={items}
              rowKey={(key) => key.id}
              empty={<Nothing title={t('governance.keys.empty')} hint={t('governance.keys.intro')} />}
              columns={[
                { title: t('common.name'), dataIndex: 'name' },
                {
                  title: t('governance.keys.scopes'),
                  render: (_, key) => <span className="mono">{key.scopes.join(', ')}</span>,
                },
                { title: t('common.created'), render: (_, key) => <When at={key.createdAt} /> },
                {
                  title: t('common.state'),
                  render: (_, key) =>
                    key.revokedAt ? (
                      <Badge tone="calm">{t('governance.keys.revoked')}</Badge>
                    ) : (
                      <Badge tone="good">{t('governance.keys.inUse')}</Badge>
                    ),
                },
                {
                  title: '',
                  align: 'right',
                  render: (_, key) =>
                    !key.revokedAt && may('api_keys.write') ? (
                      <Button type="text" danger size="small" onClick={() => void handleRevoke(key)}>
                        {t('governance.keys.revoke')}
                      </Button>
                    ) : null,
                },
              ]}
            />
          )}
        </Answer>
      </Panel>
      {creating ? <NewKeyDialog onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

function NewKeyDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const queries = useQueryClient();
  const [form] = Form.useForm<NewApiKey>();
  const create = useMutation({
    mutationFn: createApiKey,
    onSuccess: () => queries.invalidateQueries({ queryKey: apiKeysQuery.queryKey }),
  });
  if (create.data) {
    return (
      <Modal
        open
        title={create.data.name}
        onCancel={onClose}
        onOk={onClose}
        cancelButtonProps={{ hidden: true }}
      >
        <div className="stack gap-m">
          <Alert type="warning" showIcon title={t('governance.keys.once')} />
          <CopyField label={t('governance.keys.secret')} value={create.data.secret} />
        </div>
      </Modal>
    );
  }
  const required = [{ required: true, message: t('shell.signIn.required') }];
  return (
    <Modal
      open
      title={t('governance.keys.new')}
      okText={t('common.create')}
      onOk={() => form.submit()}
      onCancel={onClose}
      confirmLoading={create.isPending}
    >
      <Form<NewApiKey> form={form} layout="vertical" onFinish={(key) => create.mutate(key)}>
        <Form.Item name="name" label={t('common.name')} rules={required}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="scopes" label={t('governance.keys.scopes')} rules={required}>
          <Select mode="tags" options={SCOPES.map((scope) => ({ value: scope, label: scope }))} />
        </Form.Item>
        {create.error ? <ProblemView error={create.error} /> : null}
      </Form>
    </Modal>
  );
}
