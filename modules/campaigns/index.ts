export { kpiWindowEnd } from './audience-plan.ts';
export {
  CAMPAIGN_ACTIONS,
  type CampaignAction,
  isTerminal,
  stepOf,
  TRANSITIONS as CAMPAIGN_TRANSITIONS,
} from './campaign-states.ts';
export type { CampaignAudiences, CampaignsDeps, OrgScope } from './campaigns.deps.ts';
export { campaignsMigrations } from './campaigns.migrations.ts';
export { campaignsProblems } from './campaigns.problems.ts';
export { campaignsRoutes } from './campaigns.routes.ts';
export {
  type CampaignListener,
  type CampaignSet,
  type Campaigns,
  createCampaigns,
} from './campaigns.service.ts';
export type { Campaign, CampaignDraft, CampaignState, SetOutcome } from './contract.ts';
export { JOURNEY_NODE, JOURNEY_WAVE } from './expansion.ts';
export { campaignLineage } from './lineage.ts';
export { createOrchestrator } from './orchestrator.ts';
