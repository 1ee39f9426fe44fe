import type { Audience, AudienceSnapshot } from '@rapport/audiences/contract';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import {
  exportAudience,
  exportSnapshot,
  freezeAudience,
  snapshotsQuery,
} from '../../api/audiences.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { saveBlob } from '../../ui/download.ts';
import { Num, When } from '../../ui/figures.tsx';
import { DownloadIcon } from '../../ui/icons.ts';
import { Button } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { useNotify } from '../../ui/notify.ts';
import { Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

/** Frozen memberships of an audience, and its export. */
export function SnapshotsPanel({ audience }: { readonly audience: Audience }) {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const snapshots = useInfiniteQuery(snapshotsQuery(audience.id));
  const freeze = useMutation({
    mutationFn: () => freezeAudience(audience.id),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['audiences', 'one', audience.id, 'snapshots'] }),
    onError: notify.problem,
  });
  const download = useMutation({
    mutationFn: async (snapshot: AudienceSnapshot | undefined) => {
      const blob = snapshot ? await exportSnapshot(snapshot.id) : await exportAudience(audience.id);
      saveBlob(blob, `${snapshot?.id ?? audience.id}.csv`);
    },
    onError: notify.problem,
  });
  return (
    <Panel
      flush
      title={t('audiences.snapshots.title')}
      note={t('audiences.snapshots.note')}
      actions={
        <>
          {may('audiences.export') ? (
            <Button
              icon={<DownloadIcon />}
              loading={download.isPending}
              onClick={() => download.mutate(undefined)}
            >
              {t('audiences.snapshots.export')}
            </Button>
          ) : null}
          {may('audiences.write') ? (
            <Button type="primary" loading={freeze.isPending} onClick={() => freeze.mutate()}>
              {t('audiences.snapshots.freeze')}
            </Button>
          ) : null}
        </>
      }
    >
      <Answer query={snapshots}>
        {(data) => (
          <>
            <DataTable<AudienceSnapshot>
              label={t('audiences.snapshots.title')}
              rows={itemsOf(data)}
              rowKey={(snapshot) => snapshot.id}
              pageSize={100_000}
              empty={<Nothing title={t('audiences.snapshots.empty')} hint={t('audiences.snapshots.note')} />}
              columns={[
                {
                  title: t('audiences.snapshots.frozenAt'),
                  render: (_, snapshot) => <When at={snapshot.createdAt} />,
                },
                {
                  title: t('audiences.snapshots.size'),
                  align: 'right',
                  render: (_, snapshot) => <Num value={snapshot.size} />,
                },
                {
                  title: t('audiences.snapshots.asOf'),
                  render: (_, snapshot) => <When at={snapshot.asOf} />,
                },
                {
                  title: t('audiences.snapshots.release'),
                  align: 'right',
                  render: (_, snapshot) => <Num value={snapshot.release} />,
                },
                {
                  title: '',
                  align: 'right',
                  render: (_, snapshot) =>
                    may('audiences.export') ? (
                      <Button
                        size="small"
                        type="text"
                        icon={<DownloadIcon />}
                        aria-label={t('audiences.snapshots.exportOne', { id: snapshot.id })}
                        onClick={() => download.mutate(snapshot)}
                      />
                    ) : null,
                },
              ]}
            />
            <MoreButton query={snapshots} />
          </>
        )}
      </Answer>
    </Panel>
  );
}
