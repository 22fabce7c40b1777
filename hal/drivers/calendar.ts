// The Gregorian calendar in universal time, counted in years that begin with March.

const DAY_MS = 86_400_000;

export interface CalendarTime {
  year: number;
  /** 1 to 366. */
  dayOfYear: number;
  /** Two digits each; `time` is hhmmss. */
  month: string;
  day: string;
  time: string;
}

/** Of a wall clock. */
export function calendar(wallMs: number): CalendarTime {
  const days = Math.floor(wallMs / DAY_MS);
  const sinceMarch0000 = days + 719_468;
  const era = Math.floor(sinceMarch0000 / 146_097);
  const dayOfEra = sinceMarch0000 - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayFromMarch = dayOfEra - (365 * yearOfEra + leapDays);
  const monthFromMarch = Math.floor((5 * dayFromMarch + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + 400 * era + (month <= 2 ? 1 : 0);
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const beforeMarch = isLeap ? 60 : 59;
  const two = (value: number): string => String(value).padStart(2, "0");
  const seconds = Math.floor((wallMs - days * DAY_MS) / 1000);
  return {
    year,
    dayOfYear: month <= 2 ? dayFromMarch - 306 + 1 : dayFromMarch + beforeMarch + 1,
    month: two(month),
    day: two(dayFromMarch - Math.floor((153 * monthFromMarch + 2) / 5) + 1),
    time: `${two(Math.floor(seconds / 3600))}${two(Math.floor(seconds / 60) % 60)}${two(seconds % 60)}`,
  };
}
