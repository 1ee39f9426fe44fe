import type { ExplainResult, RelaxResult } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { relaxCondition } from '../../api/audiences.queries.ts';
import { useLanguage, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { Num, useFormats } from '../../ui/figures.tsx';
import { Button, Drawer, Form, InputNumber, Select } from '../../ui/kit.ts';
import { Loading, Nothing, ProblemView } from '../../ui/states.tsx';
import { useNarrow } from '../../ui/use-narrow.ts';
import { reaches } from './relax-words.ts';

interface RelaxDrawerProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly condition: Condition | undefined;
  readonly explained: ExplainResult | undefined;
  readonly onUse: (condition: Condition) => void;
}

const GROUPS: ReadonlySet<string> = new Set(['all', 'any', 'not', 'always']);

/** The smallest changes of the condition that give a wanted number of customers. */
export function RelaxDrawer({ open, onClose, condition, explained, onUse }: RelaxDrawerProps) {
  const t = useText();
  const formats = useFormats();
  const language = useLanguage();
  const narrow = useNarrow();
  const [wanted, setWanted] = useState<number | null>(null);
  const [keep, setKeep] = useState<readonly string[]>([]);
  const leaves = (explained?.nodes ?? []).filter((node) => !GROUPS.has(node.kind));
  const search = useMutation({
    mutationFn: (asked: Condition) =>
      relaxCondition(
        {
          condition: asked,
          wanted: wanted ?? 0,
          keep: keep.filter((pointer) => leaves.some((leaf) => leaf.pointer === pointer)),
        },
        language,
      ),
  });
  const handleUse = (next: Condition): void => {
    search.reset();
    onUse(next);
  };
  return (
    <Drawer
      open={open}
      onClose={onClose}
      title={t('insight.relax.title')}
      placement={narrow ? 'bottom' : 'right'}
      size={narrow ? '88%' : 520}
    >
      <div className="stack gap-m">
        <p className="soft">{t('insight.relax.intro')}</p>
        <Form
          layout="vertical"
          onFinish={() => {
            if (condition && wanted !== null) search.mutate(condition);
          }}
        >
          <Form.Item
            label={t('insight.relax.wanted')}
            extra={explained ? t('insight.relax.now', { count: formats.number(explained.count) }) : undefined}
          >
            <InputNumber<number>
              min={0}
              precision={0}
              size="large"
              style={{ width: '100%' }}
              aria-label={t('insight.relax.wanted')}
              value={wanted}
              formatter={(value) =>
                value === undefined ? '' : String(value).replace(/\B(?=(\d{3})+$)/g, ',')
              }
              parser={(text) => Number((text ?? '').replace(/\D/g, ''))}
              onChange={setWanted}
            />
          </Form.Item>
          <Form.Item label={t('insight.relax.keep')}>
            <Select<string[]>
              mode="multiple"
              aria-label={t('insight.relax.keep')}
              placeholder={t('insight.relax.keepHint')}
              value={[...keep]}
              onChange={setKeep}
              options={leaves.map((leaf) => ({ value: leaf.pointer, label: leaf.sentence }))}
            />
          </Form.Item>
          <Button
            block
            type="primary"
            htmlType="submit"
            loading={search.isPending}
            disabled={!condition || wanted === null}
          >
            {t('insight.relax.search')}
          </Button>
        </Form>
        {condition ? null : <p className="faint">{t('insight.relax.complete')}</p>}
        {search.isPending ? <Loading rows={6} /> : null}
        {search.error ? <ProblemView error={search.error} /> : null}
        {search.data && !search.isPending ? <Proposals result={search.data} onUse={handleUse} /> : null}
      </div>
    </Drawer>
  );
}

function Proposals({
  result,
  onUse,
}: {
  readonly result: RelaxResult;
  readonly onUse: (condition: Condition) => void;
}) {
  const t = useText();
  const formats = useFormats();
  if (result.proposals.length === 0)
    return <Nothing title={t('insight.relax.none')} hint={t('insight.relax.noneHint')} />;
  return (
    <ul className="list-plain stack gap-s" aria-live="polite">
      {result.proposals.map((proposal) => (
        <li key={JSON.stringify(proposal.condition)} className="proposal">
          <div className="row between gap-s">
            <span className="row gap-s">
              <strong className="proposal-count">
                <Num value={proposal.count} />
              </strong>
              <Badge tone={reaches(result, proposal.count) ? 'good' : 'calm'}>
                {t(reaches(result, proposal.count) ? 'insight.relax.reaches' : 'insight.relax.near')}
              </Badge>
            </span>
            <Button size="small" onClick={() => onUse(proposal.condition)}>
              {t('insight.relax.use')}
            </Button>
          </div>
          <p>{proposal.sentence}</p>
          <p className="faint">
            {proposal.changes.some((change) => change.kind === 'drop')
              ? t('insight.relax.dropped')
              : t('insight.relax.departs', { share: formats.percent(proposal.distance, 2) })}
          </p>
        </li>
      ))}
    </ul>
  );
}
