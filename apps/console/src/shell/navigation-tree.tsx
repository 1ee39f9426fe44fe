import { Link, useLocation } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import { useText } from '../i18n/i18n.ts';
import { type ProductKey, productColors } from '../theme/tokens.ts';
import {
  GovernanceIcon,
  HomeIcon,
  InsightsIcon,
  LabIcon,
  MarketingIcon,
  RealtimeIcon,
  RecommendationIcon,
  TagsIcon,
} from '../ui/icons.ts';
import { productAt, visibleNavigation } from './navigation.ts';
import { useSession } from './session.ts';

const icons: Readonly<Record<ProductKey, ComponentType>> = {
  home: HomeIcon,
  marketing: MarketingIcon,
  realtime: RealtimeIcon,
  recommendation: RecommendationIcon,
  tags: TagsIcon,
  lab: LabIcon,
  insights: InsightsIcon,
  governance: GovernanceIcon,
};

/** The products; the one that is open shows its pages. */
export function NavigationTree({ onNavigate }: { readonly onNavigate?: () => void }) {
  const t = useText();
  const { pathname } = useLocation();
  const permissions = useSession()?.permissions ?? [];
  const open = productAt(pathname);
  return (
    <nav className="nav" aria-label={t('shell.navigation')}>
      <ul>
        {visibleNavigation(permissions).map((product) => {
          const Icon = icons[product.key];
          const hue: Record<string, string> = { '--hue': productColors[product.key] };
          const isOpen = product.key === open;
          return (
            <li key={product.key} style={hue}>
              <Link
                to={product.pages[0]?.to ?? '/'}
                className="nav-product"
                data-open={isOpen}
                onClick={onNavigate}
              >
                <span className="nav-glyph" aria-hidden="true">
                  <Icon />
                </span>
                {t(product.text)}
              </Link>
              {isOpen && product.key !== 'home' ? (
                <ul className="nav-pages">
                  {product.pages.map((page) => (
                    <li key={page.to}>
                      <Link to={page.to} className="nav-page" onClick={onNavigate}>
                        {t(page.text)}
                      </Link>
                    </li>
                  ))}
                </ul>
              ) : null}
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
