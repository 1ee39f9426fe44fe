import {
  bookings,
  derived,
  events,
  inDays,
  is,
  type LibraryTag,
  lastDays,
  rule,
  shareOf,
  type Titles,
  tag,
  than,
  theme,
  value,
} from './form.ts';

const CHANNELS: readonly { code: string; titles: Titles }[] = [
  { code: 'app', titles: ['App', '手機銀行', '手机银行'] },
  { code: 'online', titles: ['Online banking', '網路銀行', '网上银行'] },
  { code: 'branch', titles: ['Branch', '網點', '网点'] },
  { code: 'atm', titles: ['Cash machine', '自助設備', '自助设备'] },
  { code: 'card', titles: ['Card terminal', '刷卡', '刷卡'] },
];
const CHOSEN = is(
  'channel',
  CHANNELS.map(({ code }) => code),
);
const CHANNEL_VALUES = CHANNELS.map(({ code, titles }) => value(code, ...titles));
const DAYPARTS = [
  value('night', 'Night (0–6)', '凌晨（0–6時）', '凌晨（0–6时）'),
  value('morning', 'Morning (6–11)', '上午（6–11時）', '上午（6–11时）'),
  value('noon', 'Noon (11–14)', '中午（11–14時）', '中午（11–14时）'),
  value('afternoon', 'Afternoon (14–18)', '下午（14–18時）', '下午（14–18时）'),
  value('evening', 'Evening (18–24)', '晚間（18–24時）', '晚间（18–24时）'),
];
const NIGHT = { property: 'at_hour', op: '<' as const, value: 6 };
const WEEKEND = { property: 'at_weekday', op: '>=' as const, value: 6 };

const ofChannel = ({ code, titles: [en, hant, hans] }: (typeof CHANNELS)[number]): LibraryTag[] => [
  tag(
    `channel_${code}_90d`,
    inDays([`${en}: bookings`, `${hant}交易筆數`, `${hans}交易笔数`], 90),
    `channels/${code}/number`,
    'number',
    bookings('count', { where: is('channel', code), ...lastDays(90) }),
    `Bookings made by ${en.toLowerCase()} in the last 90 days.`,
    { unit: 'bookings' },
  ),
  tag(
    `channel_${code}_share_365d`,
    inDays([`${en}: share of bookings`, `${hant}交易佔比`, `${hans}交易占比`], 365),
    `channels/${code}/share`,
    'number',
    bookings(shareOf(is('channel', code)), { where: CHOSEN, ...lastDays(365) }),
    `Share of bookings made by ${en.toLowerCase()} among those of a channel that the customer chooses, in the last 365 days.`,
    { unit: 'share' },
  ),
  tag(
    `channel_${code}_last_days`,
    [`Days since ${en.toLowerCase()} was used`, `距最近使用${hant}天數`, `距最近使用${hans}天数`],
    `channels/${code}/recency`,
    'number',
    bookings({ recency: 'days' }, { where: is('channel', code) }),
    `Days since the last booking made by ${en.toLowerCase()}.`,
    { unit: 'days' },
  ),
];

