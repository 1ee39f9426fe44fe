import type { Random } from '@rapport/kernel';
import { pick } from './draws.ts';

type Pool = readonly [string, ...string[]];
const pool = (text: string): Pool => {
  const [first = '', ...rest] = text.split(' ');
  return [first, ...rest];
};

const SURNAMES_HANS = pool(
  '王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢 韩 唐 冯 于 董 萧',
);
const SURNAMES_HANT = pool(
  '陳 林 黃 張 李 王 吳 劉 蔡 楊 許 鄭 謝 郭 洪 邱 曾 廖 賴 徐 周 葉 蘇 莊 呂 江 何 蕭 羅 高',
);
const GIVEN_FEMALE = pool('美 芳 娜 敏 静 丽 娟 艳 秀 英 华 慧 巧 雅 芝 玉 萍 红 月 莉 佳 欣 怡 婷 雪 琳');
const GIVEN_MALE = pool('伟 强 磊 军 洋 勇 杰 涛 明 超 刚 平 辉 鹏 飞 波 斌 宇 浩 凯 健 俊 帆 志 文 博');
const GIVEN_FEMALE_HANT = pool(
  '美 芳 娜 敏 靜 麗 娟 豔 秀 英 華 慧 巧 雅 芝 玉 萍 紅 月 莉 佳 欣 怡 婷 雪 琳',
);
const GIVEN_MALE_HANT = pool('偉 強 磊 軍 洋 勇 傑 濤 明 超 剛 平 輝 鵬 飛 波 斌 宇 浩 凱 健 俊 帆 志 文 博');
const FIRST_FEMALE = pool('Alice Clara Diana Emma Fiona Grace Helen Irene Julia Karen Laura Maria');
const FIRST_MALE = pool('Adam Brian Colin David Eric Frank George Henry Ivan James Kevin Leo');
const LAST = pool(
  'Archer Bennett Carver Dalton Ellis Foster Garner Holt Irving Keller Lowe Mercer Norton Porter',
);
const FIRM_PLACE = pool('海州 江城 南灣 雲嶺 北川 離島 東方 永和 大同 新安');
const FIRM_WORD = pool('宏達 聯合 鼎盛 華泰 嘉禾 信誠 恆順 萬利 立德 安瑞 廣源 博雅');
const FIRM_TRADE = pool('貿易 科技 物流 食品 紡織 機械 建材 電子 諮詢 醫療');

/** A plausible name of a person who does not exist. */
export function personName(random: Random, language: string, gender: 'female' | 'male'): string {
  if (language === 'en')
    return `${pick(random, gender === 'female' ? FIRST_FEMALE : FIRST_MALE)} ${pick(random, LAST)}`;
  const traditional = language === 'zh-Hant';
  const given = traditional
    ? gender === 'female'
      ? GIVEN_FEMALE_HANT
      : GIVEN_MALE_HANT
    : gender === 'female'
      ? GIVEN_FEMALE
      : GIVEN_MALE;
  const surname = pick(random, traditional ? SURNAMES_HANT : SURNAMES_HANS);
  return surname + pick(random, given) + (random.next() < 0.6 ? pick(random, given) : '');
}

/** A plausible name of a firm that does not exist, in traditional characters. */
export function firmName(random: Random): string {
  return `${pick(random, FIRM_PLACE)}${pick(random, FIRM_WORD)}${pick(random, FIRM_TRADE)}股份有限公司`;
}
