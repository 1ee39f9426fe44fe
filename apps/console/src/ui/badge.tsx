import type { ReactNode } from 'react';
import { colors } from '../theme/tokens.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'calm' | 'violet' | 'primary' | 'accent';

const tones: Readonly<Record<Tone, readonly [string, string]>> = {
  good: [colors.good, colors.goodSoft],
  warn: [colors.warn, colors.warnSoft],
  bad: [colors.bad, colors.badSoft],
  info: [colors.info, colors.infoSoft],
  calm: [colors.inkSoft, '#eeede8'],
  violet: [colors.violet, colors.violetSoft],
  primary: [colors.primary, colors.primarySoft],
  accent: [colors.accent, colors.accentSoft],
};

interface BadgeProps {
  readonly tone: Tone;
  /** Something is happening right now. */
  readonly live?: boolean;
  readonly children: ReactNode;
}

/** A state in one word and one colour. */
export function Badge({ tone, live, children }: BadgeProps) {
  const [strong, soft] = tones[tone];
  const style: Record<string, string> = { '--tone': strong, '--tone-soft': soft };
  return (
    <span className="badge" data-live={live === true} style={style}>
      {children}
    </span>
  );
}
