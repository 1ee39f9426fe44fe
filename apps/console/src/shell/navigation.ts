import type { TextKey } from '../i18n/i18n.ts';
import type { ProductKey } from '../theme/tokens.ts';

export interface NavigationPage {
  readonly to: string;
  readonly text: TextKey;
  /** Shown only to those who may read it. */
  readonly permission?: string;
}

export interface NavigationProduct {
  readonly key: ProductKey;
  readonly text: TextKey;
  readonly pages: readonly NavigationPage[];
}

/** The four products on one tag system, then the AI lab, insights and governance. */
export const navigation: readonly NavigationProduct[] = [
  { key: 'home', text: 'shell.product.home', pages: [{ to: '/', text: 'shell.product.home' }] },
  {
    key: 'marketing',
    text: 'shell.product.marketing',
    pages: [
      { to: '/campaigns', text: 'shell.page.campaigns', permission: 'campaigns.read' },
      { to: '/audiences', text: 'shell.page.audiences', permission: 'audiences.read' },
      { to: '/lists', text: 'shell.page.lists', permission: 'audiences.read' },
      { to: '/templates', text: 'shell.page.templates', permission: 'templates.read' },
      { to: '/approvals', text: 'shell.page.approvals', permission: 'approvals.read' },
    ],
  },
  {
    key: 'realtime',
    text: 'shell.product.realtime',
    pages: [{ to: '/contacts', text: 'shell.page.contacts', permission: 'deliveries.read' }],
  },
  {
    key: 'recommendation',
    text: 'shell.product.recommendation',
    pages: [
      { to: '/offers', text: 'shell.page.offers', permission: 'offers.read' },
      { to: '/decisions', text: 'shell.page.decisions', permission: 'decisions.read' },
    ],
  },
  {
    key: 'tags',
    text: 'shell.product.tags',
    pages: [
      { to: '/tags', text: 'shell.page.tags', permission: 'tags.read' },
      { to: '/tag-library', text: 'shell.page.tagLibrary', permission: 'tags.read' },
      { to: '/tag-workflow', text: 'shell.page.tagWorkflow', permission: 'tags.read' },
      { to: '/catalog', text: 'shell.page.catalog', permission: 'catalog.read' },
      { to: '/lineage', text: 'shell.page.lineage', permission: 'lineage.read' },
      { to: '/customers', text: 'shell.page.customers', permission: 'customers.read' },
      { to: '/identity', text: 'shell.page.identity', permission: 'identity.read' },
      { to: '/sources', text: 'shell.page.sources', permission: 'sources.read' },
    ],
  },
  {
    key: 'lab',
    text: 'shell.product.lab',
    pages: [{ to: '/models', text: 'shell.page.models', permission: 'models.read' }],
  },
  {
    key: 'insights',
    text: 'shell.product.insights',
    pages: [
      { to: '/reports', text: 'shell.page.reports', permission: 'reports.read' },
      { to: '/insights/lifecycle', text: 'shell.page.lifecycle', permission: 'reports.read' },
      { to: '/insights/metrics', text: 'shell.page.metrics', permission: 'metrics.read' },
      { to: '/workbench', text: 'shell.page.workbench', permission: 'workbench.run' },
    ],
  },
  {
    key: 'governance',
    text: 'shell.product.governance',
    pages: [
      { to: '/governance/users', text: 'shell.page.users', permission: 'users.read' },
      { to: '/governance/api-keys', text: 'shell.page.apiKeys', permission: 'api_keys.read' },
      { to: '/governance/audit', text: 'shell.page.audit', permission: 'audit.read' },
      { to: '/governance/policy', text: 'shell.page.policy', permission: 'contact_policy.read' },
      { to: '/governance/providers', text: 'shell.page.providers', permission: 'channels.read' },
      { to: '/governance/suppressions', text: 'shell.page.suppressions', permission: 'channels.read' },
      { to: '/governance/emergency', text: 'shell.page.emergency', permission: 'channels.read' },
      { to: '/governance/sandbox', text: 'shell.page.sandbox', permission: 'sandbox.read' },
    ],
  },
];

/** Whether a permission list grants a permission; the same rule as the server's. */
export function grants(permissions: readonly string[], permission: string): boolean {
  const noun = permission.slice(0, permission.indexOf('.'));
  return permissions.some((held) => held === '*' || held === permission || held === `${noun}.*`);
}

export function visibleNavigation(permissions: readonly string[]): readonly NavigationProduct[] {
  return navigation
    .map((product) => ({
      ...product,
      pages: product.pages.filter((page) => !page.permission || grants(permissions, page.permission)),
    }))
    .filter((product) => product.pages.length > 0);
}

/** The product whose page is at this address. */
export function productAt(pathname: string): ProductKey {
  const match = navigation
    .flatMap((product) => product.pages.map((page) => ({ key: product.key, to: page.to })))
    .filter((page) => page.to !== '/' && (pathname === page.to || pathname.startsWith(`${page.to}/`)))
    .sort((a, b) => b.to.length - a.to.length)[0];
  return match?.key ?? 'home';
}
