import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Identity, Role } from '@rapport/governance';
import { systemActor } from '@rapport/kernel';
import { writePrivately } from './secrets.ts';

export interface Credential {
  readonly username: string;
  readonly password: string;
  readonly roles: readonly Role[];
}

const FIRST_USERS: readonly { username: string; displayName: string; roles: Role[] }[] = [
  { username: 'admin', displayName: 'Administrator', roles: ['administrator'] },
  { username: 'marketer', displayName: 'Marketer', roles: ['marketer'] },
  { username: 'checker', displayName: 'Checker', roles: ['checker'] },
  { username: 'analyst', displayName: 'Analyst', roles: ['analyst'] },
  { username: 'manager', displayName: 'Relationship manager', roles: ['relationship_manager'] },
  { username: 'executive', displayName: 'Executive', roles: ['executive'] },
];

/** Letters and digits that are not mistaken for one another when read aloud. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

/**
 * Makes the first users of an empty installation and writes them to `credentials.json`, readable by its owner only.
 * @returns what was made; empty when there are users already
 */
export async function createFirstUsers(identity: Identity, home: string): Promise<readonly Credential[]> {
  const existing = await identity.users();
  if (existing.length > 0) return [];
  const credentials = FIRST_USERS.map((user) => ({ ...user, password: newPassword() }));
  // The file comes first: a crash in between leaves a password without its user, never a user nobody can be.
  await writePrivately(
    join(home, 'credentials.json'),
    `${JSON.stringify({ users: credentials.map(({ username, password, roles }) => ({ username, password, roles })) }, null, 2)}\n`,
  );
  for (const user of credentials) await identity.createUser(user, systemActor);
  return credentials;
}

function newPassword(): string {
  const group = (): string => Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return [group(), group(), group()].join('-');
}
