import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { parse } from 'yaml';
import { runJob } from './jobs.ts';
import { ApiFailure, field, openPlatform, type Platform } from './platform.ts';
import { printResult, printTable } from './print.ts';
import { diffText, listOf } from './tag-diff.ts';

/** `rapport <noun> <verb>`: every command speaks to the HTTP API of the platform in RAPPORT_HOME. */
const program = new Command('rapport')
  .description('The command line of Rapport, the intelligent marketing platform for banks')
  .option('--json', 'print the answer as JSON')
  .showHelpAfterError();

interface Context {
  readonly platform: Platform;
  readonly json: boolean;
}

/** Runs a command against the platform, closing it afterwards; a failure is one sentence and exit code 1. */
function command<Arguments extends unknown[]>(
  work: (context: Context, ...args: Arguments) => Promise<void>,
): (...args: Arguments) => Promise<void> {
  return async (...args) => {
    const json = program.opts().json === true;
    let platform: Platform | undefined;
    try {
      platform = await openPlatform(process.env);
      await work({ platform, json }, ...args);
    } catch (error) {
      if (json && error instanceof ApiFailure)
        printResult({ error: error.message, code: error.code, faults: error.faults });
      process.stderr.write(`${describe(error)}\n`);
      process.exitCode = 1;
    } finally {
      await platform?.close();
    }
  };
}

function describe(error: unknown): string {
  if (error instanceof ApiFailure) {
    return [
      `${error.message} (${error.code})`,
      ...error.faults.map((fault) => `  ${fault.pointer}: ${fault.message}`),
    ].join('\n');
  }
  return error instanceof Error ? error.message : String(error);
}

/** An audience argument: an id, a name, or a condition in JSON. */
async function conditionOf(platform: Platform, argument: string): Promise<unknown> {
  if (argument.trimStart().startsWith('{')) return JSON.parse(argument);
  return field(
    await platform.call('GET', `/audiences/${await idOf(platform, 'audiences', argument, 'aud_')}`),
    'condition',
  );
}

/** The id of a thing given its id or its name. */
async function idOf(platform: Platform, noun: string, nameOrId: string, prefix: string): Promise<string> {
  if (nameOrId.startsWith(prefix)) return nameOrId;
  const items = field(await platform.call('GET', `/${noun}?limit=500`), 'items');
  const found = Array.isArray(items)
    ? items.find((item: unknown) => field(item, 'name') === nameOrId)
    : undefined;
  const id = field(found, 'id');
  if (typeof id !== 'string') throw new Error(`There is nothing named "${nameOrId}" among the ${noun}.`);
  return id;
}

const source = program.command('source').description('Sources 數據源');
source
  .command('apply <manifest>')
  .description('register or change a source from its *.source.yaml')
  .action(
    command(async ({ platform, json }, path: string) => {
      const yaml = await readFile(path, 'utf8');
      const applied = await platform.call('POST', '/sources', { yaml, baseDir: dirname(resolve(path)) });
      if (json) printResult(applied);
      else console.log(`Source ${String(field(applied, 'id'))} is applied.`);
    }),
  );
source
  .command('load <source>')
  .description('load a source; what was there stays until the new data is complete')
  .action(
    command(async ({ platform, json }, sourceId: string) => {
      const started = await platform.call('POST', `/sources/${sourceId}/loads`, {});
      await runJob(platform, String(field(started, 'jobId')), !json);
      const load = await platform.call(
        'GET',
        `/sources/${sourceId}/loads/${String(field(started, 'loadId'))}`,
      );
      if (json) printResult(load);
      else printTable(field(load, 'tables'), ['table', 'read', 'loaded', 'quarantined']);
    }),
  );

