import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemActor } from '@rapport/kernel';
import { type RunningServer, startServer } from '@rapport/server';

export interface ExampleBank extends Pick<RunningServer, 'platform' | 'stores'> {
  readonly home: string;
  stop(): Promise<void>;
}

/** The whole platform, empty, in a folder of its own that goes with `stop` unless `keep`. */
export async function startExampleBank(options: {
  readonly name: string;
  readonly currency: string;
  readonly zone: string;
  readonly keep?: boolean;
}): Promise<ExampleBank> {
  const home = await mkdtemp(join(tmpdir(), 'rapport-example-'));
  const server = await startServer({
    env: {
      ...process.env,
      RAPPORT_HOME: home,
      PORT: '0',
      LOG_LEVEL: 'error',
      RAPPORT_BANK_NAME: options.name,
      RAPPORT_CURRENCY: options.currency,
      RAPPORT_TIME_ZONE: options.zone,
      RAPPORT_LANGUAGE: 'en',
    },
    withDemo: false,
    announce: () => undefined,
  });
  return {
    home,
    platform: server.platform,
    stores: server.stores,
    async stop() {
      await server.stop();
      if (options.keep !== true) await rm(home, { recursive: true, force: true });
    },
  };
}

/**
 * Loads a source and computes its tags.
 * @param folder of `<source>.source.yaml` and `<source>.tags.yaml`, with `-` for `_`
 * @returns a line for each table and each quality rule that does not hold
 * @throws Error when the load is refused, rows are lost on the way to the canonical tables, or a tag fails
 */
export async function loadExample(
  { platform, stores }: ExampleBank,
  source: string,
  folder: URL,
): Promise<string[]> {
  const { sources, tags } = platform;
  const read = (name: string): Promise<string> => readFile(new URL(name, folder), 'utf8');
  const name = source.replaceAll('_', '-');
  await sources.applyManifest(await read(`${name}.source.yaml`), { fileName: `${name}.source.yaml` });
  const load = await sources.load(source);
  if (load.state !== 'loaded')
    throw new Error(load.faults.map((fault) => `${fault.place}: ${fault.message}`).join('\n'));
  if (load.rejected.length > 0)
    throw new Error(
      load.rejected.map(({ table, reason, count }) => `${table}: ${count} × ${reason}`).join('\n'),
    );
  const lines = load.tables
    .filter(({ derived }) => !derived)
    .map(
      ({ table, read: rows, loaded, quarantined }) =>
        `${table.padEnd(20)} read ${count(rows)} = loaded ${count(loaded)} + quarantined ${count(quarantined)}`,
    );
  for (const rule of load.quality) if (!rule.passed) lines.push(`quality: ${rule.message}`);
  const { items } = await sources.quarantine(source, { limit: 5 }, systemActor);
  for (const { file, line, field, value, reason } of items)
    lines.push(`quarantine: ${file}:${line} ${field} "${value}" ${reason}`);
  await tags.importYaml(await read(`${name}.tags.yaml`), {}, systemActor);
  const { result } = await stores.jobs.wait(await tags.refresh());
  const failed = typeof result === 'object' && result !== null && 'failed' in result ? result.failed : [];
  if (!Array.isArray(failed) || failed.length > 0)
    throw new Error(`Tags were not computed: ${JSON.stringify(failed)}`);
  return lines;
}

const count = (value: number): string => value.toLocaleString('en');
