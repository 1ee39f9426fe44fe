import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { importTags } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { Facts } from '../../ui/figures.tsx';
import { Button, Drawer } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { ProblemView } from '../../ui/states.tsx';

/** Imports tags from YAML: first shows what would change, then applies it. */
export function ImportTagsDrawer({ onClose }: { readonly onClose: () => void }) {
  const t = useText();
  const notify = useNotify();
  const queries = useQueryClient();
  const [yaml, setYaml] = useState('tags: []\n');
  const run = useMutation({
    mutationFn: (dryRun: boolean) => importTags(yaml, dryRun),
    onSuccess: async (result) => {
      if (!result.applied) return;
      await queries.invalidateQueries({ queryKey: ['tags'] });
      notify.done(t('tags.import.done'));
      onClose();
    },
  });
  return (
    <Drawer
      open
      size={820}
      title={t('tags.import.title')}
      onClose={onClose}
      extra={
        <div className="row gap-s">
          <Button loading={run.isPending} onClick={() => run.mutate(true)}>
            {t('tags.import.try')}
          </Button>
          <Button type="primary" loading={run.isPending} onClick={() => run.mutate(false)}>
            {t('tags.import.apply')}
          </Button>
        </div>
      }
    >
      <div className="stack gap-m">
        {run.error ? <ProblemView error={run.error} /> : null}
        {run.data ? (
          <Facts
            items={[
              { term: t('tags.import.created'), value: run.data.created.join(', ') || '0' },
              {
                term: t('tags.import.changed'),
                value: run.data.changed.map((tag) => `${tag.id} (${tag.fields.join(' ')})`).join(', ') || '0',
              },
              { term: t('tags.import.unchanged'), value: String(run.data.unchanged.length) },
            ]}
          />
        ) : null}
        <CodeEditor language="yaml" label={t('tags.import.yaml')} value={yaml} onChange={setYaml} />
      </div>
    </Drawer>
  );
}
