import { Tooltip } from 'antd';
import { type ReactNode, useMemo } from 'react';
import { useLanguage } from '../i18n/i18n.ts';
import { createFormats, type Formats } from './format.ts';

const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function useFormats(): Formats {
  const language = useLanguage();
  return useMemo(() => createFormats({ language, timeZone: browserZone }), [language]);
}

const ABSENT = '—';

export function Num({
  value,
  compact,
}: {
  readonly value: number | null | undefined;
  readonly compact?: boolean;
}) {
  const formats = useFormats();
  if (value === null || value === undefined) return <span className="faint">{ABSENT}</span>;
  return (
    <span className="num" title={compact ? formats.number(value) : undefined}>
      {compact ? formats.compact(value) : formats.number(value, { maximumFractionDigits: 4 })}
    </span>
  );
}

export function Percent({
  ratio,
  digits,
}: {
  readonly ratio: number | null | undefined;
  readonly digits?: number;
}) {
  const formats = useFormats();
  if (ratio === null || ratio === undefined) return <span className="faint">{ABSENT}</span>;
  return <span className="num">{formats.percent(ratio, digits)}</span>;
}

export function Points({ difference }: { readonly difference: number | null | undefined }) {
  const formats = useFormats();
  if (difference === null || difference === undefined) return <span className="faint">{ABSENT}</span>;
  return <span className="num">{formats.points(difference)}</span>;
}

interface MoneyProps {
  readonly amountMinor: number | null | undefined;
  readonly currency: string;
  readonly compact?: boolean;
}

export function Money({ amountMinor, currency, compact }: MoneyProps) {
  const formats = useFormats();
  if (amountMinor === null || amountMinor === undefined) return <span className="faint">{ABSENT}</span>;
  return (
    <span className="num" title={compact ? formats.money(amountMinor, currency) : undefined}>
      {formats.money(amountMinor, currency, { compact: compact === true })}
    </span>
  );
}

type Moment = string | number | null | undefined;

/** A calendar day. */
export function Day({ date }: { readonly date: Moment }) {
  const formats = useFormats();
  if (date === null || date === undefined || date === '') return <span className="faint">{ABSENT}</span>;
  return (
    <time className="num" dateTime={String(date)}>
      {formats.day(date)}
    </time>
  );
}

/** An instant, to the minute. */
export function When({ at }: { readonly at: Moment }) {
  const formats = useFormats();
  if (at === null || at === undefined || at === '') return <span className="faint">{ABSENT}</span>;
  return (
    <time className="num" dateTime={new Date(at).toISOString()}>
      {formats.instant(at)}
    </time>
  );
}

/** How long ago; the instant itself on hover. */
export function Ago({ at }: { readonly at: Moment }) {
  const formats = useFormats();
  if (at === null || at === undefined || at === '') return <span className="faint">{ABSENT}</span>;
  return (
    <Tooltip title={formats.instant(at)}>
      <time className="num" dateTime={new Date(at).toISOString()}>
        {formats.ago(at, Date.now())}
      </time>
    </Tooltip>
  );
}

interface FigureProps {
  readonly label: ReactNode;
  readonly value: ReactNode;
  readonly note?: ReactNode;
}

/** One headline figure with its label. */
export function Figure({ label, value, note }: FigureProps) {
  return (
    <div>
      <div className="figure-label">{label}</div>
      <div className="figure-value">{value}</div>
      {note ? <div className="figure-note">{note}</div> : null}
    </div>
  );
}

export interface Fact {
  readonly term: ReactNode;
  readonly value: ReactNode;
}

/** A list of terms and values. */
export function Facts({ items }: { readonly items: readonly (Fact | undefined)[] }) {
  return (
    <dl className="facts">
      {items.map((item, index) =>
        item ? (
          // Facts are a fixed sheet; their order never changes while shown.
          // biome-ignore lint/suspicious/noArrayIndexKey: terms are nodes and have no other identity
          <FactRow key={index} {...item} />
        ) : null,
      )}
    </dl>
  );
}

function FactRow({ term, value }: Fact) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{value ?? ABSENT}</dd>
    </>
  );
}

/** A share drawn as a thin bar. */
export function Meter({
  share,
  tone,
  label,
}: {
  readonly share: number;
  readonly tone?: string;
  readonly label?: string;
}) {
  const bounded = Math.max(0, Math.min(1, share));
  const style: Record<string, string> = tone ? { '--tone': tone } : {};
  return (
    <div className="meter" role="img" aria-label={label} style={style}>
      <span style={{ width: `${bounded * 100}%` }} />
    </div>
  );
}
