import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  type RouteComponent,
  redirect,
} from '@tanstack/react-router';
import { sessionQuery } from './api/session.queries.ts';
import { readAudienceSearch } from './pages/audiences/audience-search.ts';
import { CrashedPage } from './pages/crashed-page.tsx';
import { LostPage } from './pages/lost-page.tsx';
import { SignInPage } from './pages/sign-in/sign-in-page.tsx';
import { readTagSearch } from './pages/tags/tag-search.ts';
import { Shell } from './shell/shell.tsx';
import { Loading } from './ui/states.tsx';

interface RouterContext {
  readonly queries: QueryClient;
}

const root = createRootRouteWithContext<RouterContext>()({ component: Outlet, notFoundComponent: LostPage });

const signInRoute = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInPage,
  // Only addresses of our own are followed after sign-in.
  validateSearch: (search: Record<string, unknown>): { returnTo?: string } =>
    typeof search.returnTo === 'string' && /^\/(?!\/)/.test(search.returnTo)
      ? { returnTo: search.returnTo }
      : {},
});

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    const session = await context.queries.ensureQueryData(sessionQuery);
    if (session) return;
    context.queries.removeQueries({ queryKey: sessionQuery.queryKey });
    throw redirect({ to: '/sign-in', search: { returnTo: location.href } });
  },
});

/** Reads texts of an address; empty ones are left out. */
const textsOf =
  <Name extends string>(...names: readonly Name[]) =>
  (search: Record<string, unknown>): Partial<Record<Name, string>> => {
    const texts: Partial<Record<Name, string>> = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === 'string' && value !== '') texts[name] = value;
    }
    return texts;
  };

const page = <Path extends string>(path: Path, component: RouteComponent) =>
  createRoute({ getParentRoute: () => signedIn, path, component });

const marketing = [
  page(
    '/campaigns',
    lazyRouteComponent(() => import('./pages/campaigns/campaigns-page.tsx'), 'CampaignsPage'),
  ),
  page(
    '/campaigns/$campaignId',
    lazyRouteComponent(() => import('./pages/campaigns/campaign-page.tsx'), 'CampaignPage'),
  ),
  page(
    '/campaigns/$campaignId/edit',
    lazyRouteComponent(() => import('./pages/campaigns/wizard-page.tsx'), 'WizardPage'),
  ),
  page(
    '/campaigns/$campaignId/report',
    lazyRouteComponent(() => import('./pages/reports/report-page.tsx'), 'ReportPage'),
  ),
  page(
    '/approvals',
    lazyRouteComponent(() => import('./pages/campaigns/approvals-page.tsx'), 'ApprovalsPage'),
  ),
  page(
    '/audiences',
    lazyRouteComponent(() => import('./pages/audiences/audiences-page.tsx'), 'AudiencesPage'),
  ),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/audiences/new',
    component: lazyRouteComponent(() => import('./pages/audiences/audience-page.tsx'), 'NewAudiencePage'),
    validateSearch: readAudienceSearch,
  }),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/audiences/$audienceId',
    component: lazyRouteComponent(() => import('./pages/audiences/audience-page.tsx'), 'AudiencePage'),
    validateSearch: readAudienceSearch,
  }),
  page(
    '/lists',
    lazyRouteComponent(() => import('./pages/lists/lists-page.tsx'), 'ListsPage'),
  ),
  page(
    '/lists/$listId',
    lazyRouteComponent(() => import('./pages/lists/list-page.tsx'), 'ListPage'),
  ),
  page(
    '/templates',
    lazyRouteComponent(() => import('./pages/content/templates-page.tsx'), 'TemplatesPage'),
  ),
  page(
    '/templates/new',
    lazyRouteComponent(() => import('./pages/content/template-page.tsx'), 'NewTemplatePage'),
  ),
  page(
    '/templates/$templateId',
    lazyRouteComponent(() => import('./pages/content/template-page.tsx'), 'TemplatePage'),
  ),
] as const;

const recommendation = [
  page(
    '/contacts',
    lazyRouteComponent(() => import('./pages/realtime/contacts-page.tsx'), 'ContactsPage'),
  ),
  page(
    '/offers',
    lazyRouteComponent(() => import('./pages/offers/offers-page.tsx'), 'OffersPage'),
  ),
  page(
    '/decisions',
    lazyRouteComponent(() => import('./pages/offers/decisions-page.tsx'), 'DecisionsPage'),
  ),
] as const;

