import type { LocalizedText } from '@rapport/kernel';
import { useMemo } from 'react';
import { useDynamicText, useLocalized } from './i18n.ts';
import { spelledOut } from './spelled-out.ts';

export interface Words {
  event(name: string, title?: LocalizedText): string;
  property(name: string, title?: LocalizedText): string;
  category(name: string): string;
}

/** What events, their properties and tag categories are called: by the bank's title, our word, or their spelled-out name. */
export function useWords(): Words {
  const localized = useLocalized();
  const dynamic = useDynamicText();
  return useMemo(() => {
    const called = (kind: string, name: string, title: LocalizedText | undefined): string =>
      title !== undefined && title.en !== name
        ? localized(title)
        : dynamic(`words.${kind}.${name}`, spelledOut(name));
    return {
      event: (name, title) => called('event', name, title),
      property: (name, title) => called('property', name, title),
      category: (name) => called('category', name, undefined),
    };
  }, [localized, dynamic]);
}
