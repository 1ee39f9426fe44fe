import { type Random, seededRandom } from '@rapport/kernel';

/** A record of a person in one of a bank's systems, with the person it is of: what a match must find. */
export interface LabelledRecord {
  readonly record: number;
  /** The truth: records of one person have the same number. */
  readonly person: number;
  readonly name: string;
  /** `YYYY-MM-DD`, '' when the system does not know it; so for every field. */
  readonly birthDate: string;
  readonly gender: 'female' | 'male' | '';
  readonly document: string;
  readonly phone: string;
  readonly email: string;
  readonly address: string;
  readonly device: string;
}

interface Person {
  readonly family: string;
  readonly given: string;
  readonly script: 'hans' | 'hant' | 'latin';
  readonly birth: number;
  readonly gender: 'female' | 'male';
  readonly document: string;
  readonly phone: string;
  readonly email: string;
  readonly address: Address;
  readonly device: string;
}

interface Address {
  readonly city: number;
  readonly street: number;
  readonly house: number;
  readonly unit: number;
  readonly room: number;
}

const SURNAMES = [
  ...'王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文',
];
const GIVEN = [
  ...'伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲芬燕彬飞辉慧巧雅芝月莉佳欣怡婷雪琳波斌宇浩凯健俊帆志文博鹏晨阳睿泽轩梓涵子萱诗雨思远嘉豪俊熙若曦心怡宏达国庆建国卫东春梅秋菊冬生夏荷海燕云龙凤翔天佑家栋世昌振邦立新永康福寿安乐和顺庆祥瑞丰盛茂林森焱鑫淼垚晶品众磊犇骉毅恒诚信义仁礼智贤良善德厚道正直光耀辉煌灿烂晓东方旭初升朝霞彩虹',
];
/** The same characters, simplified and traditional. */
const SIMPLIFIED =
  '张刘陈杨赵黄吴孙马罗郑谢韩冯萧邓许吕苏卢蒋贾叶阎钟谭邹陆龙万钱汤贺赖龚伟静丽强军艳杰涛红燕飞辉华凤银东国庆卫云龙达远诗怡阳泽轩宝实验贤礼义诚顺丰晓灿烂耀';
const TRADITIONAL =
  '張劉陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂蘇盧蔣賈葉閻鍾譚鄒陸龍萬錢湯賀賴龔偉靜麗強軍豔傑濤紅燕飛輝華鳳銀東國慶衛雲龍達遠詩怡陽澤軒寶實驗賢禮義誠順豐曉燦爛耀';
/** Characters that are read alike, and so mistaken for each other at a counter. */
const ALIKE = [
  '伟玮炜苇',
  '芳方坊',
  '静婧靖敬',
  '丽莉力立',
  '杰洁捷',
  '敏闽',
  '婷庭亭',
  '欣新心鑫',
  '宇羽雨玉',
  '明铭鸣',
  '文雯闻',
  '志智至',
  '佳嘉家',
  '怡宜仪',
  '燕艳彦',
  '华桦',
  '建健',
  '红宏洪鸿',
  '梅玫',
  '玲铃灵琳',
];
const CITIES = ['海州', '江城', '南湾', '云岭', '北川', '离岛', '东方', '永和'];
const STREETS = [
  '中山',
  '人民',
  '解放',
  '建设',
  '南京',
  '北京',
  '和平',
  '复兴',
  '长江',
  '黄河',
  '光明',
  '文化',
  '胜利',
  '新华',
  '滨海',
  '花园',
];
const FIRST_FEMALE =
  'Alice Clara Diana Emma Fiona Grace Helen Irene Julia Karen Laura Maria Nora Olivia Paula Rachel Sarah Teresa Vera Wendy Anna Bella Cindy Daisy Elena Flora Gloria Hannah'.split(
    ' ',
  );
const FIRST_MALE =
  'Adam Brian Colin David Eric Frank George Henry Ivan James Kevin Leo Martin Nathan Oscar Peter Quentin Robert Simon Thomas Victor William Xavier Andrew Benjamin Charles Daniel'.split(
    ' ',
  );
