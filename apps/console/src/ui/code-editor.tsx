import { lazy, Suspense } from 'react';
import { Loading } from './states.tsx';

export interface CodeEditorProps {
  readonly value: string;
  readonly onChange?: ((value: string) => void) | undefined;
  readonly language: 'mjml' | 'json' | 'yaml' | 'sql' | 'text';
  /** Accessible name of the field. */
  readonly label: string;
  readonly height?: number | string;
  readonly readOnly?: boolean;
}

const CodeMirror = lazy(() => import('./code-mirror.tsx'));

/** A field for code; the editor itself is fetched with the first one shown. */
export function CodeEditor(props: CodeEditorProps) {
  return (
    <Suspense fallback={<Loading rows={6} />}>
      <CodeMirror {...props} />
    </Suspense>
  );
}
