import { OWN } from './activity.ts';
import { bookings, derived, lastDays, rule, tag, than, theme, value, whether, YES_NO } from './form.ts';

/**
 * Stages in which exactly one holds for every customer, by the usual rules of thumb of retail banks: 30 days new, 180
 * days to become active or to fall asleep, 540 days without a booking lost; 30 % fewer bookings in 90 days than in
 * the 90 before is a decline.
 */
export const LIFECYCLE_STAGES = [
  value('prospect', 'Prospect', '潛在客戶', '潜在客户'),
  value('new', 'New', '新客', '新客'),
  value('activating', 'Activating', '激活期', '激活期'),
  value('growing', 'Growing', '成長期', '成长期'),
  value('mature', 'Mature', '成熟期', '成熟期'),
  value('declining', 'Declining', '衰退期', '衰退期'),
  value('dormant', 'Dormant', '沉睡期', '沉睡期'),
  value('lost', 'Lost', '流失', '流失'),
];

/** Where the customer stands in the life of the relationship. */
export const LIFECYCLE = theme('lifecycle', ['Lifecycle', '生命週期', '生命周期'], 'Customer strategy', [
  tag(
    'lifecycle_days',
    ['Days since the relationship began', '關係建立天數', '关系建立天数'],
    'lifecycle/clock/tenure',
    'number',
    derived('daysSince(coalesce(customer_since, account_first_opened_on))'),
    'Days since the customer was opened or, where that is unknown, since the first account was.',
    { unit: 'days' },
  ),
  tag(
    'lifecycle_idle_days',
    ['Days without a booking', '無主動交易天數', '无主动交易天数'],
    'lifecycle/clock/activity',
    'number',
    derived('coalesce(bookings_own_last_days, lifecycle_days)'),
    'Days since the last booking that is neither interest nor a fee; of customers who never booked, since the relationship began.',
    { unit: 'days' },
  ),
  tag(
    'lifecycle_bookings_90d',
    ['Bookings of the customer, 90 days', '近90天主動交易筆數', '近90天主动交易笔数'],
    'lifecycle/clock/activity',
    'number',
    bookings('count', { where: OWN, ...lastDays(90) }),
    'Bookings of the last 90 days that are neither interest nor a fee.',
    { unit: 'bookings' },
  ),
  tag(
    'lifecycle_bookings_90d_before',
    ['Bookings of the customer, 90 days before', '前90天主動交易筆數', '前90天主动交易笔数'],
    'lifecycle/clock/activity',
    'number',
    bookings('count', { where: OWN, ...lastDays(90), offset: 'P90D' }),
    'The same of the 90 days before those.',
    { unit: 'bookings' },
  ),
  tag(
    'lifecycle_change',
    ['Change of the frequency', '交易頻率變化率', '交易频率变化率'],
    'lifecycle/clock/activity',
    'number',
    derived(
      '(lifecycle_bookings_90d - lifecycle_bookings_90d_before) / nullIf(lifecycle_bookings_90d_before, 0)',
    ),
    'Bookings of the last 90 days against those of the 90 days before.',
    { unit: 'share' },
  ),
  tag(
    'lifecycle_stage',
    ['Lifecycle stage', '生命週期階段', '生命周期阶段'],
    'lifecycle/stage/now',
    'text',
    rule(
      [
        [{ all: [than('accounts_total', '=', 0), than('holdings_live', '=', 0)] }, 'prospect'],
        [{ all: [than('accounts_open', '=', 0), than('holdings_live', '=', 0)] }, 'lost'],
        [than('lifecycle_idle_days', '>=', 540), 'lost'],
        [than('lifecycle_idle_days', '>=', 180), 'dormant'],
        [than('lifecycle_days', '<=', 30), 'new'],
        [than('lifecycle_days', '<=', 180), 'activating'],
        [
          { all: [than('lifecycle_bookings_90d_before', '>=', 3), than('lifecycle_change', '<=', -0.3)] },
          'declining',
        ],
        [than('lifecycle_days', '<=', 540), 'growing'],
        [{ all: [than('lifecycle_bookings_90d', '>=', 3), than('lifecycle_change', '>=', 0.3)] }, 'growing'],
      ],
      'mature',
    ),
    'The one stage the customer is in. Prospect: no account and no product. Lost: everything closed, or no booking for 540 days. Dormant: none for 180. New: at most 30 days with the bank. Activating: at most 180. Declining: at least three bookings in the 90 days before, and 30 % fewer now. Growing: at most 540 days with the bank, or at least three bookings and 30 % more than before. Mature: everyone else.',
    { values: LIFECYCLE_STAGES },
  ),
  tag(
    'lifecycle_is_active',
    ['Active customer', '有效客戶', '有效客户'],
    'lifecycle/stage/now',
    'boolean',
    whether({
      tag: 'lifecycle_stage',
      op: 'in',
      value: ['new', 'activating', 'growing', 'mature', 'declining'],
    }),
    'In a stage of a living relationship.',
    { values: YES_NO },
  ),
  tag(
    'lifecycle_first_booking_days',
    ['Days to the first booking', '首筆交易用時', '首笔交易用时'],
    'lifecycle/activation/speed',
    'number',
    derived(
      "if(bookings_first_at is null or customer_since is null, null, dateDiff('day', customer_since, bookings_first_at))",
    ),
    'Days from opening to the first booking known; negative when the data begin earlier than the relationship.',
    { unit: 'days' },
  ),
  tag(
    'lifecycle_unactivated',
    ['Not activated', '開戶未激活', '开户未激活'],
    'lifecycle/activation/risk',
    'boolean',
    whether({
      all: [than('lifecycle_days', '<=', 180), than('lifecycle_days', '>', 30), than('bookings_90d', '=', 0)],
    }),
    'Opened between 30 and 180 days ago and without a booking in 90 days.',
    { values: YES_NO },
  ),
  tag(
    'lifecycle_reawakened',
    ['Reawakened', '沉睡喚醒', '沉睡唤醒'],
    'lifecycle/return/now',
    'boolean',
    whether({
      all: [
        than('lifecycle_bookings_90d', '>=', 1),
        than('lifecycle_bookings_90d_before', '=', 0),
        than('lifecycle_days', '>', 180),
      ],
    }),
    'Books again after 90 days without a booking.',
    { values: YES_NO },
  ),
  tag(
    'lifecycle_leaving',
    ['Signs of leaving', '流失預警', '流失预警'],
    'lifecycle/return/risk',
    'text',
    rule(
      [
        [{ all: [than('lifecycle_change', '<=', -0.3), than('balance_avg_change_90d', '<=', -0.3)] }, 'both'],
        [than('balance_avg_change_90d', '<=', -0.3), 'balance'],
        [
          { all: [than('lifecycle_bookings_90d_before', '>=', 3), than('lifecycle_change', '<=', -0.3)] },
          'bookings',
        ],
      ],
      'none',
    ),
    'Whether bookings, the average balance or both fell by 30 % or more in 90 days.',
    {
      values: [
        value('none', 'None', '無', '无'),
        value('bookings', 'Bookings fall', '交易減少', '交易减少'),
        value('balance', 'Balance falls', '資金減少', '资金减少'),
        value('both', 'Both fall', '雙降', '双降'),
      ],
    },
  ),
]);
