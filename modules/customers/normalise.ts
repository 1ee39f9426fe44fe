import { type CharacterMap, simplifiedForms, soundForms } from './han-characters.ts';

/** How names, numbers and addresses are brought into the spelling by which they are compared. */
export interface Normaliser {
  /** `陳 小明 先生` → `陈小明`; `LEE, Ann-Marie` → `ann lee marie`; firms lose the words that say they are firms. */
  name(text: string): string;
  /** A normalised name → a text that is equal for names which sound alike; of Latin names the name itself. */
  sound(name: string): string;
  /** E.164 with the country's code where none is given: `0912-345-678` → `+886912345678`. */
  phone(text: string): string;
  /** Lower case; sub-addresses (`ann+shop@…`) and, where the provider ignores them, dots are dropped. */
  email(text: string): string;
  /** Simplified, half-width, without the words between the names: `臺北市中山區南京東路二段 12 號 3 樓` → `台北中山南京东2-12-3`. */
  address(text: string): string;
  /** Upper case letters and digits only; a Chinese number of 15 digits becomes the one of 18 that it is part of. */
  document(text: string): string;
  /** The same of SQL expressions; the two agree on every text (a test holds them together). */
  readonly sql: {
    name(text: string): string;
    sound(name: string): string;
    phone(text: string): string;
    email(text: string): string;
    address(text: string): string;
    document(text: string): string;
  };
}

/** Without a country's code, a number that begins so belongs to this country. */
export interface CountryRule {
  /** With `+`. */
  readonly code: string;
  /** RE2 and ECMAScript expression over digits that a national number matches. */
  readonly national: string;
}

/** @source ITU-T E.164, national numbering plans; mobile numbers first because they decide most matches */
export const COUNTRIES: readonly CountryRule[] = [
  { code: '+86', national: '^1[3-9][0-9]{9}$' },
  { code: '+886', national: '^0?9[0-9]{8}$' },
  { code: '+852', national: '^[5679][0-9]{7}$' },
];

const COURTESY = '(先生|女士|小姐|太太|博士)$';
const LATIN_COURTESY = '^(mr|mrs|ms|miss|dr|prof)$';
const FIRM =
  '(股份有限公司|有限责任公司|有限公司|集团公司|集团|公司|商行|企业社)|( co| corp| inc| ltd| llc| plc| limited| company| corporation| incorporated| gmbh)+$';
const HAN = '\\p{Han}';
/** Words of an address that carry no name. */
const ADDRESS_WORDS =
  '中国|中华民国|台湾|省|特别行政区|自治区|自治州|市|地区|区|县|镇|乡|街道|村|社区|新区|大道|路|街|巷|弄|号院|号楼|号|栋|幢|座|单元|层|楼|室|段|之|里|邻|no|road|rd|street|st|avenue|ave|district|city|floor|fl|room|rm|flat|block|blk|unit|apt';
const CHINESE_DIGITS: CharacterMap = { from: '〇零一二三四五六七八九臺', to: '00123456789台' };
/** Mail providers that ignore dots before the @. */
const DOTLESS = 'gmail.com|googlemail.com';

