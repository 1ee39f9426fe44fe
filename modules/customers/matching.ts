export { joinRecords, type Link } from './clusters.ts';
export { DEFAULT_RULES } from './match-rules.ts';
export { createMatcher, type Matcher, type MatchResult } from './matcher.ts';
