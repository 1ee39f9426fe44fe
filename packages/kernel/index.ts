export { type Actor, mayDo, systemActor } from './actor.ts';
export { type Clock, type EpochMs, fixedClock, systemClock, toIso } from './clock.ts';
export { type Component, createLifecycle } from './component.ts';
export { type Duration, parseDuration, shiftInstant } from './duration.ts';
export {
  declaredProblems,
  defineProblems,
  Problem,
  type ProblemFactory,
  type ProblemFault,
  type ProblemOptions,
  type ProblemSpec,
} from './errors.ts';
export { BUCKET_COUNT, bucketOf, murmur3 } from './hash.ts';
export { type Id, isId, newId } from './id.ts';
export { createLog, type Log, silentLog } from './log.ts';
export { type Random, seededRandom } from './random.ts';
export {
  Instant,
  LANGUAGES,
  type Language,
  LocalizedText,
  localized,
  Page,
  PageQuery,
  ProblemBody,
  Ratio,
} from './schema.ts';
