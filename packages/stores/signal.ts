/** A condition that waiters are woken by; it may be raised many times. */
export interface Signal {
  /** Resolves at the next `raise`. */
  next(): Promise<void>;
  raise(): void;
}

export function createSignal(): Signal {
  let wake: () => void = () => undefined;
  const arm = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  let promise = arm();
  return {
    next: () => promise,
    raise() {
      const raised = wake;
      promise = arm();
      raised();
    },
  };
}