const LAST =
  'Archer Bennett Carver Dalton Ellis Foster Garner Holt Irving Keller Lowe Mercer Norton Porter Quinn Ramsey Sutton Tucker Vaughn Walker Young Abbott Barker Chapman Dixon Elliott Fleming Gibson Harper Jennings Lambert Marshall Osborne Pearson Reeves Sheldon Turner Underwood Wallace Atkins'.split(
    ' ',
  );
const MIDDLE = 'ABCDEFGHJKLMNPRSTVW';

const DAY = 86_400_000;
const skewed = <Item>(random: Random, items: readonly Item[], skew: number): Item | undefined =>
  items[Math.floor(items.length * random.next() ** skew)];

/**
 * Records of people as several systems of a bank would hold them, with what goes wrong in life: names in other
 * scripts, homophones and typing errors, swapped digits, changed phones, moved homes, missing fields; and with the
 * people a match must not merge: twins, spouses and children at one address and phone, a son with his father's
 * name, hundreds who share a company's phone, strangers of the same name and day of birth. The same seed gives the
 * same records. About a third of the records are second or third ones of a person.
 */
export function* labelledPeople(count: number, seed = 1): Generator<LabelledRecord> {
  const random = seededRandom(seed);
  let record = 0;
  let person = 0;
  let companyPhone = { phone: '', left: 0 };
  while (record < count) {
    const members = household(random);
    for (const drawn of members) {
      if (companyPhone.left === 0 && random.next() < 0.0004) {
        companyPhone = { phone: mobile(random), left: 20 + random.integer(480) };
      }
      // Colleagues come one after the other, some of them with the switchboard's number.
      const one: Person =
        companyPhone.left > 0 && random.next() < 0.3 ? { ...drawn, phone: companyPhone.phone } : drawn;
      if (one !== drawn) companyPhone = { ...companyPhone, left: companyPhone.left - 1 };
      person++;
      const copies =
        1 + (random.next() < 0.27 ? 1 + (random.next() < 0.2 ? 1 : 0) + (random.next() < 0.04 ? 1 : 0) : 0);
      for (let copy = 0; copy < copies && record < count; copy++) {
        record++;
        yield copy === 0 ? original(random, one, record, person) : again(random, one, record, person);
      }
    }
  }
}

/** One person, or a family at one address. */
function household(random: Random): Person[] {
  const address: Address = {
    city: random.integer(CITIES.length),
    street: random.integer(STREETS.length),
    house: 1 + random.integer(400),
    unit: 1 + random.integer(30),
    room: (1 + random.integer(28)) * 100 + 1 + random.integer(6),
  };
  const draw = random.next();
  const script = draw < 0.6 ? 'hans' : draw < 0.85 ? 'hant' : 'latin';
  const family = surname(random, script);
  const adult = (gender: 'female' | 'male', own: string): Person =>
    somebody(random, { script, family: own, address, gender, ageFrom: 25, ageTo: 75 });
  const father = adult('male', family);
  if (random.next() < 0.62) return [random.next() < 0.5 ? father : adult('female', surname(random, script))];
  const home: Person[] = [father];
  const sharesPhone = random.next() < 0.25;
  if (random.next() < 0.8) {
    const mother = adult('female', script === 'latin' ? family : surname(random, script));
    home.push(sharesPhone ? { ...mother, phone: father.phone } : mother);
  }
  const kind = random.next();
  if (kind < 0.04) {
    // Twins: the same day, place and surname, and names that differ by one character.
    const first = somebody(random, {
      script,
      family,
      address,
      gender: random.next() < 0.5 ? 'female' : 'male',
      ageFrom: 18,
      ageTo: 30,
    });
    const shared = script === 'latin' ? '' : (skewed(random, GIVEN, 1.6) ?? '');
    const named = (one: Person): Person => ({
      ...one,
      given:
        script === 'latin' ? given(random, script, one.gender) : shared + (skewed(random, GIVEN, 1.4) ?? ''),
    });
    const second = somebody(random, {
      script,
      family,
      address,
      gender: first.gender,
      ageFrom: 18,
      ageTo: 30,
    });
    home.push(named(first), {
      ...named(second),
      birth: first.birth,
      document: `${first.document.slice(0, 14)}${second.document.slice(14)}`,
      ...(random.next() < 0.5 ? { phone: first.phone } : {}),
    });
  } else if (kind < 0.06) {
    // A son with his father's name.
    const son = somebody(random, { script, family, address, gender: 'male', ageFrom: 18, ageTo: 24 });
    home.push({ ...son, given: father.given, ...(random.next() < 0.4 ? { phone: father.phone } : {}) });
  } else if (kind < 0.6) {
    const child = somebody(random, {
      script,
      family,
      address,
      gender: random.next() < 0.5 ? 'female' : 'male',
      ageFrom: 18,
      ageTo: 28,
    });
    home.push(sharesPhone ? { ...child, phone: father.phone } : child);
  }
  return home;
}

