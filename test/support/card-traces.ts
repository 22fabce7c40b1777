// How a number, a name, a key or a token can lie in bytes, and where: a search for it in clear, grouped, packed, in
// swapped nibbles, at half a byte's offset, as UTF-16, and in the usual encodings of each.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readKeyFile } from "../../hal/linux/key-file.ts";

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

/** Of a number together with its expiry (YYMM): as on a track, where the end of the number is enough, and in tags. */
export function trackTraces(number: string, expiry: string): ReadonlyMap<string, Buffer> {
  const end = number.slice(-6);
  const found = new Map<string, Buffer>();
  found.set("track 2", Buffer.from(`${end}d${expiry}`.slice(0, 10), "hex"));
  for (const by of "=Dd^") found.set(`track with ${by}`, Buffer.from(`${end}${by}${expiry}`));
  found.set("tags 5A and 5F24", Buffer.from(`${end}5f2403${expiry}`, "hex"));
  return found;
}

/** Of any bytes: as they are, and in the usual encodings, also in a part of a longer text. */
export function secretTraces(secret: Uint8Array): ReadonlyMap<string, Buffer> {
  const raw = Buffer.from(secret);
  const found = new Map<string, Buffer>([["raw", raw]]);
  found.set("hexadecimal", Buffer.from(raw.toString("hex")));
  found.set("hexadecimal in capitals", Buffer.from(raw.toString("hex").toUpperCase()));
  for (const [offset, text] of base64Of(raw).entries()) {
    const url = text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    found.set(`base64 ${offset}`, Buffer.from(text));
    found.set(`base64url ${offset}`, Buffer.from(url));
  }
  return found;
}

/** Of somebody's name, in capitals as cards have it. */
export function nameTraces(name: string): ReadonlyMap<string, Buffer> {
  const found = new Map(secretTraces(Buffer.from(name)));
  for (const one of [name, name.toLowerCase()])
    found.set(`UTF-16 ${one}`, Buffer.from(one, "utf16le"));
  return found.set("small letters", Buffer.from(name.toLowerCase()));
}

/** The names of the forms in which it is there. */
export function foundIn(
  bytes: Uint8Array,
  searched: string | ReadonlyMap<string, Buffer>,
): readonly string[] {
  const within = Buffer.from(bytes);
  const forms = typeof searched === "string" ? traces(searched) : searched;
  return [...forms].filter(([, trace]) => within.includes(trace)).map(([name]) => name);
}

/** Every regular file below the folder, with its content. */
export function filesOf(folder: string): ReadonlyMap<string, Uint8Array> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path, readFileSync(path)]));
}

/** Every private key below the folder, by its file, as it could lie somewhere else. */
export function keysOf(folder: string): ReadonlyMap<string, ReadonlyMap<string, Buffer>> {
  const files = [...filesOf(folder).keys()].filter((path) => path.endsWith(".pem"));
  return new Map(files.map((path) => [path, secretTraces(readKeyFile(path).seed)]));
}
