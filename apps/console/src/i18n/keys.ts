/** `areas.page.word` of every text in the English resources; plural forms count as one key. */
export type KeyOf<Tree> = {
  [Name in keyof Tree & string]: Tree[Name] extends string ? Singular<Name> : `${Name}.${KeyOf<Tree[Name]>}`;
}[keyof Tree & string];

type Singular<Name extends string> = Name extends `${infer Stem}_one`
  ? Stem
  : Name extends `${infer Stem}_other`
    ? Stem
    : Name;

/** The same tree in another language: every text, no `_one` forms (Chinese has a single plural form). */
export type Translation<Tree> = {
  readonly [Name in keyof Tree as Name extends `${string}_one` ? never : Name]: Tree[Name] extends string
    ? string
    : Translation<Tree[Name]>;
};
