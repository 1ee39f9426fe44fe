import type { Condition } from '@rapport/conditions';
import type {
  DerivedDefinition,
  FactDefinition,
  RuleDefinition,
  StatisticalDefinition,
  TagAggregate,
  TagComputation,
  TagValue,
  TagValueType,
} from '@rapport/tags/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { vocabularyQuery } from '../../api/audiences.queries.ts';
import { type Built, ConditionBuilder } from '../../builder/builder.tsx';
import { DurationField } from '../../builder/duration-field.tsx';
import { PropertyFilter } from '../../builder/property-filter.tsx';
import { eventOf } from '../../builder/vocabulary.ts';
import { useText } from '../../i18n/i18n.ts';
import { useWords } from '../../i18n/words.ts';
import { AddIcon, RemoveIcon } from '../../ui/icons.ts';
import { Button, Drawer, Form, Input, Select } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Answer } from '../../ui/states.tsx';

const FACT_TABLES = ['customer', 'account', 'holding', 'identity'] as const;
const STATISTIC_TABLES = ['transaction', 'event', 'holding', 'account'] as const;
const PICKS = ['first', 'last', 'min', 'max', 'list'] as const;
const FUNCTIONS = ['count', 'sum', 'avg', 'min', 'max', 'last', 'first', 'distinct', 'top'] as const;
type FunctionName = (typeof FUNCTIONS)[number];

/** Kinds that people write; a model's scores come from the AI lab. */
export type WrittenKind = Exclude<TagComputation['kind'], 'model'>;

/** A definition of this kind to begin with. */
export function startOf(kind: WrittenKind): TagComputation {
  switch (kind) {
    case 'fact':
      return { kind, from: 'customer', value: 'city' };
    case 'statistical':
      return { kind, over: 'transaction', aggregate: 'count', within: 'P90D' };
    case 'rule':
      return { kind, cases: [{ when: { all: [] }, value: '' }] };
    case 'derived':
      return { kind, expression: '' };
    case 'manual':
      return { kind, expiresAfter: 'P1Y' };
    case 'stream':
      return { kind, event: '', aggregate: 'count', toDate: 'day' };
  }
}

function functionOf(aggregate: TagAggregate): { readonly name: FunctionName; readonly column: string } {
  if (aggregate === 'count') return { name: 'count', column: '' };
  const [name, column] = Object.entries(aggregate)[0] ?? ['count', ''];
  return { name: FUNCTIONS.find((one) => one === name) ?? 'count', column: String(column) };
}

function aggregateOf(name: FunctionName, column: string): TagAggregate {
  switch (name) {
    case 'count':
      return 'count';
    case 'sum':
      return { sum: column };
    case 'avg':
      return { avg: column };
    case 'min':
      return { min: column };
    case 'max':
      return { max: column };
    case 'last':
      return { last: column };
    case 'first':
      return { first: column };
    case 'distinct':
      return { distinct: column };
    case 'top':
      return { top: column };
  }
}

interface EditorProps<Definition> {
  readonly definition: Definition;
  readonly onChange: (definition: TagComputation) => void;
}

/** How a tag's value comes about, by kind. */
export function ComputationEditor(props: EditorProps<TagComputation> & { readonly valueType: TagValueType }) {
  const t = useText();
  const { definition, onChange, valueType } = props;
  switch (definition.kind) {
    case 'fact':
      return <FactEditor definition={definition} onChange={onChange} />;
    case 'statistical':
      return <StatisticalEditor definition={definition} onChange={onChange} />;
    case 'rule':
      return <RuleEditor definition={definition} onChange={onChange} valueType={valueType} />;
    case 'model':
      return <p className="soft">{t('tags.editor.byModel', { model: definition.modelId })}</p>;
    case 'derived':
      return <DerivedEditor definition={definition} onChange={onChange} />;
  }
}

