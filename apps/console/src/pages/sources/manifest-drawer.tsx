import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { applyManifest } from '../../api/sources.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { CodeEditor } from '../../ui/code-editor.tsx';
import { Button, Drawer } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { ProblemView } from '../../ui/states.tsx';

const STARTER = `source: my_source
title: { en: My source }
folder: \${RAPPORT_DATASETS}/my_source
tables: {}
`;

interface ManifestDrawerProps {
  readonly yaml?: string | undefined;
  readonly onClose: () => void;
}

/** Writes or changes a source manifest; faults are shown with their place in the text. */
export function ManifestDrawer({ yaml, onClose }: ManifestDrawerProps) {
  const t = useText();
  const notify = useNotify();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [text, setText] = useState(yaml ?? STARTER);
  const apply = useMutation({
    mutationFn: () => applyManifest(text),
    onSuccess: async (applied) => {
      await queries.invalidateQueries({ queryKey: ['sources'] });
      notify.done(
        applied.changed ? t('sources.applied', { version: applied.version }) : t('sources.unchanged'),
      );
      onClose();
      await navigate({ to: '/sources/$sourceId', params: { sourceId: applied.id } });
    },
  });
  return (
    <Drawer
      open
      size={860}
      title={t('sources.manifest')}
      onClose={onClose}
      extra={
        <Button type="primary" loading={apply.isPending} onClick={() => apply.mutate()}>
          {t('sources.applyNow')}
        </Button>
      }
    >
      <div className="stack gap-m">
        <p className="soft">{t('sources.manifestHint')}</p>
        {apply.error ? <ProblemView error={apply.error} /> : null}
        <CodeEditor language="yaml" label={t('sources.manifest')} value={text} onChange={setText} />
      </div>
    </Drawer>
  );
}
