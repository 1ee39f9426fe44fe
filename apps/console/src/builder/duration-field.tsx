import { useText } from '../i18n/i18n.ts';
import { Input, InputNumber, Select, Space } from '../ui/kit.ts';
import { DURATION_UNITS, type DurationUnit, readDuration, writeDuration } from './duration-parts.ts';

interface DurationFieldProps {
  readonly label: string;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
  /** Offers "at any time", which is no duration. */
  readonly optional?: boolean;
}

/** A length of time such as 30 days. */
export function DurationField({ label, value, onChange, optional }: DurationFieldProps) {
  const t = useText();
  const parts = value === undefined ? undefined : readDuration(value);
  if (value !== undefined && !parts) {
    return (
      <Input
        aria-label={label}
        style={{ width: 140 }}
        value={value}
        onChange={(event) => onChange(event.target.value || undefined)}
      />
    );
  }
  return (
    <Space.Compact>
      {value === undefined && optional ? null : (
        <InputNumber
          aria-label={label}
          min={1}
          style={{ width: 78 }}
          value={parts?.size ?? null}
          onChange={(size) =>
            onChange(size ? writeDuration({ size, unit: parts?.unit ?? 'days' }) : undefined)
          }
        />
      )}
      <Select<DurationUnit | 'ever'>
        aria-label={t('builder.unitOf', { field: label })}
        style={{ width: 116 }}
        value={parts?.unit ?? (optional ? 'ever' : 'days')}
        onChange={(unit) =>
          onChange(unit === 'ever' ? undefined : writeDuration({ size: parts?.size ?? 30, unit }))
        }
        options={[
          ...(optional ? [{ value: 'ever' as const, label: t('builder.ever') }] : []),
          ...DURATION_UNITS.map((unit) => ({ value: unit, label: t(`builder.unit.${unit}`) })),
        ]}
      />
    </Space.Compact>
  );
}
