import type { CheckResult } from '@rapport/content/contract';
import type { UseQueryResult } from '@tanstack/react-query';
import { useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { useFormats } from '../../ui/figures.tsx';
import { Panel } from '../../ui/page.tsx';
import { Answer } from '../../ui/states.tsx';

/** Whether the template can be used, every fault with its place, and the merge fields in use. */
export function CheckPanel({ check }: { readonly check: UseQueryResult<CheckResult> }) {
  const t = useText();
  const formats = useFormats();
  return (
    <Panel
      title={t('content.check.title')}
      actions={
        check.data ? (
          <Badge tone={check.data.ok ? 'good' : 'bad'}>
            {check.data.ok
              ? t('content.check.ok')
              : t('content.check.faults', { count: check.data.faults.length })}
          </Badge>
        ) : null
      }
    >
      <Answer query={check}>
        {(result) => (
          <div className="stack gap-m">
            {result.faults.length > 0 ? (
              <ul className="list-plain list-rows">
                {result.faults.map((fault) => (
                  <li key={`${fault.variantId}${fault.part}${fault.line}${fault.column}${fault.code}`}>
                    <div>
                      <code>
                        {fault.variantId} · {t(`content.check.part.${fault.part}`)} {fault.line}:
                        {fault.column}
                      </code>
                    </div>
                    <div>{fault.message}</div>
                  </li>
                ))}
              </ul>
            ) : null}
            {result.fields.length > 0 ? (
              <div className="row gap-s">
                {result.fields.map((field) => (
                  <Badge
                    key={field.field}
                    tone={field.missing && !field.hasFallback ? 'bad' : field.missing ? 'warn' : 'calm'}
                  >
                    <code>{field.field}</code>
                    {field.missing
                      ? t('content.check.missing', { count: formats.compact(field.missing) })
                      : null}
                  </Badge>
                ))}
              </div>
            ) : null}
          </div>
        )}
      </Answer>
    </Panel>
  );
}
