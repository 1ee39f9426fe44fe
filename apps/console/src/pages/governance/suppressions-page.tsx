import type { SuppressionBody, SuppressionView } from '@rapport/channels/contract';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { addSuppression, liftSuppression, suppressionsQuery } from '../../api/channels.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { useConfirm } from '../../ui/confirm.ts';
import { CustomerLink } from '../../ui/customer-link.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { When } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Form, Input, Modal, Select } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';

export function SuppressionsPage() {
  const t = useText();
  const may = useMay();
  const queries = useQueryClient();
  const notify = useNotify();
  const confirm = useConfirm();
  const list = useInfiniteQuery(suppressionsQuery());
  const [adding, setAdding] = useState(false);
  const lift = useMutation({
    mutationFn: liftSuppression,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['suppressions'] }),
    onError: notify.problem,
  });
  const handleLift = async (suppression: SuppressionView): Promise<void> => {
    const sure = await confirm({
      title: t('governance.suppressions.liftTitle', { customer: suppression.customerId }),
      text: t('governance.suppressions.liftText'),
      action: t('governance.suppressions.lift'),
      danger: true,
    });
    if (sure) lift.mutate(suppression.id);
  };
  const mayWrite = may('channels.write');
  return (
    <Page
      title={t('governance.suppressions.title')}
      intro={t('governance.suppressions.intro')}
      actions={
        mayWrite ? (
          <Button type="primary" icon={<AddIcon />} onClick={() => setAdding(true)}>
            {t('governance.suppressions.add')}
          </Button>
        ) : null
      }
    >
      <Panel flush>
        <Answer query={list}>
          {(data) => (
            <>
              <DataTable<SuppressionView>
                label={t('governance.suppressions.title')}
                rows={itemsOf(data)}
                rowKey={(row) => row.id}
                pageSize={100_000}
                empty={
                  <Nothing
                    title={t('governance.suppressions.empty')}
                    hint={t('governance.suppressions.intro')}
                  />
                }
                columns={[
                  {
                    title: t('governance.suppressions.customer'),
                    render: (_, row) => <CustomerLink customerId={row.customerId} />,
                  },
                  {
                    title: t('governance.policy.channel'),
                    render: (_, row) => t(`common.channel.${row.channel === '*' ? 'any' : row.channel}`),
                  },
                  {
                    title: t('governance.suppressions.appliesTo'),
                    render: (_, row) => t(`governance.suppressions.applies.${row.appliesTo}`),
                  },
                  {
                    title: t('governance.suppressions.reason'),
                    render: (_, row) => <code>{row.reason}</code>,
                  },
                  { title: t('common.created'), render: (_, row) => <When at={row.createdAt} /> },
                  { title: t('governance.suppressions.until'), render: (_, row) => <When at={row.until} /> },
                  {
                    title: '',
                    align: 'right',
                    render: (_, row) =>
                      mayWrite ? (
                        <Button type="text" danger size="small" onClick={() => void handleLift(row)}>
                          {t('governance.suppressions.lift')}
                        </Button>
                      ) : null,
                  },
                ]}
              />
              <MoreButton query={list} />
            </>
          )}
        </Answer>
      </Panel>
      {adding ? <AddDialog onClose={() => setAdding(false)} /> : null}
    </Page>
  );
}

function AddDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const queries = useQueryClient();
  const [form] = Form.useForm<SuppressionBody>();
  const add = useMutation({
    mutationFn: addSuppression,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['suppressions'] });
      onClose();
    },
  });
  const required = [{ required: true, message: t('shell.signIn.required') }];
  return (
    <Modal
      open
      title={t('governance.suppressions.add')}
      okText={t('common.save')}
      onOk={() => form.submit()}
      onCancel={onClose}
      confirmLoading={add.isPending}
    >
      <Form<SuppressionBody>
        form={form}
        layout="vertical"
        initialValues={{ channel: '*', appliesTo: 'marketing', reason: 'complaint' }}
        onFinish={(body) => add.mutate(body)}
      >
        <Form.Item name="customerId" label={t('governance.suppressions.customer')} rules={required}>
          <Input />
        </Form.Item>
        <Form.Item name="channel" label={t('governance.policy.channel')}>
          <Select
            options={[
              { value: '*', label: t('common.channel.any') },
              { value: 'email', label: t('common.channel.email') },
              { value: 'sms', label: t('common.channel.sms') },
            ]}
          />
        </Form.Item>
        <Form.Item name="appliesTo" label={t('governance.suppressions.appliesTo')}>
          <Select
            options={(['marketing', 'all'] as const).map((scope) => ({
              value: scope,
              label: t(`governance.suppressions.applies.${scope}`),
            }))}
          />
        </Form.Item>
        <Form.Item
          name="reason"
          label={t('governance.suppressions.reason')}
          rules={[...required, { pattern: /^[a-z0-9_]+$/, message: t('governance.suppressions.reasonHint') }]}
        >
          <Input />
        </Form.Item>
        {add.error ? <ProblemView error={add.error} /> : null}
      </Form>
    </Modal>
  );
}
