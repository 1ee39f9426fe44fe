import type { SandboxMessageView } from '@rapport/channels/contract';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { sandboxMessageQuery, sandboxQuery } from '../../api/channels.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Facts, When } from '../../ui/figures.tsx';
import { RefreshIcon } from '../../ui/icons.ts';
import { Button, Collapse, Drawer } from '../../ui/kit.ts';
import { MessageFrame, SmsBubble } from '../../ui/message-frame.tsx';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

export function SandboxPage() {
  const t = useText();
  const inbox = useInfiniteQuery(sandboxQuery);
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  return (
    <Page
      title={t('governance.sandbox.title')}
      intro={t('governance.sandbox.intro')}
      actions={
        <Button icon={<RefreshIcon />} loading={inbox.isRefetching} onClick={() => void inbox.refetch()}>
          {t('common.refresh')}
        </Button>
      }
    >
      <Panel flush>
        <Answer query={inbox}>
          {(data) => (
            <>
              <DataTable<SandboxMessageView>
                label={t('governance.sandbox.title')}
                rows={itemsOf(data)}
                rowKey={(message) => message.id}
                pageSize={100_000}
                onOpen={(message) => setOpenId(message.id)}
                empty={
                  <Nothing title={t('governance.sandbox.empty')} hint={t('governance.sandbox.emptyHint')} />
                }
                columns={[
                  {
                    title: t('governance.sandbox.receivedAt'),
                    render: (_, message) => <When at={message.receivedAt} />,
                  },
                  {
                    title: t('governance.policy.channel'),
                    render: (_, message) => t(`common.channel.${message.channel}`),
                  },
                  { title: t('governance.sandbox.to'), dataIndex: 'to' },
                  { title: t('governance.sandbox.subject'), dataIndex: 'subject', ellipsis: true },
                ]}
              />
              <MoreButton query={inbox} />
            </>
          )}
        </Answer>
      </Panel>
      {openId ? <MessageDrawer id={openId} onClose={() => setOpenId(undefined)} /> : null}
    </Page>
  );
}

function MessageDrawer({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const t = useText();
  const message = useQuery(sandboxMessageQuery(id));
  return (
    <Drawer open size={720} title={t('governance.sandbox.message')} onClose={onClose}>
      <Answer query={message}>
        {(data) => (
          <div className="stack gap-m">
            <Facts
              items={[
                { term: t('governance.sandbox.from'), value: data.from },
                { term: t('governance.sandbox.to'), value: data.to },
                data.subject ? { term: t('governance.sandbox.subject'), value: data.subject } : undefined,
                { term: t('governance.sandbox.receivedAt'), value: <When at={data.receivedAt} /> },
                data.deliveryId
                  ? { term: t('governance.sandbox.delivery'), value: <code>{data.deliveryId}</code> }
                  : undefined,
              ]}
            />
            {data.html ? (
              <MessageFrame
                html={data.html}
                title={data.subject ?? t('governance.sandbox.message')}
                height={520}
              />
            ) : (
              <SmsBubble text={data.text} />
            )}
            <Collapse
              ghost
              items={[
                {
                  key: 'text',
                  label: t('governance.sandbox.plain'),
                  children: <pre style={{ whiteSpace: 'pre-wrap' }}>{data.text}</pre>,
                },
                {
                  key: 'headers',
                  label: t('governance.sandbox.headers'),
                  children: (
                    <pre style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                      {Object.entries(data.headers)
                        .map(([name, value]) => `${name}: ${value}`)
                        .join('\n')}
                    </pre>
                  ),
                },
              ]}
            />
          </div>
        )}
      </Answer>
    </Drawer>
  );
}
