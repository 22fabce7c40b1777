// Names that applications choose: of additional amounts, of keys, of types.

import { utf8 } from "../../bytes.ts";

/** Text of 1 to `bytesMax` bytes without control characters, and not the one name that objects keep for themselves. */
export function isIdentifier(name: unknown, bytesMax: number): name is string {
  return (
    typeof name === "string" &&
    name !== "" &&
    name !== "__proto__" &&
    !/\p{Cc}/u.test(name) &&
    utf8(name).length <= bytesMax
  );
}