function surname(random: Random, script: Person['script']): string {
  if (script === 'latin') return skewed(random, LAST, 1.5) ?? 'Lowe';
  return skewed(random, SURNAMES, 2) ?? '王';
}

function given(random: Random, script: Person['script'], gender: 'female' | 'male'): string {
  if (script === 'latin') {
    const first = skewed(random, gender === 'female' ? FIRST_FEMALE : FIRST_MALE, 1.2) ?? '';
    return random.next() < 0.5 ? `${first} ${MIDDLE[random.integer(MIDDLE.length)] ?? 'A'}` : first;
  }
  const one = skewed(random, GIVEN, 1.4) ?? '';
  return random.next() < 0.78 ? one + (skewed(random, GIVEN, 1.4) ?? '') : one;
}

function somebody(
  random: Random,
  of: {
    script: Person['script'];
    family: string;
    address: Address;
    gender: 'female' | 'male';
    ageFrom: number;
    ageTo: number;
  },
): Person {
  const age = of.ageFrom + random.next() * (of.ageTo - of.ageFrom);
  const birth = Math.floor((Date.UTC(2026, 5, 1) - age * 365.25 * DAY) / DAY) * DAY;
  const day = new Date(birth).toISOString().slice(0, 10).replaceAll('-', '');
  const region = String(110000 + random.integer(500_000));
  const serial = String(random.integer(1000)).padStart(3, '0');
  const document = `${region}${day}${serial}${'0123456789X'[random.integer(11)] ?? '0'}`;
  return {
    script: of.script,
    family: of.family,
    given: given(random, of.script, of.gender),
    birth,
    gender: of.gender,
    document,
    phone: mobile(random),
    email: `${letters(random, 5 + random.integer(6))}${random.integer(1000)}@${['example.com', 'example.org', 'mail.example', 'gmail.com'][random.integer(4)] ?? 'example.com'}`,
    address: of.address,
    device: random.next() < 0.4 ? letters(random, 16) : '',
  };
}

const mobile = (random: Random): string =>
  `1${3 + random.integer(7)}${String(random.integer(1_000_000_000)).padStart(9, '0')}`;
const letters = (random: Random, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(97 + random.integer(26))).join('');

function original(random: Random, one: Person, record: number, person: number): LabelledRecord {
  return {
    record,
    person,
    name: written(one, one.script),
    birthDate: new Date(one.birth).toISOString().slice(0, 10),
    gender: one.gender,
    document: random.next() < 0.06 ? '' : one.document,
    phone: random.next() < 0.02 ? '' : one.phone,
    email: random.next() < 0.4 ? '' : one.email,
    address: random.next() < 0.08 ? '' : addressText(one.address, 0),
    device: one.device !== '' && random.next() < 0.5 ? one.device : '',
  };
}

/** The same person in another system, some years on. */
function again(random: Random, one: Person, record: number, person: number): LabelledRecord {
  const chance = (share: number): boolean => random.next() < share;
  const moved: Address = {
    ...one.address,
    street: random.integer(STREETS.length),
    house: 1 + random.integer(400),
    room: (1 + random.integer(28)) * 100 + 1 + random.integer(6),
  };
  const number = chance(0.22) ? mobile(random) : chance(0.02) ? mistyped(random, one.phone) : one.phone;
  const document = chance(0.02) ? mistyped(random, one.document) : one.document;
  return {
    record,
    person,
    name: misspelt(random, one),
    birthDate: chance(0.08) ? '' : birthText(random, one.birth),
    gender: chance(0.05) ? '' : one.gender,
    document: chance(0.3)
      ? ''
      : chance(0.2)
        ? `${document.slice(0, 6)} ${document.slice(6, 14)} ${document.slice(14).toLowerCase()}`
        : document,
    phone: chance(0.05)
      ? ''
      : ([
          number,
          `+86 ${number}`,
          `${number.slice(0, 3)}-${number.slice(3, 7)}-${number.slice(7)}`,
          `0086${number}`,
        ][random.integer(4)] ?? number),
    email: chance(0.45)
      ? ''
      : chance(0.25)
        ? `${letters(random, 9)}@example.com`
        : chance(0.2)
          ? one.email.toUpperCase()
          : one.email,
    address: chance(0.15) ? '' : addressText(chance(0.18) ? moved : one.address, random.integer(4)),
    device: one.device !== '' && chance(0.5) ? one.device : '',
  };
}

