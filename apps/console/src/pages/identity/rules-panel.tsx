import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { matchRulesQuery, putMatchRules, type Rules, type RulesView } from '../../api/identity.queries.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';
import { Facts, Num, Percent, When } from '../../ui/figures.tsx';
import { Button, Drawer, Input } from '../../ui/kit.ts';
import { side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, ProblemView } from '../../ui/states.tsx';

const TONES: Readonly<Record<Rules['rules'][number]['decide'], Tone>> = {
  merge: 'good',
  review: 'info',
  no: 'calm',
  by_probability: 'violet',
  review_by_probability: 'info',
};

/** The matching rules as sentences, and a way to change them. */
export function RulesPanel() {
  const t = useText();
  const may = useMay();
  const rules = useQuery(matchRulesQuery);
  const [editing, setEditing] = useState(false);
  return (
    <Answer query={rules} rows={8}>
      {(view) => (
        <div className="split" style={side(340)}>
          <Panel
            title={t('identity.rules')}
            note={
              view.version === 0 ? (
                t('identity.rulesDefault')
              ) : (
                <>
                  {t('identity.rulesVersion', { version: view.version, by: view.changedBy ?? '' })}{' '}
                  <When at={view.changedAt} />
                </>
              )
            }
            actions={
              may('identity.write') ? (
                <Button onClick={() => setEditing(true)}>{t('identity.changeRules')}</Button>
              ) : null
            }
          >
            <p className="faint">{t('identity.rulesNote')}</p>
            <Sentences rules={view.rules} />
          </Panel>
          <div className="stack gap-m">
            <LimitsPanel rules={view.rules} />
            <SurvivorshipPanel rules={view.rules} />
          </div>
          {editing ? <EditDrawer view={view} onClose={() => setEditing(false)} /> : null}
        </div>
      )}
    </Answer>
  );
}

function Sentences({ rules }: { readonly rules: Rules }) {
  const t = useText();
  const dynamic = useDynamicText();
  return (
    <ol className="list-plain list-rows">
      {rules.rules.map((rule, at) => {
        const conditions = Object.entries(rule.when).map(([field, likenesses]) =>
          t('identity.condition', {
            field: dynamic(`identity.field.${field}`, field),
            likeness: (likenesses ?? [])
              .map((each) => dynamic(`identity.likeness.${each}`, each))
              .join(t('identity.or')),
          }),
        );
        return (
          <li key={rule.name} className="row between gap-s">
            <div className="grow">
              <div>
                <span className="num faint">{at + 1}</span>{' '}
                <strong>{dynamic(`identity.ruleName.${rule.name}`, rule.name)}</strong>
              </div>
              <div className="faint">
                {conditions.length === 0 ? t('identity.always') : conditions.join(t('identity.and'))}
              </div>
            </div>
            <Badge tone={TONES[rule.decide]}>{t(`identity.outcome.${rule.decide}`)}</Badge>
          </li>
        );
      })}
    </ol>
  );
}

function LimitsPanel({ rules }: { readonly rules: Rules }) {
  const t = useText();
  const dynamic = useDynamicText();
  const limits: readonly { readonly term: string; readonly value: ReactNode }[] = [
    { term: t('identity.mergeFrom'), value: <Percent ratio={rules.mergeFrom} digits={1} /> },
    { term: t('identity.reviewFrom'), value: <Percent ratio={rules.reviewFrom} digits={1} /> },
    { term: t('identity.maxCluster'), value: <Num value={rules.maxCluster} /> },
    { term: t('identity.bulkFrom'), value: <Num value={rules.bulkFrom} /> },
    { term: t('identity.sharedDevice'), value: <Num value={rules.sharedDevice} /> },
    { term: t('identity.householdMax'), value: <Num value={rules.household?.maxSize ?? 8} /> },
    { term: t('identity.minShare'), value: <Percent ratio={rules.minShare ?? 0} /> },
    { term: t('identity.afterLoad'), value: rules.afterLoad ? t('identity.yes') : t('identity.no') },
  ];
  return (
    <>
      <Panel title={t('identity.limits')}>
        <ul className="list-plain list-rows">
          {limits.map(({ term, value }) => (
            <li key={term} className="limit">
              <span className="faint">{term}</span>
              <span>{value}</span>
            </li>
          ))}
        </ul>
      </Panel>
      <Panel title={t('identity.blocks')} note={t('identity.blocksNote', { count: rules.maxBlock })}>
        <ul className="list-plain list-rows">
          {rules.blocks.map((parts) => (
            <li key={parts.join()}>
              {parts.map((part) => dynamic(`identity.field.${part}`, part)).join(' + ')}
            </li>
          ))}
        </ul>
      </Panel>
    </>
  );
}

function SurvivorshipPanel({ rules }: { readonly rules: Rules }) {
  const t = useText();
  const dynamic = useDynamicText();
  const { sources = [], fields = {} } = rules.survivorship ?? {};
  return (
    <Panel title={t('identity.survivorship')} note={t('identity.survivorshipNote')}>
      <Facts
        items={[
          {
            term: t('identity.everyField'),
            value: sources.length === 0 ? t('identity.sourcesById') : sources.join(' › '),
          },
          ...Object.entries(fields).map(([field, choice]) => ({
            term: field === '*' ? t('identity.otherFields') : dynamic(`identity.field.${field}`, field),
            value: `${t(`identity.by.${choice.by}`)}${choice.sources ? ` (${choice.sources.join(' › ')})` : ''}`,
          })),
        ]}
      />
    </Panel>
  );
}

function EditDrawer({ view, onClose }: { readonly view: RulesView; readonly onClose: () => void }) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const [text, setText] = useState(() => JSON.stringify(view.rules, null, 2));
  const save = useMutation({
    // What is not JSON, or no rules, is said in place; the server says what rules cannot work.
    mutationFn: async () => putMatchRules(JSON.parse(text)),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['identity'] });
      notify.done(t('identity.rulesSaved'));
      onClose();
    },
  });
  return (
    <Drawer
      open
      size="large"
      title={t('identity.changeRules')}
      onClose={onClose}
      extra={
        <Button type="primary" loading={save.isPending} onClick={() => save.mutate()}>
          {t('common.save')}
        </Button>
      }
    >
      <div className="stack gap-m">
        <p className="faint">{t('identity.changeNote')}</p>
        {save.error ? <ProblemView error={save.error} /> : null}
        <Input.TextArea
          className="mono"
          aria-label={t('identity.rules')}
          autoSize={{ minRows: 20, maxRows: 40 }}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
    </Drawer>
  );
}
