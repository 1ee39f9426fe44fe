/**
 * Lets many callers share one round trip: while a run is under way, inputs gather, and the next run takes them all.
 * @param run   array in, answers in the same order out; when it throws, every caller of that run is refused
 * @param size  inputs a run at most
 */
export function createCombiner<Input, Output>(
  run: (inputs: readonly Input[]) => Promise<readonly Output[]>,
  size: number,
): (input: Input) => Promise<Output> {
  interface Waiting {
    readonly input: Input;
    readonly resolve: (output: Output) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  let isRunning = false;

  const drain = async (): Promise<void> => {
    isRunning = true;
    // One turn of the event loop, so that callers woken together go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const taken = waiting.slice(0, size);
      waiting = waiting.slice(size);
      try {
        const outputs = await run(taken.map((one) => one.input));
        taken.forEach((one, index) => {
          const output = outputs[index];
          if (output === undefined && index >= outputs.length)
            one.reject(new Error('the run answered too little'));
          else resolveWith(one, output);
        });
      } catch (error) {
        for (const one of taken) one.reject(error);
      }
    }
    isRunning = false;
  };
  const resolveWith = (one: Waiting, output: Output | undefined): void => {
    if (output !== undefined) one.resolve(output);
    else one.reject(new Error('the run answered nothing'));
  };

  return (input) =>
    new Promise<Output>((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      if (!isRunning) void drain();
    });
}
