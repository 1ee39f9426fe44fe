/** Every colour, space and size of the console; CSS reads them as variables, antd and charts as values. */
export const colors = {
  ink: '#1b2733',
  inkSoft: '#4a5967',
  inkFaint: '#6b7885',
  paper: '#f6f5f1',
  surface: '#ffffff',
  sunken: '#faf9f6',
  line: '#e7e4dd',
  lineStrong: '#d3cfc5',
  primary: '#14615c',
  primaryStrong: '#0d4a46',
  primarySoft: '#e4efec',
  accent: '#c8622e',
  accentSoft: '#fbeee5',
  accentLight: '#f0b48c',
  gold: '#b58a2b',
  good: '#2b7a4b',
  goodSoft: '#e5f2e9',
  warn: '#a86a12',
  warnSoft: '#fbf1dd',
  bad: '#b23a31',
  badSoft: '#fae8e6',
  info: '#2f6aa3',
  infoSoft: '#e6eff8',
  violet: '#6a4f9a',
  violetSoft: '#efeaf7',
} as const;

/** One hue per product, used sparingly: a dot in the navigation, the rule over a page title. */
export const productColors = {
  home: colors.ink,
  marketing: colors.primary,
  realtime: colors.accent,
  recommendation: colors.violet,
  tags: colors.info,
  lab: colors.gold,
  insights: '#7a3b56',
  governance: colors.inkSoft,
} as const;
export type ProductKey = keyof typeof productColors;

/** Series colours of charts, distinguishable also in grey and for the common colour deficiencies. */
export const chartPalette = [
  '#14615c',
  '#d9803f',
  '#2f6aa3',
  '#b58a2b',
  '#6a4f9a',
  '#5f9e8f',
  '#7a3b56',
  '#8693a0',
] as const;

export const spaces = { xs: 4, s: 8, m: 16, l: 24, xl: 40 } as const;
export const radius = { s: 6, m: 10, l: 16 } as const;
export const fontFamily =
  "'Inter Variable', 'PingFang TC', 'PingFang SC', 'Microsoft JhengHei', 'Microsoft YaHei', 'Noto Sans CJK TC', 'Noto Sans TC', system-ui, sans-serif";
export const monoFamily =
  "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'Noto Sans Mono CJK TC', monospace";

/** Width below which the navigation becomes a drawer. */
export const NARROW_PX = 900;

/** Publishes the tokens as CSS custom properties, so that style sheets name no colour of their own. */
export function applyTokens(root: HTMLElement): void {
  for (const [name, value] of Object.entries(colors)) {
    root.style.setProperty(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, value);
  }
  for (const [name, value] of Object.entries(spaces)) root.style.setProperty(`--space-${name}`, `${value}px`);
  for (const [name, value] of Object.entries(radius))
    root.style.setProperty(`--radius-${name}`, `${value}px`);
  root.style.setProperty('--font', fontFamily);
  root.style.setProperty('--mono', monoFamily);
}
