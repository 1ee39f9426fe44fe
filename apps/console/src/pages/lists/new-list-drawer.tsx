import type { CreateList, CustomerList } from '@rapport/audiences/contract';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { createList } from '../../api/lists.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { DayField } from '../../ui/date-fields.tsx';
import { useFormats } from '../../ui/figures.tsx';
import { Button, Drawer, Form, Input, Radio } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { ProblemView } from '../../ui/states.tsx';
import { useNarrow } from '../../ui/use-narrow.ts';
import { endOfDay } from '../audiences/as-of.ts';
import { type ChosenFile, FilePicker } from './file-picker.tsx';
import { LIST_KINDS, type ListKind } from './list-kind.tsx';
import { isStopped, useListUpload } from './use-upload.tsx';

interface NewListDrawerProps {
  readonly open: boolean;
  readonly onClose: () => void;
}

/** Makes a list and, when a file is given, matches it at once. */
export function NewListDrawer({ open, onClose }: NewListDrawerProps) {
  const t = useText();
  const narrow = useNarrow();
  return (
    <Drawer
      open={open}
      onClose={onClose}
      destroyOnHidden
      title={t('lists.new')}
      placement={narrow ? 'bottom' : 'right'}
      size={narrow ? '92%' : 560}
    >
      <NewList onDone={onClose} />
    </Drawer>
  );
}

function NewList({ onDone }: { readonly onDone: () => void }) {
  const t = useText();
  const formats = useFormats();
  const notify = useNotify();
  const navigate = useNavigate();
  const upload = useListUpload();
  const [name, setName] = useState('');
  const [kind, setKind] = useState<ListKind>('target');
  const [purpose, setPurpose] = useState('');
  const [expires, setExpires] = useState<string | undefined>(undefined);
  const [chosen, setChosen] = useState<ChosenFile | undefined>(undefined);
  // A list that was made but whose file failed is not made twice.
  const [made, setMade] = useState<CustomerList | undefined>(undefined);
  const create = useMutation({
    mutationFn: async () => {
      const body: CreateList = {
        name: name.trim(),
        kind,
        purpose: purpose.trim(),
        ...(expires ? { expiresAt: endOfDay(expires) } : {}),
      };
      const list = made ?? (await createList(body));
      setMade(list);
      return chosen ? upload.send(list.id, chosen) : list;
    },
    onSuccess: async (list) => {
      if (chosen) notify.done(t('lists.done', { count: formats.number(list.size) }));
      onDone();
      await navigate({ to: '/lists/$listId', params: { listId: list.id } });
    },
  });
  return (
    <Form layout="vertical" onFinish={() => create.mutate()} disabled={create.isPending}>
      <Form.Item label={t('lists.file')}>
        <FilePicker onChange={setChosen} />
      </Form.Item>
      <Form.Item label={t('lists.name')}>
        <Input
          aria-label={t('lists.name')}
          placeholder={t('lists.namePlaceholder')}
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </Form.Item>
      <Form.Item label={t('lists.kind.title')} extra={t(`lists.kind.${kind}Hint`)}>
        <Radio.Group
          optionType="button"
          value={kind}
          onChange={(event) => {
            const next = LIST_KINDS.find((one) => one === event.target.value);
            if (next) setKind(next);
          }}
          options={LIST_KINDS.map((one) => ({ value: one, label: t(`lists.kind.${one}`) }))}
        />
      </Form.Item>
      <Form.Item label={t('lists.purpose')}>
        <Input.TextArea
          aria-label={t('lists.purpose')}
          placeholder={t('lists.purposePlaceholder')}
          autoSize={{ minRows: 2 }}
          maxLength={2000}
          value={purpose}
          onChange={(event) => setPurpose(event.target.value)}
        />
      </Form.Item>
      <Form.Item label={t('lists.expires')}>
        <DayField label={t('lists.expires')} value={expires} onChange={setExpires} />
      </Form.Item>
      <div className="stack gap-m">
        {upload.progress}
        {create.error && !isStopped(create.error) ? <ProblemView error={create.error} /> : null}
        <Button
          block
          type="primary"
          htmlType="submit"
          loading={create.isPending}
          disabled={name.trim() === '' || purpose.trim() === ''}
        >
          {t(chosen ? 'lists.create' : 'lists.createEmpty')}
        </Button>
      </div>
    </Form>
  );
}
