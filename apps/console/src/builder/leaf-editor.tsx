import type {
  AggregateName,
  BucketLeaf,
  ConditionLeaf,
  EventLeaf,
  Operator,
  SequenceLeaf,
  SequenceStep,
  TagLeaf,
} from '@rapport/conditions';
import { useLocalized, useText } from '../i18n/i18n.ts';
import { useWords } from '../i18n/words.ts';
import { AddIcon, RemoveIcon } from '../ui/icons.ts';
import { Button, Input, InputNumber, Select } from '../ui/kit.ts';
import { aggregateFrom, aggregateParts } from './aggregate.ts';
import { DurationField } from './duration-field.tsx';
import { PropertyFilter } from './property-filter.tsx';
import { ValueEditor } from './value-editor.tsx';
import { aggregatedKind, eventOf, operatorOf, tagOf, type VocabularyOf } from './vocabulary.ts';

interface LeafEditorProps<Leaf> {
  readonly vocabulary: VocabularyOf;
  readonly leaf: Leaf;
  readonly onChange: (leaf: ConditionLeaf) => void;
}

/** Edits one condition by its kind. */
export function LeafEditor({ vocabulary, leaf, onChange }: LeafEditorProps<ConditionLeaf>) {
  const t = useText();
  const localized = useLocalized();
  const shared = { vocabulary, onChange };
  if ('tag' in leaf) return <TagEditor {...shared} leaf={leaf} />;
  if ('event' in leaf) return <EventEditor {...shared} leaf={leaf} />;
  if ('sequence' in leaf) return <SequenceEditor {...shared} leaf={leaf} />;
  if ('bucket' in leaf) return <BucketEditor {...shared} leaf={leaf} />;
  if ('audience' in leaf) {
    return (
      <div className="row gap-s">
        <span className="faint">{t('builder.inAudience')}</span>
        <Select<string>
          aria-label={t('builder.audience')}
          style={{ minWidth: 220 }}
          showSearch={{ optionFilterProp: 'label' }}
          value={leaf.audience}
          options={vocabulary.audiences.map((one) => ({ value: one.id, label: one.name }))}
          onChange={(audience) => onChange({ audience })}
        />
      </div>
    );
  }
  if ('list' in leaf) {
    return (
      <div className="row gap-s">
        <span className="faint">{t('builder.inList')}</span>
        <Select<string>
          aria-label={t('builder.list')}
          style={{ minWidth: 220 }}
          value={leaf.list}
          options={vocabulary.lists.map((one) => ({ value: one.id, label: localized(one.title) }))}
          onChange={(list) => onChange({ list })}
        />
      </div>
    );
  }
  return <span>{t('builder.everyone')}</span>;
}

function OperatorField(props: {
  readonly vocabulary: VocabularyOf;
  readonly operators: readonly Operator[];
  readonly value: Operator;
  readonly onChange: (op: Operator, sameShape: boolean) => void;
}) {
  const t = useText();
  const localized = useLocalized();
  const { vocabulary, operators, value, onChange } = props;
  return (
    <Select<Operator>
      aria-label={t('builder.operator')}
      style={{ minWidth: 116 }}
      popupMatchSelectWidth={false}
      value={value}
      options={operators.map((op) => ({
        value: op,
        label: localized(operatorOf(vocabulary, op)?.title) || op,
      }))}
      onChange={(op) =>
        onChange(op, operatorOf(vocabulary, op)?.value === operatorOf(vocabulary, value)?.value)
      }
    />
  );
}

