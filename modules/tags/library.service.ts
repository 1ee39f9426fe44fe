import type { Actor } from '@rapport/kernel';
import type { Release } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import type { TagWorld } from './compute.ts';
import type { StatisticalDefinition, TagDefinition } from './contract.ts';
import { literal } from './expression.ts';
import type {
  TagLibraryInstall,
  TagLibraryInstalled,
  TagLibraryView,
  TagTransitionMatrix,
  TagTransitionQuery,
} from './library.contract.ts';
import { TAG_LIBRARY } from './library.ts';
import { forBank, type LibraryBank, type NeededColumn, neededBy } from './library-bank.ts';
import { dependenciesOf, orderTags } from './plan.ts';
import { rowScope } from './tables.ts';
import { mustFind, type TagContext } from './tags.context.ts';
import type { TagDefinitions } from './tags.definitions.ts';
import { tagsProblems } from './tags.problems.ts';
import { differences, writeTagsYaml, written } from './tags.yaml.ts';

/** Ready-made tags: which there are, which the bank has the data for, and taking them over. */
export interface TagLibrary {
  list(): Promise<TagLibraryView>;
  /**
   * Defines ready-made tags and all they read, as an import of a file does. Tags without data are left out unless
   * asked for, and tags of the bank with the same id stay. @throws tags.not_found for ids and themes there are not
   */
  install(request: TagLibraryInstall, actor: Actor): Promise<TagLibraryInstalled>;
  /** Days whose values of a tag are kept, `yyyy-mm-dd`, oldest first. */
  keptDays(tagId: string): Promise<readonly string[]>;
  /**
   * How customers moved between the values of a text tag from one day to another, by the values kept of those days
   * (`history/<day>/tag/<id>`). @throws tags.not_found, tags.not_computed, tags.invalid
   */
  transitions(
    tagId: string,
    query: TagTransitionQuery,
    /** Only customers that they may see; absent = all. */
    actor?: Actor,
  ): Promise<TagTransitionMatrix>;
}

/** What keeps a tag from being used: faults refuse it, gaps leave it empty. */
interface Assessed {
  readonly faults: readonly string[];
  readonly gaps: readonly string[];
}

const CurrencyRow = Type.Object({ currency: Type.String(), n: Type.Integer() });
const CodesRow = Type.Object({ codes: Type.Array(Type.String()) });
const OneRow = Type.Object({ n: Type.Integer() });
const MoveRow = Type.Object({ before: Type.String(), after: Type.String(), n: Type.Integer() });
/** With so many different values a column is no code list, and anything may be among them. */
const MOST_CODES = 2_000;
const MOST_REASONS = 3;

