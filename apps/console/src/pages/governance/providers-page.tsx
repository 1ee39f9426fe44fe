import type { ProviderBody, ProviderView } from '@rapport/channels/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { providersQuery, saveProvider, testProvider } from '../../api/channels.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { CopyField } from '../../ui/copy-field.tsx';
import { Facts, Num, useFormats } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Alert, Button, Drawer, Form, Input, InputNumber, Segmented, Switch } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing, ProblemView } from '../../ui/states.tsx';

type Editing = { readonly provider?: ProviderView } | undefined;

export function ProvidersPage() {
  const t = useText();
  const may = useMay();
  const providers = useQuery(providersQuery);
  const [editing, setEditing] = useState<Editing>(undefined);
  const add = may('channels.write') ? (
    <Button type="primary" icon={<AddIcon />} onClick={() => setEditing({})}>
      {t('governance.providers.new')}
    </Button>
  ) : null;
  return (
    <Page title={t('governance.providers.title')} intro={t('governance.providers.intro')} actions={add}>
      <Answer
        query={providers}
        isEmpty={({ items }) => items.length === 0}
        empty={<Nothing title={t('governance.providers.empty')} hint={t('governance.providers.intro')} />}
      >
        {({ items }) => (
          <div className="grid" style={cells(420)}>
            {items.map((provider) => (
              <ProviderCard key={provider.id} provider={provider} onEdit={() => setEditing({ provider })} />
            ))}
          </div>
        )}
      </Answer>
      {editing ? (
        <ProviderDrawer
          {...(editing.provider ? { provider: editing.provider } : {})}
          onClose={() => setEditing(undefined)}
        />
      ) : null}
    </Page>
  );
}

function ProviderCard({
  provider,
  onEdit,
}: {
  readonly provider: ProviderView;
  readonly onEdit: () => void;
}) {
  const t = useText();
  const may = useMay();
  const formats = useFormats();
  const notify = useNotify();
  const attempt = useMutation({ mutationFn: () => testProvider(provider.id), onError: notify.problem });
  const settings = provider.settings;
  return (
    <Panel
      title={
        <span className="row gap-s">
          {provider.name}
          <Badge tone={provider.enabled ? 'good' : 'calm'}>
            {provider.enabled ? t('governance.providers.enabled') : t('governance.providers.disabled')}
          </Badge>
        </span>
      }
      note={t(`common.channel.${provider.channel}`)}
      actions={
        may('channels.write') ? (
          <>
            <Button loading={attempt.isPending} onClick={() => attempt.mutate()}>
              {t('governance.providers.test')}
            </Button>
            <Button onClick={onEdit}>{t('common.edit')}</Button>
          </>
        ) : null
      }
    >
      <div className="stack gap-m">
        <Facts
          items={[
            {
              term: t('governance.providers.where'),
              value: <code>{'host' in settings ? `${settings.host}:${settings.port}` : settings.url}</code>,
            },
            {
              term: t('governance.providers.sender'),
              value: 'host' in settings ? `${settings.fromName} <${settings.fromAddress}>` : settings.sender,
            },
            { term: t('governance.providers.rate'), value: <Num value={provider.ratePerSecond} /> },
            {
              term: t('governance.providers.signingKey'),
              value: provider.hasSigningKey
                ? t('governance.providers.stored')
                : t('governance.providers.absent'),
            },
          ]}
        />
        <CopyField label={t('governance.providers.receipts')} value={provider.receiptsUrl} />
        {attempt.data ? (
          <Alert
            type={attempt.data.ok ? 'success' : 'error'}
            showIcon
            title={`${attempt.data.detail} (${formats.duration(attempt.data.tookMs)})`}
          />
        ) : null}
      </div>
    </Panel>
  );
}

interface ProviderFields {
  name: string;
  enabled: boolean;
  ratePerSecond: number;
  connections: number;
  host: string;
  port: number;
  secure: boolean;
  requireTls: boolean;
  username?: string;
  fromAddress: string;
  fromName: string;
  replyTo?: string;
  password?: string;
  url: string;
  sender: string;
  timeoutMs: number;
  idempotent: boolean;
  signingKey?: string;
}

const defaults: Partial<ProviderFields> = {
  enabled: true,
  ratePerSecond: 20,
  connections: 5,
  port: 587,
  secure: false,
  requireTls: true,
  timeoutMs: 10_000,
  idempotent: true,
};

