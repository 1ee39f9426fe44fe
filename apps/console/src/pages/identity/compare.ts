/** How the values of a field stand to each other in two records. */
export type Likeness = 'same' | 'differs' | 'one_sided';

export interface FieldPair {
  readonly field: string;
  readonly left: string | undefined;
  readonly right: string | undefined;
  readonly likeness: Likeness;
}

const ORDER = [
  'name',
  'birth_date',
  'gender',
  'phone',
  'email',
  'address',
  'city',
  'org_unit',
  'opened_on',
  'rm',
];

/** Fields that either record has, in the order in which people read them. */
export function fieldPairs(
  left: Readonly<Record<string, string>>,
  right: Readonly<Record<string, string>>,
): FieldPair[] {
  const known = new Set([...Object.keys(left), ...Object.keys(right)]);
  const others = [...known].filter((field) => !ORDER.includes(field)).sort();
  return [...ORDER.filter((field) => known.has(field)), ...others].map((field) => {
    const [a, b] = [left[field], right[field]];
    return {
      field,
      left: a,
      right: b,
      likeness: a === undefined || b === undefined ? 'one_sided' : a === b ? 'same' : 'differs',
    };
  });
}