export function createTagLibrary(
  context: TagContext,
  definitions: Pick<TagDefinitions, 'importYaml'>,
): TagLibrary {
  const { deps, store, computation, worldFor, catalogOf, defaultAsOf } = context;
  const { warehouse, releases } = deps;
  /** What was found in the data of a release. */
  let found: { release: number; codes: Map<string, ReadonlySet<string>>; filled: Map<string, boolean> } = {
    release: -1,
    codes: new Map(),
    filled: new Map(),
  };

  const bankOf = async (asked: { currency?: string; zone?: string }): Promise<LibraryBank> => {
    const { placements } = await releases.current();
    const tables = (['account', 'holding', 'transaction'] as const).flatMap((name) => {
      const placement = placements.get(name);
      return placement ? [warehouse.identifier(placement.table)] : [];
    });
    const rows =
      tables.length === 0
        ? []
        : await warehouse.query(
            CurrencyRow,
            `SELECT toString(currency) AS currency, count() AS n FROM (${tables
              .map((table) => `SELECT currency FROM ${table}`)
              .join(
                ' UNION ALL ',
              )}) WHERE match(currency, '^[A-Z]{3}$') GROUP BY currency ORDER BY n DESC, currency LIMIT 50`,
          );
    const currency = asked.currency ?? rows[0]?.currency;
    return {
      currency,
      isMixed: rows.some((row) => row.currency !== currency),
      zone: asked.zone ?? (await usualZone()),
    };
  };

  /** The zone that most sources write their instants in. */
  const usualZone = async (): Promise<string> => {
    const counts = new Map<string, number>();
    for (const { defaults } of await deps.manifests()) {
      const zone = defaults?.zone;
      if (zone !== undefined) counts.set(zone, (counts.get(zone) ?? 0) + 1);
    }
    const [first] = [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return first?.[0] ?? 'UTC';
  };

  const codesIn = async (world: TagWorld, { over, event }: StatisticalDefinition, property: string) => {
    const entry = world.entries.entry(over, event);
    const column =
      entry && Object.hasOwn(entry.properties, property) ? entry.properties[property] : undefined;
    if (!entry || !column) return undefined;
    const key = `${over}/${event ?? ''}/${property}`;
    const known = found.codes.get(key);
    if (known) return known;
    const only = event === undefined ? '' : ` WHERE name = ${literal(event)}`;
    const [row] = await warehouse.query(
      CodesRow,
      `SELECT groupUniqArray(${MOST_CODES})(ifNull(toString(${column.sql}), '')) AS codes FROM ${entry.from}${only}`,
    );
    const codes = new Set(row?.codes ?? []);
    found.codes.set(key, codes);
    return codes;
  };

  const missingCodes = async (
    world: TagWorld,
    definition: StatisticalDefinition,
    { property, codes }: NeededColumn,
  ): Promise<string | undefined> => {
    if (codes.length === 0) return undefined;
    const known = await codesIn(world, definition, property);
    if (!known || known.size >= MOST_CODES || codes.some((code) => known.has(code))) return undefined;
    return `No ${definition.event ?? definition.over} has ${property} ${codes.join(' or ')}.`;
  };

  /** Whether any row of a canonical table knows the column. */
  const isFilled = async (world: TagWorld, name: string): Promise<boolean> => {
    const known = found.filled.get(name);
    if (known !== undefined) return known;
    const [table = '', column = '', key] = name.split('.');
    const from = world.release.placements.get(table)?.table;
    const isTable =
      table === 'customer' ||
      table === 'account' ||
      table === 'holding' ||
      table === 'identity' ||
      table === 'transaction';
    // Properties of events have faults of their own.
    if (!isTable || from === undefined) return true;
    const scope = rowScope(table);
    const sql = key === undefined ? scope.name(column) : scope.key(column, key);
    if (sql === undefined) return true;
    const [row] = await warehouse.query(
      OneRow,
      `SELECT count() AS n FROM (SELECT 1 FROM ${warehouse.identifier(from)} WHERE (${sql}) IS NOT NULL LIMIT 1)`,
    );
    const isKnown = (row?.n ?? 0) > 0;
    found.filled.set(name, isKnown);
    return isKnown;
  };

  /** What the rows lack that the definition reads them for. */
  const gapsOf = async (world: TagWorld, tag: TagDefinition): Promise<string[]> => {
    const { definition } = tag;
    const gaps: string[] = [];
    const needColumn = async (column: string): Promise<void> => {
      if (await isFilled(world, column)) return;
      const [table, ...name] = column.split('.');
      gaps.push(`The column ${name.join('.')} of ${table} is empty.`);
    };
    if (definition.kind === 'fact') {
      const { from, value, where } = definition;
      for (const column of dependenciesOf({ ...tag, definition: { kind: 'fact', from, value } }).columns)
        await needColumn(column);
      const code = /^kind = '([^']+)'/.exec(where ?? '')?.[1];
      if (code !== undefined && (from === 'holding' || from === 'account')) {
        const rows: StatisticalDefinition = { kind: 'statistical', over: from, aggregate: 'count' };
        const missing = await missingCodes(world, rows, { property: 'kind', codes: [code] });
        if (missing !== undefined) gaps.push(missing);
      }
    }
    if (definition.kind === 'statistical')
      for (const needed of neededBy(definition)) {
        const missing = await missingCodes(world, definition, needed);
        if (missing === undefined) await needColumn(`${definition.over}.${needed.property}`);
        else gaps.push(missing);
      }
    return gaps;
  };

  /** Every tag of the library that must be looked at, each after those it reads. */
  const assess = async (
    library: readonly TagDefinition[],
    existing: readonly TagDefinition[],
  ): Promise<Map<string, Assessed>> => {
    const taken = new Set(existing.map(({ id }) => id));
    const all = [...existing, ...library.filter(({ id }) => !taken.has(id))];
    const world = await worldFor({ asOf: await defaultAsOf(), definitions: all });
    if (found.release !== world.release.number)
      found = { release: world.release.number, codes: new Map(), filled: new Map() };
    const catalog = catalogOf(world, false);
    const hasCustomers = world.release.placements.has('customer');
    const ordered = orderTags(new Map(library.map((tag) => [tag.id, tag])));
    const order = 'cycle' in ordered ? [] : ordered.order;
    const assessed = new Map<string, Assessed>();
    for (const { tag } of order) {
      const { definition } = tag;
      const { tags } = dependenciesOf(tag);
      const faults: string[] = [];
      const gaps: string[] = [];
      for (const id of tags) {
        const below = assessed.get(id);
        faults.push(...(below?.faults ?? []).map((reason) => `It reads ${id}: ${reason}`));
        gaps.push(...(below?.gaps ?? []).map((reason) => `It reads ${id}: ${reason}`));
      }
      if (!hasCustomers) gaps.push('No source has delivered customers yet.');
      else {
        if (definition.kind === 'fact' && !world.release.placements.has(definition.from))
          gaps.push(`No source delivers ${definition.from} rows yet.`);
        else if (faults.length === 0)
          faults.push(...computation.faultsOf(world, tag, catalog).map(({ message }) => shortened(message)));
        if (faults.length === 0) gaps.push(...(await gapsOf(world, tag)));
      }
      assessed.set(tag.id, {
        faults: [...new Set(faults)].slice(0, MOST_REASONS),
        gaps: [...new Set(gaps)].slice(0, MOST_REASONS),
      });
    }
    return assessed;
  };

  const library = (bank: LibraryBank): TagDefinition[] =>
    TAG_LIBRARY.flatMap(({ tags }) => tags.map((tag) => forBank(tag, bank)));

  /** Ids asked for and all that they read in the library. */
  const chosen = (request: TagLibraryInstall, byId: ReadonlyMap<string, TagDefinition>): Set<string> => {
    const { ids, themes } = request;
    const wanted = [...(ids ?? [])];
    for (const id of wanted)
      if (!byId.has(id)) throw tagsProblems.not_found({ detail: `There is no ready-made tag "${id}".` });
    for (const name of themes ?? []) {
      const theme = TAG_LIBRARY.find(({ id }) => id === name);
      if (!theme)
        throw tagsProblems.not_found({
          detail: `There is no theme "${name}" of ready-made tags; there are ${TAG_LIBRARY.map(({ id }) => id).join(', ')}.`,
        });
      wanted.push(...theme.tags.map(({ id }) => id));
    }
    if (ids === undefined && themes === undefined) wanted.push(...byId.keys());
    const closed = new Set<string>();
    const visit = (id: string): void => {
      const tag = byId.get(id);
      if (!tag || closed.has(id)) return;
      closed.add(id);
      for (const below of dependenciesOf(tag).tags) visit(below);
    };
    for (const id of wanted) visit(id);
    return closed;
  };

  return {
    async list() {
      const bank = await bankOf({});
      const tags = library(bank);
      const byId = new Map(tags.map((tag) => [tag.id, tag]));
      const existing = (await store.all()).map(({ definition }) => definition);
      const defined = new Set(existing.map(({ id }) => id));
      const assessed = await assess(tags, existing);
      const columnsOf = (id: string): string[] => {
        const tag = byId.get(id);
        if (!tag) return [];
        const { tags: below, columns } = dependenciesOf(tag);
        return [...columns, ...below.flatMap(columnsOf)];
      };
      const items = TAG_LIBRARY.flatMap((theme) =>
        theme.tags.map(({ id, title, description, category, valueType, definition, owner }) => {
          const { faults = [], gaps = [] } = assessed.get(id) ?? {};
          return {
            id,
            theme: theme.id,
            title,
            description: description ?? '',
            category,
            kind: definition.kind,
            valueType,
            owner: owner ?? '',
            needs: [...new Set(columnsOf(id))].toSorted(),
            reads: [...chosen({ ids: [id] }, byId)].filter((each) => each !== id).toSorted(),
            available: faults.length + gaps.length === 0,
            reasons: [...faults, ...gaps],
            installed: defined.has(id),
          };
        }),
      );
      return {
        ...(bank.currency === undefined ? {} : { currency: bank.currency }),
        zone: bank.zone,
        themes: TAG_LIBRARY.map(({ id, title }) => {
          const own = items.filter(({ theme }) => theme === id);
          return {
            id,
            title,
            tags: own.length,
            available: own.filter(({ available }) => available).length,
            installed: own.filter(({ installed }) => installed).length,
          };
        }),
        items,
      };
    },

    async install(request, actor) {
      const bank = await bankOf({
        ...(request.currency === undefined ? {} : { currency: request.currency }),
        ...(request.zone === undefined ? {} : { zone: request.zone }),
      });
      const tags = library(bank);
      const ids = chosen(request, new Map(tags.map((tag) => [tag.id, tag])));
      const wanted = tags.filter(({ id }) => ids.has(id));
      const all = await store.all();
      const existing = new Map(all.map(({ definition }) => [definition.id, written(definition)]));
      const assessed = await assess(
        wanted,
        all.map(({ definition }) => definition),
      );
      const kept: string[] = [];
      const skipped: { id: string; reasons: string[] }[] = [];
      const taken: TagDefinition[] = [];
      for (const tag of wanted) {
        const before = existing.get(tag.id);
        const { faults = [], gaps = [] } = assessed.get(tag.id) ?? {};
        if (before && request.replace !== true && differences(before, tag).length > 0) kept.push(tag.id);
        else if (faults.length > 0 || (gaps.length > 0 && request.withoutData !== true))
          skipped.push({ id: tag.id, reasons: [...faults, ...gaps] });
        else taken.push(tag);
      }
      const isDry = request.dryRun === true;
      const done = await definitions.importYaml(writeTagsYaml({ tags: taken }), { dryRun: isDry }, actor);
      if (!isDry && done.created.length + done.changed.length > 0)
        await deps.audit.record({
          actor,
          action: 'tag.library_installed',
          subject: (request.themes ?? request.ids ?? ['all']).join(', ').slice(0, 200),
        });
      return {
        created: done.created,
        changed: done.changed.map(({ id }) => id),
        unchanged: done.unchanged,
        kept,
        proposed: done.proposed ?? [],
        skipped,
        applied: done.applied,
        ...(bank.currency === undefined ? {} : { currency: bank.currency }),
        zone: bank.zone,
      };
    },

    async keptDays(tagId) {
      return daysIn((await releases.current()).placements, tagId);
    },

    async transitions(tagId, { from, to }, actor) {
      const { definition } = mustFind(await store.all(), tagId);
      if (definition.valueType !== 'text')
        throw tagsProblems.invalid({
          detail: `Moves are between the values of a text tag; ${tagId} is ${definition.valueType}.`,
        });
      const { placements } = await releases.current();
      const days = daysIn(placements, tagId);
      const placeOn = (asked: string | undefined) => {
        const day = asked === undefined ? undefined : days.findLast((each) => each <= asked);
        const name = day === undefined ? `tag/${tagId}` : `history/${day}/tag/${tagId}`;
        const placement = asked !== undefined && day === undefined ? undefined : placements.get(name);
        if (placement?.column === undefined)
          throw tagsProblems.not_computed({
            detail:
              asked === undefined
                ? `The tag ${tagId} has no values yet; refresh it.`
                : `No values of ${tagId} are kept of ${asked} or before${days[0] === undefined ? '' : `; the first are of ${days[0]}`}.`,
          });
        const column = warehouse.identifier(placement.column);
        return {
          day,
          value: `ifNull(toString(${column}), '')`,
          table: warehouse.identifier(placement.table),
        };
      };
      const [start, end] = [placeOn(from), placeOn(to)];
      const units = actor && (await deps.customers.scopeOf(actor));
      const customer = placements.get('customer');
      const seen =
        units && customer
          ? ` WHERE cid IN (SELECT cid FROM ${warehouse.identifier(customer.table)} WHERE org_unit IN {units:Array(String)})`
          : '';
      const rows: Static<typeof MoveRow>[] = await warehouse.query(
        MoveRow,
        `SELECT before, after, count() AS n FROM (SELECT cid, max(b) AS before, max(a) AS after FROM (SELECT cid, ${start.value} AS b, '' AS a FROM ${start.table} UNION ALL SELECT cid, '' AS b, ${end.value} AS a FROM ${end.table})${seen} GROUP BY cid) GROUP BY before, after`,
        { units: units ?? [] },
      );
      return {
        tagId,
        ...matrixOf(definition, rows),
        from: start.day ?? from,
        ...(end.day === undefined ? {} : { to: end.day }),
      };
    },
  };
}

