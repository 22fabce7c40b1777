// What a board's display shows, looked at now and then: what was delivered goes on while nobody looks, so that it is
// waited for as "at least so much".

/** At least 10 Wh, and at least 20 Wh, of less than a kilowatt-hour. */
export const FROM_10_WH = /0\.(0[1-9]|[1-9]\d) kWh/;
export const FROM_20_WH = /0\.(0[2-9]|[1-9]\d) kWh/;

export function isShown(words: string | RegExp, page: string): boolean {
  return typeof words === "string" ? page.includes(words) : words.test(page);
}
