/**
 * Who acts. A permission is `<noun>.<verb>` (`audiences.write`, `campaigns.approve`); `*` grants all, and
 * `audiences.*` all verbs of a noun.
 */
export interface Actor {
  readonly kind: 'user' | 'api_key' | 'system';
  /** User or API key id; `system` for the platform itself. */
  readonly id: string;
  readonly displayName: string;
  readonly permissions: ReadonlySet<string>;
  /** Codes of the org units whose customers this actor may see; `undefined` means the whole bank. */
  readonly orgScope: readonly string[] | undefined;
}

export function mayDo(actor: Actor, permission: string): boolean {
  const noun = permission.slice(0, permission.indexOf('.'));
  return (
    actor.permissions.has('*') || actor.permissions.has(permission) || actor.permissions.has(`${noun}.*`)
  );
}

/** The platform acting for itself: schedules, recoveries, projections. */
export const systemActor: Actor = {
  kind: 'system',
  id: 'system',
  displayName: 'Rapport',
  permissions: new Set(['*']),
  orgScope: undefined,
};
