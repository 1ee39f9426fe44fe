import { type Actor, type EpochMs, parseDuration, shiftInstant, toIso } from '@rapport/kernel';
import type { Release, WarehouseValue } from '@rapport/stores';
import type {
  ManualUpload,
  ManualUploadResult,
  ManualValue,
  ManualValueView,
  TagDefinition,
  TagValue,
} from './contract.ts';
import { mustFind, type TagContext } from './tags.context.ts';
import { tagsProblems } from './tags.problems.ts';
import { publishValues } from './tags.publish.ts';
import type { StoredTag } from './tags.store.sql.ts';
import { COLUMN_TYPE, isOfType } from './values.ts';

/** Values that people set: one customer's with a reason, or a file's. Readers see them when the call answers. */
export interface ManualValues {
  list(
    tagId: string,
    query: { limit?: number; cursor?: string },
    actor: Actor,
  ): Promise<{ items: ManualValueView[]; nextCursor?: string }>;
  /** @throws tags.not_manual, tags.invalid, tags.unknown_customer */
  set(tagId: string, value: ManualValue, actor: Actor): Promise<ManualValueView>;
  clear(tagId: string, customerId: string, actor: Actor): Promise<void>;
  /** Good lines are taken, others named. @throws tags.not_manual, tags.invalid_file when nothing can be read */
  upload(tagId: string, upload: ManualUpload, actor: Actor): Promise<ManualUploadResult>;
  /** Takes away values that have ended; answers the tags it touched. */
  sweep(): Promise<string[]>;
}

interface ValueRow {
  customer_id: string;
  cid: string;
  value: unknown;
  reason: string;
  set_by: string;
  set_at: Date;
  expires_at: Date | null;
}

const BATCH = 20_000;
const SHOWN = 100;

