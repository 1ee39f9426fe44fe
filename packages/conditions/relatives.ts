import { aggregateParts, type Condition, type PropertyCondition } from './condition.ts';

export interface NamedPlace {
  readonly id: string;
  /** RFC 6901 pointer of the leaf that names it. */
  readonly pointer: string;
}

/** Calls `visit` for every node of a condition, a parent before its parts. Other audiences are not entered. */
export function walkCondition(
  condition: Condition,
  visit: (node: Condition, place: { pointer: string; parent: string | undefined; depth: number }) => void,
): void {
  const step = (node: Condition, pointer: string, parent: string | undefined, depth: number): void => {
    visit(node, { pointer, parent, depth });
    if ('all' in node)
      node.all.forEach((part, index) => {
        step(part, `${pointer}/all/${index}`, pointer, depth + 1);
      });
    else if ('any' in node)
      node.any.forEach((part, index) => {
        step(part, `${pointer}/any/${index}`, pointer, depth + 1);
      });
    else if ('not' in node) step(node.not, `${pointer}/not`, pointer, depth + 1);
  };
  step(condition, '', undefined, 0);
}

/** The tags a condition names itself, each once. */
export function tagsIn(condition: Condition): string[] {
  const names = new Set<string>();
  walkCondition(condition, (node) => {
    if ('tag' in node) names.add(node.tag);
  });
  return [...names];
}

/** The events a condition names itself, with the properties it reads of each. */
export function eventsIn(condition: Condition): ReadonlyMap<string, ReadonlySet<string>> {
  const events = new Map<string, Set<string>>();
  const note = (event: string, where: PropertyCondition | undefined): Set<string> => {
    const properties = events.get(event) ?? new Set();
    events.set(event, properties);
    if (where) for (const property of propertiesIn(where)) properties.add(property);
    return properties;
  };
  walkCondition(condition, (node) => {
    if ('event' in node) {
      const properties = note(node.event, node.where);
      const aggregate = aggregateParts(node.aggregate);
      if (aggregate.name !== 'count') properties.add(aggregate.property);
    } else if ('sequence' in node) for (const step of node.sequence) note(step.event, step.where);
  });
  return events;
}

function propertiesIn(condition: PropertyCondition): string[] {
  if ('all' in condition) return condition.all.flatMap(propertiesIn);
  if ('any' in condition) return condition.any.flatMap(propertiesIn);
  return 'not' in condition ? propertiesIn(condition.not) : [condition.property];
}

/** Where a condition names other audiences. */
export function audiencesIn(condition: Condition): NamedPlace[] {
  const places: NamedPlace[] = [];
  walkCondition(condition, (node, { pointer }) => {
    if ('audience' in node) places.push({ id: node.audience, pointer });
  });
  return places;
}

/** The lists a condition names itself, each once. */
export function listsIn(condition: Condition): string[] {
  const names = new Set<string>();
  walkCondition(condition, (node) => {
    if ('list' in node) names.add(node.list);
  });
  return [...names];
}

/** A condition and every condition of the audiences it names, directly or through others. */
export function withAudiences(
  condition: Condition,
  audience: (id: string) => Condition | undefined,
): Condition[] {
  const seen = new Set<string>();
  const all = [condition];
  for (const each of all) {
    for (const { id } of audiencesIn(each)) {
      const inner = seen.has(id) ? undefined : audience(id);
      seen.add(id);
      if (inner) all.push(inner);
    }
  }
  return all;
}
