import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { approvalsQuery } from '../../api/governance.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { Segmented } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { ApprovalCard } from './approval-card.tsx';

export function ApprovalsPage() {
  const t = useText();
  const [which, setWhich] = useState<'pending' | 'all'>('pending');
  const approvals = useInfiniteQuery({
    ...approvalsQuery(which === 'pending' ? 'pending' : undefined),
    refetchInterval: 15_000,
  });
  return (
    <Page
      title={t('campaigns.approval.title')}
      intro={t('campaigns.approval.intro')}
      actions={
        <Segmented<'pending' | 'all'>
          value={which}
          onChange={setWhich}
          options={[
            { value: 'pending', label: t('campaigns.approval.state.pending') },
            { value: 'all', label: t('common.all') },
          ]}
        />
      }
    >
      <Answer query={approvals}>
        {(data) => {
          const items = itemsOf(data);
          if (items.length === 0) {
            return (
              <Panel>
                <Nothing title={t('campaigns.approval.empty')} hint={t('campaigns.approval.emptyHint')} />
              </Panel>
            );
          }
          return (
            <div className="stack gap-m">
              {items.map((approval) => (
                <ApprovalCard key={approval.id} approval={approval} />
              ))}
              <MoreButton query={approvals} />
            </div>
          );
        }}
      </Answer>
    </Page>
  );
}
