import type { Condition } from '@rapport/conditions';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { useText } from '../../i18n/i18n.ts';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { Button } from '../../ui/kit.ts';
import { Panel } from '../../ui/page.tsx';
import { ProblemView } from '../../ui/states.tsx';

interface JsonPanelProps {
  readonly condition: Condition;
  readonly onApply: (condition: Condition) => void;
}

/** The condition as JSON. The server checks it before the builder takes it, so faults come with their pointers. */
export function JsonPanel({ condition, onApply }: JsonPanelProps) {
  const t = useText();
  const written = JSON.stringify(condition, null, 2);
  const [text, setText] = useState<string | undefined>(undefined);
  const apply = useMutation({
    mutationFn: async () => {
      const read: Condition = JSON.parse(text ?? written);
      await api.post('/audiences/count', { body: { condition: read } });
      return read;
    },
    onSuccess: (read) => {
      setText(undefined);
      onApply(read);
    },
  });
  return (
    <Panel
      title={t('audiences.json.title')}
      note={t('audiences.json.note')}
      actions={
        <Button
          type="primary"
          disabled={text === undefined}
          loading={apply.isPending}
          onClick={() => apply.mutate()}
        >
          {t('audiences.json.apply')}
        </Button>
      }
    >
      <div className="stack gap-m">
        {apply.error ? <ProblemView error={apply.error} /> : null}
        <CodeEditor
          language="json"
          label={t('audiences.json.title')}
          value={text ?? written}
          onChange={setText}
        />
      </div>
    </Panel>
  );
}
