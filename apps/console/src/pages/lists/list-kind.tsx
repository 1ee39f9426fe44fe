import type { CustomerList } from '@rapport/audiences/contract';
import { useText } from '../../i18n/i18n.ts';
import { Badge, type Tone } from '../../ui/badge.tsx';

export type ListKind = CustomerList['kind'];
export const LIST_KINDS: readonly ListKind[] = ['target', 'white', 'grey', 'black', 'test'];

const tones: Readonly<Record<ListKind, Tone>> = {
  target: 'primary',
  white: 'good',
  grey: 'warn',
  black: 'bad',
  test: 'calm',
};

export function ListKindBadge({ kind }: { readonly kind: ListKind }) {
  const t = useText();
  return <Badge tone={tones[kind]}>{t(`lists.kind.${kind}`)}</Badge>;
}
