import type { Operator, Scalar, Value } from '@rapport/conditions';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type ValuesOf, valuesQuery } from '../api/audiences.queries.ts';
import { useLocalized, useText } from '../i18n/i18n.ts';
import { DayField, InstantField } from '../ui/date-fields.tsx';
import { useFormats } from '../ui/figures.tsx';
import { InputNumber, Select } from '../ui/kit.ts';
import { useDebounced } from '../ui/use-debounced.ts';
import { DurationField } from './duration-field.tsx';
import { majorOf, minorOf } from './money-units.ts';
import type { ValueKind, VocabularyOperator } from './vocabulary.ts';

interface ValueEditorProps {
  readonly kind: ValueKind;
  readonly operator: VocabularyOperator | undefined;
  readonly op: Operator;
  readonly value: Value | undefined;
  /** Whose known values are offered. */
  readonly valuesOf: ValuesOf | undefined;
  readonly onChange: (value: Value | undefined) => void;
}

const isList = (value: Value | undefined): value is readonly Scalar[] => Array.isArray(value);
const scalar = (value: Value | undefined): Scalar | undefined =>
  value === undefined || isList(value) ? undefined : value;

/** Edits the value of an operator: none, one, several, a half-open pair, or a duration. */
export function ValueEditor({ kind, operator, value, valuesOf, onChange }: ValueEditorProps) {
  const t = useText();
  switch (operator?.value ?? 'one') {
    case 'none':
      return null;
    case 'duration':
      return (
        <DurationField
          label={t('builder.duration')}
          value={typeof value === 'string' ? value : undefined}
          onChange={onChange}
        />
      );
    case 'many':
      return (
        <ManyField kind={kind} value={isList(value) ? value : []} valuesOf={valuesOf} onChange={onChange} />
      );
    case 'pair': {
      const [from, to] = isList(value) ? value : [];
      const set = (nextFrom: Scalar | undefined, nextTo: Scalar | undefined): void => {
        const pair = [nextFrom, nextTo].filter((one) => one !== undefined);
        onChange(pair.length === 0 ? undefined : pair);
      };
      return (
        <>
          <OneField
            kind={kind}
            label={t('builder.from')}
            value={from}
            valuesOf={valuesOf}
            onChange={(next) => set(next, to)}
          />
          <span className="faint">{t('builder.upTo')}</span>
          <OneField
            kind={kind}
            label={t('builder.before')}
            value={to}
            valuesOf={valuesOf}
            onChange={(next) => set(from, next)}
          />
        </>
      );
    }
    case 'one':
      return (
        <OneField
          kind={kind}
          label={t('builder.value')}
          value={scalar(value)}
          valuesOf={valuesOf}
          onChange={onChange}
        />
      );
  }
}

/** Thousands set apart while an amount is typed. */
const grouped = (shown: string | number | undefined): string =>
  String(shown ?? '').replace(/^(-?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','));

interface OneFieldProps {
  readonly kind: ValueKind;
  readonly label: string;
  readonly value: Scalar | undefined;
  readonly valuesOf: ValuesOf | undefined;
  readonly onChange: (value: Scalar | undefined) => void;
}

