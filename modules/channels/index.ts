export type { ChannelAdapter, HandOver, OutgoingMessage } from './adapter.ts';
export { channelsMigrations } from './channels.migrations.ts';
export { channelsProblems } from './channels.problems.ts';
export { channelsRoutes, sandboxRoutes } from './channels.routes.ts';
export { createChannels } from './channels.service.ts';
export type {
  CampaignOutcomes,
  Channels,
  ChannelsDeps,
  Consents,
  ContactLedgerPort,
  ContactPoint,
  DispatcherDeps,
  DispatcherSettings,
  EmergencyStops,
  MessageBatch,
  OpenProvider,
  OutcomeGroup,
  Providers,
} from './channels.ts';
export {
  CONTACT_TOPIC,
  ContactEvent,
  createContactProjector,
  createContactPublisher,
} from './contact-events.ts';
export { createDispatcher } from './dispatcher.ts';
export { publicRoutes } from './public-pages.ts';
export { createSandboxInbox, type SandboxInbox } from './sandbox-inbox.ts';
export { isSignature, signatureOf } from './signing.ts';