const tags = [
  createRoute({
    getParentRoute: () => signedIn,
    path: '/tags',
    component: lazyRouteComponent(() => import('./pages/tags/tags-page.tsx'), 'TagsPage'),
    validateSearch: readTagSearch,
  }),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/tags/new',
    component: lazyRouteComponent(() => import('./pages/tags/tag-editor-page.tsx'), 'NewTagPage'),
    validateSearch: textsOf<'demand'>('demand'),
  }),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/tags/$tagId',
    component: lazyRouteComponent(() => import('./pages/tags/tag-page.tsx'), 'TagPage'),
    validateSearch: textsOf<'tab'>('tab'),
  }),
  page(
    '/tag-library',
    lazyRouteComponent(() => import('./pages/tags/library-page.tsx'), 'LibraryPage'),
  ),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/tag-workflow',
    component: lazyRouteComponent(() => import('./pages/tags/workflow-page.tsx'), 'WorkflowPage'),
    validateSearch: textsOf<'tab'>('tab'),
  }),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/catalog',
    component: lazyRouteComponent(() => import('./pages/catalog/tables-page.tsx'), 'TablesPage'),
    validateSearch: textsOf<'q' | 'kind' | 'dataClass'>('q', 'kind', 'dataClass'),
  }),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/catalog/table',
    component: lazyRouteComponent(() => import('./pages/catalog/table-page.tsx'), 'TablePage'),
    validateSearch: textsOf<'name'>('name'),
  }),
  page(
    '/catalog/quality',
    lazyRouteComponent(() => import('./pages/catalog/quality-page.tsx'), 'QualityPage'),
  ),
  page(
    '/catalog/drift',
    lazyRouteComponent(() => import('./pages/catalog/drift-page.tsx'), 'DriftPage'),
  ),
  page(
    '/catalog/arrivals',
    lazyRouteComponent(() => import('./pages/catalog/arrivals-page.tsx'), 'ArrivalsPage'),
  ),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/catalog/alerts',
    component: lazyRouteComponent(() => import('./pages/catalog/alerts-page.tsx'), 'AlertsPage'),
    validateSearch: textsOf<'state' | 'kind'>('state', 'kind'),
  }),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/catalog/access',
    component: lazyRouteComponent(() => import('./pages/catalog/access-page.tsx'), 'AccessPage'),
    validateSearch: textsOf<'table'>('table'),
  }),
  page(
    '/tags/$tagId/edit',
    lazyRouteComponent(() => import('./pages/tags/tag-editor-page.tsx'), 'EditTagPage'),
  ),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/lineage',
    component: lazyRouteComponent(() => import('./pages/tags/lineage-page.tsx'), 'LineagePage'),
    validateSearch: (search: Record<string, unknown>): { focus?: string; depth?: number } => ({
      ...(typeof search.focus === 'string' ? { focus: search.focus } : {}),
      ...(typeof search.depth === 'number' ? { depth: search.depth } : {}),
    }),
  }),
  page(
    '/customers',
    lazyRouteComponent(() => import('./pages/customers/customers-page.tsx'), 'CustomersPage'),
  ),
  page(
    '/identity',
    lazyRouteComponent(() => import('./pages/identity/identity-page.tsx'), 'IdentityPage'),
  ),
  page(
    '/customers/$customerId',
    lazyRouteComponent(() => import('./pages/customers/customer-page.tsx'), 'CustomerPage'),
  ),
  page(
    '/sources',
    lazyRouteComponent(() => import('./pages/sources/sources-page.tsx'), 'SourcesPage'),
  ),
  page(
    '/sources/$sourceId',
    lazyRouteComponent(() => import('./pages/sources/source-page.tsx'), 'SourcePage'),
  ),
] as const;

const insights = [
  page(
    '/',
    lazyRouteComponent(() => import('./pages/home/home-page.tsx'), 'HomePage'),
  ),
  page(
    '/reports',
    lazyRouteComponent(() => import('./pages/reports/reports-page.tsx'), 'ReportsPage'),
  ),
  page(
    '/insights/metrics',
    lazyRouteComponent(() => import('./pages/metrics/metrics-page.tsx'), 'MetricsPage'),
  ),
  page(
    '/insights/metrics/$metricId',
    lazyRouteComponent(() => import('./pages/metrics/metric-page.tsx'), 'MetricPage'),
  ),
  createRoute({
    getParentRoute: () => signedIn,
    path: '/insights/lifecycle',
    component: lazyRouteComponent(() => import('./pages/lifecycle/lifecycle-page.tsx'), 'LifecyclePage'),
    validateSearch: (search: Record<string, unknown>): { tag?: string; days?: number } => ({
      ...(typeof search.tag === 'string' ? { tag: search.tag } : {}),
      ...(typeof search.days === 'number' ? { days: search.days } : {}),
    }),
  }),
  page(
    '/workbench',
    lazyRouteComponent(() => import('./pages/workbench/workbench-page.tsx'), 'WorkbenchPage'),
  ),
  page(
    '/models',
    lazyRouteComponent(() => import('./pages/models/models-page.tsx'), 'ModelsPage'),
  ),
  page(
    '/models/$modelId',
    lazyRouteComponent(() => import('./pages/models/model-page.tsx'), 'ModelPage'),
  ),
] as const;

const governance = [
  page(
    '/governance/users',
    lazyRouteComponent(() => import('./pages/governance/users-page.tsx'), 'UsersPage'),
  ),
  page(
    '/governance/api-keys',
    lazyRouteComponent(() => import('./pages/governance/api-keys-page.tsx'), 'ApiKeysPage'),
  ),
  page(
    '/governance/audit',
    lazyRouteComponent(() => import('./pages/governance/audit-page.tsx'), 'AuditPage'),
  ),
  page(
    '/governance/policy',
    lazyRouteComponent(() => import('./pages/governance/policy-page.tsx'), 'PolicyPage'),
  ),
  page(
    '/governance/providers',
    lazyRouteComponent(() => import('./pages/governance/providers-page.tsx'), 'ProvidersPage'),
  ),
  page(
    '/governance/suppressions',
    lazyRouteComponent(() => import('./pages/governance/suppressions-page.tsx'), 'SuppressionsPage'),
  ),
  page(
    '/governance/emergency',
    lazyRouteComponent(() => import('./pages/governance/emergency-page.tsx'), 'EmergencyPage'),
  ),
  page(
    '/governance/sandbox',
    lazyRouteComponent(() => import('./pages/governance/sandbox-page.tsx'), 'SandboxPage'),
  ),
] as const;

const routeTree = root.addChildren([
  signInRoute,
  signedIn.addChildren([...marketing, ...recommendation, ...tags, ...insights, ...governance]),
]);

export function createConsoleRouter(queries: QueryClient) {
  return createRouter({
    routeTree,
    context: { queries },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    defaultPendingComponent: Loading,
    defaultErrorComponent: CrashedPage,
    defaultNotFoundComponent: LostPage,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
