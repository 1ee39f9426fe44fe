import type { TagLifecycle, TagTransition } from '@rapport/tags/contract';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { moveTag } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Field } from '../../ui/field.tsx';
import { Button, Input, Modal } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { ProblemView } from '../../ui/states.tsx';

type Action = TagTransition['action'];
const OFFERED: readonly Action[] = [
  'submit',
  'withdraw',
  'monitor',
  'unmonitor',
  'retire',
  'revive',
  'decline',
];

/** The steps a tag can take next, for those who may take them. */
export function LifeActions({ life, small }: { readonly life: TagLifecycle; readonly small?: boolean }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Action | undefined>(undefined);
  const [note, setNote] = useState('');
  const [replacement, setReplacement] = useState('');
  const move = useMutation({
    mutationFn: (action: Action) =>
      moveTag(life.tagId, {
        action,
        ...(note.trim() ? { note: note.trim() } : {}),
        ...(action === 'retire' && replacement.trim() ? { replacement: replacement.trim() } : {}),
      }),
    onSuccess: async (_, action) => {
      setAsked(undefined);
      setNote('');
      notify.done(t(`market.moved.${action}`));
      await queries.invalidateQueries({ queryKey: ['tags'] });
    },
  });
  if (!may('tags.write')) return null;
  const size = small ? 'small' : 'middle';
  return (
    <>
      {life.actions.includes('accept') ? (
        <Button
          size={size}
          type="primary"
          onClick={() => void navigate({ to: '/tags/new', search: { demand: life.tagId } })}
        >
          {t('market.action.accept')}
        </Button>
      ) : null}
      {OFFERED.filter((action) => life.actions.includes(action)).map((action) => (
        <Button
          key={action}
          size={size}
          danger={action === 'retire' || action === 'decline'}
          onClick={() => {
            move.reset();
            setAsked(action);
          }}
        >
          {t(`market.action.${action}`)}
        </Button>
      ))}
      <Modal
        open={asked !== undefined}
        title={asked ? `${t(`market.action.${asked}`)}: ${life.tagId}` : ''}
        okText={asked ? t(`market.action.${asked}`) : ''}
        cancelText={t('common.cancel')}
        confirmLoading={move.isPending}
        okButtonProps={{ danger: asked === 'retire' || asked === 'decline' }}
        onCancel={() => setAsked(undefined)}
        onOk={() => asked && move.mutate(asked)}
      >
        <div className="stack gap-m">
          {asked ? <p className="soft">{t(`market.explain.${asked}`)}</p> : null}
          <Field label={t('market.note')}>
            <Input.TextArea rows={2} value={note} onChange={({ target }) => setNote(target.value)} />
          </Field>
          {asked === 'retire' ? (
            <Field label={t('market.replacement')}>
              <Input value={replacement} onChange={({ target }) => setReplacement(target.value)} />
            </Field>
          ) : null}
          {move.error ? <ProblemView error={move.error} /> : null}
        </div>
      </Modal>
    </>
  );
}
