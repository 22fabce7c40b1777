// Reads CDDL (RFC 8610), as much of it as docs/protocol.cddl needs, and holds decoded CBOR against a rule.
// Anything it cannot read is an error: a document that is no CDDL does not pass. Written from the RFC's
// grammar (appendix B), not from our generator.

import { equalBytes, fromHex, utf8 } from "../../firmware/bytes.ts";
import { type CborMap, type CborValue, decodeCbor } from "../../firmware/protocol/cbor.ts";

type Node =
  | { is: "choice"; of: readonly Node[] }
  | { is: "name"; name: string }
  | { is: "value"; value: number | Uint8Array | string }
  | { is: "range"; min: number; max: number }
  | { is: "control"; target: Node; control: string; argument: Node }
  | { is: "map" | "array"; entries: readonly Entry[] }
  | { is: "enumeration"; entries: readonly Entry[] };

interface Entry {
  min: number;
  max: number;
  /** Literal (bareword as text), or a type before "=>". */
  key?: Node;
  type: Node;
}

const TOKEN =
  /\s+|;[^\n]*|h'[0-9a-f]*'|"[^"]*"|-?\d+\*\d*|-?\d+(?!\d)|\.\.|\.[a-z]+|=>|[A-Za-z@_$](?:[-.]*[A-Za-z0-9@_$])*|[=/:,?*&(){}[\]]/gy;

function tokens(text: string): string[] {
  const found: string[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    end = match.index + match[0].length;
    if (!/^[\s;]/.test(match[0])) found.push(match[0]);
  }
  if (end !== text.length) throw new Error(`no CDDL at: ${text.slice(end, end + 40)}`);
  return found;
}

const isName = (token: string | undefined): token is string =>
  /^[A-Za-z@_$]/.test(token ?? "") && !/^h'/.test(token ?? "");

