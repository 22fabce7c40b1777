// What the firmware and cbor-x take for granted of a JavaScript engine and QuickJS does not have. Imported before all
// else of a bundle. A port to an engine that lacks more has its place here, not in firmware.

import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

class PortableTextEncoder {
  encode(text: string): Uint8Array {
    return encodeUtf8(text);
  }
}

class PortableTextDecoder {
  readonly #fatal: boolean;

  constructor(_label = "utf-8", options: { fatal?: boolean } = {}) {
    this.#fatal = options.fatal === true;
  }

  decode(bytes: Uint8Array): string {
    return decodeUtf8(bytes, this.#fatal);
  }
}

/** Of what the firmware copies: plain data. */
function portableClone(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(portableClone);
  if (value instanceof Map) return new Map([...value].map(([key, of]) => [key, portableClone(of)]));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, portableClone(of)]));
}

const missing: Readonly<Record<string, unknown>> = {
  TextEncoder: PortableTextEncoder,
  TextDecoder: PortableTextDecoder,
  structuredClone: portableClone,
  // The host calls in only when no promise callback is left to run, and runs all of them before it calls again.
  setImmediate: (then: () => void) => then(),
};

for (const [name, value] of Object.entries(missing)) {
  if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value });
}
