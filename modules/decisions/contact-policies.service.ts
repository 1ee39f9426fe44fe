import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, type ProblemFault, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import { isZone, LEDGER_DAYS, windowMs } from './contact-policy.ts';
import type { ContactPolicy, ContactPolicyChange } from './contract.ts';
import { decisionsProblems } from './decisions.problems.ts';

/** The contact policy 觸達策略 of the bank, in versions. */
export interface ContactPolicies {
  /** The policy in force; another process's change is seen within a second. */
  current(): Promise<ContactPolicy>;
  /** @throws decisions.policy_not_valid, decisions.policy_conflict */
  change(change: ContactPolicyChange, actor: Actor): Promise<ContactPolicy>;
}

/**
 * What holds before a bank has said anything: consent first, at most three contacts a week. There are no quiet
 * hours, because their time zone cannot be guessed.
 */
export const FIRST_POLICY: Pick<ContactPolicy, 'rules' | 'consentModel'> = {
  rules: [{ id: 'weekly_any', channel: 'any', max: 3, window: 'P7D', purpose: 'marketing' }],
  consentModel: 'opt_in',
};

const FIRST_VERSION: ContactPolicy = {
  ...FIRST_POLICY,
  version: 1,
  changedAt: toIso(0),
  changedBy: 'system',
};

const FRESH_MS = 1_000;

export function createContactPolicies(deps: {
  readonly relational: Relational;
  readonly audit: Audit;
  readonly clock: Clock;
}): ContactPolicies {
  const { relational, audit, clock } = deps;
  let known: { policy: ContactPolicy; readAt: number } | undefined;

  const read = async (): Promise<ContactPolicy> => {
    const found = await relational.pool.query<PolicyRow>(
      `select p.version, p.document, p.changed_at, p.changed_by from decisions.contact_policy p
       order by p.version desc limit 1`,
    );
    const row = found.rows[0];
    return row ? present(row) : FIRST_VERSION;
  };

  const current: ContactPolicies['current'] = async () => {
    // Real time, not `clock`: how fresh a cache is has nothing to do with the time a test pretends it is.
    const now = performance.now();
    if (known && now - known.readAt < FRESH_MS) return known.policy;
    const policy = await read();
    known = { policy, readAt: now };
    return policy;
  };

  return {
    current,
    async change(change, actor) {
      const faults = faultsOf(change);
      if (faults.length > 0) {
        throw decisionsProblems.policy_not_valid({
          detail: faults.map((fault) => `${fault.pointer}: ${fault.message}`).join('; '),
          faults,
        });
      }
      const at = new Date(clock.now());
      const { rules, quietHours, consentModel } = change;
      const version = await relational.transaction(async (client) => {
        await client.query(`select pg_advisory_xact_lock(hashtext('decisions.contact_policy'))`);
        const found = await client.query<{ version: number }>(
          'select coalesce(max(p.version), 1)::int as version from decisions.contact_policy p',
        );
        const now = found.rows[0]?.version ?? 1;
        if (change.version !== undefined && change.version !== now) {
          throw decisionsProblems.policy_conflict({
            detail: `You edited version ${change.version}, the policy is at ${now} by now; read it again.`,
            details: { version: now },
          });
        }
        await client.query(
          'insert into decisions.contact_policy (version, document, changed_at, changed_by) values ($1, $2, $3, $4)',
          [now + 1, JSON.stringify({ rules, quietHours, consentModel }), at, actor.id],
        );
        return now + 1;
      });
      known = undefined;
      await current();
      await audit.record({
        actor,
        action: 'contact_policy.changed',
        subject: 'contact_policy',
        details: { version, rules, quietHours, consentModel },
      });
      return {
        rules,
        consentModel,
        ...(quietHours ? { quietHours } : {}),
        version,
        changedAt: toIso(at.getTime()),
        changedBy: actor.id,
      };
    },
  };
}

interface PolicyRow {
  readonly version: number;
  readonly document: Pick<ContactPolicy, 'rules' | 'quietHours' | 'consentModel'>;
  readonly changed_at: Date;
  readonly changed_by: string;
}

function present(row: PolicyRow): ContactPolicy {
  return {
    ...row.document,
    version: row.version,
    changedAt: toIso(row.changed_at.getTime()),
    changedBy: row.changed_by,
  };
}

function faultsOf(change: ContactPolicyChange): ProblemFault[] {
  const faults: ProblemFault[] = [];
  const seen = new Set<string>();
  change.rules.forEach((rule, index) => {
    if (seen.has(rule.id))
      faults.push({ pointer: `/rules/${index}/id`, message: `another rule is called ${rule.id} too` });
    seen.add(rule.id);
    const width = windowMs(rule);
    if (width <= 0 || width > LEDGER_DAYS * 86_400_000) {
      faults.push({
        pointer: `/rules/${index}/window`,
        message: `${rule.window} is not between PT1H and P${LEDGER_DAYS}D`,
      });
    }
  });
  const quiet = change.quietHours;
  if (quiet && !isZone(quiet.zone))
    faults.push({ pointer: '/quietHours/zone', message: `${quiet.zone} is not a known IANA time zone` });
  if (quiet && quiet.from === quiet.to)
    faults.push({
      pointer: '/quietHours/to',
      message: 'must differ from `from`; leave quietHours out for none',
    });
  return faults;
}
