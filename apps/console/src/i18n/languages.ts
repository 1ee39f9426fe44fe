import type { Language } from '@rapport/kernel';

export const CONSOLE_LANGUAGES = ['en', 'zh-Hant', 'zh-Hans'] as const satisfies readonly Language[];

/** Names of the languages in themselves: the switcher must be readable to those who read no other. */
export const languageNames: Readonly<Record<Language, string>> = {
  en: 'English',
  'zh-Hant': '繁體中文',
  'zh-Hans': '简体中文',
};

const STORED = 'rapport.language';

/** The console's language for the browser's preferences, best first; English when it speaks none of them. */
export function preferredLanguage(preferences: readonly string[]): Language {
  for (const preference of preferences) {
    const tag = preference.toLowerCase();
    if (tag.startsWith('en')) return 'en';
    if (/^(zh-hant|zh-tw|zh-hk|zh-mo|yue)/.test(tag)) return 'zh-Hant';
    if (tag.startsWith('zh')) return 'zh-Hans';
  }
  return 'en';
}

export function isLanguage(text: string | null | undefined): text is Language {
  return CONSOLE_LANGUAGES.some((language) => language === text);
}

/** What the user chose before, otherwise what the browser asks for. */
export function initialLanguage(): Language {
  const stored = globalThis.localStorage?.getItem(STORED);
  return isLanguage(stored) ? stored : preferredLanguage(navigator.languages);
}

export function rememberLanguage(language: Language): void {
  globalThis.localStorage?.setItem(STORED, language);
}
