// Options of stock services as they stand in a device file: data, checked before anything is opened.

import { readJson, type Type } from "../../protocol/schema.ts";
import { fail, type Result } from "../../result.ts";

/** What is not given is as usual. Fails with `malformed`, naming the field; a name that is no option is refused too. */
export function readOptions<T extends object>(
  type: Type<T>,
  usual: Partial<T>,
  given: unknown,
): Result<T> {
  const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
  if (!isObject) return readJson(type, given, "options");
  const { cddl } = type;
  const names = cddl.is === "map" ? cddl.entries.map(({ name }) => name) : [];
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const at = `options.${unknown}`;
    return fail("malformed", `${at} is none; there are ${names.join(", ")}`, at);
  }
  return readJson(type, { ...usual, ...given }, "options");
}
