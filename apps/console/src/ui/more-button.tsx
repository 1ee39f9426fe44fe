import { Button } from 'antd';
import { useText } from '../i18n/i18n.ts';

interface MoreButtonProps {
  readonly query: {
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    readonly fetchNextPage: () => Promise<unknown>;
  };
}

/** Reads the next page of a list, when there is one. */
export function MoreButton({ query }: MoreButtonProps) {
  const t = useText();
  if (!query.hasNextPage) return null;
  return (
    <div style={{ textAlign: 'center', padding: 14 }}>
      <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {t('common.more')}
      </Button>
    </div>
  );
}
