export type { WorkbenchResult, WorkbenchTables } from './contract.ts';
export { workbenchMigrations } from './workbench.migrations.ts';
export { workbenchProblems } from './workbench.problems.ts';
export { workbenchRoutes } from './workbench.routes.ts';
export { createWorkbench, type Workbench, type WorkbenchDeps } from './workbench.service.ts';
