import type { DataClass } from '@rapport/sources/contract';

/** What a column seems to hold, and the class that follows from it by JR/T 0171-2020. */
export interface ClassSuggestion {
  readonly dataClass: DataClass;
  readonly what:
    | 'id_card'
    | 'bank_card'
    | 'phone'
    | 'email'
    | 'name'
    | 'address'
    | 'birth_date'
    | 'secret'
    | 'biometric'
    | 'account'
    | 'money'
    | 'internal';
  /** Share of the values looked at that have the form, or 1 when the column's name says it. */
  readonly share: number;
  readonly by: 'values' | 'name' | 'manifest';
}

/* JR/T 0171-2020, 4.2: C3 authentication data; C2 identifying data and financial state; C1 internal data. */

const NAME_HINTS: readonly (readonly [RegExp, ClassSuggestion['what'], DataClass])[] = [
  [/passw|pwd|\bpin\b|cvv|cvn|track[12]|secret|密[码碼]|口令|磁道|驗證碼|验证码/i, 'secret', 'C3'],
  [/finger|face_|iris|biomet|指[纹紋]|人[脸臉]|虹膜|聲紋|声纹/i, 'biometric', 'C3'],
  [/id_?card|id_?no\b|id_?number|cert_?no|ssn|hkid|身[份分]證|身份证|證件|证件/i, 'id_card', 'C2'],
  [/card_?no|card_?number|\bpan\b|卡[号號]/i, 'bank_card', 'C2'],
  [/phone|mobile|\btel\b|手[机機]|電話|电话/i, 'phone', 'C2'],
  [/e_?mail|[邮郵][箱件]/i, 'email', 'C2'],
  [/^(full_?|customer_?|client_?)?name$|surname|first_?name|last_?name|姓名|户名|戶名/i, 'name', 'C2'],
  [/address|addr\b|地址|住址/i, 'address', 'C2'],
  [/birth|\bdob\b|生日|出生/i, 'birth_date', 'C2'],
  [/account_?(no|id|number)|acct|iban|[账賬帳][号號]/i, 'account', 'C2'],
  [/balance|amount|income|salary|[余餘][额額]|金[额額]|收入|資產|资产/i, 'money', 'C2'],
];

/** Names of people in Chinese begin with one of these in more than nine of ten cases. @source 公安部 2020 全国姓名报告 */
const SURNAMES =
  '王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何林高罗羅郑鄭梁谢謝宋唐许許邓鄧冯馮韩韓曹曾彭萧蕭蔡潘田董袁于余叶葉蒋蔣杜苏蘇魏程吕呂丁沈任姚卢盧傅钟鐘鍾姜崔谭譚廖范汪陆陸金石戴贾賈韦韋夏邱方侯邹鄒熊孟秦白江阎閻薛尹段雷黎史龙龍陶贺賀顾顧毛郝龚龔邵万萬钱錢严嚴';

/**
 * Suggests a class for a column from its name and some of its values. Values decide where at least 60 % of the known
 * ones have a form that hardly comes about by chance (check digits are checked).
 */
export function classify(
  column: { readonly name: string; readonly from?: string; readonly type: string },
  values: readonly string[],
): ClassSuggestion | undefined {
  const known = values.map(normal).filter((value) => value !== '');
  if (known.length >= 3) {
    for (const [what, dataClass, is] of VALUE_FORMS) {
      const share = known.filter(is).length / known.length;
      if (share >= 0.6) return { dataClass, what, share, by: 'values' };
    }
  }
  const text = `${column.name} ${column.from ?? ''}`;
  for (const [pattern, what, dataClass] of NAME_HINTS) {
    if (
      column.name
        .split(' ')
        .concat(column.from ?? '')
        .some((name) => pattern.test(name)) ||
      pattern.test(text)
    ) {
      return { dataClass, what, share: 1, by: 'name' };
    }
  }
  return undefined;
}

const normal = (value: string): string =>
  value.replace(/[０-９]/gu, (digit) => String(digit.charCodeAt(0) - 0xff10)).trim();

const VALUE_FORMS: readonly (readonly [ClassSuggestion['what'], DataClass, (value: string) => boolean])[] = [
  ['id_card', 'C2', (value) => isMainlandId(value) || isTaiwanId(value) || isHongKongId(value)],
  ['bank_card', 'C2', (value) => isBankCard(value)],
  ['email', 'C2', (value) => /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i.test(value)],
  ['phone', 'C2', (value) => isPhone(value)],
  ['name', 'C2', (value) => isChineseName(value)],
];

/** @source GB 11643-1999 (ISO 7064 MOD 11-2) */
export function isMainlandId(value: string): boolean {
  if (!/^[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]$/.test(value))
    return false;
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((total, weight, at) => total + weight * Number(value[at]), 0);
  return '10X98765432'[sum % 11] === value.at(-1)?.toUpperCase();
}

/** @source 中華民國國民身分證統一編號: letter as two digits, weights 1 9 8 7 6 5 4 3 2 1 1 */
export function isTaiwanId(value: string): boolean {
  if (!/^[A-Z][1289]\d{8}$/.test(value)) return false;
  const letter = 'ABCDEFGHJKLMNPQRSTUVXYWZIO'.indexOf(value[0] ?? '') + 10;
  const digits = [Math.floor(letter / 10), letter % 10, ...[...value.slice(1)].map(Number)];
  const weights = [1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1];
  return digits.reduce((total, digit, at) => total + digit * (weights[at] ?? 0), 0) % 10 === 0;
}

/** Hong Kong identity card with its check digit in parentheses or without. */
export function isHongKongId(value: string): boolean {
  const match = /^([A-Z]{1,2})(\d{6})\(?([\dA])\)?$/.exec(value);
  if (!match) return false;
  const letters = (match[1] ?? '').padStart(2, ' ');
  const codes = [...letters].map((letter) => (letter === ' ' ? 36 : letter.charCodeAt(0) - 55));
  const sum = [...codes, ...[...(match[2] ?? '')].map(Number)].reduce(
    (total, code, at) => total + code * (9 - at),
    0,
  );
  const check = (11 - (sum % 11)) % 11;
  return (check === 10 ? 'A' : String(check)) === match[3];
}

/** @source ISO/IEC 7812-1: 14 to 19 digits with a Luhn check digit */
export function isBankCard(value: string): boolean {
  const digits = value.replace(/[ -]/g, '');
  if (!/^[3-9]\d{13,18}$/.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const number = Number(digit);
    if (at % 2 === 0) return total + number;
    return total + (number * 2 > 9 ? number * 2 - 9 : number * 2);
  }, 0);
  return sum % 10 === 0;
}

function isPhone(value: string): boolean {
  const digits = value.replace(/[ ()-]/g, '');
  // Mainland mobile, Taiwan mobile, Hong Kong and Macau; international with its plus sign.
  return /^(?:\+?86)?1[3-9]\d{9}$|^(?:\+?886|0)9\d{8}$|^\+?85[23][4-9]\d{7}$|^\+[1-9]\d{7,14}$/.test(digits);
}

function isChineseName(value: string): boolean {
  return /^\p{Script=Han}{2,4}$/u.test(value) && SURNAMES.includes(value[0] ?? '');
}
