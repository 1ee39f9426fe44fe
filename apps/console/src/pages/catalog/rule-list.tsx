import type { RuleOutcome, RuleView } from '@rapport/catalog/contract';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { removeQualityRule } from '../../api/catalog.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { useConfirm } from '../../ui/confirm.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Ago, When } from '../../ui/figures.tsx';
import { RemoveIcon } from '../../ui/icons.ts';
import { Button, Tooltip } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';

const severityTones: Readonly<Record<RuleView['severity'], Tone>> = {
  warn: 'warn',
  block: 'accent',
  fail: 'bad',
};

/** Quality rules and how they went. */
export function RuleList({ rules }: { readonly rules: readonly RuleView[] }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const confirm = useConfirm();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: removeQualityRule,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['catalog'] }),
    onError: notify.problem,
  });
  const handleRemove = async (rule: RuleView): Promise<void> => {
    if (rule.ruleId === undefined) return;
    const sure = await confirm({
      title: t('catalog.removeRule', { name: rule.name }),
      action: t('common.remove'),
      danger: true,
    });
    if (sure) remove.mutate(rule.ruleId);
  };
  return (
    <DataTable<RuleView>
      label={t('catalog.rules')}
      rows={rules}
      rowKey={(rule) => rule.key}
      pageSize={30}
      expanded={(rule) => <History outcomes={rule.history} />}
      columns={[
        {
          title: t('catalog.rule'),
          render: (_, rule) => (
            <div>
              <strong style={{ fontWeight: 550 }}>{rule.name}</strong>
              <div className="faint">
                <Link to="/catalog/table" search={{ name: rule.table }}>
                  <code>{rule.table}</code>
                </Link>
                {rule.column ? <code>.{rule.column}</code> : null} · {rule.kind}
              </div>
            </div>
          ),
        },
        {
          title: t('catalog.state'),
          render: (_, rule) =>
            rule.last === undefined ? (
              <Badge tone="calm">{t('catalog.notJudged')}</Badge>
            ) : (
              <Badge tone={rule.last.passed ? 'good' : 'bad'}>
                {rule.last.passed ? t('catalog.passed') : t('catalog.failed')}
              </Badge>
            ),
        },
        {
          title: t('catalog.history'),
          render: (_, rule) => <Strip outcomes={rule.history} />,
        },
        {
          title: '',
          key: 'message',
          render: (_, rule) => (
            <div className="faint" style={{ maxWidth: 380 }}>
              {rule.last?.message} {rule.last ? <Ago at={rule.last.at} /> : null}
            </div>
          ),
        },
        {
          title: t('catalog.kindTitle'),
          render: (_, rule) => (
            <Badge tone={severityTones[rule.severity]}>{t(`catalog.severity.${rule.severity}`)}</Badge>
          ),
        },
        {
          title: '',
          key: 'remove',
          render: (_, rule) =>
            rule.ruleId !== undefined && may('catalog.write') ? (
              <Button
                type="text"
                size="small"
                icon={<RemoveIcon />}
                aria-label={t('common.remove')}
                onClick={() => void handleRemove(rule)}
              />
            ) : null,
        },
      ]}
    />
  );
}

/** The last judgements as a strip, oldest first. */
function Strip({ outcomes }: { readonly outcomes: readonly RuleOutcome[] }) {
  const t = useText();
  return (
    <span className="row" style={{ gap: 2, flexWrap: 'nowrap' }}>
      {outcomes
        .slice(0, 20)
        .toReversed()
        .map((outcome) => (
          <Tooltip key={outcome.at} title={outcome.message}>
            <span
              role="img"
              aria-label={outcome.passed ? t('catalog.passed') : t('catalog.failed')}
              style={{
                width: 7,
                height: 18,
                borderRadius: 2,
                background: outcome.passed ? 'var(--good)' : 'var(--bad)',
                opacity: outcome.passed ? 0.55 : 1,
              }}
            />
          </Tooltip>
        ))}
    </span>
  );
}

function History({ outcomes }: { readonly outcomes: readonly RuleOutcome[] }) {
  const t = useText();
  if (outcomes.length === 0) return <span className="faint">{t('catalog.notJudged')}</span>;
  return (
    <ul className="list-plain list-rows">
      {outcomes.map((outcome) => (
        <li key={outcome.at} className="row gap-m">
          <When at={outcome.at} />
          <Badge tone={outcome.passed ? 'good' : 'bad'}>
            {outcome.passed ? t('catalog.passed') : t('catalog.failed')}
          </Badge>
          <span>{outcome.message}</span>
        </li>
      ))}
    </ul>
  );
}
