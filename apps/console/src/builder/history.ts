/** What is now, what was before (latest last) and what was undone (next to redo last). */
export interface History<State> {
  readonly past: readonly State[];
  readonly present: State;
  readonly future: readonly State[];
  /** Consecutive changes with the same tag, such as typing into one field, are one step. */
  readonly tag?: string | undefined;
}

/** Steps kept; older ones are forgotten. */
const DEPTH = 200;

export const begin = <State>(present: State): History<State> => ({ past: [], present, future: [] });

export function record<State>(history: History<State>, next: State, tag?: string): History<State> {
  if (next === history.present) return history;
  if (tag !== undefined && tag === history.tag) return { ...history, present: next, future: [] };
  return { past: [...history.past, history.present].slice(-DEPTH), present: next, future: [], tag };
}

export function undo<State>(history: History<State>): History<State> {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return { past: history.past.slice(0, -1), present: before, future: [...history.future, history.present] };
}

export function redo<State>(history: History<State>): History<State> {
  const next = history.future.at(-1);
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future: history.future.slice(0, -1) };
}