export function createManualValues(context: TagContext): ManualValues {
  const { deps, store } = context;
  const { relational, warehouse, releases, clock } = deps;

  const mustBeManual = async (
    tagId: string,
  ): Promise<StoredTag & { readonly expiresAfter: string | undefined }> => {
    const tag = mustFind(await store.all(), tagId);
    if (tag.definition.definition.kind !== 'manual')
      throw tagsProblems.not_manual({
        detail: `The tag ${tagId} is ${tag.definition.definition.kind}; its values are computed and cannot be set.`,
      });
    return { ...tag, expiresAfter: tag.definition.definition.expiresAfter };
  };

  const endOf = (expiresAt: string | undefined, expiresAfter: string | undefined): EpochMs | undefined => {
    if (expiresAt !== undefined) return Date.parse(expiresAt);
    const duration = expiresAfter === undefined ? undefined : parseDuration(expiresAfter);
    return duration && shiftInstant(clock.now(), duration, 1);
  };

  const faultOf = (definition: TagDefinition, value: TagValue): string | undefined => {
    if (!isOfType(definition.valueType, value))
      return `${JSON.stringify(value)} is not ${definition.valueType}.`;
    const allowed = definition.values?.map((entry) => entry.value);
    const given = Array.isArray(value) ? value : [value];
    const strange = allowed && given.find((each) => !allowed.includes(each));
    return strange === undefined
      ? undefined
      : `${JSON.stringify(strange)} is not in the dictionary: ${allowed?.slice(0, 20).join(', ')}.`;
  };

  /** Builds the table of all values that hold, and publishes it. One at a time per tag. */
  const publish = async (tag: StoredTag): Promise<Release> => {
    const { id, valueType } = tag.definition;
    const startedAt = performance.now();
    const client = await relational.pool.connect();
    try {
      await client.query("select pg_advisory_lock(hashtext('tags.manual/' || $1))", [id]);
      const table = releases.newTableName('tag_manual');
      await warehouse.createTable({
        name: table,
        columns: `cid UInt32, value ${COLUMN_TYPE[valueType]}`,
        orderBy: 'cid',
        spread: 'cid',
      });
      let after = '';
      for (;;) {
        const { rows } = await client.query<ValueRow>(
          `select m.customer_id, m.cid, m.value from tags.manual_value m
           where m.tag_id = $1 and m.customer_id > $2 and (m.expires_at is null or m.expires_at > $3)
           order by m.customer_id limit ${BATCH}`,
          [id, after, new Date(clock.now())],
        );
        if (rows.length === 0) break;
        after = rows.at(-1)?.customer_id ?? after;
        await warehouse.insert(
          table,
          rows.map((row) => ({ cid: Number(row.cid), value: warehouseValue(valueType, row.value) })),
        );
      }
      return await publishValues(
        context,
        tag,
        { table, column: 'value' },
        { note: `values of ${id}`, tookMs: Math.round(performance.now() - startedAt) },
      );
    } finally {
      await client.query("select pg_advisory_unlock(hashtext('tags.manual/' || $1))", [id]).catch(() => {});
      client.release();
    }
  };

  const write = async (
    tagId: string,
    rows: readonly { customerId: string; cid: number; value: TagValue }[],
    more: { reason: string; by: string; expiresAt: EpochMs | undefined },
  ): Promise<void> => {
    for (let at = 0; at < rows.length; at += BATCH) {
      const part = rows.slice(at, at + BATCH);
      await relational.pool.query(
        `insert into tags.manual_value (tag_id, customer_id, cid, value, reason, set_by, set_at, expires_at)
         select $1, n.customer_id, n.cid, n.value, $3, $4, $5, $6
         from jsonb_to_recordset($2::jsonb) as n (customer_id text, cid bigint, value jsonb)
         on conflict (tag_id, customer_id) do update set cid = excluded.cid, value = excluded.value, reason = excluded.reason,
           set_by = excluded.set_by, set_at = excluded.set_at, expires_at = excluded.expires_at`,
        [
          tagId,
          JSON.stringify(part.map(({ customerId, cid, value }) => ({ customer_id: customerId, cid, value }))),
          more.reason,
          more.by,
          new Date(clock.now()),
          more.expiresAt === undefined ? null : new Date(more.expiresAt),
        ],
      );
    }
  };

  const present = (row: ValueRow): ManualValueView[] => {
    const value = tagValue(row.value);
    return value === undefined
      ? []
      : [
          {
            customerId: row.customer_id,
            value,
            reason: row.reason,
            setBy: row.set_by,
            setAt: toIso(row.set_at.getTime()),
            ...(row.expires_at ? { expiresAt: toIso(row.expires_at.getTime()) } : {}),
            isExpired: row.expires_at !== null && row.expires_at.getTime() <= clock.now(),
          },
        ];
  };

  return {
    async list(tagId, query, actor) {
      await mustBeManual(tagId);
      const limit = query.limit ?? 50;
      const { rows } = await relational.pool.query<ValueRow>(
        `select m.customer_id, m.cid, m.value, m.reason, m.set_by, m.set_at, m.expires_at from tags.manual_value m
         where m.tag_id = $1 and m.customer_id > $2 order by m.customer_id limit $3`,
        [tagId, query.cursor ?? '', limit + 1],
      );
      const page = rows.slice(0, limit);
      const seen = await deps.customers.visible(
        actor,
        page.map((row) => Number(row.cid)),
      );
      const last = page.at(-1);
      return {
        items: page.filter((row) => seen.has(Number(row.cid))).flatMap(present),
        ...(rows.length > limit && last ? { nextCursor: last.customer_id } : {}),
      };
    },
    async set(tagId, { customerId, value, reason, expiresAt }, actor) {
      const tag = await mustBeManual(tagId);
      const fault = faultOf(tag.definition, value);
      if (fault !== undefined)
        throw tagsProblems.invalid({ detail: fault, faults: [{ pointer: '/value', message: fault }] });
      const customer = await deps.customers.find(customerId, actor);
      if (!customer)
        throw tagsProblems.unknown_customer({
          detail: `There is no customer ${customerId} among those you may see.`,
        });
      const end = endOf(expiresAt, tag.expiresAfter);
      if (end !== undefined && end <= clock.now())
        throw tagsProblems.invalid({
          detail: `The value would end before it begins: ${expiresAt}.`,
          faults: [{ pointer: '/expiresAt', message: 'It is in the past.' }],
        });
      await write(tagId, [{ customerId, cid: customer.cid, value }], {
        reason,
        by: actor.id,
        expiresAt: end,
      });
      await deps.audit.record({
        actor,
        action: 'tag.value_set',
        subject: tagId,
        details: { customerId, value, reason, expiresAt: end === undefined ? null : toIso(end) },
      });
      await publish(tag);
      return {
        customerId,
        value,
        reason,
        setBy: actor.id,
        setAt: toIso(clock.now()),
        ...(end === undefined ? {} : { expiresAt: toIso(end) }),
        isExpired: false,
      };
    },
    async clear(tagId, customerId, actor) {
      const tag = await mustBeManual(tagId);
      if (!(await deps.customers.find(customerId, actor)))
        throw tagsProblems.unknown_customer({
          detail: `There is no customer ${customerId} among those you may see.`,
        });
      const { rowCount } = await relational.pool.query(
        'delete from tags.manual_value where tag_id = $1 and customer_id = $2',
        [tagId, customerId],
      );
      await deps.audit.record({
        actor,
        action: 'tag.value_cleared',
        subject: tagId,
        details: { customerId },
      });
      if (rowCount) await publish(tag);
    },
    async upload(tagId, upload, actor) {
      const tag = await mustBeManual(tagId);
      const lines = readLines(upload.csv);
      const faults: { line: number; message: string }[] = [];
      const good: { customerId: string; value: TagValue; line: number }[] = [];
      const seenAt = new Map<string, number>();
      for (const { line, cells } of lines) {
        const [customerId = '', text = ''] = cells;
        const value = parseValue(tag.definition.valueType, text);
        const before = seenAt.get(customerId);
        const fault =
          customerId === ''
            ? 'The customer id is missing.'
            : before !== undefined
              ? `The customer "${customerId}" stands on line ${before} already.`
              : value === undefined
                ? `"${text}" is not ${tag.definition.valueType}.`
                : faultOf(tag.definition, value);
        if (fault !== undefined || value === undefined)
          faults.push({ line, message: fault ?? 'The value is missing.' });
        else {
          seenAt.set(customerId, line);
          good.push({ customerId, value, line });
        }
      }
      if (lines.length === 0)
        throw tagsProblems.invalid_file({
          detail: 'The file has no lines; write a heading and then customer_id,value on each line.',
        });
      const cids = await deps.customers.cidsOf(good.map(({ customerId }) => customerId));
      const visible = await deps.customers.visible(actor, [...cids.values()]);
      const rows = good.flatMap(({ customerId, value, line }) => {
        const cid = cids.get(customerId);
        if (cid !== undefined && visible.has(cid)) return [{ customerId, cid, value }];
        faults.push({ line, message: `There is no customer "${customerId}" among those you may see.` });
        return [];
      });
      let cleared = 0;
      if (!upload.dryRun) {
        await write(tagId, rows, {
          reason: upload.reason,
          by: actor.id,
          expiresAt: endOf(upload.expiresAt, tag.expiresAfter),
        });
        if (upload.replace) {
          const { rowCount } = await relational.pool.query(
            'delete from tags.manual_value where tag_id = $1 and not (customer_id = any($2))',
            [tagId, rows.map(({ customerId }) => customerId)],
          );
          cleared = rowCount ?? 0;
        }
        await deps.audit.record({
          actor,
          action: 'tag.values_uploaded',
          subject: tagId,
          details: { lines: lines.length, set: rows.length, cleared, reason: upload.reason },
        });
        await publish(tag);
      }
      return {
        lines: lines.length,
        set: rows.length,
        cleared,
        faults: faults.toSorted((a, b) => a.line - b.line).slice(0, SHOWN),
        refused: faults.length,
      };
    },
    async sweep() {
      const { rows } = await relational.pool.query<{ tag_id: string }>(
        'delete from tags.manual_value m where m.expires_at <= $1 returning m.tag_id',
        [new Date(clock.now())],
      );
      const touched = [...new Set(rows.map((row) => row.tag_id))];
      const all = await store.all();
      for (const tagId of touched) {
        const tag = all.find(({ definition }) => definition.id === tagId);
        if (tag) await publish(tag);
      }
      return touched;
    },
  };
}

