import type { TagVersion, TagView } from '@rapport/tags/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { restoreTagVersion, tagVersionsQuery } from '../../api/tags.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { useConfirm } from '../../ui/confirm.ts';
import { When } from '../../ui/figures.tsx';
import { Button } from '../../ui/kit.ts';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer } from '../../ui/states.tsx';

/** Versions of a definition and what each changed; an earlier one can be made the newest. */
export function VersionsTab({ tag }: { readonly tag: TagView }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const confirm = useConfirm();
  const queries = useQueryClient();
  const versions = useQuery(tagVersionsQuery(tag.id));
  const restore = useMutation({
    mutationFn: (version: number) => restoreTagVersion(tag.id, version),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tags'] }),
    onError: notify.problem,
  });
  const handleRestore = async (version: number): Promise<void> => {
    const sure = await confirm({
      title: t('market.v.restoreTitle', { version }),
      text: t('market.v.restoreText'),
      action: t('market.v.restore'),
    });
    if (sure) restore.mutate(version);
  };
  return (
    <Answer query={versions}>
      {({ items }) => (
        <div className="stack gap-m">
          {items.map((version) => (
            <Panel
              key={version.version}
              title={
                <span className="row gap-s">
                  {t('market.v.version', { version: version.version })}
                  {version.version === tag.version ? (
                    <Badge tone="primary">{t('market.v.current')}</Badge>
                  ) : null}
                </span>
              }
              note={
                <>
                  <When at={version.at} /> · {version.by}
                </>
              }
              actions={
                version.version !== tag.version && may('tags.write') ? (
                  <Button size="small" onClick={() => void handleRestore(version.version)}>
                    {t('market.v.restore')}
                  </Button>
                ) : null
              }
            >
              <Changes version={version} />
            </Panel>
          ))}
        </div>
      )}
    </Answer>
  );
}

function Changes({ version }: { readonly version: TagVersion }) {
  const t = useText();
  if (version.changes.length === 0) return <span className="faint">{t('market.v.first')}</span>;
  return (
    <ul className="list-plain list-rows">
      {version.changes.map((change) => (
        <li key={change.pointer} className="stack gap-xs">
          <code className="faint">{change.pointer}</code>
          {change.before === undefined ? null : (
            <code className="diff-before" style={{ overflowWrap: 'anywhere' }}>
              − {change.before}
            </code>
          )}
          {change.after === undefined ? null : (
            <code className="diff-after" style={{ overflowWrap: 'anywhere' }}>
              + {change.after}
            </code>
          )}
        </li>
      ))}
    </ul>
  );
}
