import type { NewUser, Role, UserView } from '@rapport/governance/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { changeUser, createUser, orgUnitsQuery, usersQuery } from '../../api/governance.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay, useSession } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Form, Input, Modal, Select, Switch } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';

// Kept as values of the console: importing the contract's list would pull its schemas into the browser.
const ROLES = [
  'administrator',
  'marketer',
  'analyst',
  'checker',
  'relationship_manager',
  'executive',
] as const satisfies readonly Role[];

export function UsersPage() {
  const t = useText();
  const may = useMay();
  const me = useSession()?.user.id;
  const users = useQuery(usersQuery);
  const queries = useQueryClient();
  const notify = useNotify();
  const [creating, setCreating] = useState(false);
  const change = useMutation({
    mutationFn: (input: { id: string; active?: boolean; roles?: readonly Role[] }) => {
      const { id, ...rest } = input;
      return changeUser(id, rest);
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: usersQuery.queryKey }),
    onError: notify.problem,
  });
  const mayWrite = may('users.write');
  return (
    <Page
      title={t('governance.users.title')}
      intro={t('governance.users.intro')}
      actions={
        mayWrite ? (
          <Button type="primary" icon={<AddIcon />} onClick={() => setCreating(true)}>
            {t('governance.users.new')}
          </Button>
        ) : null
      }
    >
      <Panel flush>
        <Answer query={users}>
          {({ items }) => (
            <DataTable<UserView>
              label={t('governance.users.title')}
              rows={items}
              rowKey={(user) => user.id}
              columns={[
                { title: t('governance.users.username'), dataIndex: 'username' },
                { title: t('common.name'), dataIndex: 'displayName' },
                {
                  title: t('governance.users.roles'),
                  render: (_, user) =>
                    mayWrite && user.id !== me ? (
                      <Select<Role[]>
                        mode="multiple"
                        variant="borderless"
                        style={{ minWidth: 220 }}
                        aria-label={t('governance.users.rolesOf', { name: user.displayName })}
                        value={user.roles}
                        options={ROLES.map((role) => ({ value: role, label: t(`governance.role.${role}`) }))}
                        onChange={(roles) => {
                          if (roles.length > 0) change.mutate({ id: user.id, roles });
                        }}
                      />
                    ) : (
                      user.roles.map((role) => t(`governance.role.${role}`)).join(', ')
                    ),
                },
                {
                  title: t('governance.users.orgUnit'),
                  render: (_, user) => user.orgUnit ?? t('shell.wholeBank'),
                },
                {
                  title: t('governance.users.active'),
                  render: (_, user) =>
                    mayWrite && user.id !== me ? (
                      <Switch
                        checked={user.active}
                        aria-label={t('governance.users.activeOf', { name: user.displayName })}
                        onChange={(active) => change.mutate({ id: user.id, active })}
                      />
                    ) : (
                      <Badge tone={user.active ? 'good' : 'calm'}>
                        {user.active ? t('common.yes') : t('common.no')}
                      </Badge>
                    ),
                },
              ]}
            />
          )}
        </Answer>
      </Panel>
      {creating ? <NewUserDialog onClose={() => setCreating(false)} /> : null}
    </Page>
  );
}

function NewUserDialog({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const queries = useQueryClient();
  const may = useMay();
  const orgs = useQuery({ ...orgUnitsQuery, enabled: may('orgs.read') });
  const [form] = Form.useForm<NewUser>();
  const create = useMutation({
    mutationFn: createUser,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: usersQuery.queryKey });
      onClose();
    },
  });
  const required = [{ required: true, message: t('shell.signIn.required') }];
  return (
    <Modal
      open
      title={t('governance.users.new')}
      okText={t('common.create')}
      onOk={() => form.submit()}
      onCancel={onClose}
      confirmLoading={create.isPending}
    >
      <Form<NewUser> form={form} layout="vertical" onFinish={(user) => create.mutate(user)}>
        <Form.Item name="username" label={t('governance.users.username')} rules={required}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="displayName" label={t('common.name')} rules={required}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item
          name="password"
          label={t('shell.signIn.password')}
          extra={t('governance.users.passwordHint')}
          rules={required}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Form.Item name="roles" label={t('governance.users.roles')} rules={required}>
          <Select
            mode="multiple"
            options={ROLES.map((role) => ({ value: role, label: t(`governance.role.${role}`) }))}
          />
        </Form.Item>
        <Form.Item name="orgUnit" label={t('governance.users.orgUnit')}>
          <Select
            allowClear
            showSearch={{ optionFilterProp: 'label' }}
            placeholder={t('shell.wholeBank')}
            options={orgs.data?.items.map((unit) => ({
              value: unit.code,
              label: `${unit.name} (${unit.code})`,
            }))}
          />
        </Form.Item>
        {create.error ? <ProblemView error={create.error} /> : null}
      </Form>
    </Modal>
  );
}
