import { Link, useLocation } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Page } from '../../ui/page.tsx';

const TABS = [
  { to: '/catalog', key: 'tables', permission: 'catalog.read' },
  { to: '/catalog/quality', key: 'quality', permission: 'catalog.read' },
  { to: '/catalog/drift', key: 'drift', permission: 'catalog.read' },
  { to: '/catalog/arrivals', key: 'arrivals', permission: 'catalog.read' },
  { to: '/catalog/alerts', key: 'alerts', permission: 'alerts.read' },
  { to: '/catalog/access', key: 'access', permission: 'audit.read' },
] as const;

interface CatalogFrameProps {
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** The pages of the data catalogue beside each other. */
export function CatalogFrame({ actions, children }: CatalogFrameProps) {
  const t = useText();
  const may = useMay();
  const { pathname } = useLocation();
  const current = TABS.find(({ to }) => to === pathname) ?? TABS[0];
  return (
    <Page
      title={`${t('catalog.title')}: ${t(`catalog.tab.${current.key}`)}`}
      heading={t('catalog.title')}
      intro={t('catalog.intro')}
      actions={actions}
    >
      <nav className="page-tabs" aria-label={t('catalog.title')}>
        {TABS.filter(({ permission }) => may(permission)).map(({ to, key }) => (
          <Link key={to} to={to} activeOptions={{ exact: true, includeSearch: false }}>
            {t(`catalog.tab.${key}`)}
          </Link>
        ))}
      </nav>
      {children}
    </Page>
  );
}
