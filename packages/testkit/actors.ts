import type { Actor } from '@rapport/kernel';

/** A signed-in user with these permissions, seeing the whole bank unless `orgScope` says otherwise. */
export function testActor(permissions: readonly string[] = ['*'], orgScope?: readonly string[]): Actor {
  return {
    kind: 'user',
    id: 'usr_tester',
    displayName: 'Tester',
    permissions: new Set(permissions),
    orgScope,
  };
}