function FactEditor({ definition, onChange }: EditorProps<FactDefinition>) {
  const t = useText();
  return (
    <Form layout="vertical" component="div">
      <div className="grid" style={cells(200)}>
        <Form.Item label={t('tags.editor.table')} htmlFor="fact-table">
          <Select
            id="fact-table"
            value={definition.from}
            options={FACT_TABLES.map((table) => ({ value: table, label: t(`tags.editor.tables.${table}`) }))}
            onChange={(from) => onChange({ ...definition, from })}
          />
        </Form.Item>
        <Form.Item label={t('tags.editor.pick')} htmlFor="fact-pick">
          <Select
            id="fact-pick"
            value={definition.pick ?? 'first'}
            options={PICKS.map((pick) => ({ value: pick, label: t(`tags.editor.picks.${pick}`) }))}
            onChange={(pick) => onChange({ ...definition, pick })}
          />
        </Form.Item>
      </div>
      <Form.Item label={t('tags.editor.value')} htmlFor="fact-value" extra={t('tags.editor.valueHint')}>
        <Input
          id="fact-value"
          className="mono"
          value={definition.value}
          onChange={(event) => onChange({ ...definition, value: event.target.value })}
        />
      </Form.Item>
      <Form.Item label={t('tags.editor.onlyRows')} htmlFor="fact-where">
        <Input
          id="fact-where"
          className="mono"
          value={definition.where ?? ''}
          onChange={(event) => onChange({ ...definition, where: event.target.value || undefined })}
        />
      </Form.Item>
    </Form>
  );
}

function StatisticalEditor({ definition, onChange }: EditorProps<StatisticalDefinition>) {
  const t = useText();
  const words = useWords();
  const vocabulary = useQuery(vocabularyQuery);
  const aggregate = functionOf(definition.aggregate);
  const eventName = definition.over === 'event' ? definition.event : definition.over;
  const event = vocabulary.data && eventName ? eventOf(vocabulary.data, eventName) : undefined;
  return (
    <Form layout="vertical" component="div">
      <div className="grid" style={cells(180)}>
        <Form.Item label={t('tags.editor.over')} htmlFor="stat-over">
          <Select
            id="stat-over"
            value={definition.over}
            options={STATISTIC_TABLES.map((table) => ({
              value: table,
              label: t(`tags.editor.tables.${table}`),
            }))}
            onChange={(over) => onChange({ ...definition, over, event: undefined, where: undefined })}
          />
        </Form.Item>
        {definition.over === 'event' ? (
          <Form.Item label={t('tags.editor.event')} htmlFor="stat-event">
            <Select
              id="stat-event"
              showSearch={{ optionFilterProp: 'label' }}
              value={definition.event}
              options={vocabulary.data?.events.map((one) => ({
                value: one.name,
                label: words.event(one.name, one.title),
              }))}
              onChange={(name) => onChange({ ...definition, event: name, where: undefined })}
            />
          </Form.Item>
        ) : null}
        <Form.Item label={t('tags.editor.function')} htmlFor="stat-function">
          <Select<FunctionName>
            id="stat-function"
            value={aggregate.name}
            options={FUNCTIONS.map((name) => ({ value: name, label: t(`tags.editor.functions.${name}`) }))}
            onChange={(name) => onChange({ ...definition, aggregate: aggregateOf(name, aggregate.column) })}
          />
        </Form.Item>
        {aggregate.name === 'count' ? null : (
          <Form.Item label={t('tags.editor.column')} htmlFor="stat-column">
            <Input
              id="stat-column"
              className="mono"
              value={aggregate.column}
              onChange={(changed) =>
                onChange({ ...definition, aggregate: aggregateOf(aggregate.name, changed.target.value) })
              }
            />
          </Form.Item>
        )}
        <Form.Item label={t('tags.editor.window')}>
          <DurationField
            optional
            label={t('tags.editor.window')}
            value={definition.within}
            onChange={(within) => onChange({ ...definition, within })}
          />
        </Form.Item>
      </div>
      {event && vocabulary.data ? (
        <PropertyFilter
          vocabulary={vocabulary.data}
          event={event}
          where={definition.where}
          onChange={(where) => onChange({ ...definition, where })}
        />
      ) : null}
    </Form>
  );
}

function DerivedEditor({ definition, onChange }: EditorProps<DerivedDefinition>) {
  const t = useText();
  return (
    <Form layout="vertical" component="div">
      <Form.Item
        label={t('tags.editor.expression')}
        htmlFor="derived"
        extra={t('tags.editor.expressionHint')}
      >
        <Input.TextArea
          id="derived"
          className="mono"
          rows={3}
          value={definition.expression}
          onChange={(event) => onChange({ ...definition, expression: event.target.value })}
        />
      </Form.Item>
    </Form>
  );
}

