import { type Actor, type LocalizedText, newId, toIso } from '@rapport/kernel';
import type { PoolClient } from 'pg';
import type { TagContext } from './tags.context.ts';
import { tagsProblems } from './tags.problems.ts';
import type { CategoryChange, CategoryMove, CategoryNode, NewCategory } from './workflow.contract.ts';

/** Levels of a taxonomy; the category of a tag is a path of at most so many parts. */
const MAX_LEVEL = 6;

export interface Taxonomy {
  /** Parents before children, siblings in order; categories that only tags name are nodes too. */
  tree(): Promise<CategoryNode[]>;
  /** @throws tags.category_exists, tags.no_category, tags.invalid when too deep */
  create(category: NewCategory, actor: Actor): Promise<CategoryNode>;
  /** Renames, moves, puts in order. Tags below move along. @throws tags.no_category, tags.category_cyclic, tags.category_exists */
  change(id: string, change: CategoryChange, actor: Actor): Promise<CategoryNode>;
  /** @throws tags.category_in_use */
  remove(id: string, actor: Actor): Promise<void>;
  moves(): Promise<CategoryMove[]>;
  /** Makes the nodes of these paths where there are none, with these titles. */
  ensure(paths: readonly string[], titles?: ReadonlyMap<string, LocalizedText>): Promise<void>;
}

interface Row {
  id: string;
  parent_id: string | null;
  name: string;
  title: LocalizedText;
  owner: string | null;
  position: number;
}

