/** A thing that must be started and stopped. `start` answers once it is ready; `stop` may be called twice. */
export interface Component {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts components in order and stops them in reverse. When one fails to start, those before it are stopped
 * and the failure is thrown. A failing `stop` does not keep the others from stopping.
 */
export function createLifecycle(
  components: readonly Component[],
  onStopError: (name: string, error: unknown) => void,
): Component {
  const started: Component[] = [];
  const stop = async (): Promise<void> => {
    for (let component = started.pop(); component; component = started.pop()) {
      try {
        await component.stop();
      } catch (error) {
        onStopError(component.name, error);
      }
    }
  };
  return {
    name: 'lifecycle',
    async start() {
      for (const component of components) {
        started.push(component);
        try {
          await component.start();
        } catch (error) {
          await stop();
          throw error;
        }
      }
    },
    stop,
  };
}