function TagEditor({ vocabulary, leaf, onChange }: LeafEditorProps<TagLeaf>) {
  const t = useText();
  const localized = useLocalized();
  const tag = tagOf(vocabulary, leaf.tag);
  if (!tag) return <span className="faint">{t('builder.unknownTag', { tag: leaf.tag })}</span>;
  return (
    <div className="row gap-s">
      <strong style={{ fontWeight: 550 }}>{localized(tag.title)}</strong>
      <OperatorField
        vocabulary={vocabulary}
        operators={tag.operators}
        value={leaf.op}
        onChange={(op, same) =>
          onChange({ tag: leaf.tag, op, ...(same && leaf.value !== undefined ? { value: leaf.value } : {}) })
        }
      />
      <ValueEditor
        kind={tag}
        operator={operatorOf(vocabulary, leaf.op)}
        op={leaf.op}
        value={leaf.value}
        valuesOf={{ tag: leaf.tag }}
        onChange={(value) =>
          onChange({ tag: leaf.tag, op: leaf.op, ...(value === undefined ? {} : { value }) })
        }
      />
    </div>
  );
}

function EventEditor({ vocabulary, leaf, onChange }: LeafEditorProps<EventLeaf>) {
  const t = useText();
  const localized = useLocalized();
  const words = useWords();
  const event = eventOf(vocabulary, leaf.event);
  if (!event) return <span className="faint">{t('builder.unknownEvent', { event: leaf.event })}</span>;
  const aggregate = aggregateParts(leaf.aggregate);
  const compared = aggregatedKind(event, aggregate);
  const { value: _value, aggregate: _aggregate, ...rest } = leaf;
  const withAggregate = (name: AggregateName, property: string | undefined): void => {
    const next = { name, property };
    const { operators } = aggregatedKind(event, next);
    const op = operators.includes(leaf.op) ? leaf.op : (operators[0] ?? '>=');
    const made = aggregateFrom(next);
    onChange({ ...rest, op, ...(made === undefined ? { value: 1 } : { aggregate: made }) });
  };
  const aggregateTakes = (name: AggregateName) =>
    event.properties.filter((one) => one.aggregates.includes(name));
  return (
    <div className="stack gap-s">
      <div className="row gap-s">
        <strong style={{ fontWeight: 550 }}>{words.event(event.name, event.title)}</strong>
        <Select<AggregateName>
          aria-label={t('builder.aggregate')}
          style={{ minWidth: 110 }}
          popupMatchSelectWidth={false}
          value={aggregate.name}
          options={vocabulary.aggregates
            .filter((one) => !one.needsProperty || aggregateTakes(one.aggregate).length > 0)
            .map((one) => ({ value: one.aggregate, label: localized(one.title) }))}
          onChange={(name) =>
            withAggregate(name, name === 'count' ? undefined : aggregateTakes(name)[0]?.name)
          }
        />
        {aggregate.name === 'count' ? null : (
          <Select<string>
            aria-label={t('builder.aggregated')}
            style={{ minWidth: 120 }}
            popupMatchSelectWidth={false}
            value={aggregate.property}
            options={aggregateTakes(aggregate.name).map((one) => ({
              value: one.name,
              label: words.property(one.name, one.title),
            }))}
            onChange={(property) => withAggregate(aggregate.name, property)}
          />
        )}
        <OperatorField
          vocabulary={vocabulary}
          operators={compared.operators}
          value={leaf.op}
          onChange={(op, same) => {
            const { value: old, ...others } = leaf;
            onChange({ ...others, op, ...(same && old !== undefined ? { value: old } : {}) });
          }}
        />
        <ValueEditor
          kind={compared.kind}
          operator={operatorOf(vocabulary, leaf.op)}
          op={leaf.op}
          value={leaf.value}
          valuesOf={aggregate.property ? { event: leaf.event, property: aggregate.property } : undefined}
          onChange={(value) => {
            const { value: _old, ...others } = leaf;
            onChange({ ...others, ...(value === undefined ? {} : { value }) });
          }}
        />
        <span className="faint">{t('builder.within')}</span>
        <DurationField
          optional
          label={t('builder.window')}
          value={leaf.within}
          onChange={(within) => {
            const { within: _old, ...others } = leaf;
            onChange({ ...others, ...(within === undefined ? {} : { within }) });
          }}
        />
      </div>
      <PropertyFilter
        vocabulary={vocabulary}
        event={event}
        where={leaf.where}
        onChange={(where) => {
          const { where: _old, ...others } = leaf;
          onChange({ ...others, ...(where === undefined ? {} : { where }) });
        }}
      />
    </div>
  );
}

