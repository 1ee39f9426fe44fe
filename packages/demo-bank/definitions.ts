import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AUDIENCES } from './definitions.audiences.ts';
import { CAMPAIGNS } from './definitions.campaigns.ts';
import { METRICS_YAML } from './definitions.metrics.ts';
import { SOURCES } from './definitions.sources.ts';
import { TAGS } from './definitions.tags.ts';

export interface DemoDocument {
  /** Path under the bank's folder. */
  readonly path: string;
  readonly text: string;
}

/** A propensity model over the demo tags, as `POST /models` takes it. */
const MODEL = {
  id: 'deposit_propensity',
  name: 'Term deposit propensity',
  features: [
    'age',
    'gender',
    'total_assets',
    'account_balance',
    'deposit_amount',
    'fund_amount',
    'deposit_maturing',
    'login_count_30d',
    'income_90d',
    'risk_level',
  ],
  label: { kind: 'event', event: 'deposit_opened', within: 'P14D' },
  population: { tag: 'customer_kind', op: '=', value: 'retail' },
} as const;

/** Everything beside the data: manifests, tags, audiences, campaigns with their templates and offers, a model. */
export const DEMO_DOCUMENTS: readonly DemoDocument[] = [
  ...SOURCES,
  { path: 'demo.tags.yaml', text: TAGS },
  { path: 'demo.metrics.yaml', text: METRICS_YAML },
  { path: 'demo.audiences.json', text: `${JSON.stringify({ audiences: AUDIENCES }, null, 2)}\n` },
  ...CAMPAIGNS,
  { path: 'demo.model.json', text: `${JSON.stringify(MODEL, null, 2)}\n` },
];

export async function writeDefinitions(outDir: string): Promise<void> {
  for (const { path, text } of DEMO_DOCUMENTS) {
    const file = join(outDir, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
