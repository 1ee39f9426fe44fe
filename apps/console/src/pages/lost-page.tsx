import { Link } from '@tanstack/react-router';
import { useText } from '../i18n/i18n.ts';
import { Nothing } from '../ui/states.tsx';

export function LostPage() {
  const t = useText();
  return (
    <Nothing
      title={t('common.pageLost')}
      hint={t('common.pageLostHint')}
      action={<Link to="/">{t('common.goHome')}</Link>}
    />
  );
}