/** Where and when customers deal with the bank. */
export const CHANNELS_AND_TIMES = theme(
  'channels',
  ['Channels and times', '渠道與時間偏好', '渠道与时间偏好'],
  'Digital channels',
  [
    ...CHANNELS.map(ofChannel),
    tag(
      'channel_favourite_365d',
      inDays(['Favourite channel', '偏好渠道', '偏好渠道'], 365),
      'channels/all/preference',
      'text',
      bookings({ top: 'channel' }, { where: CHOSEN, ...lastDays(365) }),
      'Channel of most bookings of the last 365 days, of those that the customer chooses.',
      { values: CHANNEL_VALUES },
    ),
    tag(
      'channels_used_365d',
      inDays(['Channels used', '使用渠道', '使用渠道'], 365),
      'channels/all/variety',
      'list',
      bookings({ topK: { of: 'channel', k: 5 } }, { where: CHOSEN, ...lastDays(365) }),
      'Channels of bookings of the last 365 days.',
      { values: CHANNEL_VALUES },
    ),
    tag(
      'channels_number_365d',
      inDays(['Number of channels', '使用渠道數', '使用渠道数'], 365),
      'channels/all/variety',
      'number',
      bookings({ distinct: 'channel' }, { where: CHOSEN, ...lastDays(365) }),
      'Different channels of bookings of the last 365 days.',
      { unit: 'channels' },
    ),
    tag(
      'channel_digital_change_90d',
      inDays(['Change of bookings by app', '手機銀行交易變化率', '手机银行交易变化率'], 90),
      'channels/all/migration',
      'number',
      bookings({ change: 'count' }, { where: is('channel', 'app'), ...lastDays(90) }),
      'Bookings by app of the last 90 days against those of the 90 days before.',
      { unit: 'share' },
    ),
    tag(
      'channel_style',
      ['Channel style', '渠道類型', '渠道类型'],
      'channels/all/preference',
      'text',
      rule(
        [
          [than('channels_number_365d', '=', 0), 'none'],
          [than('channel_branch_share_365d', '>=', 0.5), 'branch'],
          [than('channel_branch_share_365d', '>', 0), 'mixed'],
        ],
        'remote',
      ),
      'How far the customer needs the branch: half of the bookings or more, some, none.',
      {
        values: [
          value('none', 'No bookings', '無交易', '无交易'),
          value('branch', 'Branch', '網點型', '网点型'),
          value('mixed', 'Mixed', '混合型', '混合型'),
          value('remote', 'Without branch', '線上型', '线上型'),
        ],
      },
    ),

    tag(
      'contact_channel_answered_180d',
      inDays(['Channel whose messages are opened', '常開啟訊息渠道', '常打开消息渠道'], 180),
      'channels/all/contact',
      'text',
      events('message_opened', { top: 'channel' }, lastDays(180)),
      'Channel of most messages that the customer opened in the last 180 days.',
    ),
    tag(
      'contact_channel',
      ['Channel for messages', '觸達偏好渠道', '触达偏好渠道'],
      'channels/all/contact',
      'text',
      derived('coalesce(contact_channel_declared, contact_channel_answered_180d)'),
      'What the customer asked for; only where nothing is on file, the channel whose messages are opened.',
    ),

    tag(
      'booking_daypart_180d',
      inDays(['Usual time of day of bookings', '常用交易時段', '常用交易时段'], 180),
      'channels/time/bookings',
      'text',
      bookings({ top: 'at_daypart' }, { where: CHOSEN, ...lastDays(180) }),
      'Part of the day of most bookings of the last 180 days, in the time of the bank.',
      { values: DAYPARTS },
    ),
    tag(
      'booking_weekend_share_180d',
      inDays(['Bookings at the weekend', '週末交易佔比', '周末交易占比'], 180),
      'channels/time/bookings',
      'number',
      bookings(shareOf(WEEKEND), { where: CHOSEN, ...lastDays(180) }),
      'Share of bookings of the last 180 days on Saturday or Sunday.',
      { unit: 'share' },
    ),
    tag(
      'booking_night_share_180d',
      inDays(['Bookings at night', '凌晨交易佔比', '凌晨交易占比'], 180),
      'channels/time/bookings',
      'number',
      bookings(shareOf(NIGHT), { where: CHOSEN, ...lastDays(180) }),
      'Share of bookings of the last 180 days between midnight and six.',
      { unit: 'share' },
    ),
    tag(
      'salary_monthday',
      ['Day of the month of the salary', '發薪日', '发薪日'],
      'channels/time/salary',
      'number',
      bookings(
        { last: 'at_monthday' },
        { where: { all: [is('kind', 'payroll'), is('direction', 'credit')] }, ...lastDays(365) },
      ),
      'Day of the month on which the latest salary of the last 365 days came.',
    ),
    tag(
      'login_daypart_90d',
      inDays(['Usual time of day of logins', '常用登入時段', '常用登录时段'], 90),
      'channels/time/app',
      'text',
      events('login', { top: 'at_daypart' }, lastDays(90)),
      'Part of the day of most logins of the last 90 days: when an app message is seen.',
      { values: DAYPARTS },
    ),
    tag(
      'login_hour_90d',
      inDays(['Middle hour of logins', '登入時刻中位數', '登录时刻中位数'], 90),
      'channels/time/app',
      'number',
      events('login', { percentile: { of: 'at_hour', at: 0.5 } }, lastDays(90)),
      'Half of the logins of the last 90 days came up to this hour of the day.',
      { unit: 'hour' },
    ),
    tag(
      'login_weekend_share_90d',
      inDays(['Logins at the weekend', '週末登入佔比', '周末登录占比'], 90),
      'channels/time/app',
      'number',
      events('login', shareOf(WEEKEND), lastDays(90)),
      'Share of logins of the last 90 days on Saturday or Sunday.',
      { unit: 'share' },
    ),
  ],
);
