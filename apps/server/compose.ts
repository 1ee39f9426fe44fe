import { join } from 'node:path';
import {
  audienceInsightRoutes,
  audienceLineage,
  audiencesMigrations,
  audiencesRoutes,
  createAudienceInsight,
  createAudiences,
} from '@rapport/audiences';
import {
  campaignLineage,
  campaignsMigrations,
  campaignsRoutes,
  createCampaigns,
  createOrchestrator,
} from '@rapport/campaigns';
import { catalogMigrations, catalogRoutes, createCatalog } from '@rapport/catalog';
import {
  channelsMigrations,
  channelsRoutes,
  createChannels,
  createContactProjector,
  createContactPublisher,
  createDispatcher,
  publicRoutes,
} from '@rapport/channels';
import { contentMigrations, contentRoutes, createContent, createMaterials } from '@rapport/content';
import {
  createCustomers,
  createIdentityMatcher,
  createOneCustomer,
  createProjector,
  customersMigrations,
  customersRoutes,
  identityRoutes,
} from '@rapport/customers';
import {
  createContactLedger,
  createContactPolicies,
  createDecisions,
  decisionsMigrations,
  decisionsRoutes,
  judgeBy,
} from '@rapport/decisions';
import {
  createApprovals,
  createAudit,
  createIdentity,
  governanceMigrations,
  governanceRoutes,
} from '@rapport/governance';
import type { Http, Routes } from '@rapport/http';
import {
  createInsights,
  createLifecycle,
  insightsLineage,
  insightsRoutes,
  lifecycleRoutes,
} from '@rapport/insights';
import { type Clock, type Component, type Log, systemActor } from '@rapport/kernel';
import { createMetrics, metricsMigrations, metricsRoutes } from '@rapport/metrics';
import { createModels, modelsMigrations, modelsRoutes } from '@rapport/models';
import { createOffers, offersMigrations, offersRoutes } from '@rapport/offers';
import { createPartners, partnersMigrations, partnersRoutes } from '@rapport/partners';
import { createSources, sourcesMigrations, sourcesRoutes } from '@rapport/sources';
import type { ModuleMigrations, Stores } from '@rapport/stores';
import {
  createTags,
  tagLibraryRoutes,
  tagQualityRoutes,
  tagsMigrations,
  tagsRoutes,
  tagWorkflowRoutes,
} from '@rapport/tags';
import { createWorkbench, workbenchMigrations, workbenchRoutes } from '@rapport/workbench';
import { alertSinks } from './alert-sinks.ts';
import type { Config } from './config.ts';
import { createConsentAliases } from './consent-aliases.ts';
import { contentProfiles } from './content-profiles.ts';
import { createMaintenance } from './maintenance.ts';
import { metricWorld } from './metric-world.ts';
import type { Secrets } from './secrets.ts';
import {
  aumMetric,
  calendarOf,
  consentBodies,
  currentConsents,
  dependantsOf,
  lastLoads,
  offerResults,
  tagEdges,
  templateLineage,
} from './views.ts';

export interface ComposeInput {
  readonly stores: Stores;
  readonly config: Config;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly log: Log;
  /** Where customers and browsers reach this platform, without a slash at the end. */
  readonly publicUrl: string;
}

export type Platform = ReturnType<typeof compose>;

/**
 * Wires the modules in the order of the loop: each one gets what stands before it, and what must flow back goes
 * through a listener. Nothing is started here.
 */
