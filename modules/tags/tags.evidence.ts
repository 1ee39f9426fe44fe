import type { CustomerRef } from '@rapport/customers';
import { type Actor, type EpochMs, toIso } from '@rapport/kernel';
import type { Release } from '@rapport/stores';
import { Type } from 'typebox';
import type { TagEvidence } from './contract.ts';
import { evidenceOf } from './evidence.ts';
import { mustFind, type TagContext } from './tags.context.ts';
import { tagsProblems } from './tags.problems.ts';
import type { ReadValues } from './tags.values.ts';
import { knownValue } from './values.ts';

/** Why a customer has a tag. */
export type FindEvidence = (tagId: string, customerId: string, actor: Actor) => Promise<TagEvidence>;

export function createEvidence(context: TagContext, valuesOf: ReadValues): FindEvidence {
  const { deps, store, computation, worldFor, catalogOf, placeIn, defaultAsOf } = context;
  const { warehouse, releases, relational, clock } = deps;

  /** Of a value set by hand: who set it, when and why. */
  const manualEvidence = async (tagId: string, customer: CustomerRef, at: EpochMs): Promise<TagEvidence> => {
    const { rows } = await relational.pool.query<{
      value: unknown;
      reason: string;
      set_by: string;
      set_at: Date;
      expires_at: Date | null;
    }>(
      `select m.value, m.reason, m.set_by, m.set_at, m.expires_at from tags.manual_value m
       where m.tag_id = $1 and m.customer_id = $2 and (m.expires_at is null or m.expires_at > $3)`,
      [tagId, customer.customerId, new Date(at)],
    );
    const [row] = rows;
    const recomputed = knownValue(row?.value);
    const stored = (await valuesOf([customer.cid], [tagId], await context.definitionsById()))
      .get(customer.cid)
      ?.get(tagId);
    return {
      tagId,
      customerId: customer.customerId,
      asOf: toIso(at),
      ...(stored === undefined ? {} : { stored }),
      ...(recomputed === undefined ? {} : { recomputed }),
      agrees: JSON.stringify(stored) === JSON.stringify(recomputed),
      definitionVersion: 1,
      table: 'manual_value',
      rows: row
        ? [
            {
              reason: row.reason,
              set_by: row.set_by,
              set_at: toIso(row.set_at.getTime()),
              expires_at: row.expires_at ? toIso(row.expires_at.getTime()) : null,
            },
          ]
        : [],
      rowCount: row ? 1 : 0,
      inputs: [],
      sql: '',
    };
  };

  /** The release with the canonical tables that values were computed from, as long as those still exist. */
  const releaseOn = async (basis: Readonly<Record<string, string>>, release: Release): Promise<Release> => {
    const rows = await warehouse.query(
      Type.Object({ name: Type.String() }),
      'SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
      { names: Object.values(basis) },
    );
    const existing = new Set(rows.map((row) => row.name));
    const placements = new Map(release.placements);
    for (const [logical, table] of Object.entries(basis))
      if (existing.has(table)) placements.set(logical, { table });
    return { number: release.number, placements };
  };

  return async (tagId, customerId, actor) => {
    const [all, figures, customer] = await Promise.all([
      store.all(),
      store.latestFigures(),
      deps.customers.find(customerId, actor),
    ]);
    if (mustFind(all, tagId).definition.definition.kind === 'model')
      throw tagsProblems.of_model({ detail: `The tag ${tagId} is a score; its model explains it.` });
    if (!customer)
      throw tagsProblems.unknown_customer({
        detail: `There is no customer ${customerId} among those you may see.`,
      });
    const { kind } = mustFind(all, tagId).definition.definition;
    if (kind === 'manual') return manualEvidence(tagId, customer, clock.now());
    const own = figures.get(tagId);
    const release = await releases.current();
    const place = placeIn(release)(tagId);
    const tag = own && (await store.version(tagId, own.definitionVersion));
    if (!own || !place || !tag)
      throw tagsProblems.not_computed({ detail: `The tag ${tagId} has no values yet; refresh it first.` });
    const definitions = new Map(all.map(({ definition }) => [definition.id, definition]));
    const world = await worldFor({
      // Events have moved a stream tag on since its last refresh.
      asOf: kind === 'stream' ? await defaultAsOf() : own.asOf,
      definitions: [...definitions.values()],
      release: kind === 'stream' ? release : await releaseOn(own.basis, release),
    });
    const stored = await valuesOf([customer.cid], [tagId], definitions);
    return evidenceOf(
      { warehouse, computation },
      {
        world,
        tag,
        catalog: catalogOf(world, true),
        customer,
        definitionVersion: own.definitionVersion,
        stored: stored.get(customer.cid)?.get(tagId),
        valuesOf: async (tagIds) =>
          (await valuesOf([customer.cid], tagIds, definitions)).get(customer.cid) ?? new Map(),
      },
    );
  };
}