function OneField({ kind, label, value, valuesOf, onChange }: OneFieldProps) {
  const t = useText();
  switch (kind.type) {
    case 'number':
      return (
        <InputNumber
          aria-label={label}
          style={{ width: 130 }}
          value={typeof value === 'number' ? value : null}
          onChange={(next) => onChange(next ?? undefined)}
        />
      );
    case 'money': {
      const digits = kind.currencyDigits ?? 2;
      return (
        <InputNumber
          aria-label={label}
          style={{ width: 170 }}
          prefix={kind.currency ? <span className="faint">{kind.currency}</span> : null}
          formatter={(shown) => grouped(shown)}
          parser={(typed) => Number((typed ?? '').replaceAll(',', ''))}
          value={typeof value === 'number' ? majorOf(value, digits) : null}
          onChange={(next) => onChange(next === null ? undefined : minorOf(next, digits))}
        />
      );
    }
    case 'boolean':
      return (
        <Select<'yes' | 'no'>
          aria-label={label}
          style={{ width: 100 }}
          value={value === true ? 'yes' : value === false ? 'no' : undefined}
          onChange={(next) => onChange(next === 'yes')}
          options={[
            { value: 'yes', label: t('common.yes') },
            { value: 'no', label: t('common.no') },
          ]}
        />
      );
    case 'date':
      return (
        <DayField label={label} value={typeof value === 'string' ? value : undefined} onChange={onChange} />
      );
    case 'instant':
      return (
        <InstantField
          label={label}
          value={typeof value === 'string' ? value : undefined}
          onChange={onChange}
        />
      );
    case 'text':
    case 'list':
      return (
        <KnownValues
          label={label}
          valuesOf={valuesOf}
          chosen={value === undefined ? [] : [String(value)]}
          onChoose={(chosen) => onChange(chosen.at(-1))}
        />
      );
  }
}

interface ManyFieldProps {
  readonly kind: ValueKind;
  readonly value: readonly Scalar[];
  readonly valuesOf: ValuesOf | undefined;
  readonly onChange: (value: Value | undefined) => void;
}

function ManyField({ kind, value, valuesOf, onChange }: ManyFieldProps) {
  const t = useText();
  const digits = kind.type === 'money' ? (kind.currencyDigits ?? 2) : 0;
  const isNumeric = kind.type === 'number' || kind.type === 'money';
  const shown = value.map((one) =>
    kind.type === 'money' && typeof one === 'number' ? String(majorOf(one, digits)) : String(one),
  );
  const read = (text: string): Scalar | undefined => {
    if (!isNumeric) return text;
    const amount = Number(text);
    if (Number.isNaN(amount)) return undefined;
    return kind.type === 'money' ? minorOf(amount, digits) : amount;
  };
  return (
    <KnownValues
      multiple
      label={t('builder.values')}
      valuesOf={isNumeric ? undefined : valuesOf}
      chosen={shown}
      onChoose={(chosen) => {
        const next = chosen.map(read).filter((one) => one !== undefined);
        onChange(next.length === 0 ? undefined : next);
      }}
    />
  );
}

interface KnownValuesProps {
  readonly multiple?: boolean;
  readonly label: string;
  readonly valuesOf: ValuesOf | undefined;
  readonly chosen: readonly string[];
  readonly onChoose: (chosen: readonly string[]) => void;
}

/** Picks from the values that occur in the data, commonest first; others may be typed. */
function KnownValues({ multiple, label, valuesOf, chosen, onChoose }: KnownValuesProps) {
  const localized = useLocalized();
  const formats = useFormats();
  const [search, setSearch] = useState('');
  const asked = useDebounced(search, 200);
  const values = useQuery({ ...valuesQuery(valuesOf ?? {}, asked), enabled: valuesOf !== undefined });
  const known = values.data?.values ?? [];
  return (
    <Select<string[]>
      mode="tags"
      aria-label={label}
      placeholder={label}
      style={{ minWidth: multiple ? 200 : 160, maxWidth: 420 }}
      value={[...chosen]}
      maxTagCount={multiple ? 6 : 1}
      showSearch={{ onSearch: setSearch, filterOption: false }}
      onChange={(next) => {
        setSearch('');
        onChoose(multiple ? next : next.slice(-1));
      }}
      options={known.map((one) => ({
        value: one.value,
        label: (
          <span className="row between gap-s">
            <span>{one.title ? localized(one.title) : one.value}</span>
            <span className="faint num">{formats.compact(one.count)}</span>
          </span>
        ),
      }))}
      labelRender={({ value }) => {
        const one = known.find((candidate) => candidate.value === value);
        return one?.title ? localized(one.title) : value;
      }}
    />
  );
}
