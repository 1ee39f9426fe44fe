import { DatePicker } from 'antd';
import dayjs from 'dayjs';

interface DateFieldProps {
  readonly label: string;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
}

/** A calendar day as `YYYY-MM-DD`. */
export function DayField({ label, value, onChange }: DateFieldProps) {
  return (
    <DatePicker
      aria-label={label}
      value={value ? dayjs(value) : null}
      onChange={(day) => onChange(day ? day.format('YYYY-MM-DD') : undefined)}
    />
  );
}

/** An instant as RFC 3339 in UTC, chosen in the reader's own time. */
export function InstantField({ label, value, onChange }: DateFieldProps) {
  return (
    <DatePicker
      showTime={{ format: 'HH:mm' }}
      format="YYYY-MM-DD HH:mm"
      aria-label={label}
      value={value ? dayjs(value) : null}
      onChange={(moment) => onChange(moment ? moment.toDate().toISOString() : undefined)}
    />
  );
}