export function compose({ stores, config, secrets, clock, log, publicUrl }: ComposeInput) {
  const { settings, roles } = config;
  const { relational, warehouse, keyValue, stream, releases, jobs } = stores;

  /* governance */
  const audit = createAudit({ relational, clock });
  const identity = createIdentity({
    relational,
    audit,
    clock,
    orgUnits: async () => customers.orgUnits(systemActor),
  });
  const approvals = createApprovals({ relational, audit, clock, log });

  /* sources → customers → tags */
  const catalog = createCatalog({
    stores,
    clock,
    log,
    audit,
    sources: () => sources,
    dependantsOf: (column) => dependantsOf(tags.lineage, column),
    sinks: alertSinks(settings),
    zone: settings.RAPPORT_TIME_ZONE,
    calendar: calendarOf(),
  });
  const sources = createSources({
    inspector: catalog.inspector,
    network: {
      dataKey: secrets.dataKey,
      allowedHosts: (settings.RAPPORT_SOURCE_HOSTS ?? '').split(','),
    },
    spoolDir: join(config.home, 'spool'),
    stores,
    clock,
    log,
    audit,
    projector: createProjector({
      relational,
      warehouse,
      releases,
      dataKey: secrets.dataKey,
      sourceOrder: async () => (await oneCustomer.resolution.store.rules()).rules.survivorship?.sources ?? [],
      survivorship: async () => (await oneCustomer.resolution.store.rules()).rules.survivorship,
    }),
    consents: {
      async take({ rows }) {
        await channels.consents.importAll(consentBodies(rows));
      },
    },
    events: {
      async take(events) {
        const cids = await customers.cidsOf([...new Set(events.map(({ customerId }) => customerId))]);
        const known = events.flatMap(({ customerId, ...event }) => {
          const cid = cids.get(customerId);
          return cid === undefined ? [] : [{ ...event, cid }];
        });
        return {
          added: await collectEvents(known),
          unknown: new Set(events.map(({ customerId }) => customerId).filter((id) => !cids.has(id))),
        };
      },
    },
    allowedRoots: config.sourceRoots,
    variables: { RAPPORT_DATASETS: settings.RAPPORT_DATASETS, RAPPORT_HOME: config.home },
  });
  const oneCustomer = createOneCustomer({
    relational,
    warehouse,
    releases,
    jobs,
    clock,
    log,
    audit,
    approvals,
    dataKey: secrets.dataKey,
    roleTables: (release) => sources.roleTablesOf(release),
    exclusively: (work) => sources.exclusively(work),
  });
  approvals.onDecided((approval) => oneCustomer.resolution.onApprovalDecided(approval));
  const customers = createCustomers({
    ownersOf: (cids) => oneCustomer.users.ownersOf(cids),
    aliases: oneCustomer.aliases,
    minShare: async () => (await oneCustomer.resolution.store.rules()).rules.minShare ?? 0,
    warehouse,
    releases,
    clock,
    audit,
    dataKey: secrets.dataKey,
    profileTags: (customer) => tags.profileOf(customer),
    consents: (customer) => currentConsents(channels, customer.customerId, systemActor),
  });
  const tags = createTags({
    relational,
    warehouse,
    releases,
    jobs,
    clock,
    log,
    audit,
    approvals,
    stream,
    customers,
    manifests: () => sources.manifests(),
    blocked: () => catalog.blocked(),
    alerts: catalog.alerts,
    historyDays: settings.RAPPORT_TAG_HISTORY_DAYS,
  });
  const collectEvents: typeof customers.collectEvents = async (events) => {
    const collected = await customers.collectEvents(events);
    await tags.streams.note(events);
    return collected;
  };
  sources.onLoaded((loaded) => catalog.afterLoad(loaded));
  sources.onRefused((refused) => catalog.afterRefusal(refused));
  sources.onLoaded(async () => {
    await tags.refresh();
  });
  sources.onLoaded(async () => {
    const { rules } = await oneCustomer.resolution.rules();
    if (rules.afterLoad) await oneCustomer.resolution.startRun({}, systemActor);
  });
  oneCustomer.resolution.onApplied(async () => {
    await tags.refresh();
  });

  /* audiences, offers, content */
  const audienceCatalog: typeof tags.catalog = async (...of) =>
    insight.lists.titled(await tags.catalog(...of));
  const audiences = createAudiences({
    relational,
    warehouse,
    releases,
    clock,
    log,
    audit,
    catalog: audienceCatalog,
    useFaults: (condition, actor) => tags.workflow.useFaults(condition, actor),
    onEvaluated: (conditions) => tags.usage.note(conditions),
  });
  const insight = createAudienceInsight({
    relational,
    warehouse,
    releases,
    jobs,
    clock,
    log,
    audit,
    audiences,
    catalog: (release) => tags.catalog(release),
    matcher: createIdentityMatcher({ warehouse, dataKey: secrets.dataKey }),
    publishScores: (scores) => tags.publishScores(scores),
    tagEdges: async () => tagEdges(await tags.lineage.graph()),
  });
  tags.onRefreshed(() => insight.onRefreshed());
  const checkCondition = (condition: Parameters<typeof audiences.faults>[0]) => audiences.faults(condition);
  const metrics = createMetrics({
    relational,
    warehouse,
    clock,
    log,
    audit,
    world: metricWorld({ releases, tags, audiences, clock }),
    checkCondition,
    orgUnits: (actor) => customers.orgUnits(actor),
    scopeOf: (actor) => customers.scopeOf(actor),
    findCustomer: (customerId, actor) => customers.find(customerId, actor),
    audienceName: async (audienceId) => (await audiences.find(audienceId))?.name,
  });
  tags.onRefreshed(async () => {
    await metrics.keep();
  });
  tags.lineage.register(() => metrics.lineage());
  const workbench = createWorkbench({
    relational,
    warehouse,
    clock,
    audit,
    world: metricWorld({ releases, tags, audiences, clock }),
    tags: () => tags.classes(),
    metrics,
    audiences: async () => (await audiences.list({ limit: 500 }, systemActor)).items,
    scopeOf: (actor) => customers.scopeOf(actor),
    pseudonymKey: secrets.dataKey,
  });
  const offers = createOffers({ relational, audit, clock, checkCondition });
  const content = createContent({
    relational,
    clock,
    audit,
    profiles: contentProfiles({
      customers,
      tags,
      audiences,
      warehouse,
      placementOf: async (logical) => (await releases.current()).placements.get(logical)?.table,
    }),
    offers,
    conditions: {
      faults: checkCondition,
      matching: (condition, recipients) => audiences.matching(condition, recipients),
    },
    bank: { name: settings.RAPPORT_BANK_NAME },
    publicUrl,
  });
  tags.lineage.register(audienceLineage({ relational }));
  const materials = createMaterials({ relational, clock, audit });

  /* channels, decisions */
  const policies = createContactPolicies({ relational, audit, clock });
  const contacts = createContactLedger({ keyValue, policy: () => policies.current() });
  const consentModel = async () => (await policies.current()).consentModel;
  const channels = createChannels({
    relational,
    clock,
    log,
    audit,
    customers: {
      visible: (actor, cids) => customers.visible(actor, cids),
      cidsOf: (customerIds) => customers.cidsOf(customerIds),
      findByAddress: (channel, address) =>
        customers.findByIdentity(channel === 'email' ? 'email' : 'phone', address),
    },
    secrets,
    consentModel,
  });
  const consentAliases = createConsentAliases({
    aliases: oneCustomer.aliases,
    consents: channels.consents,
    releases,
    log,
  });
  oneCustomer.resolution.onApplied(() => consentAliases.renew());
  const decisions = createDecisions({
    relational,
    warehouse,
    releases,
    clock,
    offers,
    evaluate: judgeBy(audiences),
  });

  /* campaigns, models, insights, partners */
  const campaigns = createCampaigns({
    relational,
    warehouse,
    releases,
    clock,
    log,
    audit,
    approvals,
    customers,
    audiences,
    content,
    offers,
    decisions,
    contacts,
    channels,
  });
  approvals.onDecided((approval) => campaigns.onApprovalDecided(approval));
  approvals.onDecided((approval) => tags.workflow.onApprovalDecided(approval));
  audiences.onUsage((audienceId) => campaigns.usagesOfAudience(audienceId));
  tags.lineage.register(campaignLineage({ relational, offers }));
  decisions.onResponse(async ({ eventId, cid, response, at, decisionId, offerId, slot }) => {
    const properties = { decision_id: decisionId, offer_id: offerId, slot: slot ?? '' };
    await collectEvents([{ eventId, cid, name: `offer_${response}`, at, properties }]);
  });
  const models = createModels({
    relational,
    warehouse,
    releases,
    jobs,
    clock,
    audit,
    catalog: async () => tags.catalog(await releases.current()),
    publishScores: (scores) => tags.publishScores(scores),
  });
  const insights = createInsights({
    warehouse,
    releases,
    clock,
    catalog: async () => tags.catalog(await releases.current()),
    campaigns,
    outcomes: (campaignId) => channels.outcomes(campaignId),
    scopeOf: (actor) => customers.scopeOf(actor),
    aum: (actor) => aumMetric(metrics, actor),
    pendingApprovals: () => approvals.countPending(),
    lastLoads: async () => lastLoads(await sources.list({ limit: 50 })),
  });
  const lifecycle = createLifecycle({
    clock,
    tags,
    audiences,
    campaigns,
    scopeOf: (actor) => customers.scopeOf(actor),
  });
  tags.lineage.register(insightsLineage(campaigns));
  tags.lineage.register(() => templateLineage(content));
  const partners = createPartners({
    relational,
    clock,
    audit,
    approvals,
    apiKeys: identity,
    findOffer: async (offerId) => {
      const offer = await offers.find(offerId);
      return offer && { id: offer.id, name: offer.name.en, state: offer.state };
    },
    offerResults: (offerIds) => offerResults({ campaigns, insights }, offerIds),
  });

  const migrations: readonly ModuleMigrations[] = [
    governanceMigrations,
    sourcesMigrations,
    catalogMigrations,
    customersMigrations,
    tagsMigrations,
    audiencesMigrations,
    metricsMigrations,
    workbenchMigrations,
    offersMigrations,
    contentMigrations,
    channelsMigrations,
    modelsMigrations,
    decisionsMigrations,
    campaignsMigrations,
    partnersMigrations,
  ];
  const routes: readonly Routes[] = [
    governanceRoutes({ identity, approvals, audit, secureCookies: settings.RAPPORT_SECURE_COOKIES }),
    sourcesRoutes(sources),
    catalogRoutes(catalog),
    customersRoutes(customers),
    identityRoutes({
      resolution: oneCustomer.resolution,
      views: oneCustomer.views(customers),
      users: oneCustomer.users,
    }),
    tagsRoutes(tags),
    tagWorkflowRoutes(tags),
    tagLibraryRoutes(tags),
    tagQualityRoutes(tags),
    audiencesRoutes(audiences),
    audienceInsightRoutes(insight),
    metricsRoutes(metrics),
    workbenchRoutes(workbench, { publicUrl }),
    offersRoutes(offers),
    contentRoutes(content, materials),
    channelsRoutes(channels),
    modelsRoutes(models),
    decisionsRoutes({ decisions, policies }),
    campaignsRoutes(campaigns),
    insightsRoutes(insights),
    lifecycleRoutes(lifecycle),
    partnersRoutes(partners),
  ];
  const workers: Component[] = [tags.usage.component];
  if (roles.has('project') || roles.has('deliver')) workers.push(consentAliases);
  if (roles.has('maintain')) {
    workers.push(createMaintenance({ releases, log }), catalog.arrivals.watch());
  }
  if (roles.has('compute')) workers.push(insight.growth.component);
  if (roles.has('project')) {
    workers.push(createContactProjector({ stream, collectEvents, log }));
    workers.push(createContactPublisher({ relational, stream, log }));
    workers.push(sources.streams.component);
  }
  if (roles.has('deliver')) {
    workers.push(
      createDispatcher({
        relational,
        clock,
        log,
        channels,
        content,
        customers,
        contacts,
        secrets,
        consentModel,
        publicUrl,
      }),
    );
  }
  if (roles.has('compute')) workers.push(tags.streams.component, tags.quality.component);
  if (roles.has('orchestrate')) workers.push(createOrchestrator({ campaigns, log }));

  return {
    audit,
    identity,
    approvals,
    sources,
    catalog,
    customers,
    tags,
    audiences,
    metrics,
    workbench,
    offers,
    content,
    channels,
    policies,
    decisions,
    campaigns,
    models,
    insights,
    partners,
    migrations,
    routes,
    workers,
    publicRoutes: (http: Http) => publicRoutes(http, channels),
  };
}
