import { useMutation, useQueryClient } from '@tanstack/react-query';
import { requestTagAccess } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { Button, Drawer, Form, Input } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { ProblemView } from '../../ui/states.tsx';

interface Asked {
  readonly purpose: string;
  readonly orgUnit?: string;
  readonly until: string;
}

/** Asks to use a tag for a purpose and a time. */
export function AccessDrawer({ tagId, onClose }: { readonly tagId: string; readonly onClose: () => void }) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const ask = useMutation({
    mutationFn: ({ purpose, orgUnit, until }: Asked) =>
      requestTagAccess(tagId, {
        purpose,
        ...(orgUnit ? { orgUnit } : {}),
        expiresAt: `${until}T23:59:59.000Z`,
      }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['tags', 'access'] });
      notify.done(t('market.access.sent'));
      onClose();
    },
  });
  const required = { required: true, message: t('market.required') };
  return (
    <Drawer open size={480} title={t('market.access.ask')} onClose={onClose}>
      <Form<Asked> layout="vertical" requiredMark={false} onFinish={(asked) => ask.mutate(asked)}>
        <p className="faint">{t('market.access.intro')}</p>
        <Form.Item name="purpose" label={t('market.access.purpose')} rules={[required]}>
          <Input.TextArea rows={3} />
        </Form.Item>
        <Form.Item name="orgUnit" label={t('market.access.orgUnit')} extra={t('market.access.orgUnitHint')}>
          <Input />
        </Form.Item>
        <Form.Item name="until" label={t('market.access.until')} rules={[required]}>
          <Input type="date" style={{ maxWidth: 200 }} />
        </Form.Item>
        {ask.error ? <ProblemView error={ask.error} /> : null}
        <Button type="primary" htmlType="submit" loading={ask.isPending}>
          {t('market.demand.send')}
        </Button>
      </Form>
    </Drawer>
  );
}