function bodyOf(kind: ProviderView['kind'], fields: ProviderFields): ProviderBody {
  const common = { name: fields.name, enabled: fields.enabled, ratePerSecond: fields.ratePerSecond };
  const signing = fields.signingKey ? { signingKey: fields.signingKey } : {};
  if (kind === 'sms_http') {
    const { url, sender, timeoutMs, idempotent, connections } = fields;
    return {
      kind,
      ...common,
      settings: { url, sender, timeoutMs, idempotent, connections },
      secrets: signing,
    };
  }
  return {
    kind,
    ...common,
    settings: {
      host: fields.host,
      port: fields.port,
      secure: fields.secure,
      requireTls: fields.requireTls,
      ...(fields.username ? { username: fields.username } : {}),
      fromAddress: fields.fromAddress,
      fromName: fields.fromName,
      ...(fields.replyTo ? { replyTo: fields.replyTo } : {}),
      connections: fields.connections,
    },
    secrets: { ...(fields.password ? { password: fields.password } : {}), ...signing },
  };
}

function ProviderDrawer({
  provider,
  onClose,
}: {
  readonly provider?: ProviderView;
  readonly onClose: () => void;
}) {
  const t = useText();
  const queries = useQueryClient();
  const [kind, setKind] = useState<ProviderView['kind']>(provider?.kind ?? 'smtp');
  const [form] = Form.useForm<ProviderFields>();
  const save = useMutation({
    mutationFn: (fields: ProviderFields) => saveProvider(provider?.id, bodyOf(kind, fields)),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: providersQuery.queryKey });
      onClose();
    },
  });
  const required = [{ required: true, message: t('shell.signIn.required') }];
  const keepSecret = provider ? t('governance.providers.keepSecret') : undefined;
  return (
    <Drawer
      open
      size={520}
      onClose={onClose}
      title={provider ? provider.name : t('governance.providers.new')}
      footer={
        <Button type="primary" loading={save.isPending} onClick={() => form.submit()}>
          {t('common.save')}
        </Button>
      }
    >
      <Form<ProviderFields>
        form={form}
        layout="vertical"
        initialValues={{ ...defaults, ...(provider ? { ...provider, ...provider.settings } : {}) }}
        onFinish={(fields) => save.mutate(fields)}
      >
        {provider ? null : (
          <Form.Item>
            <Segmented<ProviderView['kind']>
              block
              value={kind}
              onChange={setKind}
              options={[
                { value: 'smtp', label: t('governance.providers.smtp') },
                { value: 'sms_http', label: t('governance.providers.smsHttp') },
              ]}
            />
          </Form.Item>
        )}
        <Form.Item name="name" label={t('common.name')} rules={required}>
          <Input />
        </Form.Item>
        {kind === 'smtp' ? (
          <>
            <Form.Item name="host" label={t('governance.providers.host')} rules={required}>
              <Input />
            </Form.Item>
            <Form.Item name="port" label={t('governance.providers.port')} rules={required}>
              <InputNumber min={1} max={65_535} />
            </Form.Item>
            <Form.Item name="secure" label={t('governance.providers.secure')} valuePropName="checked">
              <Switch />
            </Form.Item>
            <Form.Item name="requireTls" label={t('governance.providers.requireTls')} valuePropName="checked">
              <Switch />
            </Form.Item>
            <Form.Item name="username" label={t('shell.signIn.username')}>
              <Input autoComplete="off" />
            </Form.Item>
            <Form.Item name="password" label={t('shell.signIn.password')} extra={keepSecret}>
              <Input.Password autoComplete="new-password" />
            </Form.Item>
            <Form.Item name="fromName" label={t('governance.providers.fromName')} rules={required}>
              <Input />
            </Form.Item>
            <Form.Item name="fromAddress" label={t('governance.providers.fromAddress')} rules={required}>
              <Input type="email" />
            </Form.Item>
            <Form.Item name="replyTo" label={t('governance.providers.replyTo')}>
              <Input type="email" />
            </Form.Item>
          </>
        ) : (
          <>
            <Form.Item name="url" label={t('governance.providers.url')} rules={required}>
              <Input />
            </Form.Item>
            <Form.Item name="sender" label={t('governance.providers.sender')} rules={required}>
              <Input />
            </Form.Item>
            <Form.Item name="timeoutMs" label={t('governance.providers.timeout')} rules={required}>
              <InputNumber min={100} max={120_000} step={1000} />
            </Form.Item>
            <Form.Item
              name="idempotent"
              label={t('governance.providers.idempotent')}
              extra={t('governance.providers.idempotentHint')}
              valuePropName="checked"
            >
              <Switch />
            </Form.Item>
          </>
        )}
        <Form.Item name="signingKey" label={t('governance.providers.signingKey')} extra={keepSecret}>
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Form.Item name="ratePerSecond" label={t('governance.providers.rate')} rules={required}>
          <InputNumber min={0.1} />
        </Form.Item>
        <Form.Item name="connections" label={t('governance.providers.connections')} rules={required}>
          <InputNumber min={1} max={256} />
        </Form.Item>
        <Form.Item name="enabled" label={t('governance.providers.enabled')} valuePropName="checked">
          <Switch />
        </Form.Item>
        {save.error ? <ProblemView error={save.error} /> : null}
      </Form>
    </Drawer>
  );
}
