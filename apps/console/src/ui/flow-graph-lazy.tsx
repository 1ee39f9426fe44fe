import { type ComponentProps, lazy, Suspense } from 'react';
import { Loading } from './states.tsx';

const Graph = lazy(async () => ({ default: (await import('./flow-graph.tsx')).FlowGraph }));

/** The flow graph; its engine is fetched with the first one shown. */
export function FlowGraph(props: ComponentProps<typeof Graph>) {
  return (
    <Suspense fallback={<Loading rows={8} />}>
      <Graph {...props} />
    </Suspense>
  );
}
