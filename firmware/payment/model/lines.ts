// Text of several lines, such as a receipt.

import { plain, refuse, type Type, text } from "../../protocol/schema.ts";

/** At most `bytesMax` bytes of UTF-8; of the control characters only the line feed. */
export function lines(bytesMax: number): Type<string> {
  const whole = text(bytesMax);
  const check = (value: unknown, at: string): string => {
    if (typeof value !== "string") return refuse(at, "must be text");
    // A line feed and the space that is checked in its place take a byte each.
    whole.fromJson(value.replaceAll("\n", " "), at);
    return value;
  };
  return {
    ...whole,
    toCbor: (value) => check(value, "value"),
    fromCbor: check,
    fromJson: check,
    cddl: plain(`tstr .size (0..${bytesMax})`),
  };
}
