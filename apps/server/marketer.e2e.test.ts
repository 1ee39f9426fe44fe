import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LifecycleBoard } from '@rapport/insights/contract';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runRapport } from '../cli/testing.ts';
import { type Caller, startTestServer, type TestServer } from './testing.ts';

const LAUNCH = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** One story: a marketer builds an audience by dragging, a second person approves the campaign, and its report is read. */
describe('a marketer in the browser', () => {
  let server: TestServer;
  let browser: Browser;
  let marketer: Page;
  let admin: Caller;
  const contexts: BrowserContext[] = [];
  const problems: string[] = [];

  const open = async (username: string): Promise<Page> => {
    const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1440, height: 900 } });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => problems.push(String(error)));
    const file: { users: { username: string; password: string }[] } = JSON.parse(
      await readFile(join(server.home, 'credentials.json'), 'utf8'),
    );
    const password = file.users.find((user) => user.username === username)?.password ?? '';
    await page.goto(`${server.url}/campaigns`);
    await page.getByLabel('Username').fill(username);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Campaigns' }).first().waitFor();
    return page;
  };
  const choose = async (page: Page, label: string, option: string | RegExp): Promise<void> => {
    await page.getByLabel(label, { exact: true }).first().click();
    await page
      .locator('.ant-select-dropdown:visible .ant-select-item-option')
      .filter({ hasText: option })
      .first()
      .click();
  };

  beforeAll(async () => {
    server = await startTestServer({ withDemo: true, env: { RAPPORT_DEMO_CUSTOMERS: '2000' } });
    admin = await server.as('admin');
    browser = await chromium.launch({
      executablePath: process.env.RAPPORT_CHROMIUM ?? '/usr/bin/chromium',
      args: LAUNCH,
    });
    marketer = await open('marketer');
  }, 240_000);
  afterAll(async () => {
    for (const context of contexts) await context.close();
    await browser?.close();
    await server?.stop();
  });

  it('drags a tag into an audience and sees at once how many customers it describes', async () => {
    await marketer.goto(`${server.url}/audiences/new`);
    await marketer.getByLabel('Search tags, events, audiences').fill('Age');
    const item = marketer.locator('.palette-item').filter({ hasText: /^Age/ }).first();
    const group = marketer.getByText('Drop conditions here').first();
    const [from, to] = [await item.boundingBox(), await group.boundingBox()];
    if (!from || !to) throw new Error('The palette or the group is not on the page.');
    await marketer.mouse.move(from.x + 30, from.y + from.height / 2);
    await marketer.mouse.down();
    await marketer.mouse.move(to.x + to.width / 2 - 20, to.y + to.height / 2, { steps: 12 });
    await marketer.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 4 });
    await marketer.mouse.up();
    await choose(marketer, 'Operator', /^(≥|>=|is at least|at least)/);
    await marketer.getByLabel('Value', { exact: true }).first().fill('30');
    await marketer.getByLabel('Name of the audience').fill('Thirty and over');
    await marketer.getByRole('button', { name: 'Save audience' }).click();
    await marketer.getByText('The audience is saved').waitFor();

    const found = await admin('GET', '/audiences?search=Thirty');
    const items: unknown = found.body.items;
    const condition: unknown = Array.isArray(items) ? items[0]?.condition : undefined;
    expect(JSON.stringify(condition)).toContain('"value":30');
    const counted = await admin('POST', '/audiences/count', { condition });
    const shown = Number(counted.body.count).toLocaleString('en-GB');
    await marketer.getByText(shown, { exact: true }).first().waitFor();
  });

  it('profiles the audience, uploads a list of visitors, and makes an audience of both', async () => {
    const found = await admin('GET', '/audiences?search=Thirty');
    const audience: unknown = Array.isArray(found.body.items) ? found.body.items[0] : undefined;
    if (
      typeof audience !== 'object' ||
      audience === null ||
      !('id' in audience) ||
      !('condition' in audience)
    )
      throw new Error('The audience was not saved.');
    await marketer.goto(`${server.url}/audiences/${audience.id}?tab=profile`);
    await marketer.getByRole('heading', { name: 'What sets them apart' }).waitFor({ timeout: 60_000 });
    const profile = await admin('POST', '/audiences/profile', {
      condition: audience.condition,
      findings: 20,
    });
    const told: unknown = profile.body.findings;
    const [finding] = Array.isArray(told) ? told.filter((one) => one.defining === false) : [];
    if (finding) await marketer.getByText(String(finding.sentence), { exact: true }).first().waitFor();

    const ids: unknown = (await admin('GET', '/customers?limit=3')).body.items;
    const visitors = (Array.isArray(ids) ? ids : []).map(({ customerId }) => String(customerId));
    expect(visitors).toHaveLength(3);
    await marketer.goto(`${server.url}/lists`);
    await marketer.getByRole('button', { name: 'New list' }).first().click();
    await marketer.locator('input[type=file]').setInputFiles({
      name: 'visitors.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(
        `name,customer_id\n${[...visitors, visitors[0], 'NOBODY'].map((id) => `"Visitor, one",${id}`).join('\n')}\n`,
      ),
    });
    await marketer.getByLabel('Name', { exact: true }).fill('Autumn fair');
    await marketer.getByLabel(/^Why the bank may use it/).fill('Invitation; consent on the form');
    await marketer.getByRole('button', { name: 'Create and match' }).click();
    await marketer.getByRole('heading', { name: 'Match result' }).waitFor();
    const lists: unknown = (await admin('GET', '/lists')).body.items;
    expect(lists).toMatchObject([
      { name: 'Autumn fair', size: 3, report: { rows: 5, matched: 3, duplicates: 1, unmatched: 1 } },
    ]);
    await marketer.getByRole('button', { name: 'New audience of the list' }).click();
    await expect.poll(() => marketer.getByTestId('audience-count').textContent()).toBe('3');
  }, 120_000);

  it('reads the same AUM at home and in the metric, and as SQL', async () => {
    const home = (await admin('GET', '/reports/home')).body;
    const metric = (await admin('GET', '/metrics/aum/values')).body;
    const asked = await admin('POST', '/workbench/run', { sql: 'SELECT sum(value) AS aum FROM metric_aum' });
    expect(home.aum).toMatchObject([{ totalMinor: metric.total, metric: { id: 'aum' } }]);
    expect(asked.body.rows).toEqual([[metric.total]]);
  });

  let campaignId = '';
  it('goes through the five steps and submits the campaign', async () => {
    await marketer.goto(`${server.url}/campaigns`);
    await marketer.getByRole('button', { name: 'New campaign' }).click();
    await marketer.getByRole('dialog').getByLabel('Name of the campaign').fill('Deposit in the browser');
    await marketer
      .getByRole('dialog')
      .getByRole('button', { name: /create|new campaign|start/i })
      .click();
    await marketer.waitForURL(/\/campaigns\/cmp_[^/]+\/edit/);
    campaignId = /cmp_[^/]+/.exec(marketer.url())?.[0] ?? '';
    const next = () => marketer.getByRole('button', { name: /^Next/ }).click();

    await marketer.getByLabel('Goal', { exact: true }).fill('Move savings into the 12-month deposit');
    await choose(marketer, 'Objective', 'AUM growth');
    await choose(marketer, 'Event that counts as success', /deposit.opened/i);
    await next();
    await choose(marketer, 'Choose an audience', 'Thirty and over');
    await next();
    await choose(marketer, 'Template', /Term deposit e-mail/);
    await choose(marketer, 'Offer', /12-month deposit/);
    await next();
    await next();
    await marketer.getByRole('button', { name: 'Submit for approval' }).first().click();
    await marketer.getByText('Submitted for approval').first().waitFor();
    expect((await admin('GET', `/campaigns/${campaignId}`)).body.state).toBe('in_review');
  });

  it('lets a second person approve, launches, and reads what the campaign caused', {
    timeout: 180_000,
  }, async () => {
    const checker = await open('checker');
    await checker.goto(`${server.url}/approvals`);
    const card = checker
      .locator('.ant-card, article, section')
      .filter({ hasText: 'Deposit in the browser' })
      .last();
    await card.getByRole('button', { name: 'Approve' }).click();
    await checker
      .locator('.ant-modal:visible, .ant-popover:visible')
      .getByRole('button', { name: /approve|ok|yes/i })
      .click({ timeout: 2_000 })
      .catch(() => undefined);
    await expect
      .poll(async () => (await admin('GET', `/campaigns/${campaignId}`)).body.state, { timeout: 20_000 })
      .toBe('approved');

    await marketer.goto(`${server.url}/campaigns/${campaignId}`);
    await marketer.getByRole('button', { name: 'Launch' }).first().click();
    await marketer
      .locator('.ant-modal:visible, .ant-popover:visible')
      .getByRole('button', { name: /launch|ok|yes/i })
      .click();
    await expect
      .poll(async () => sentAll((await admin('GET', `/campaigns/${campaignId}`)).body), {
        timeout: 90_000,
        interval: 500,
      })
      .toBe(true);

    expect(await runRapport(server.home, 'demo', 'respond', 'Deposit in the browser')).toMatchObject({
      code: 0,
    });
    await marketer.goto(`${server.url}/campaigns/${campaignId}/report`);
    await marketer
      .getByText(/treated customers/)
      .first()
      .waitFor();
    const report = await admin('GET', `/reports/campaigns/${campaignId}`);
    expect(JSON.stringify(report.body)).toContain('"difference":0');
    expect(problems).toEqual([]);
  });

  it('sees every customer in exactly one stage of life, and which the campaign reaches', async () => {
    const { body } = await admin('GET', '/reports/lifecycle?from=2026-01-01');
    const board = Value.Parse(LifecycleBoard, body);
    expect(board.customers).toBe(2_000);
    expect(board.stages.reduce((sum, { customers }) => sum + customers, 0)).toBe(2_000);
    for (const { stage, customers } of board.stages)
      if (stage !== null)
        expect(
          (
            await admin('POST', '/audiences/count', {
              condition: { tag: board.tagId, op: '=', value: stage },
            })
          ).body,
        ).toMatchObject({ count: customers });
    const campaign = (await admin('GET', `/campaigns/${campaignId}`)).body;
    expect(campaign.state).toBe('running');
    const programmes = board.stages.flatMap((stage) => stage.programmes);
    const own = programmes.filter((each) => each.campaignId === campaignId);
    expect(own.reduce((sum, { customers }) => sum + customers, 0)).toBe(Object(campaign.counts).targeted);

    await marketer.goto(`${server.url}/insights/lifecycle`);
    await marketer.getByRole('heading', { name: 'Lifecycle' }).first().waitFor();
    await marketer.getByRole('link', { name: 'Deposit in the browser' }).first().waitFor();
    expect(problems).toEqual([]);
  });

  it('finds every command of the README working', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const blocks = [...readme.matchAll(/```sh\n([^`]*)```/g)].map((match) => match[1] ?? '');
    const lines = blocks
      .flatMap((block) => block.split('\n'))
      .map((line) => line.replace(/\s+#.*$/, '').trim());
    const scripts: { scripts: Record<string, string> } = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    // The README's own files are any bank's; here they are the demo bank's.
    const files: Readonly<Record<string, string>> = {
      'bank.source.yaml': join(server.home, 'demo/demo.source.yaml'),
      'bank.tags.yaml': join(server.home, 'demo/demo.tags.yaml'),
      'autumn.campaign.yaml': join(server.home, 'demo/campaigns/fund.campaign.yaml'),
      bank: 'demo',
    };
    const failed: string[] = [];
    let run = 0;
    for (const line of lines.filter((each) => each !== '')) {
      const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
        (match) => match[1] ?? match[2] ?? match[3] ?? '',
      );
      const [command, name, ...args] = words;
      if (command === 'npx' && name === 'rapport') {
        run += 1;
        const result = await runRapport(server.home, ...args.map((arg) => files[arg] ?? arg));
        if (result.code !== 0) failed.push(`${line}: ${result.err}`);
      } else if (
        command !== 'npm' ||
        scripts.scripts[name === 'run' ? (args[0] ?? '') : (name ?? '')] === undefined
      ) {
        failed.push(`${line}: there is no such script`);
      }
    }
    expect(failed).toEqual([]);
    expect(run).toBeGreaterThan(6);
  }, 180_000);
});

function sentAll(campaign: Record<string, unknown>): boolean {
  const counts: unknown = campaign.counts;
  if (
    typeof counts !== 'object' ||
    counts === null ||
    !('messages' in counts) ||
    !('queued' in counts) ||
    !('expanded' in counts)
  )
    return false;
  const messages = Object.entries(counts.messages ?? {});
  const open = messages
    .filter(([state]) => state === 'queued' || state === 'sending')
    .reduce((sum, [, n]) => sum + Number(n), 0);
  return counts.queued === counts.expanded && Number(counts.queued) > 0 && open === 0;
}
