export { type BusinessCalendar, businessCalendar, type Calendar } from './business.ts';
export { CALENDARS, CN, HK, TW } from './calendars.ts';
export {
  addDays,
  type Day,
  dayIn,
  dayNumber,
  dayOf,
  dayStart,
  fiscalQuarter,
  fiscalYear,
  isoWeek,
  monthEnd,
  weekday,
} from './day.ts';
export {
  daysInLunarMonth,
  type LunarDay,
  leapMonth,
  lunarDay,
  nextLunarBirthday,
  solarDay,
  springFestival,
} from './lunar.ts';
