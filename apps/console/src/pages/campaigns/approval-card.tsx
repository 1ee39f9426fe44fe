import type { ApprovalView } from '@rapport/governance/contract';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { decideApproval } from '../../api/governance.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { useMay, useSession } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { When } from '../../ui/figures.tsx';
import { CheckIcon, CloseIcon } from '../../ui/icons.ts';
import { Button, Input } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { ProblemView } from '../../ui/states.tsx';

const tones: Readonly<Record<ApprovalView['state'], Tone>> = {
  pending: 'warn',
  approved: 'good',
  rejected: 'bad',
  withdrawn: 'calm',
};

/** One approval: what it is about, who asks, and the checker's decision. The maker can not decide. */
export function ApprovalCard({ approval }: { readonly approval: ApprovalView }) {
  const t = useText();
  const dynamic = useDynamicText();
  const may = useMay();
  const me = useSession()?.user.id;
  const notify = useNotify();
  const queries = useQueryClient();
  const [comment, setComment] = useState('');
  const decide = useMutation({
    mutationFn: (decision: 'approved' | 'rejected') =>
      decideApproval(approval.id, { decision, ...(comment.trim() ? { comment: comment.trim() } : {}) }),
    onSuccess: async (decided) => {
      notify.done(t(`campaigns.approval.state.${decided.state}`));
      await queries.invalidateQueries({ queryKey: ['approvals'] });
      await queries.invalidateQueries({ queryKey: ['campaigns'] });
      await queries.invalidateQueries({ queryKey: ['home'] });
    },
  });
  const isMaker = approval.requestedBy === me;
  return (
    <Panel
      title={
        <span className="row gap-s">
          {approval.subjectKind === 'campaign' ? (
            <Link to="/campaigns/$campaignId" params={{ campaignId: approval.subjectId }}>
              {approval.title}
            </Link>
          ) : (
            approval.title
          )}
          <Badge tone={tones[approval.state]}>{t(`campaigns.approval.state.${approval.state}`)}</Badge>
        </span>
      }
      note={
        <>
          {dynamic(`campaigns.approval.kind.${approval.subjectKind}`, approval.subjectKind)} ·{' '}
          {t('campaigns.approval.by', { name: approval.requestedByName })} ·{' '}
          <When at={approval.requestedAt} /> · <code>{approval.contentHash.slice(0, 12)}</code>
        </>
      }
    >
      {approval.decidedAt ? (
        <p className="soft">
          {approval.decidedByName} · <When at={approval.decidedAt} /> {approval.comment}
        </p>
      ) : null}
      {approval.state === 'pending' && may('approvals.decide') ? (
        isMaker ? (
          <p className="soft">{t('campaigns.approval.ownWork')}</p>
        ) : (
          <div className="stack gap-s">
            <Input.TextArea
              rows={2}
              aria-label={t('campaigns.approval.comment')}
              placeholder={t('campaigns.approval.comment')}
              value={comment}
              onChange={(event) => setComment(event.target.value)}
            />
            {decide.error ? <ProblemView error={decide.error} /> : null}
            <div className="row gap-s">
              <Button
                type="primary"
                icon={<CheckIcon />}
                loading={decide.isPending && decide.variables === 'approved'}
                onClick={() => decide.mutate('approved')}
              >
                {t('campaigns.approval.approve')}
              </Button>
              <Button
                danger
                icon={<CloseIcon />}
                disabled={comment.trim() === ''}
                loading={decide.isPending && decide.variables === 'rejected'}
                onClick={() => decide.mutate('rejected')}
              >
                {t('campaigns.approval.reject')}
              </Button>
              {comment.trim() === '' ? (
                <span className="faint">{t('campaigns.approval.rejectHint')}</span>
              ) : null}
            </div>
          </div>
        )
      ) : null}
    </Panel>
  );
}
