import type { Language } from '@rapport/kernel';
import { App, ConfigProvider, type ThemeConfig } from 'antd';
import enGB from 'antd/locale/en_GB';
import zhCN from 'antd/locale/zh_CN';
import zhHK from 'antd/locale/zh_HK';
import dayjs from 'dayjs';
import 'dayjs/locale/en-gb';
import 'dayjs/locale/zh-cn';
import 'dayjs/locale/zh-hk';
import { type ReactNode, useEffect } from 'react';
import { useLanguage } from '../i18n/i18n.ts';
import { colors, fontFamily, radius } from '../theme/tokens.ts';

const locales = { en: enGB, 'zh-Hant': zhHK, 'zh-Hans': zhCN } as const satisfies Record<Language, unknown>;
const calendars = { en: 'en-gb', 'zh-Hant': 'zh-hk', 'zh-Hans': 'zh-cn' } as const satisfies Record<
  Language,
  string
>;

const theme: ThemeConfig = {
  token: {
    colorPrimary: colors.primary,
    colorPrimaryBg: colors.primarySoft,
    colorPrimaryBgHover: '#d3e6e2',
    colorPrimaryBorder: '#9cc4bd',
    colorPrimaryHover: '#1c7770',
    colorPrimaryActive: colors.primaryStrong,
    controlItemBgActive: colors.primarySoft,
    colorInfo: colors.info,
    colorSuccess: colors.good,
    colorWarning: colors.warn,
    colorError: colors.bad,
    colorSuccessBg: colors.goodSoft,
    colorWarningBg: colors.warnSoft,
    colorErrorBg: colors.badSoft,
    colorInfoBg: colors.infoSoft,
    colorSuccessBorder: '#bcdcc7',
    colorWarningBorder: '#ecd9ad',
    colorErrorBorder: '#eec4bf',
    colorInfoBorder: '#c3d8ec',
    colorText: colors.ink,
    colorTextSecondary: colors.inkSoft,
    colorTextTertiary: colors.inkFaint,
    colorTextDescription: colors.inkFaint,
    colorBorder: colors.lineStrong,
    colorBorderSecondary: colors.line,
    colorBgLayout: colors.paper,
    colorLink: colors.primary,
    borderRadius: radius.m,
    controlHeight: 36,
    fontFamily,
    fontSize: 14,
    wireframe: false,
    boxShadowSecondary: '0 12px 32px rgb(27 39 51 / 12%), 0 2px 6px rgb(27 39 51 / 6%)',
  },
  components: {
    Button: { primaryShadow: 'none', defaultShadow: 'none', dangerShadow: 'none', fontWeight: 500 },
    Table: {
      headerBg: 'transparent',
      headerColor: colors.inkFaint,
      headerSplitColor: 'transparent',
      rowHoverBg: colors.sunken,
      borderColor: colors.line,
      cellPaddingBlock: 13,
      cellPaddingInline: 20,
      cellPaddingBlockMD: 12,
      cellPaddingInlineMD: 20,
    },
    Segmented: { itemSelectedBg: colors.surface, trackBg: '#ecebe5' },
    Tabs: { itemColor: colors.inkSoft, titleFontSize: 14, horizontalItemGutter: 28 },
    Steps: { iconSize: 28 },
    Tag: { defaultBg: colors.sunken },
    Form: { itemMarginBottom: 14 },
    Drawer: { paddingLG: 24 },
  },
};

/** Puts antd into the console's look and the user's language. */
export function UiProvider({ children }: { readonly children: ReactNode }) {
  const language = useLanguage();
  useEffect(() => {
    dayjs.locale(calendars[language]);
  }, [language]);
  return (
    <ConfigProvider theme={theme} locale={locales[language]} button={{ autoInsertSpace: false }}>
      <App message={{ maxCount: 3 }} style={{ height: '100%' }}>
        {children}
      </App>
    </ConfigProvider>
  );
}