export function createTaxonomy({ deps, store }: TagContext): Taxonomy {
  const { relational, clock } = deps;

  const rowsOf = async (client: Pick<PoolClient, 'query'> = relational.pool): Promise<Row[]> =>
    (
      await client.query<Row>(
        'select c.id, c.parent_id, c.name, c.title, c.owner, c.position from tags.category c',
      )
    ).rows;

  const pathsOf = (rows: readonly Row[]): Map<string, string> => {
    const byId = new Map(rows.map((row) => [row.id, row]));
    const pathOf = (row: Row): string => {
      const parent = row.parent_id === null ? undefined : byId.get(row.parent_id);
      return parent ? `${pathOf(parent)}/${row.name}` : row.name;
    };
    return new Map(rows.map((row) => [row.id, pathOf(row)]));
  };

  const ensure: Taxonomy['ensure'] = async (paths, titles = new Map()) => {
    const wanted = new Set(
      paths.flatMap((path) => {
        const parts = path.split('/');
        return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
      }),
    );
    if (wanted.size === 0) return;
    await relational.transaction(async (client) => {
      const ids = new Map([...pathsOf(await rowsOf(client))].map(([id, path]) => [path, id]));
      for (const path of [...wanted].toSorted((a, b) => a.split('/').length - b.split('/').length)) {
        const cut = path.lastIndexOf('/');
        const name = path.slice(cut + 1);
        const title = titles.get(path);
        const known = ids.get(path);
        if (known !== undefined) {
          if (title)
            await client.query('update tags.category set title = $2 where id = $1', [
              known,
              JSON.stringify(title),
            ]);
          continue;
        }
        const parent = cut < 0 ? null : (ids.get(path.slice(0, cut)) ?? null);
        const id = newId('cat');
        const { rows } = await client.query<{ id: string }>(
          `insert into tags.category (id, parent_id, name, title, position)
           values ($1, $2, $3, $4, (select count(*) from tags.category c where c.parent_id is not distinct from $2))
           on conflict (parent_id, name) do update set name = excluded.name returning id`,
          [id, parent, name, JSON.stringify(title ?? { en: titleOf(name) })],
        );
        ids.set(path, rows[0]?.id ?? id);
      }
    });
  };

  const tree: Taxonomy['tree'] = async () => {
    const tags = await store.all();
    let rows = await rowsOf();
    const known = new Set(pathsOf(rows).values());
    const missing = [...new Set(tags.map(({ definition }) => definition.category))].filter(
      (path) => !known.has(path),
    );
    if (missing.length > 0) {
      await ensure(missing);
      rows = await rowsOf();
    }
    const paths = pathsOf(rows);
    const own = new Map<string, number>();
    for (const { definition } of tags) own.set(definition.category, (own.get(definition.category) ?? 0) + 1);
    const below = (path: string): number =>
      [...own].reduce((sum, [each, n]) => sum + (each === path || each.startsWith(`${path}/`) ? n : 0), 0);
    const nodesUnder = (parentId: string | null): CategoryNode[] =>
      rows
        .filter((row) => row.parent_id === parentId)
        .toSorted((a, b) => a.position - b.position || (a.name < b.name ? -1 : 1))
        .flatMap((row) => {
          const path = paths.get(row.id) ?? row.name;
          const cut = path.lastIndexOf('/');
          return [
            {
              id: row.id,
              path,
              ...(cut < 0 ? {} : { parent: path.slice(0, cut) }),
              ...(row.parent_id === null ? {} : { parentId: row.parent_id }),
              name: row.name,
              title: row.title,
              ...(row.owner === null ? {} : { owner: row.owner }),
              position: row.position,
              level: path.split('/').length,
              own: own.get(path) ?? 0,
              tags: below(path),
            },
            ...nodesUnder(row.id),
          ];
        });
    return nodesUnder(null);
  };

  const find = async (id: string): Promise<CategoryNode> => {
    const found = (await tree()).find((node) => node.id === id);
    if (!found) throw tagsProblems.no_category({ detail: `There is no category ${id}.` });
    return found;
  };

  /** Gives tags their new path; every one gets a new version, so that the move stands in its history. */
  const moveTags = async (from: string, to: string, actor: Actor): Promise<number> => {
    const moved = (await store.all()).flatMap(({ definition }) =>
      definition.category === from || definition.category.startsWith(`${from}/`)
        ? [{ ...definition, category: `${to}${definition.category.slice(from.length)}` }]
        : [],
    );
    await store.save(moved, { by: actor.id, at: clock.now() });
    return moved.length;
  };

  return {
    tree,
    ensure,
    async create(category, actor) {
      const parent = category.parentId === undefined ? undefined : await find(category.parentId);
      const path = parent ? `${parent.path}/${category.name}` : category.name;
      if (path.split('/').length > MAX_LEVEL)
        throw tagsProblems.invalid({
          detail: `The taxonomy has at most ${MAX_LEVEL} levels; ${path} would be one more.`,
          faults: [{ pointer: '/parentId', message: `It is on level ${parent?.level ?? 0} already.` }],
        });
      if ((await tree()).some((node) => node.path === path))
        throw tagsProblems.category_exists({ detail: `There is a category ${path} already.` });
      const id = newId('cat');
      await relational.pool.query(
        'insert into tags.category (id, parent_id, name, title, owner, position) values ($1, $2, $3, $4, $5, $6)',
        [
          id,
          category.parentId ?? null,
          category.name,
          JSON.stringify(category.title),
          category.owner ?? null,
          category.position ?? 0,
        ],
      );
      await deps.audit.record({ actor, action: 'tag_category.created', subject: path });
      return find(id);
    },
    async change(id, change, actor) {
      const nodes = await tree();
      const node = nodes.find((each) => each.id === id);
      if (!node) throw tagsProblems.no_category({ detail: `There is no category ${id}.` });
      const parent =
        change.parentId === undefined
          ? nodes.find((each) => each.id === node.parentId)
          : nodes.find((each) => each.id === change.parentId);
      if (typeof change.parentId === 'string' && !parent)
        throw tagsProblems.no_category({ detail: `There is no category ${change.parentId}.` });
      if (parent && (parent.id === id || parent.path.startsWith(`${node.path}/`)))
        throw tagsProblems.category_cyclic({ detail: `${node.path} cannot stand below ${parent.path}.` });
      const name = change.name ?? node.name;
      const to = parent ? `${parent.path}/${name}` : name;
      if (to !== node.path && nodes.some((each) => each.path === to))
        throw tagsProblems.category_exists({ detail: `There is a category ${to} already.` });
      const depth = Math.max(
        ...nodes.filter((each) => each.path.startsWith(node.path)).map((each) => each.level - node.level),
      );
      if (to.split('/').length + depth > MAX_LEVEL)
        throw tagsProblems.invalid({
          detail: `The taxonomy has at most ${MAX_LEVEL} levels; below ${to} there would be ${to.split('/').length + depth}.`,
          faults: [{ pointer: '/parentId', message: 'Too deep.' }],
        });
      await relational.pool.query(
        'update tags.category set parent_id = $2, name = $3, title = $4, owner = $5, position = $6 where id = $1',
        [
          id,
          parent?.id ?? null,
          name,
          JSON.stringify(change.title ?? node.title),
          change.owner ?? node.owner ?? null,
          change.position ?? node.position,
        ],
      );
      if (to !== node.path) {
        const tags = await moveTags(node.path, to, actor);
        await relational.pool.query(
          'insert into tags.category_move (from_path, to_path, tags, at, by) values ($1, $2, $3, $4, $5)',
          [node.path, to, tags, new Date(clock.now()), actor.id],
        );
      }
      await deps.audit.record({
        actor,
        action: 'tag_category.changed',
        subject: to,
        details: { from: node.path, ...change },
      });
      return find(id);
    },
    async remove(id, actor) {
      const node = await find(id);
      const children = (await tree()).filter((each) => each.parentId === id).length;
      if (node.tags > 0 || children > 0)
        throw tagsProblems.category_in_use({
          detail: `${node.path} has ${node.tags} tags and ${children} categories below; move them first.`,
        });
      await relational.pool.query('delete from tags.category where id = $1', [id]);
      await deps.audit.record({ actor, action: 'tag_category.deleted', subject: node.path });
    },
    async moves() {
      const { rows } = await relational.pool.query<{
        from_path: string;
        to_path: string;
        tags: number;
        at: Date;
        by: string;
      }>(
        'select m.from_path, m.to_path, m.tags, m.at, m.by from tags.category_move m order by m.id desc limit 200',
      );
      return rows.map((row) => ({
        from: row.from_path,
        to: row.to_path,
        tags: row.tags,
        at: toIso(row.at.getTime()),
        by: row.by,
      }));
    },
  };
}

const titleOf = (name: string): string => {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};
