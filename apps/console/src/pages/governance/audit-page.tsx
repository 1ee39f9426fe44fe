import type { AuditEntry } from '@rapport/governance/contract';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { auditQuery, verifyAudit } from '../../api/governance.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { useFormats, When } from '../../ui/figures.tsx';
import { GovernanceIcon } from '../../ui/icons.ts';
import { Alert, Button, Input } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer } from '../../ui/states.tsx';

export function AuditPage() {
  const t = useText();
  const formats = useFormats();
  const notify = useNotify();
  const [subject, setSubject] = useState('');
  const trail = useInfiniteQuery(auditQuery(subject ? { subject } : {}));
  const check = useMutation({ mutationFn: verifyAudit, onError: notify.problem });
  return (
    <Page
      title={t('governance.audit.title')}
      intro={t('governance.audit.intro')}
      actions={
        <Button icon={<GovernanceIcon />} loading={check.isPending} onClick={() => check.mutate()}>
          {t('governance.audit.verify')}
        </Button>
      }
    >
      {check.data ? (
        <Alert
          type={check.data.intact ? 'success' : 'error'}
          showIcon
          closable
          title={
            check.data.intact
              ? t('governance.audit.intact', { entries: formats.number(check.data.entries) })
              : t('governance.audit.broken', { entry: formats.number(check.data.brokenAt ?? 0) })
          }
        />
      ) : null}
      <Panel
        flush
        title={t('governance.audit.entries')}
        actions={
          <Input.Search
            allowClear
            placeholder={t('governance.audit.subject')}
            aria-label={t('governance.audit.subject')}
            onSearch={(text) => setSubject(text.trim())}
            style={{ width: 260 }}
          />
        }
      >
        <Answer query={trail}>
          {(data) => (
            <>
              <DataTable<AuditEntry>
                label={t('governance.audit.title')}
                rows={itemsOf(data)}
                rowKey={(entry) => String(entry.id)}
                pageSize={100_000}
                expanded={(entry) => (
                  <div className="stack gap-xs">
                    <pre style={{ margin: 0, whiteSpace: 'pre-wrap' }}>
                      {JSON.stringify(entry.details, null, 2)}
                    </pre>
                    <code className="faint" style={{ overflowWrap: 'anywhere' }}>
                      {entry.hash}
                    </code>
                  </div>
                )}
                columns={[
                  { title: '#', dataIndex: 'id', align: 'right', width: 70 },
                  { title: t('governance.audit.at'), render: (_, entry) => <When at={entry.at} /> },
                  { title: t('governance.audit.who'), dataIndex: 'actorName' },
                  { title: t('governance.audit.action'), render: (_, entry) => <code>{entry.action}</code> },
                  {
                    title: t('governance.audit.subject'),
                    render: (_, entry) => <code className="soft">{entry.subject}</code>,
                  },
                ]}
              />
              <MoreButton query={trail} />
            </>
          )}
        </Answer>
      </Panel>
    </Page>
  );
}
