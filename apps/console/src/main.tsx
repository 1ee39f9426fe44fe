import '@fontsource-variable/inter/index.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createQueryClient } from './api/query-client.ts';
import { sessionQuery } from './api/session.queries.ts';
import { startI18n } from './i18n/i18n.ts';
import { createConsoleRouter } from './routes.tsx';
import { applyTokens } from './theme/tokens.ts';
import './theme/console.css';
import { UiProvider } from './ui/ui-provider.tsx';

const queries = createQueryClient(() => {
  const { pathname, href } = router.state.location;
  if (pathname === '/sign-in') return;
  queries.setQueryData(sessionQuery.queryKey, null);
  void router.navigate({ to: '/sign-in', search: { returnTo: href } });
});
const router = createConsoleRouter(queries);

async function start(place: HTMLElement): Promise<void> {
  applyTokens(document.documentElement);
  await startI18n();
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <UiProvider>
          <RouterProvider router={router} />
        </UiProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

const place = document.getElementById('root');
if (place) void start(place);
