import { lazy, Suspense } from 'react';
import type { CodeFieldProps } from './code-field.ts';
import { Loading } from './states.tsx';

const CodeMirror = lazy(() => import('./code-mirror.tsx'));

/** A field for code; the editor itself is fetched with the first one shown. */
export function CodeEditor(props: CodeFieldProps) {
  return (
    <Suspense fallback={<Loading rows={6} />}>
      <CodeMirror {...props} />
    </Suspense>
  );
}
