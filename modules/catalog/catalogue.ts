import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, type LocalizedText, mayDo, newId, toIso } from '@rapport/kernel';
import type { Sources } from '@rapport/sources';
import type { DataClass, SourceManifest } from '@rapport/sources/contract';
import type { Relational, Releases, Warehouse } from '@rapport/stores';
import type { AccessLog } from './access-log.ts';
import type { Arrivals } from './arrivals.ts';
import type { Blocks } from './blocks.ts';
import { catalogProblems } from './catalog.problems.ts';
import { classify } from './classify.ts';
import type { CatalogColumn, CatalogEntry, CatalogTable, NewWord, NotePatch, WordView } from './contract.ts';
import type { Monitor } from './monitor.ts';
import type { QualityRules } from './quality-rules.ts';
import { createStatistics, masked, type StatColumn } from './statistics.ts';

interface NoteRow {
  table_name: string;
  column_name: string;
  owner: string | null;
  steward: string | null;
  description: LocalizedText | null;
  data_class: DataClass | null;
}

interface WordRow {
  id: string;
  term: LocalizedText;
  meaning: LocalizedText;
  columns: string[];
}

/** Canonical tables that people look for, with what they hold. */
const CANONICAL: Readonly<Record<string, LocalizedText>> = {
  customer: { en: 'Customers', 'zh-Hant': '客戶', 'zh-Hans': '客户' },
  identity: { en: 'Identities', 'zh-Hant': '身份', 'zh-Hans': '身份' },
  account: { en: 'Accounts', 'zh-Hant': '帳戶', 'zh-Hans': '账户' },
  holding: { en: 'Product holdings', 'zh-Hant': '產品持有', 'zh-Hans': '产品持有' },
  transaction: { en: 'Transactions', 'zh-Hant': '交易', 'zh-Hans': '交易' },
  event: { en: 'Events', 'zh-Hant': '事件', 'zh-Hans': '事件' },
  product: { en: 'Products', 'zh-Hant': '產品', 'zh-Hans': '产品' },
  org_unit: { en: 'Org units', 'zh-Hant': '機構', 'zh-Hans': '机构' },
  household: { en: 'Households', 'zh-Hant': '家庭', 'zh-Hans': '家庭' },
  relation: { en: 'Relations', 'zh-Hant': '關係', 'zh-Hans': '关系' },
};

interface KnownTable {
  readonly logical: string;
  readonly kind: CatalogEntry['kind'];
  readonly physical: string | undefined;
  readonly sourceId: string | undefined;
  readonly table: string;
  readonly manifest: SourceManifest | undefined;
  readonly title: LocalizedText | undefined;
  readonly role: string | undefined;
  readonly rows: number | undefined;
  readonly columns: readonly (StatColumn & { readonly personal: boolean })[];
  readonly columnNames: readonly string[];
}

/** What the catalogue asks sources. */
export type CatalogSources = Pick<Sources, 'manifests' | 'tablesOf' | 'list'>;

export type Catalogue = ReturnType<typeof createCatalogue>;

