import type { EvaluateResult } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { evaluateCondition } from '../../api/audiences.queries.ts';
import { useLanguage, useText } from '../../i18n/i18n.ts';
import { CustomerLink } from '../../ui/customer-link.tsx';
import { BadIcon, GoodIcon } from '../../ui/icons.ts';
import { Alert, Button, Input, Space } from '../../ui/kit.ts';
import { Panel } from '../../ui/page.tsx';
import { ProblemView } from '../../ui/states.tsx';

/** Would this customer be in, and why. */
export function TryCustomerPanel({ condition }: { readonly condition: Condition | undefined }) {
  const t = useText();
  const language = useLanguage();
  const [customerId, setCustomerId] = useState('');
  const evaluate = useMutation({
    mutationFn: async (id: string) => ({
      id,
      result: await evaluateCondition(condition ?? { all: [] }, id, language),
    }),
  });
  const handleTry = (): void => {
    const id = customerId.trim();
    if (id !== '') evaluate.mutate(id);
  };
  return (
    <Panel title={t('audiences.try.title')} note={t('audiences.try.note')}>
      <div className="stack gap-m">
        <Space.Compact style={{ maxWidth: 420 }}>
          <Input
            aria-label={t('audiences.try.customer')}
            placeholder={t('audiences.try.customer')}
            value={customerId}
            onChange={(event) => setCustomerId(event.target.value)}
            onPressEnter={handleTry}
          />
          <Button
            type="primary"
            disabled={condition === undefined}
            loading={evaluate.isPending}
            onClick={handleTry}
          >
            {t('audiences.try.ask')}
          </Button>
        </Space.Compact>
        {evaluate.error ? <ProblemView error={evaluate.error} /> : null}
        {evaluate.data ? <Because customerId={evaluate.data.id} result={evaluate.data.result} /> : null}
      </div>
    </Panel>
  );
}

function Because({ customerId, result }: { readonly customerId: string; readonly result: EvaluateResult }) {
  const t = useText();
  return (
    <div className="stack gap-m">
      <Alert
        showIcon
        type={result.matches ? 'success' : 'info'}
        title={
          <>
            <CustomerLink customerId={customerId} />{' '}
            {result.matches ? t('audiences.try.matches') : t('audiences.try.doesNot')}
          </>
        }
      />
      <ul className="list-plain">
        {result.because.map((reason) => (
          <li
            key={reason.pointer}
            className="row gap-s"
            style={{ padding: '5px 0', paddingLeft: reason.depth * 24 }}
          >
            {reason.held ? (
              <GoodIcon style={{ color: 'var(--good)' }} aria-label={t('audiences.try.held')} />
            ) : (
              <BadIcon style={{ color: 'var(--bad)' }} aria-label={t('audiences.try.failed')} />
            )}
            <span className="grow">{reason.sentence}</span>
            {reason.seen !== undefined ? (
              <span className="faint">
                {t('audiences.try.seen')}{' '}
                <code>{reason.seen === null ? t('common.unknown') : JSON.stringify(reason.seen)}</code>
              </span>
            ) : null}
          </li>
        ))}
      </ul>
    </div>
  );
}
