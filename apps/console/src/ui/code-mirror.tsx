import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { html } from '@codemirror/lang-html';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { colors, monoFamily } from '../theme/tokens.ts';
import type { CodeFieldProps } from './code-field.ts';

const languages: Readonly<Record<CodeFieldProps['language'], () => Extension>> = {
  mjml: html,
  json,
  yaml,
  text: () => [],
  sql: () => [],
};

const highlight = HighlightStyle.define([
  { tag: [tags.tagName, tags.keyword, tags.propertyName], color: colors.primary },
  { tag: [tags.attributeName], color: colors.violet },
  { tag: [tags.string, tags.attributeValue], color: colors.accent },
  { tag: [tags.number, tags.bool, tags.null], color: colors.info },
  { tag: [tags.comment], color: colors.inkFaint, fontStyle: 'italic' },
]);

const look = EditorView.theme({
  '&': {
    fontSize: '13px',
    backgroundColor: colors.sunken,
    borderRadius: '10px',
    border: `1px solid ${colors.line}`,
  },
  '&.cm-focused': { outline: 'none', borderColor: colors.primary },
  '.cm-scroller': { fontFamily: monoFamily, lineHeight: '1.6' },
  '.cm-gutters': { backgroundColor: 'transparent', border: 'none', color: colors.inkFaint },
  '.cm-content': { padding: '10px 0' },
});

/** CodeMirror as a controlled field. Tab leaves the field (nobody is trapped in it by keyboard). */
export default function CodeMirror({ value, onChange, language, label, height, readOnly }: CodeFieldProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const changed = useRef(onChange);
  const initial = useRef(value);
  changed.current = onChange;

  useEffect(() => {
    if (!place.current) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: initial.current,
        extensions: [
          lineNumbers(),
          history(),
          indentOnInput(),
          bracketMatching(),
          syntaxHighlighting(highlight),
          languages[language](),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorState.readOnly.of(readOnly === true),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current?.(update.state.doc.toString());
          }),
          look,
        ],
      }),
    });
    view.current = made;
    return () => {
      made.destroy();
      view.current = undefined;
    };
  }, [language, label, readOnly]);

  useEffect(() => {
    initial.current = value;
    const shown = view.current;
    if (shown && shown.state.doc.toString() !== value) {
      shown.dispatch({ changes: { from: 0, to: shown.state.doc.length, insert: value } });
    }
  }, [value]);

  return <div ref={place} style={{ maxHeight: height, overflow: 'auto' }} />;
}