/** Every table of the platform with its columns, and what is known of them. */
export function createCatalogue(deps: {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly sources: CatalogSources;
  readonly monitor: Monitor;
  readonly rules: QualityRules;
  readonly blocks: Blocks;
  readonly arrivals: Arrivals;
  readonly accessLog: AccessLog;
}) {
  const { sources, releases, clock } = deps;
  const { pool } = deps.relational;
  const statistics = createStatistics(deps.warehouse);

  const known = async (): Promise<KnownTable[]> => {
    const [release, manifests] = await Promise.all([releases.current(), sources.manifests()]);
    const loaded = await sources.tablesOf(release);
    const own = manifests.flatMap((manifest) => {
      const all = [
        ...Object.entries(manifest.tables).map(([table, given]) => ({
          table,
          kind: 'source' as const,
          title: given.title,
          role: given.role,
          names: Object.entries(given.columns).flatMap(([name, column]) =>
            typeof column === 'object'
              ? [
                  name,
                  column.from ?? '',
                  ...Object.values(column.title ?? {}),
                  ...Object.values(column.description ?? {}),
                ]
              : [name],
          ),
        })),
        ...Object.entries(manifest.derived ?? {}).map(([table, given]) => ({
          table,
          kind: 'derived' as const,
          title: given.title,
          role: given.role,
          names: [] as string[],
        })),
      ];
      return all.map(({ table, kind, title, role, names }): KnownTable => {
        const logical = `src/${manifest.source}/${table}`;
        const physical = loaded.get(logical);
        const columns = (physical?.description.columns ?? []).map((column) => ({
          name: column.name,
          type: column.type,
          engineType: column.engineType,
          personal: column.personal,
          ...(column.scale === undefined ? {} : { scale: column.scale }),
        }));
        return {
          logical,
          kind,
          physical: release.placements.get(logical)?.table,
          sourceId: manifest.source,
          table,
          manifest,
          title,
          role,
          rows: physical?.description.rows,
          columns,
          columnNames: [...names, ...columns.map((column) => column.name)],
        };
      });
    });
    const canonical = await Promise.all(
      Object.entries(CANONICAL).flatMap(([logical, title]) => {
        const placement = release.placements.get(logical);
        if (!placement) return [];
        return [
          (async (): Promise<KnownTable> => {
            const columns = await statistics.columns(placement.table);
            return {
              logical,
              kind: 'canonical',
              physical: placement.table,
              sourceId: undefined,
              table: logical,
              manifest: undefined,
              title,
              role: logical,
              rows: await statistics.rows(placement.table),
              columns: columns
                .filter((column) => !column.name.startsWith('_'))
                .map((column) => ({ ...column, type: typeOf(column.engineType), personal: false })),
              columnNames: columns.map((column) => column.name),
            };
          })(),
        ];
      }),
    );
    return [...canonical, ...own];
  };

  const notesOf = async (): Promise<Map<string, NoteRow>> => {
    const { rows } = await pool.query<NoteRow>(
      'select n.table_name, n.column_name, n.owner, n.steward, n.description, n.data_class from catalog.note n',
    );
    return new Map(rows.map((row) => [`${row.table_name} ${row.column_name}`, row]));
  };

  const words = async (): Promise<WordView[]> => {
    const { rows } = await pool.query<WordRow>(
      "select w.id, w.term, w.meaning, w.columns from catalog.word w order by w.term ->> 'en'",
    );
    return rows;
  };

  const entryOf = async (
    table: KnownTable,
    context: {
      readonly notes: ReadonlyMap<string, NoteRow>;
      readonly failing: ReadonlyMap<string, number>;
      readonly blocked: ReadonlySet<string>;
      readonly loadedAt: ReadonlyMap<string, string>;
    },
  ): Promise<CatalogEntry> => {
    const note = context.notes.get(`${table.logical} `);
    const given = table.manifest?.tables[table.table];
    const owner = note?.owner ?? given?.owner ?? table.manifest?.owner;
    const steward = note?.steward ?? given?.steward ?? table.manifest?.steward;
    const dataClass =
      note?.data_class ??
      given?.dataClass ??
      table.manifest?.dataClass ??
      (table.columns.some((column) => column.personal) ? 'C2' : undefined);
    const loadedAt = table.sourceId === undefined ? undefined : context.loadedAt.get(table.sourceId);
    return {
      table: table.logical,
      kind: table.kind,
      ...(table.title ? { title: table.title } : {}),
      ...(table.sourceId === undefined ? {} : { sourceId: table.sourceId }),
      ...(table.role === undefined ? {} : { role: table.role }),
      ...(owner ? { owner } : {}),
      ...(steward ? { steward } : {}),
      ...(dataClass ? { dataClass } : {}),
      ...(table.rows === undefined ? {} : { rows: table.rows }),
      columns: table.columns.length > 0 ? table.columns.length : Object.keys(given?.columns ?? {}).length,
      ...(loadedAt === undefined ? {} : { loadedAt }),
      failingRules: context.failing.get(table.logical) ?? 0,
      blocked: context.blocked.has(table.logical),
      matches: [],
    };
  };

  const contextOf = async () => {
    const [notes, failing, blocked, list] = await Promise.all([
      notesOf(),
      deps.rules.failing(),
      deps.blocks.blocked(),
      sources.list({ limit: 500 }),
    ]);
    return {
      notes,
      failing,
      blocked: new Set(blocked.map((entry) => entry.table)),
      loadedAt: new Map(
        list.items.flatMap(({ id, lastLoad }) =>
          lastLoad?.finishedAt === undefined ? [] : [[id, lastLoad.finishedAt] as const],
        ),
      ),
    };
  };

  const require = async (logical: string): Promise<KnownTable> => {
    const found = (await known()).find((table) => table.logical === logical);
    if (!found) {
      throw catalogProblems.table_not_found({
        detail: `The catalogue has no table "${logical}". Tables are named like src/<source>/<table>, or customer.`,
      });
    }
    return found;
  };

  return {
    /** Tables, of a search the best first. Words are looked for in names, titles, descriptions and the glossary. */
    async list(query: { search?: string; kind?: string; dataClass?: string }): Promise<CatalogEntry[]> {
      const [tables, context, glossary] = await Promise.all([known(), contextOf(), words()]);
      const entries = await Promise.all(
        tables.map(async (table) => ({ table, entry: await entryOf(table, context) })),
      );
      const kept = entries.filter(
        ({ entry }) =>
          (query.kind === undefined || entry.kind === query.kind) &&
          (query.dataClass === undefined || entry.dataClass === query.dataClass),
      );
      const search = plain(query.search ?? '');
      if (search === '') return kept.map(({ entry }) => entry);
      const explained = new Set(
        glossary
          .filter((word) =>
            [...Object.values(word.term), ...Object.values(word.meaning)].some((text) =>
              plain(text ?? '').includes(search),
            ),
          )
          .flatMap((word) => word.columns),
      );
      return kept
        .flatMap(({ table, entry }) => {
          const note = context.notes.get(`${table.logical} `);
          const names = [
            table.logical,
            table.table,
            table.role ?? '',
            ...Object.values(table.title ?? {}),
            ...Object.values(note?.description ?? {}),
            entry.owner ?? '',
            entry.steward ?? '',
          ];
          const inName = names.some((text) => plain(text ?? '').includes(search));
          const isExact = names.some((text) => plain(text ?? '') === search);
          const matches = [
            ...new Set([
              ...table.columnNames.filter((name) => plain(name).includes(search)),
              ...[...explained].filter((column) => column.startsWith(`${table.logical}.`)),
            ]),
          ];
          const score = (isExact ? 4 : 0) + (inName ? 2 : 0) + (matches.length > 0 ? 1 : 0);
          return score === 0 ? [] : [{ score, entry: { ...entry, matches: matches.slice(0, 12) } }];
        })
        .toSorted((a, b) => b.score - a.score)
        .map(({ entry }) => entry);
    },

    async table(logical: string, actor: Actor): Promise<CatalogTable> {
      const table = await require(logical);
      const [context, glossary, blocked, rules, usage] = await Promise.all([
        contextOf(),
        words(),
        deps.blocks.blocked(),
        deps.rules.list(logical),
        deps.accessLog.usage(logical),
      ]);
      const entry = await entryOf(table, context);
      const given = table.manifest?.tables[table.table];
      // Rows of a table cannot be told apart by org unit.
      const seesRows = actor.orgScope === undefined;
      const seesPersonal = mayDo(actor, 'customers.pii');
      const seesSecret = mayDo(actor, 'catalog.secret');
      const { physical } = table;
      const columns: CatalogColumn[] = [];
      const classes = new Map<string, string | undefined>();
      for (const column of table.columns) {
        const listed = given?.columns[column.name];
        const full = typeof listed === 'object' ? listed : undefined;
        const note = context.notes.get(`${logical} ${column.name}`);
        const figures = physical === undefined ? undefined : await statistics.of(physical, column);
        const suggestion = classify(
          { name: column.name, type: column.type, ...(full?.from === undefined ? {} : { from: full.from }) },
          figures?.sample ?? [],
        );
        const stated = note?.data_class ?? full?.dataClass ?? (column.personal ? 'C2' : undefined);
        // Until somebody says otherwise, what it seems to be decides how it is masked.
        const dataClass = stated ?? (suggestion?.what === 'money' ? 'C1' : suggestion?.dataClass);
        const hides = dataClass === 'C3' ? !seesSecret : dataClass === 'C2' ? !seesPersonal : false;
        classes.set(column.name, hides ? dataClass : 'C1');
        const bounds = figures !== undefined && seesRows && !hides && figures.greatest !== '';
        const description = note?.description ?? full?.description;
        const owner = note?.owner ?? full?.owner;
        columns.push({
          name: column.name,
          type: column.type,
          engineType: column.engineType,
          ...(full?.title ? { title: full.title } : {}),
          ...(description ? { description } : {}),
          ...(owner ? { owner } : {}),
          ...(full?.unit === undefined ? {} : { unit: full.unit }),
          ...(stated ? { dataClass: stated } : {}),
          ...(suggestion && suggestion.dataClass !== stated
            ? {
                suggested: {
                  dataClass: suggestion.dataClass,
                  what: suggestion.what,
                  share: suggestion.share,
                  by: suggestion.by,
                },
              }
            : {}),
          personal: column.personal,
          unknown: figures?.unknown ?? 0,
          distinct: figures?.distinct ?? 0,
          ...(bounds ? { least: figures.least, greatest: figures.greatest } : {}),
          top:
            figures && seesRows
              ? figures.top.map(({ value, rows }) => ({
                  value: masked(value, hides ? dataClass : 'C1'),
                  rows,
                }))
              : [],
          histogram: figures && seesRows && !hides ? [...figures.histogram] : [],
          words: glossary
            .filter((word) => word.columns.includes(`${logical}.${column.name}`))
            .map((word) => word.term.en),
          blocked: blocked.some(
            (block) =>
              block.table === logical && (block.column === undefined || block.column === column.name),
          ),
        });
      }
      const rows =
        physical !== undefined && seesRows ? await statistics.sample(physical, table.columns, 20) : [];
      const sample = rows.map((row) =>
        Object.fromEntries(
          table.columns.map((column, index): [string, string | null] => {
            const value = row[index] ?? null;
            return [column.name, value === null ? null : masked(value, classes.get(column.name))];
          }),
        ),
      );
      if (sample.length > 0) {
        await deps.accessLog.record({
          actor,
          how: 'sample',
          table: logical,
          columns: table.columns.map((column) => column.name),
          rows: sample.length,
        });
      }
      const note = context.notes.get(`${logical} `);
      const arrives = table.manifest?.arrives;
      const board = arrives ? await deps.arrivals.board(1) : undefined;
      const day = board?.sources.find((source) => source.sourceId === table.sourceId)?.days[0];
      return {
        entry,
        ...(note?.description ? { description: note.description } : {}),
        columns,
        growth: table.sourceId === undefined ? [] : await deps.monitor.growth(table.sourceId, table.table),
        ...(arrives
          ? {
              sla: {
                by: arrives.by,
                every: arrives.every ?? 'business day',
                ...(day ? { state: day.state } : {}),
              },
            }
          : {}),
        usage,
        rules,
        sample,
      };
    },

    /** Owner, steward, description and class, of a table (`column` '') or a column. */
    async note(logical: string, column: string, patch: NotePatch, actor: Actor): Promise<void> {
      const table = await require(logical);
      if (column !== '' && !table.columns.some((candidate) => candidate.name === column)) {
        throw catalogProblems.column_not_found({
          detail: `${logical} has no column "${column}"; it has ${table.columns.map(({ name }) => name).join(', ')}.`,
        });
      }
      const before = (await notesOf()).get(`${logical} ${column}`);
      const keep = <Value>(given: Value | undefined, old: Value): Value =>
        given === undefined ? old : given;
      await pool.query(
        `insert into catalog.note (table_name, column_name, owner, steward, description, data_class, updated_by, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (table_name, column_name) do update set owner = excluded.owner, steward = excluded.steward,
           description = excluded.description, data_class = excluded.data_class, updated_by = excluded.updated_by,
           updated_at = excluded.updated_at`,
        [
          logical,
          column,
          keep(patch.owner, before?.owner ?? null),
          keep(patch.steward, before?.steward ?? null),
          JSON.stringify(keep(patch.description, before?.description ?? null)),
          keep(patch.dataClass, before?.data_class ?? null),
          actor.id,
          new Date(clock.now()),
        ],
      );
      await deps.audit.record({
        actor,
        action: 'catalog.noted',
        subject: column === '' ? logical : `${logical}.${column}`,
        details: patch,
      });
    },

    words,

    async addWord(word: NewWord, actor: Actor): Promise<WordView> {
      const view: WordView = {
        id: newId('wrd'),
        term: word.term,
        meaning: word.meaning,
        columns: [...(word.columns ?? [])],
      };
      await pool.query(
        `insert into catalog.word (id, term, meaning, columns, updated_by, updated_at) values ($1, $2, $3, $4, $5, $6)`,
        [
          view.id,
          JSON.stringify(view.term),
          JSON.stringify(view.meaning),
          JSON.stringify(view.columns),
          actor.id,
          new Date(clock.now()),
        ],
      );
      await deps.audit.record({
        actor,
        action: 'catalog.word_added',
        subject: view.id,
        details: { term: view.term.en },
      });
      return view;
    },

    async removeWord(wordId: string, actor: Actor): Promise<void> {
      const { rowCount } = await pool.query('delete from catalog.word w where w.id = $1', [wordId]);
      if (rowCount === 0)
        throw catalogProblems.word_not_found({ detail: `The glossary has no word ${wordId}.` });
      await deps.audit.record({ actor, action: 'catalog.word_removed', subject: wordId });
    },

    at: () => toIso(clock.now()),
    known,
    statistics,
  };
}

/** Text for searching: without case, blanks and signs; simplified and traditional stay apart. */
const plain = (text: string): string => text.toLowerCase().replace(/[\s_/.-]/g, '');

function typeOf(engineType: string): string {
  const inner = engineType
    .replace(/^(Nullable|LowCardinality)\((.*)\)$/, '$2')
    .replace(/^Nullable\((.*)\)$/, '$1');
  if (/^U?Int/.test(inner)) return 'integer';
  if (/^(Float|Decimal)/.test(inner)) return 'number';
  if (/^(String|FixedString|Enum)/.test(inner)) return 'text';
  if (inner === 'Bool') return 'boolean';
  if (/^Date(32)?$/.test(inner)) return 'date';
  if (/^DateTime/.test(inner)) return 'instant';
  return 'other';
}
