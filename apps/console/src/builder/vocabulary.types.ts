import type { Vocabulary } from '@rapport/audiences/contract';

export type VocabularyOf = Vocabulary;
export type VocabularyTag = Vocabulary['tags'][number];
export type VocabularyEvent = Vocabulary['events'][number];
export type VocabularyProperty = VocabularyEvent['properties'][number];
export type VocabularyOperator = Vocabulary['operators'][number];