const daysIn = (placements: Release['placements'], tagId: string): string[] =>
  [...placements.keys()]
    .flatMap((name) => {
      const [, day, id] = /^history\/(\d{4}-\d{2}-\d{2})\/tag\/(.+)$/.exec(name) ?? [];
      return day !== undefined && id === tagId ? [day] : [];
    })
    .toSorted();

/** Counts of moves as a matrix whose rows add up to 1; '' is a value that is not known. */
function matrixOf(
  definition: TagDefinition,
  moves: readonly Static<typeof MoveRow>[],
): Pick<TagTransitionMatrix, 'states' | 'rows' | 'entered'> {
  const inUse = new Set(moves.flatMap(({ before, after }) => [before, after]));
  const declared = (definition.values ?? []).map(({ value }) => String(value));
  const rest = [...inUse].filter((state) => state !== '' && !declared.includes(state)).toSorted();
  const isLeft = moves.some(({ before, after }) => before !== '' && after === '');
  const keys = [...declared, ...rest, ...(isLeft ? [''] : [])];
  const counts = (state: string): number[] =>
    keys.map((key) => moves.find(({ before, after }) => before === state && after === key)?.n ?? 0);
  const rows = [...declared, ...rest].flatMap((state) => {
    const to = counts(state);
    const customers = to.reduce((sum, n) => sum + n, 0);
    return customers === 0 ? [] : [{ state, customers, to, shares: to.map((n) => n / customers) }];
  });
  return { states: keys.map((key) => (key === '' ? null : key)), rows, entered: counts('') };
}

/** A fault lists every name there is; a reason needs the first sentence alone. */
const shortened = (message: string): string => message.replace(/; there are .*$/s, '.');
