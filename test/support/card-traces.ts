// How a number can lie in bytes, and where: a search for it in clear, grouped, packed, in swapped nibbles, at half a
// byte's offset, as UTF-16, and in the usual encodings of each.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Base64 at each of the three offsets, without the characters that depend on the neighbours. */
function base64Of(bytes: Buffer): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    return text.slice(offset === 0 ? 0 : 4, -4);
  });
}

function swapped(digits: string): string {
  return digits.replace(/(.)(.)/g, "$2$1");
}

/** Of a number with an even count of digits, each as it would stand in bytes. */
export function traces(number: string): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  const packed = Buffer.from(number, "hex");
  const reversed = Buffer.from(swapped(number), "hex");
  found.set("packed", packed);
  found.set("packed with swapped nibbles", reversed);
  // Without its first digit it lies on bytes again.
  found.set("packed at half a byte", Buffer.from(`${number.slice(1, -1)}`, "hex"));
  const add = (name: string, text: string): void => void found.set(name, Buffer.from(text));
  add("digits", number);
  add("digits with swapped nibbles", swapped(number));
  for (const by of [" ", "-"]) add(`by ${by}`, number.replace(/(....)(?=.)/g, `$1${by}`));
  add("hexadecimal", Buffer.from(number).toString("hex"));
  found.set("UTF-16", Buffer.from(number, "utf16le"));
  for (const [of, bytes] of Object.entries({ digits: Buffer.from(number), packed, reversed })) {
    for (const [offset, text] of base64Of(bytes).entries()) add(`base64 ${of} ${offset}`, text);
  }
  return found;
}

/** The names of the forms in which it is there. */
export function foundIn(bytes: Uint8Array, number: string): readonly string[] {
  const searched = Buffer.from(bytes);
  return [...traces(number)].filter(([, trace]) => searched.includes(trace)).map(([name]) => name);
}

/** Every regular file below the folder, with its content. */
export function filesOf(folder: string): ReadonlyMap<string, Uint8Array> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path, readFileSync(path)]));
}
