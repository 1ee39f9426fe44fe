import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves with the first answer of `condition` that is neither false nor absent.
 * @param withinMs gives up and throws after this long; @default 10 s
 */
export async function waitFor<Answer>(
  condition: () => Answer | Promise<Answer>,
  options: { readonly withinMs?: number; readonly what?: string } = {},
): Promise<Exclude<Answer, false | undefined | null>> {
  const { withinMs = 10_000, what = 'the condition' } = options;
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await condition();
    if (isThere(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not come true within ${withinMs} ms.`);
    await sleep(20);
  }
}

function isThere<Answer>(answer: Answer): answer is Exclude<Answer, false | undefined | null> {
  return answer !== false && answer !== undefined && answer !== null;
}