class Parser {
  readonly #tokens: string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokens(text);
  }

  rules(): Map<string, Node> {
    const rules = new Map<string, Node>();
    while (this.#at < this.#tokens.length) {
      const name = this.#next();
      if (!isName(name)) throw new Error(`a rule begins with its name, not ${name}`);
      this.#expect("=");
      if (rules.has(name)) throw new Error(`rule ${name} stands twice`);
      rules.set(name, this.#type());
    }
    return rules;
  }

  #peek(ahead = 0): string | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error("the document ends too early");
    return token;
  }

  #expect(token: string): void {
    const next = this.#next();
    if (next !== token) throw new Error(`${token} is missing before ${next}`);
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at += 1;
    return true;
  }

  #type(): Node {
    const of = [this.#type1()];
    while (this.#take("/")) of.push(this.#type1());
    return of.length === 1 && of[0] !== undefined ? of[0] : { is: "choice", of };
  }

  #type1(): Node {
    const target = this.#type2();
    if (this.#take("..")) {
      const max = this.#type2();
      if (target.is !== "value" || max.is !== "value") throw new Error("a range is of numbers");
      return { is: "range", min: Number(target.value), max: Number(max.value) };
    }
    const control = this.#peek();
    if (control === undefined || !/^\.[a-z]/.test(control)) return target;
    this.#at += 1;
    return { is: "control", target, control, argument: this.#type2() };
  }

  #type2(): Node {
    const token = this.#next();
    if (token === "(") {
      const inner = this.#type();
      this.#expect(")");
      return inner;
    }
    if (token === "{") return { is: "map", entries: this.#group("}") };
    if (token === "[") return { is: "array", entries: this.#group("]") };
    if (token === "&") {
      this.#expect("(");
      return { is: "enumeration", entries: this.#group(")") };
    }
    if (/^-?\d+$/.test(token)) return { is: "value", value: Number(token) };
    if (/^h'/.test(token)) {
      return { is: "value", value: fromHex(token.slice(2, -1)) ?? new Uint8Array() };
    }
    if (/^"/.test(token)) return { is: "value", value: token.slice(1, -1) };
    if (isName(token)) return { is: "name", name: token };
    throw new Error(`no type begins with ${token}`);
  }

  #group(close: string): Entry[] {
    const entries: Entry[] = [];
    while (!this.#take(close)) {
      entries.push(this.#entry());
      this.#take(",");
    }
    return entries;
  }

  #entry(): Entry {
    let [min, max] = [1, 1];
    const occurs = /^(\d*)\*(\d*)$/.exec(this.#peek() ?? "");
    if (this.#take("?")) min = 0;
    else if (occurs !== null) {
      this.#at += 1;
      [min, max] = [Number(occurs[1] || 0), Number(occurs[2] || Number.POSITIVE_INFINITY)];
    }
    if (this.#peek(1) === ":") {
      const label = this.#next();
      this.#expect(":");
      const value = isName(label) ? label : Number(label);
      return { min, max, key: { is: "value", value }, type: this.#type() };
    }
    const type = this.#type();
    return this.#take("=>") ? { min, max, key: type, type: this.#type() } : { min, max, type };
  }
}

const PRELUDE: Readonly<Record<string, (value: CborValue) => boolean>> = {
  int: (value) => typeof value === "number" || typeof value === "bigint",
  uint: (value) => (typeof value === "number" || typeof value === "bigint") && value >= 0,
  bstr: (value) => value instanceof Uint8Array,
  tstr: (value) => typeof value === "string",
  bool: (value) => typeof value === "boolean",
  null: (value) => value === null,
};

export interface CddlDocument {
  /** Undefined when the bytes are what the rule says; else where they are not. */
  mismatch(rule: string, bytes: Uint8Array): string | undefined;
  rules: readonly string[];
}

/** Throws when the text is not CDDL, or refers to a rule that is not there. */
export function readCddl(text: string): CddlDocument {
  const rules = new Parser(text).rules();
  const referred = [...JSON.stringify([...rules]).matchAll(/"is":"name","name":"([^"]+)"/g)];
  for (const [, name = ""] of referred) {
    if (!rules.has(name) && !(name in PRELUDE)) throw new Error(`there is no rule ${name}`);
  }
  const rule = (name: string): Node => {
    const found = rules.get(name);
    if (found === undefined) throw new Error(`there is no rule ${name}`);
    return found;
  };
  const mismatch = (name: string, bytes: Uint8Array): string | undefined => {
    const decoded = decodeCbor(bytes, 4096);
    if (!decoded.ok) return decoded.fault.message;
    return check(rule, rule(name), decoded.value, name);
  };
  return { mismatch, rules: [...rules.keys()] };
}

type RuleOf = (name: string) => Node;

function check(rule: RuleOf, node: Node, value: CborValue, at: string): string | undefined {
  const wrong = (fits: boolean): string | undefined => (fits ? undefined : at);
  switch (node.is) {
    case "choice": {
      const misses = node.of.map((one) => check(rule, one, value, at));
      return misses.includes(undefined) ? undefined : misses.at(-1);
    }
    case "name": {
      const prelude = PRELUDE[node.name];
      return prelude === undefined
        ? check(rule, rule(node.name), value, at)
        : wrong(prelude(value));
    }
    case "value":
      return wrong(
        value instanceof Uint8Array && node.value instanceof Uint8Array
          ? equalBytes(value, node.value)
          : value === node.value,
      );
    case "range":
      return wrong(typeof value === "number" && value >= node.min && value <= node.max);
    case "control":
      return check(rule, node.target, value, at) ?? control(rule, node, value, at);
    case "enumeration":
      return wrong(node.entries.some(({ type }) => check(rule, type, value, at) === undefined));
    case "array":
      return Array.isArray(value) ? array(rule, node.entries, value, at) : at;
    case "map":
      return value instanceof Map ? map(rule, node.entries, value, at) : at;
  }
}

function control(
  rule: RuleOf,
  node: Extract<Node, { is: "control" }>,
  value: CborValue,
  at: string,
): string | undefined {
  if (node.control === ".size") {
    const size = typeof value === "string" ? utf8(value).length : (value as Uint8Array).length;
    return check(rule, node.argument, size, `${at}.size`);
  }
  if (node.control !== ".cbor") throw new Error(`control ${node.control} is not known here`);
  const inner = decodeCbor(value as Uint8Array, 4096);
  return inner.ok ? check(rule, node.argument, inner.value, `${at}.cbor`) : at;
}

/** Greedy, as RFC 8610 appendix A: each entry takes what it can, in order. */
function array(
  rule: RuleOf,
  entries: readonly Entry[],
  value: readonly CborValue[],
  at: string,
): string | undefined {
  let next = 0;
  for (const { min, max, type } of entries) {
    let taken = 0;
    let miss: string | undefined = `${at}.${next}`;
    while (taken < max && next < value.length) {
      miss = check(rule, type, value[next] ?? null, `${at}.${next}`);
      if (miss !== undefined) break;
      taken += 1;
      next += 1;
    }
    if (taken < min) return miss ?? `${at}.${next}`;
  }
  return next === value.length ? undefined : `${at}.${next}`;
}

function map(
  rule: RuleOf,
  entries: readonly Entry[],
  value: CborMap,
  at: string,
): string | undefined {
  const left = new Map(value);
  for (const { min, key, type } of entries) {
    if (key === undefined) throw new Error(`an entry of a map has a key, at ${at}`);
    let taken = 0;
    for (const [name, item] of [...left]) {
      if (check(rule, key, name, at) !== undefined) continue;
      const miss = check(rule, type, item, `${at}.${name}`);
      // A key written with ":" is cut (3.5.4): no later entry takes it with another type.
      if (miss !== undefined && key.is === "value") return miss;
      if (miss !== undefined) continue;
      taken += 1;
      left.delete(name);
    }
    if (taken < min) return `${at}.${key.is === "value" ? key.value : "?"}`;
  }
  const [unexpected] = left.keys();
  return unexpected === undefined ? undefined : `${at}.${unexpected}`;
}
