import { type InfiniteData, infiniteQueryOptions } from '@tanstack/react-query';
import { api, type Query } from './client.ts';

export interface Paged<Item> {
  readonly items: readonly Item[];
  readonly nextCursor?: string;
}

/** A list that is read on page by page with its cursor. */
export const pagedQuery = <Item>(key: readonly unknown[], path: string, query: Query = {}) =>
  infiniteQueryOptions({
    queryKey: [...key, query],
    queryFn: ({ pageParam, signal }) =>
      api.get<Paged<Item>>(path, { query: { ...query, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Paged<Item>) => last.nextCursor,
  });

export const itemsOf = <Item>(data: InfiniteData<Paged<Item>, unknown>): readonly Item[] =>
  data.pages.flatMap((page) => page.items);