/** Lines after the heading, with their number in the file; cells may be quoted. */
function readLines(csv: string): { line: number; cells: string[] }[] {
  return csv
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((text, index) => ({ line: index + 1, text }))
    .slice(1)
    .filter(({ text }) => text.trim() !== '')
    .map(({ line, text }) => ({
      line,
      cells: [...text.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell = '']) =>
        cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell.trim(),
      ),
    }));
}

/** A cell as a value of the tag's type; a list is written with semicolons. */
function parseValue(type: TagDefinition['valueType'], text: string): TagValue | undefined {
  if (text === '') return undefined;
  switch (type) {
    case 'number':
    case 'money':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
    case 'boolean':
      return /^(true|1|yes|是|y)$/i.test(text) ? true : /^(false|0|no|否|n)$/i.test(text) ? false : undefined;
    case 'list':
      return text
        .split(';')
        .map((part) => part.trim())
        .filter((part) => part !== '');
    default:
      return text;
  }
}

function tagValue(value: unknown): TagValue | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined;
}

function warehouseValue(type: TagDefinition['valueType'], value: unknown): WarehouseValue {
  const known = tagValue(value);
  if (known === undefined) return null;
  if (type === 'instant' && typeof known === 'string')
    return new Date(known).toISOString().replace('T', ' ').replace('Z', '');
  if (Array.isArray(known)) return known.toSorted();
  return known;
}
