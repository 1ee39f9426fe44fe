import type { Language, LocalizedText } from '@rapport/kernel';
import i18next from 'i18next';
import { useCallback } from 'react';
import { initReactI18next, useTranslation } from 'react-i18next';
import { en } from './en/index.ts';
import type { KeyOf } from './keys.ts';
import { initialLanguage, isLanguage, rememberLanguage } from './languages.ts';
import { zhHans } from './zh-Hans/index.ts';
import { zhHant } from './zh-Hant/index.ts';

export type TextKey = KeyOf<typeof en>;
export type TextParameters = Readonly<Record<string, string | number>>;
/** Answers the text of a key in the language of the console. */
export type Translate = (key: TextKey, parameters?: TextParameters) => string;

export const resources = { en, 'zh-Hant': zhHant, 'zh-Hans': zhHans };

export async function startI18n(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: initialLanguage(),
    fallbackLng: false,
    resources: {
      en: { translation: en },
      'zh-Hant': { translation: zhHant },
      'zh-Hans': { translation: zhHans },
    },
    interpolation: { escapeValue: false },
  });
  document.documentElement.lang = i18next.language;
}

export async function changeLanguage(language: Language): Promise<void> {
  rememberLanguage(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

/** The texts of the console. A key that does not exist is a type error. */
export function useText(): Translate {
  const { t } = useTranslation();
  return useCallback((key, parameters) => t(key, { ...parameters }), [t]);
}

/** A text whose key is only known at run time, such as a state sent by the server; falls back to the value itself. */
export function useDynamicText(): (key: string, fallback: string, parameters?: TextParameters) => string {
  const { t } = useTranslation();
  return useCallback((key, fallback, parameters) => t(key, { ...parameters, defaultValue: fallback }), [t]);
}

export function useLanguage(): Language {
  const { i18n } = useTranslation();
  return isLanguage(i18n.language) ? i18n.language : 'en';
}

/** Picks the language of the console out of a text that the server sends in several. */
export function useLocalized(): (text: LocalizedText | string | undefined) => string {
  const language = useLanguage();
  return useCallback(
    (text) => {
      if (text === undefined) return '';
      if (typeof text === 'string') return text;
      return text[language] ?? text.en;
    },
    [language],
  );
}
