import type { Actor } from '@rapport/kernel';
import type { TagDictionary } from './contract.ts';
import type { TagContext } from './tags.context.ts';
import { tagsProblems } from './tags.problems.ts';

/** Dictionaries of values that several tags share. */
export interface TagDictionaryService {
  list(): Promise<TagDictionary[]>;
  save(dictionary: TagDictionary, actor: Actor): Promise<TagDictionary>;
  /** @throws tags.in_use while tags name it */
  remove(id: string, actor: Actor): Promise<void>;
}

export function createDictionaries({ deps, store }: TagContext): TagDictionaryService {
  return {
    list: () => store.dictionaries(),
    async save(dictionary, actor) {
      await store.saveDictionaries([dictionary]);
      await deps.audit.record({ actor, action: 'tag_dictionary.saved', subject: dictionary.id });
      return dictionary;
    },
    async remove(id, actor) {
      const users = (await store.all()).filter(({ definition }) => definition.dictionary === id);
      if (users.length > 0)
        throw tagsProblems.in_use({
          detail: `The dictionary ${id} is named by ${users.map(({ definition }) => definition.id).join(', ')}.`,
        });
      await store.removeDictionary(id);
      await deps.audit.record({ actor, action: 'tag_dictionary.deleted', subject: id });
    },
  };
}
