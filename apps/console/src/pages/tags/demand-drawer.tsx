import type { TagDemand } from '@rapport/tags/contract';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { demandTag } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { Button, Drawer, Form, Input } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { ProblemView } from '../../ui/states.tsx';

interface Asked {
  readonly tagId: string;
  readonly en: string;
  readonly hant?: string;
  readonly department: string;
  readonly need: string;
  readonly expectedValue: string;
  readonly neededBy?: string;
}

/** Asks for a tag that does not exist yet. */
export function DemandDrawer({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const ask = useMutation({
    mutationFn: ({ en, hant, neededBy, ...rest }: Asked) => {
      const demand: TagDemand = {
        ...rest,
        title: { en, ...(hant ? { 'zh-Hant': hant } : {}) },
        ...(neededBy ? { neededBy } : {}),
      };
      return demandTag(demand);
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['tags', 'lifecycles'] });
      notify.done(t('market.demand.sent'));
      onClose();
    },
  });
  const required = { required: true, message: t('market.required') };
  return (
    <Drawer open size={560} title={t('market.demand.title')} onClose={onClose}>
      <div className="stack gap-m">
        <p className="faint">{t('market.demand.intro')}</p>
        <Form<Asked> layout="vertical" requiredMark={false} onFinish={(asked) => ask.mutate(asked)}>
          <Form.Item
            name="tagId"
            label={t('tags.id')}
            extra={t('tags.editor.idHint')}
            rules={[required, { pattern: /^[a-z][a-z0-9_]{0,62}$/, message: t('tags.editor.idHint') }]}
          >
            <Input placeholder="aum_daily_avg_month" />
          </Form.Item>
          <Form.Item name="en" label={t('tags.editor.titleEn')} rules={[required]}>
            <Input />
          </Form.Item>
          <Form.Item name="hant" label={t('tags.editor.titleHant')}>
            <Input />
          </Form.Item>
          <Form.Item name="department" label={t('market.demand.department')} rules={[required]}>
            <Input />
          </Form.Item>
          <Form.Item name="need" label={t('market.demand.need')} rules={[required]}>
            <Input.TextArea rows={3} />
          </Form.Item>
          <Form.Item name="expectedValue" label={t('market.demand.expectedValue')} rules={[required]}>
            <Input.TextArea rows={2} />
          </Form.Item>
          <Form.Item name="neededBy" label={t('market.demand.neededBy')}>
            <Input type="date" style={{ maxWidth: 200 }} />
          </Form.Item>
          {ask.error ? <ProblemView error={ask.error} /> : null}
          <Button type="primary" htmlType="submit" loading={ask.isPending}>
            {t('market.demand.send')}
          </Button>
        </Form>
      </div>
    </Drawer>
  );
}
