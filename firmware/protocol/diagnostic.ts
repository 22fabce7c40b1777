// CBOR as people read it: diagnostic notation (RFC 8949 8) of any well-formed item, ours or not.
// What is short stays on one line; what is long is broken and indented.

import { toHex } from "../bytes.ts";
import { type CborNode, readCborTree } from "./cbor-tree.ts";

const LINE_LENGTH_MAX = 100;

/** Never throws: what is no well-formed CBOR (or above 64 KiB, or deeper than 64) is shown as its bytes. */
export function diagnostic(bytes: Uint8Array): string {
  const node = readCborTree(bytes);
  return node === undefined ? `/ not well-formed CBOR / h'${toHex(bytes)}'` : show(node, "");
}

function show(node: CborNode, indent: string): string {
  switch (node.is) {
    case "integer":
      return node.value.toString();
    case "bytes":
      return `h'${toHex(node.value)}'`;
    case "text":
      return JSON.stringify(node.value);
    case "pieces":
      // Nothing between the parentheses would not say of which sort the empty string is (8.1).
      if (node.items.length === 0) return node.text ? `""_` : "''_";
      return group(
        "(_ ",
        ")",
        node.items.map((piece) => show(piece, indent)),
        indent,
      );
    case "array":
      return group(
        node.indefinite ? "[_ " : "[",
        "]",
        node.items.map((element) => show(element, `${indent}  `)),
        indent,
      );
    case "map":
      return group(
        node.indefinite ? "{_ " : "{",
        "}",
        node.pairs.map(([key, value]) => `${show(key, indent)}: ${show(value, `${indent}  `)}`),
        indent,
      );
    case "tag":
      return `${node.tag}(${show(node.content, indent)})`;
    case "simple":
      return simple(node.value);
    case "float":
      return float(node.value);
  }
}

function group(open: string, close: string, parts: readonly string[], indent: string): string {
  const line = `${open}${parts.join(", ")}${close}`;
  const isShort = line.length + indent.length <= LINE_LENGTH_MAX && !line.includes("\n");
  if (isShort || parts.length === 0) return line;
  const inner = `${indent}  `;
  return `${open.trimEnd()}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

function simple(value: number): string {
  return ["false", "true", "null", "undefined"][value - 20] ?? `simple(${value})`;
}

/** As JavaScript writes it, with a point that tells it from an integer. */
function float(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const text = Object.is(value, -0) ? "-0" : String(value);
  if (text.includes(".")) return text;
  return text.includes("e") ? text.replace("e", ".0e") : `${text}.0`;
}