export function createNormaliser(options: { readonly country?: string } = {}): Normaliser {
  const country = options.country ?? '+86';
  const simple = simplifiedForms();
  const sounds = soundForms();
  const toSimple = translator(simple);
  const toSound = translator(sounds);
  const toDigits = translator(CHINESE_DIGITS);

  const fold = (text: string): string => toSimple(text.normalize('NFKC')).toLowerCase();
  const foldSql = (text: string): string =>
    `lowerUTF8(translateUTF8(normalizeUTF8NFKC(${text}), ${quoted(simple.from)}, ${quoted(simple.to)}))`;

  const countries = [...COUNTRIES].sort((a, b) => Number(b.code === country) - Number(a.code === country));

  return {
    name(text) {
      const folded = fold(text)
        .replace(/[^\p{L}\p{N}]+/gu, ' ')
        .trim();
      if (/\p{Script=Han}/u.test(folded)) {
        return folded
          .replaceAll(' ', '')
          .replace(new RegExp(COURTESY, 'u'), '')
          .replace(new RegExp(FIRM, 'gu'), '');
      }
      return folded
        .replace(new RegExp(FIRM, 'gu'), '')
        .split(' ')
        .filter((word) => word !== '' && !new RegExp(LATIN_COURTESY).test(word))
        .sort(byBytes)
        .join(' ');
    },
    sound: (name) => toSound(name),
    phone(text) {
      const kept = text.normalize('NFKC').replaceAll(/[^0-9+]/g, '');
      const international = kept.replace(/^00/, '+');
      if (international.startsWith('+'))
        return `+${international.replaceAll('+', '').replace(/^8860/, '886')}`;
      for (const { code, national } of countries) {
        if (new RegExp(national).test(international)) return `${code}${international.replace(/^0/, '')}`;
      }
      for (const { code } of countries) {
        const digits = code.slice(1);
        const rest = international.slice(digits.length);
        if (!international.startsWith(digits)) continue;
        if (countries.some((one) => one.code === code && new RegExp(one.national).test(rest))) {
          return `${code}${rest.replace(/^0/, '')}`;
        }
      }
      return international === '' ? '' : `${country}${international.replace(/^0/, '')}`;
    },
    email(text) {
      const folded = text.normalize('NFKC').trim().toLowerCase();
      const at = folded.lastIndexOf('@');
      if (folded.indexOf('@') < 1) return '';
      const domain = folded.slice(at + 1);
      const local = folded.slice(0, at).replace(/\+.*$/, '');
      return `${new RegExp(`^(${DOTLESS})$`).test(domain) ? local.replaceAll('.', '') : local}@${domain}`;
    },
    address(text) {
      return toDigits(fold(text))
        .replace(new RegExp(ADDRESS_WORDS, 'gu'), ' ')
        .replace(/[^\p{L}\p{N}]+/gu, ' ')
        .replace(/([0-9]) +(?=[0-9])/g, '$1-')
        .replaceAll(' ', '');
    },
    document(text) {
      const kept = text
        .normalize('NFKC')
        .toUpperCase()
        .replaceAll(/[^0-9A-Z]/g, '');
      return /^[0-9]{15}$/.test(kept) ? longDocument(kept) : kept;
    },
    sql: {
      name(text) {
        const folded = `trimBoth(replaceRegexpAll(${foldSql(text)}, '[^\\\\p{L}\\\\p{N}]+', ' '))`;
        const han = `replaceRegexpAll(replaceRegexpOne(replaceAll(n, ' ', ''), ${quoted(COURTESY)}, ''), ${quoted(FIRM)}, '')`;
        const latin = `arrayStringConcat(arraySort(arrayFilter(w -> w != '' AND NOT match(w, ${quoted(LATIN_COURTESY)}), splitByChar(' ', replaceRegexpAll(n, ${quoted(FIRM)}, '')))), ' ')`;
        return `arrayMap(n -> if(match(n, '${HAN.replace('\\', '\\\\')}'), ${han}, ${latin}), [${folded}])[1]`;
      },
      sound: (name) => `translateUTF8(${name}, ${quoted(sounds.from)}, ${quoted(sounds.to)})`,
      phone(text) {
        const kept = `replaceRegexpOne(replaceRegexpAll(normalizeUTF8NFKC(${text}), '[^0-9+]', ''), '^00', '+')`;
        const bare = `replaceRegexpOne(p, '^0', '')`;
        const branches = [
          `startsWith(p, '+'), concat('+', replaceRegexpOne(replaceAll(p, '+', ''), '^8860', '886'))`,
          ...countries.map(({ code, national }) => `match(p, '${national}'), concat('${code}', ${bare})`),
          ...countries.map(({ code, national }) => {
            const rest = `substring(p, ${code.length})`;
            return `startsWith(p, '${code.slice(1)}') AND match(${rest}, '${national}'), concat('${code}', replaceRegexpOne(${rest}, '^0', ''))`;
          }),
          `p = '', ''`,
        ];
        return `arrayMap(p -> multiIf(${branches.join(', ')}, concat('${country}', ${bare})), [${kept}])[1]`;
      },
      email(text) {
        const folded = `lowerUTF8(trimBoth(normalizeUTF8NFKC(${text})))`;
        const local = `replaceRegexpOne(extract(e, '^(.*)@'), '\\\\+.*$', '')`;
        const domain = `extract(e, '@([^@]*)$')`;
        return `arrayMap(e -> if(position(e, '@') < 2 OR extract(e, '^(.*)@') = '', '', concat(if(match(${domain}, '^(${DOTLESS})$'), replaceAll(${local}, '.', ''), ${local}), '@', ${domain})), [${folded}])[1]`;
      },
      address(text) {
        const folded = `translateUTF8(${foldSql(text)}, ${quoted(CHINESE_DIGITS.from)}, ${quoted(CHINESE_DIGITS.to)})`;
        const words = `replaceRegexpAll(replaceRegexpAll(${folded}, ${quoted(ADDRESS_WORDS)}, ' '), '[^\\\\p{L}\\\\p{N}]+', ' ')`;
        // RE2 has no look-ahead: the second pass joins what the first one left between single digits.
        const joined = `replaceRegexpAll(replaceRegexpAll(${words}, '([0-9]) +([0-9])', '\\\\1-\\\\2'), '([0-9]) +([0-9])', '\\\\1-\\\\2')`;
        return `replaceAll(${joined}, ' ', '')`;
      },
      document(text) {
        const kept = `replaceRegexpAll(upperUTF8(normalizeUTF8NFKC(${text})), '[^0-9A-Z]', '')`;
        const seventeen = `concat(substring(d, 1, 6), '19', substring(d, 7))`;
        const sum = `arraySum((digit, weight) -> toInt32(digit) * weight, extractAll(${seventeen}, '[0-9]'), [${WEIGHTS.join(', ')}])`;
        return `arrayMap(d -> if(match(d, '^[0-9]{15}$'), concat(${seventeen}, substring('${CHECKS}', toUInt32(modulo(${sum}, 11)) + 1, 1)), d), [${kept}])[1]`;
      },
    },
  };
}

/** @source GB 11643-1999, after ISO 7064 MOD 11-2 */
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] as const;
const CHECKS = '10X98765432';

function longDocument(short: string): string {
  const seventeen = `${short.slice(0, 6)}19${short.slice(6)}`;
  return seventeen + documentCheck(seventeen);
}

/** The check character of the first 17 digits of a Chinese identity number. */
export function documentCheck(seventeen: string): string {
  const sum = WEIGHTS.reduce((total, weight, place) => total + weight * Number(seventeen[place]), 0);
  return CHECKS[sum % 11] ?? '';
}

function translator({ from, to }: CharacterMap): (text: string) => string {
  const targets = [...to];
  const map = new Map([...from].map((character, place) => [character, targets[place] ?? '']));
  return (text) => {
    let result = '';
    for (const character of text) result += map.get(character) ?? character;
    return result;
  };
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
/** The order in which the warehouse sorts texts. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
