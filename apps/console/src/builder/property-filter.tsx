import type { PropertyCondition, PropertyLeaf } from '@rapport/conditions';
import { useLocalized, useText } from '../i18n/i18n.ts';
import { useWords } from '../i18n/words.ts';
import { AddIcon, RemoveIcon } from '../ui/icons.ts';
import { Button, Select } from '../ui/kit.ts';
import { filterOf, flatFilter } from './flat-filter.ts';
import { ValueEditor } from './value-editor.tsx';
import { firstOperator, operatorOf, type VocabularyEvent, type VocabularyOf } from './vocabulary.ts';

interface PropertyFilterProps {
  readonly vocabulary: VocabularyOf;
  readonly event: VocabularyEvent;
  readonly where: PropertyCondition | undefined;
  readonly onChange: (where: PropertyCondition | undefined) => void;
}

/** Narrows an event by its properties; all lines must hold. */
export function PropertyFilter({ vocabulary, event, where, onChange }: PropertyFilterProps) {
  const t = useText();
  const localized = useLocalized();
  const words = useWords();
  const leaves = flatFilter(where);
  if (!leaves) return <div className="faint">{t('builder.nestedFilter')}</div>;
  const set = (index: number, leaf: PropertyLeaf): void =>
    onChange(filterOf(leaves.map((old, at) => (at === index ? leaf : old))));
  const first = event.properties[0];
  return (
    <div className="stack gap-s">
      {leaves.map((leaf, index) => {
        const property = event.properties.find((one) => one.name === leaf.property);
        return (
          // Filters have no other identity than their place.
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its position
          <div key={index} className="row gap-s">
            <span className="faint">{t('builder.where')}</span>
            <Select<string>
              aria-label={t('builder.property')}
              style={{ minWidth: 140 }}
              showSearch={{ optionFilterProp: 'label' }}
              value={leaf.property}
              options={event.properties.map((one) => ({
                value: one.name,
                label: words.property(one.name, one.title),
              }))}
              onChange={(name) => {
                const next = event.properties.find((one) => one.name === name);
                if (next) set(index, { property: name, op: firstOperator(next.operators, next.type) });
              }}
            />
            <Select
              aria-label={t('builder.operator')}
              style={{ minWidth: 110 }}
              popupMatchSelectWidth={false}
              value={leaf.op}
              options={(property?.operators ?? []).map((op) => ({
                value: op,
                label: localized(operatorOf(vocabulary, op)?.title) || op,
              }))}
              onChange={(op) => {
                const same = operatorOf(vocabulary, op)?.value === operatorOf(vocabulary, leaf.op)?.value;
                set(index, {
                  property: leaf.property,
                  op,
                  ...(same && leaf.value !== undefined ? { value: leaf.value } : {}),
                });
              }}
            />
            <ValueEditor
              kind={property ?? { type: 'text' }}
              operator={operatorOf(vocabulary, leaf.op)}
              op={leaf.op}
              value={leaf.value}
              valuesOf={{ event: event.name, property: leaf.property }}
              onChange={(value) =>
                set(index, {
                  property: leaf.property,
                  op: leaf.op,
                  ...(value === undefined ? {} : { value }),
                })
              }
            />
            <Button
              type="text"
              size="small"
              icon={<RemoveIcon />}
              aria-label={t('builder.removeFilter')}
              onClick={() => onChange(filterOf(leaves.filter((_, at) => at !== index)))}
            />
          </div>
        );
      })}
      {first ? (
        <div>
          <Button
            type="link"
            size="small"
            icon={<AddIcon />}
            style={{ paddingInline: 0 }}
            onClick={() =>
              onChange(
                filterOf([
                  ...leaves,
                  { property: first.name, op: firstOperator(first.operators, first.type) },
                ]),
              )
            }
          >
            {t('builder.addFilter')}
          </Button>
        </div>
      ) : null}
    </div>
  );
}