const MOST_STEPS = 8;

function SequenceEditor({ vocabulary, leaf, onChange }: LeafEditorProps<SequenceLeaf>) {
  const t = useText();
  const words = useWords();
  const set = (sequence: readonly SequenceStep[]): void => onChange({ ...leaf, sequence });
  return (
    <div className="stack gap-s">
      <ol className="stack gap-s" style={{ margin: 0, paddingLeft: 20 }}>
        {leaf.sequence.map((step, index) => {
          const event = eventOf(vocabulary, step.event);
          const change = (next: SequenceStep): void =>
            set(leaf.sequence.map((old, at) => (at === index ? next : old)));
          return (
            // Steps have no other identity than their place.
            // biome-ignore lint/suspicious/noArrayIndexKey: a step is its position
            <li key={index}>
              <div className="row gap-s">
                <Select<string>
                  aria-label={t('builder.stepEvent', { number: index + 1 })}
                  style={{ minWidth: 200 }}
                  showSearch={{ optionFilterProp: 'label' }}
                  placeholder={t('builder.chooseEvent')}
                  value={step.event || undefined}
                  options={vocabulary.events.map((one) => ({
                    value: one.name,
                    label: words.event(one.name, one.title),
                  }))}
                  onChange={(name) => change({ event: name })}
                />
                {leaf.sequence.length > 2 ? (
                  <Button
                    type="text"
                    size="small"
                    icon={<RemoveIcon />}
                    aria-label={t('builder.removeStep', { number: index + 1 })}
                    onClick={() => set(leaf.sequence.filter((_, at) => at !== index))}
                  />
                ) : null}
              </div>
              {event ? (
                <PropertyFilter
                  vocabulary={vocabulary}
                  event={event}
                  where={step.where}
                  onChange={(where) =>
                    change({ event: step.event, ...(where === undefined ? {} : { where }) })
                  }
                />
              ) : null}
            </li>
          );
        })}
      </ol>
      <div className="row gap-s">
        {leaf.sequence.length < MOST_STEPS ? (
          <Button
            type="link"
            size="small"
            icon={<AddIcon />}
            onClick={() => set([...leaf.sequence, { event: '' }])}
          >
            {t('builder.addStep')}
          </Button>
        ) : null}
        <span className="faint">{t('builder.allWithin')}</span>
        <DurationField
          label={t('builder.window')}
          value={leaf.within}
          onChange={(within) => onChange({ ...leaf, within: within ?? 'P7D' })}
        />
      </div>
    </div>
  );
}

/** Buckets run from 0 to 10,000; people think in percent. */
const BUCKETS_PER_PERCENT = 100;

function BucketEditor({ leaf, onChange }: LeafEditorProps<BucketLeaf>) {
  const t = useText();
  const { salt, from, to } = leaf.bucket;
  return (
    <div className="row gap-s">
      <span className="faint">{t('builder.share')}</span>
      <InputNumber
        aria-label={t('builder.shareFrom')}
        min={0}
        max={100}
        step={1}
        style={{ width: 90 }}
        suffix="%"
        value={from / BUCKETS_PER_PERCENT}
        onChange={(next) =>
          onChange({ bucket: { salt, to, from: Math.round((next ?? 0) * BUCKETS_PER_PERCENT) } })
        }
      />
      <span className="faint">–</span>
      <InputNumber
        aria-label={t('builder.shareTo')}
        min={0}
        max={100}
        step={1}
        style={{ width: 90 }}
        suffix="%"
        value={to / BUCKETS_PER_PERCENT}
        onChange={(next) =>
          onChange({ bucket: { salt, from, to: Math.round((next ?? 0) * BUCKETS_PER_PERCENT) } })
        }
      />
      <span className="faint">{t('builder.drawnBy')}</span>
      <Input
        aria-label={t('builder.salt')}
        style={{ width: 150 }}
        value={salt}
        onChange={(event) => onChange({ bucket: { salt: event.target.value, from, to } })}
      />
    </div>
  );
}
