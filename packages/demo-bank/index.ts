export { type BankPlan, customerAt, customerIdOf, type DemoCustomer, indexOf } from './customers.ts';
export { DEMO_DOCUMENTS } from './definitions.ts';
export {
  type DemoOfferKind,
  OFFER_KINDS,
  type Potential,
  potentialOf,
  RESPONSE_MODELS,
  type ResponseModel,
  type ResponseType,
  responseTypeOf,
} from './effects.ts';
export { type GenerateOptions, generateDemoBank } from './generate.ts';
export { type LabelledRecord, labelledPeople } from './labelled-people.ts';
export {
  type DemoResponse,
  plantedEffect,
  type RespondInput,
  type ResponseEvent,
  type ResponseReceipt,
  type ResponsesWritten,
  respond,
  type Treated,
  writeResponses,
} from './respond.ts';
export { type BadRow, type PlantedEffect, planOf, type Truth } from './truth.ts';
