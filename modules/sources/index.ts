export type {
  ConsentRow,
  ConsentSink,
  Projection,
  Projector,
  ProjectorInput,
  RejectedRows,
  RoleTable,
} from './projector.ts';
export { sourcesProblems } from './sources.errors.ts';