function written(one: Person, script: Person['script']): string {
  if (script === 'latin') return `${one.given} ${one.family}`;
  const name = one.family + one.given;
  return script === 'hant' ? translate(name, SIMPLIFIED, TRADITIONAL) : name;
}

function misspelt(random: Random, one: Person): string {
  const draw = random.next();
  if (one.script === 'latin') {
    if (draw < 0.2) return `${one.family}, ${one.given}`;
    if (draw < 0.3) return `${one.family.toUpperCase()} ${one.given.toUpperCase()}`;
    if (draw < 0.36) return `${one.given.split(' ')[0] ?? ''} ${one.family}`;
    if (draw < 0.4) return mistyped(random, written(one, 'latin'));
    return draw < 0.46
      ? `${one.gender === 'female' ? 'Ms' : 'Mr'} ${written(one, 'latin')}`
      : written(one, 'latin');
  }
  if (draw < 0.12) return written(one, one.script === 'hans' ? 'hant' : 'hans');
  if (draw < 0.16) return homophone(random, one);
  if (draw < 0.175) return one.family + (skewed(random, GIVEN, 1) ?? '') + [...one.given].slice(1).join('');
  if (draw < 0.22) return [...written(one, one.script)].join('　');
  if (draw < 0.25) return `${written(one, one.script)}${one.gender === 'female' ? '女士' : '先生'}`;
  return written(one, one.script);
}

function homophone(random: Random, one: Person): string {
  const name = written(one, 'hans');
  for (const character of [...name].slice(1).reverse()) {
    const group = ALIKE.find((alike) => alike.includes(character));
    if (!group) continue;
    const others = [...group].filter((other) => other !== character);
    return name.replace(character, others[random.integer(others.length)] ?? character);
  }
  return name;
}

/** One digit or letter wrong, or two neighbours swapped. */
function mistyped(random: Random, text: string): string {
  const at = 1 + random.integer(Math.max(1, text.length - 2));
  if (random.next() < 0.5 && at + 1 < text.length) {
    return text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2);
  }
  const wrong = /[0-9]/.test(text[at] ?? '')
    ? String(random.integer(10))
    : String.fromCharCode(97 + random.integer(26));
  return text.slice(0, at) + wrong + text.slice(at + 1);
}

function birthText(random: Random, birth: number): string {
  const [year = '', month = '', day = ''] = new Date(birth).toISOString().slice(0, 10).split('-');
  const draw = random.next();
  if (draw < 0.008 && Number(day) <= 12) return `${year}-${day}-${month}`;
  if (draw < 0.02) return `${year}-${month}-${String(1 + random.integer(28)).padStart(2, '0')}`;
  return `${year}-${month}-${day}`;
}

/** @param form  0: as the core bank writes it; 1–3: as others do */
function addressText(address: Address, form: number): string {
  const city = CITIES[address.city] ?? '';
  const street = STREETS[address.street] ?? '';
  const { house, unit, room } = address;
  switch (form) {
    case 0:
      return `${city}市${street}路${house}号${unit}栋${room}室`;
    case 1:
      return `${city}${street}路 ${house} 號 ${unit} 幢 ${room}`;
    case 2:
      return `中国${city}市${street}路${house}号院${unit}号楼${room}室`;
    default:
      return `${city}市${street}路${house}-${unit}-${room}`;
  }
}

function translate(text: string, from: string, to: string): string {
  const [source, target] = [[...from], [...to]];
  return [...text].map((character) => target[source.indexOf(character)] ?? character).join('');
}
