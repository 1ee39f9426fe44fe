import { changeLanguage, useLanguage, useText } from '../i18n/i18n.ts';
import { CONSOLE_LANGUAGES, languageNames } from '../i18n/languages.ts';
import { LanguageIcon } from '../ui/icons.ts';
import { Button, Dropdown } from '../ui/kit.ts';
import { useNarrow } from '../ui/use-narrow.ts';

export function LanguageSwitcher() {
  const t = useText();
  const current = useLanguage();
  const narrow = useNarrow();
  return (
    <Dropdown
      trigger={['click']}
      menu={{
        selectedKeys: [current],
        items: CONSOLE_LANGUAGES.map((language) => ({
          key: language,
          label: <span lang={language}>{languageNames[language]}</span>,
          onClick: () => void changeLanguage(language),
        })),
      }}
    >
      <Button type="text" icon={<LanguageIcon />} aria-label={t('common.language')}>
        {narrow ? null : languageNames[current]}
      </Button>
    </Dropdown>
  );
}
