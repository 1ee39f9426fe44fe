export type {
  Audience,
  AudienceSnapshot,
  CountResult,
  EvaluateResult,
  ExplainResult,
  Vocabulary,
} from './contract.ts';
