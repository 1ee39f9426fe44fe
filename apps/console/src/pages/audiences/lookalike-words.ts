/** The list that a finished look-alike job made; `undefined` when its result names none. */
export function listIdOf(result: unknown): string | undefined {
  if (typeof result !== 'object' || result === null || !('listId' in result)) return undefined;
  return typeof result.listId === 'string' ? result.listId : undefined;
}

/** Whether a model tells the seed from others hardly better than chance: 0.5 within two standard errors, or under 0.55. */
export const isWeak = ({ auc, aucSe }: { readonly auc: number; readonly aucSe: number }): boolean =>
  auc < 0.55 || auc - 2 * aucSe <= 0.5;
