// The import table (DESIGN §8): what each module may import, type imports counted. Everything else is an error.
const MAY_IMPORT = {
  governance: [],
  sources: ['governance'],
  catalog: ['governance', 'sources'],
  customers: ['governance', 'sources'],
  tags: ['governance', 'sources', 'customers'],
  audiences: ['governance', 'customers', 'tags'],
  metrics: ['governance', 'customers'],
  workbench: ['governance', 'sources', 'metrics'],
  offers: ['governance', 'audiences'],
  content: ['governance', 'customers', 'tags', 'offers'],
  channels: ['governance', 'customers', 'content'],
  models: ['governance', 'customers', 'tags', 'audiences'],
  decisions: ['governance', 'customers', 'tags', 'audiences', 'offers', 'content', 'channels', 'models'],
  campaigns: [
    'governance',
    'customers',
    'tags',
    'audiences',
    'offers',
    'content',
    'channels',
    'models',
    'decisions',
  ],
  insights: ['governance', 'customers', 'tags', 'audiences', 'channels', 'decisions', 'campaigns'],
  partners: ['governance', 'audiences', 'offers', 'campaigns', 'insights'],
};

const PACKAGES = {
  kernel: [],
  calendar: [],
  statistics: ['kernel'],
  conditions: ['kernel'],
  stores: ['kernel'],
  sets: ['kernel', 'stores', 'conditions'],
  http: ['kernel'],
  client: [],
  'demo-bank': ['kernel'],
  testkit: ['kernel', 'stores', 'http'],
};

const tests = '\\.(test|conformance)\\.tsx?$';
const notIn = (folder, allowed) => `^${folder}/(?!(${allowed.join('|')})/)`;

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(MAY_IMPORT).map(([module, allowed]) => ({
      name: `module-${module}`,
      comment: `modules/${module} may import only: ${allowed.join(', ') || 'no other module'}`,
      severity: 'error',
      from: { path: `^modules/${module}/`, pathNot: tests },
      to: { path: notIn('modules', [module, ...allowed]) },
    })),
    ...Object.entries(PACKAGES).map(([name, allowed]) => ({
      name: `package-${name}`,
      severity: 'error',
      from: { path: `^packages/${name}/`, pathNot: tests },
      to: { path: `(${notIn('packages', [name, ...allowed])})|(^(modules|apps)/)` },
    })),
    {
      name: 'modules-not-apps',
      severity: 'error',
      from: { path: '^modules/' },
      to: { path: '^(apps|bench|examples)/' },
    },
    {
      name: 'entered-by-the-door',
      comment: 'Another module is entered by its index or contract only.',
      severity: 'error',
      from: { path: '^modules/([^/]+)/', pathNot: tests },
      to: { path: '^modules/([^/]+)/(?!(index|contract)\\.ts$)', pathNot: '^modules/$1/' },
    },
    {
      name: 'console-sees-contracts',
      severity: 'error',
      from: { path: '^apps/console/' },
      to: {
        path: '^(modules/[^/]+/(?!contract\\.ts$)|packages/(?!(kernel|client|conditions)/)|apps/(server|cli)/)',
      },
    },
    {
      name: 'testkit-in-tests-only',
      severity: 'error',
      from: {
        path: '^(packages/(?!testkit/)|modules/|apps/)',
        pathNot: `${tests}|\\.test-support\\.ts$|/testing/|crash|^apps/server/e2e`,
      },
      to: { path: '^packages/testkit/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'default'] },
  },
};
