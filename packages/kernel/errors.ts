/** One documented way in which a request can fail; `code` is stable for ever. */
export interface ProblemSpec {
  /** HTTP status the edge answers with. */
  readonly status: number;
  /** One clear sentence, the same for every occurrence. */
  readonly title: string;
}

/** One fault inside a document: where it is and what is wrong with it. */
export interface ProblemFault {
  /** RFC 6901 pointer into the request body, or a place such as `accounts.csv:17 amount`. */
  readonly pointer: string;
  readonly message: string;
}

/** An expected failure with a stable code; the edge turns it into RFC 9457 `application/problem+json`. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly faults: readonly ProblemFault[];

  constructor(
    code: string,
    spec: ProblemSpec,
    options: {
      detail?: string;
      details?: Record<string, unknown>;
      faults?: readonly ProblemFault[];
      cause?: unknown;
    } = {},
  ) {
    super(options.detail ?? spec.title, { cause: options.cause });
    this.code = code;
    this.status = spec.status;
    this.title = spec.title;
    this.details = options.details ?? {};
    this.faults = options.faults ?? [];
  }
}

export interface ProblemOptions {
  /** What happened this time and what to do about it. */
  readonly detail?: string;
  /** Machine-readable members beside the standard ones. */
  readonly details?: Record<string, unknown>;
  readonly faults?: readonly ProblemFault[];
  readonly cause?: unknown;
}

export type ProblemFactory<Reasons extends string> = {
  readonly [R in Reasons]: (options?: ProblemOptions) => Problem;
};

const registry = new Map<string, ProblemSpec>();

/**
 * Declares the problems of one module; `defineProblems('audiences', { not_found: … })` gives
 * `throw audienceProblems.not_found({ detail })` with code `audiences.not_found`.
 */
export function defineProblems<const Specs extends Record<string, ProblemSpec>>(
  module: string,
  specs: Specs,
): ProblemFactory<Extract<keyof Specs, string>>;
export function defineProblems(
  module: string,
  specs: Readonly<Record<string, ProblemSpec>>,
): Record<string, (options?: ProblemOptions) => Problem> {
  return Object.fromEntries(
    Object.entries(specs).map(([reason, spec]) => {
      const code = `${module}.${reason}`;
      registry.set(code, spec);
      return [reason, (options: ProblemOptions = {}) => new Problem(code, spec, options)];
    }),
  );
}

/** Every problem declared by the loaded modules, by code; `docs/errors.md` is checked against it. */
export function declaredProblems(): ReadonlyMap<string, ProblemSpec> {
  return registry;
}