const connection = program.command('connection').description('Connections of sources 連接');
connection
  .command('put <name> <file>')
  .description('add or change a connection; its secret is taken from RAPPORT_CONNECTION_SECRET')
  .action(
    command(async ({ platform, json }, name: string, path: string) => {
      const given: unknown = parse(await readFile(path, 'utf8'));
      const settings = Object.fromEntries(
        Object.entries(given ?? {}).filter(([key]) => key !== 'connection'),
      );
      // Never an argument: those can be read by everybody on the machine.
      const secret = process.env.RAPPORT_CONNECTION_SECRET;
      const stored = await platform.call('PUT', `/connections/${encodeURIComponent(name)}`, {
        settings,
        ...(secret === undefined ? {} : { secret }),
      });
      if (json) printResult(stored);
      else
        console.log(
          `Connection ${name} is stored ${field(stored, 'hasSecret') === true ? 'with' : 'without'} a secret.`,
        );
    }),
  );
connection
  .command('test <name>')
  .description('try whether a connection can be read')
  .action(
    command(async ({ platform, json }, name: string) => {
      const tried = await platform.call('POST', `/connections/${encodeURIComponent(name)}/test`, {});
      if (json) printResult(tried);
      else console.log(String(field(tried, 'message')));
      if (field(tried, 'works') !== true) process.exitCode = 1;
    }),
  );

const tag = program.command('tag').description('Tags 標籤');
tag
  .command('import <file>')
  .description('create or change the tags of a *.tags.yaml')
  .action(
    command(async ({ platform }, path: string) => {
      printResult(await platform.call('POST', '/tags/import', { yaml: await readFile(path, 'utf8') }));
    }),
  );
tag
  .command('export')
  .description('write every tag as a *.tags.yaml')
  .option('-o, --output <file>', 'write to a file in place of standard output')
  .action(
    command(async ({ platform, json }, options: { output?: string }) => {
      const exported = await platform.call('GET', '/tags/export');
      const yaml = String(field(exported, 'yaml'));
      if (options.output !== undefined) await writeFile(options.output, yaml);
      else if (json) printResult(exported);
      else process.stdout.write(yaml);
    }),
  );
tag
  .command('diff <file>')
  .description('how a *.tags.yaml differs from the tags that are defined')
  .option('--exit-code', 'exit with code 1 when they differ')
  .action(
    command(async ({ platform, json }, path: string, options: { exitCode?: boolean }) => {
      const diff = await platform.call('POST', '/tags/diff', { yaml: await readFile(path, 'utf8') });
      if (json) printResult(diff);
      else console.log(diffText(diff));
      const differs = ['created', 'changed', 'missing', 'dictionaries'].some(
        (part) => listOf(diff, part).length > 0,
      );
      if (options.exitCode === true && differs) process.exitCode = 1;
    }),
  );
tag
  .command('refresh [tags...]')
  .description('compute the given tags and what they need, or all')
  .action(
    command(async ({ platform, json }, tagIds: string[]) => {
      const started = await platform.call('POST', '/tags/refresh', tagIds.length === 0 ? {} : { tagIds });
      const result = await runJob(platform, String(field(started, 'jobId')), !json);
      printResult(result);
    }),
  );

const audience = program.command('audience').description('Audiences 客群');
audience
  .command('count <audience>')
  .description('exact count of an audience (id or name) or of a condition in JSON')
  .option('--as-of <instant>', 'evaluate as of this instant')
  .action(
    command(async ({ platform, json }, argument: string, options: { asOf?: string }) => {
      const condition = await conditionOf(platform, argument);
      const counted = await platform.call('POST', '/audiences/count', {
        condition,
        ...(options.asOf ? { asOf: options.asOf } : {}),
      });
      if (json) printResult(counted);
      else console.log(`${String(field(counted, 'count'))} of ${String(field(counted, 'total'))} customers`);
    }),
  );
