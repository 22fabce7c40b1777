// Fields of decoded things as lines of text: bytes in hexadecimal, what is nested indented.

import { toHex } from "../firmware/bytes.ts";

/** One line a field; nothing of a peer's text can steer a terminal. */
export function fieldLines(fields: object, indent = "  "): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]) => valueLines(name, value, indent));
}

function valueLines(name: string, value: unknown, indent: string): readonly string[] {
  if (value instanceof Uint8Array) return [`${indent}${name}: h'${toHex(value)}'`];
  if (Array.isArray(value)) {
    const inner = value.flatMap((item, i) => valueLines(String(i), item, `${indent}  `));
    return [`${indent}${name}:${inner.length === 0 ? " none" : ""}`, ...inner];
  }
  if (typeof value === "object" && value !== null) {
    return [`${indent}${name}:`, ...fieldLines(value, `${indent}  `)];
  }
  return [`${indent}${name}: ${plain(value)}`];
}

function plain(value: unknown): string {
  if (typeof value === "string") return /\p{C}/u.test(value) ? JSON.stringify(value) : value;
  return String(value);
}
