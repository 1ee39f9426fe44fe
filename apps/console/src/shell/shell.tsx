import { Outlet } from '@tanstack/react-router';
import { useState } from 'react';
import { useText } from '../i18n/i18n.ts';
import { MenuIcon } from '../ui/icons.ts';
import { Button, Drawer } from '../ui/kit.ts';
import { useNarrow } from '../ui/use-narrow.ts';
import { Brand } from './brand.tsx';
import { LanguageSwitcher } from './language-switcher.tsx';
import { NavigationTree } from './navigation-tree.tsx';
import { StopBanner } from './stop-banner.tsx';
import { UserMenu } from './user-menu.tsx';

/** What surrounds every page once somebody is signed in. */
export function Shell() {
  const t = useText();
  const narrow = useNarrow();
  const [drawerOpen, setDrawerOpen] = useState(false);
  return (
    <div className="shell">
      <a href="#content" className="skip-link">
        {t('common.skip')}
      </a>
      {narrow ? null : (
        <aside className="shell-side">
          <Brand />
          <NavigationTree />
        </aside>
      )}
      <div className="shell-main">
        <StopBanner />
        <div className="shell-top">
          {narrow ? (
            <>
              <Button
                type="text"
                icon={<MenuIcon />}
                aria-label={t('shell.openNavigation')}
                onClick={() => setDrawerOpen(true)}
              />
              <div className="grow">
                <Brand />
              </div>
            </>
          ) : null}
          <LanguageSwitcher />
          <UserMenu />
        </div>
        <main id="content" className="shell-content" tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <Drawer
        open={narrow && drawerOpen}
        onClose={() => setDrawerOpen(false)}
        placement="left"
        size={290}
        title={<Brand />}
      >
        <NavigationTree onNavigate={() => setDrawerOpen(false)} />
      </Drawer>
    </div>
  );
}