/** Reads what was typed as a value of the tag's type. */
function valueFrom(text: string, type: TagValueType): TagValue {
  if (type === 'boolean') return text === 'true';
  if ((type === 'number' || type === 'money') && text.trim() !== '' && !Number.isNaN(Number(text)))
    return Number(text);
  if (type === 'list') return text.split(',').map((part) => part.trim());
  return text;
}

function RuleEditor(props: EditorProps<RuleDefinition> & { readonly valueType: TagValueType }) {
  const { definition, onChange, valueType } = props;
  const t = useText();
  const [open, setOpen] = useState<number | undefined>(undefined);
  const { cases } = definition;
  const setCase = (index: number, change: Partial<RuleDefinition['cases'][number]>): void =>
    onChange({ ...definition, cases: cases.map((old, at) => (at === index ? { ...old, ...change } : old)) });
  const shown = (value: TagValue | undefined): string => (value === undefined ? '' : String(value));
  return (
    <div className="stack gap-m">
      <p className="soft">{t('tags.editor.firstCase')}</p>
      <ol className="stack gap-s" style={{ margin: 0, paddingLeft: 20 }}>
        {cases.map((one, index) => (
          // Cases are tried in order; their order is what they are.
          // biome-ignore lint/suspicious/noArrayIndexKey: a case is its position
          <li key={index}>
            <div className="row gap-s">
              <Input
                style={{ width: 180 }}
                aria-label={t('tags.editor.caseValue', { number: index + 1 })}
                placeholder={t('tags.editor.value')}
                value={shown(one.value)}
                onChange={(event) => setCase(index, { value: valueFrom(event.target.value, valueType) })}
              />
              <Button onClick={() => setOpen(index)}>
                {t('tags.editor.caseWhen', { number: index + 1 })}
              </Button>
              <code className="faint ellipsis" style={{ maxWidth: 260 }}>
                {JSON.stringify(one.when)}
              </code>
              {cases.length > 1 ? (
                <Button
                  type="text"
                  icon={<RemoveIcon />}
                  aria-label={t('tags.editor.removeCase', { number: index + 1 })}
                  onClick={() => onChange({ ...definition, cases: cases.filter((_, at) => at !== index) })}
                />
              ) : null}
            </div>
          </li>
        ))}
      </ol>
      <div className="row gap-m">
        <Button
          icon={<AddIcon />}
          onClick={() => onChange({ ...definition, cases: [...cases, { when: { all: [] }, value: '' }] })}
        >
          {t('tags.editor.addCase')}
        </Button>
        <Input
          style={{ width: 220 }}
          aria-label={t('tags.editor.otherwise')}
          placeholder={t('tags.editor.otherwise')}
          value={shown(definition.otherwise)}
          onChange={(event) =>
            onChange({
              ...definition,
              otherwise: event.target.value === '' ? undefined : valueFrom(event.target.value, valueType),
            })
          }
        />
      </div>
      {open !== undefined ? (
        <CaseDrawer
          when={cases[open]?.when ?? { all: [] }}
          onClose={() => setOpen(undefined)}
          onChange={(when) => setCase(open, { when })}
        />
      ) : null}
    </div>
  );
}

interface CaseDrawerProps {
  readonly when: Condition;
  readonly onChange: (when: Condition) => void;
  readonly onClose: () => void;
}

function CaseDrawer({ when, onChange, onClose }: CaseDrawerProps) {
  const t = useText();
  const vocabulary = useQuery(vocabularyQuery);
  const [initial] = useState(when);
  const [built, setBuilt] = useState<Built | undefined>(undefined);
  return (
    <Drawer
      open
      size={1100}
      title={t('tags.editor.condition')}
      onClose={onClose}
      extra={
        <Button
          type="primary"
          disabled={!built?.complete}
          onClick={() => {
            if (built) onChange(built.condition);
            onClose();
          }}
        >
          {t('tags.editor.useCondition')}
        </Button>
      }
    >
      <Answer query={vocabulary}>
        {(words) => (
          <ConditionBuilder
            vocabulary={words}
            initial={initial}
            explained={NOTHING_EXPLAINED}
            onChange={setBuilt}
          />
        )}
      </Answer>
    </Drawer>
  );
}

const NOTHING_EXPLAINED = new Map<string, never>();