audience
  .command('export <audience>')
  .description('customer ids of an audience as CSV')
  .option('-o, --output <file>', 'write to a file in place of standard output')
  .action(
    command(async ({ platform }, argument: string, options: { output?: string }) => {
      const csv = await platform.download(
        `/audiences/${await idOf(platform, 'audiences', argument, 'aud_')}/export`,
      );
      if (options.output === undefined) process.stdout.write(csv);
      else await writeFile(options.output, csv);
    }),
  );

const campaign = program.command('campaign').description('Campaigns 營銷活動');
campaign
  .command('run <file>')
  .description('create the campaign of a *.campaign.yaml and submit it for approval')
  .action(
    command(async ({ platform, json }, path: string) => {
      const created = await platform.call('POST', '/campaigns/apply', { yaml: await readFile(path, 'utf8') });
      const id = String(field(created, 'id'));
      const submitted = await platform.call('POST', `/campaigns/${id}/submit`, {});
      if (json) printResult(submitted);
      else console.log(`Campaign ${id} waits for a second person's approval.`);
    }),
  );
campaign
  .command('report <campaign>')
  .description('what a campaign caused')
  .action(
    command(async ({ platform, json }, argument: string) => {
      const id = await idOf(platform, 'campaigns', argument, 'cmp_');
      const report = await platform.call('GET', `/reports/campaigns/${id}`);
      if (json) printResult(report);
      else console.log(String(field(field(report, 'narrative'), 'en') ?? JSON.stringify(report, null, 2)));
    }),
  );

const model = program.command('model').description('Models 模型');
for (const verb of ['train', 'evaluate', 'score'] as const) {
  model
    .command(`${verb} <model>`)
    .description(
      {
        train: 'fit the model',
        evaluate: 'measure it on data it has not seen',
        score: 'write its score as a tag',
      }[verb],
    )
    .action(
      command(async ({ platform, json }, argument: string) => {
        const id = await idOf(platform, 'models', argument, 'mdl_');
        const started = await platform.call('POST', `/models/${id}/${verb}`, {});
        const jobId = field(started, 'jobId');
        if (typeof jobId === 'string') await runJob(platform, jobId, !json);
        printResult(await platform.call('GET', `/models/${id}`));
      }),
    );
}

const demo = program.command('demo').description('The demo bank');
demo
  .command('respond <campaign>')
  .description('let the demo bank’s customers respond to a launched campaign, and load what they did')
  .action(
    command(async ({ platform, json }, argument: string) => {
      const campaignId = await idOf(platform, 'campaigns', argument, 'cmp_');
      const started = await platform.call('POST', '/demo/responses', { campaignId });
      printResult(await runJob(platform, String(field(started, 'jobId')), !json));
    }),
  );
demo
  .command('create')
  .description('generate a synthetic bank with planted effects and load it')
  .option('--customers <n>', 'how many customers', '20000')
  .option('--seed <n>', 'the same seed gives the same bank', '1')
  .action(
    command(async ({ platform }, options: { customers: string; seed: string }) => {
      const started = await platform.call('POST', '/demo', {
        customers: Number(options.customers),
        seed: Number(options.seed),
      });
      printResult(await runJob(platform, String(field(started, 'jobId')), true));
    }),
  );

program
  .command('doctor')
  .description('check this installation')
  .action(
    command(async ({ platform }) => {
      const ready = await fetch(`${platform.baseUrl}/ready`);
      const body: unknown = await ready.json();
      const audit = await platform.call('GET', '/audit/check');
      printResult({ ...(typeof body === 'object' ? body : {}), auditTrail: audit, node: process.version });
      if (!ready.ok || field(audit, 'intact') !== true) process.exitCode = 1;
    }),
  );
program
  .command('openapi')
  .description('print the OpenAPI 3.1 document')
  .action(command(async ({ platform }) => printResult(await platform.call('GET', '/openapi.json'))));

await program.parseAsync([
  process.argv[0] ?? 'node',
  basename(process.argv[1] ?? 'rapport'),
  ...process.argv.slice(2),
]);
