export { modelsMigrations } from './models.migrations.ts';
export { modelsProblems } from './models.problems.ts';
export { modelsRoutes } from './models.routes.ts';
export { createModels, type Models, type ModelsDeps, type ScoreTag, scoreTagOf } from './models.service.ts';
