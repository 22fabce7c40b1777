// Reads a device file: YAML (the only file that imports yaml) held against the schema and then against the
// board that it names. A file from anywhere is safe to read: bounded, without aliases, tags or merges.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CST, Lexer, parseDocument } from "yaml";
import { BOARDS } from "../boards/registry.ts";
import { assert } from "../firmware/assert.ts";
import { fromUtf8, utf8 } from "../firmware/bytes.ts";
import { BROKER_PORT, type DeviceConfig } from "../firmware/config.ts";
import { openCatalogue } from "../firmware/producer/catalogue.ts";
import { type Fault, fail, ok, type Result } from "../firmware/result.ts";
import type { Board } from "../hal/board.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import { checkDeviceFile, type DeviceFile } from "./device-schema.ts";
import { toPayment } from "./payment-schema.ts";
import { toService } from "./service-schema.ts";

const BYTES_MAX = 64 * 1024;
const NAME_BYTES_MAX = 32;
const DESCRIPTION_BYTES_MAX = 96;
/** A device file needs 4 levels and 10 columns before its deepest key. */
const BRACKETS_MAX = 32;
const INDENT_MAX = 256;

/** Errors name the file and the path in it: `not-found`, `too-large`, `malformed`, and those of the catalogue. */
export function readDeviceFile(path: string): Result<DeviceConfig> {
  const text = readText(path);
  const config = text.ok ? parseDeviceFile(text.value, dirname(resolve(path))) : text;
  return config.ok ? config : inFile(path, config.fault);
}

/** As they stand in it. */
interface NamedFiles {
  files: readonly string[];
  /** Those of them that are modules of flow services. */
  modules: ReadonlySet<string>;
}

/** The files that a device file names. Errors: those of `readDeviceFile`. */
export function namedFiles(path: string): Result<NamedFiles> {
  const text = readText(path);
  const named: string[] = [];
  const note = (file: string): string => {
    named.push(file);
    return file;
  };
  const config = text.ok ? parseWithPaths(text.value, note) : text;
  if (!config.ok) return inFile(path, config.fault);
  const { services } = config.value.payment;
  const modules = services.flatMap((one) => ("module" in one ? [one.module] : []));
  return ok({ files: named, modules: new Set(modules) });
}

function inFile(path: string, { kind, message, at }: Fault): Result<never> {
  return fail(kind, `device file ${path}: ${message}`, at);
}

/** The text of a small file. */
export function readText(path: string, bytesMax = BYTES_MAX): Result<string> {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return fail("not-found", code === "ENOENT" ? "there is none" : `cannot be read (${code})`);
  }
  try {
    if (!fstatSync(fd).isFile()) return fail("not-found", "is no plain file");
    const bytes = new Uint8Array(bytesMax + 1);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    if (length > bytesMax) return fail("too-large", `is larger than ${bytesMax} bytes`);
    const text = fromUtf8(bytes.subarray(0, length));
    return text === undefined ? fail("malformed", "is not UTF-8") : ok(text);
  } finally {
    closeSync(fd);
  }
}

/** Any YAML file, as safe to read as a device file. Errors: `not-found`, `too-large`, `malformed`. */
export function readYamlFile(path: string): Result<unknown> {
  const text = readText(path);
  return text.ok ? parseYaml(text.value) : text;
}

/** The text of a device file, and the folder that its paths start from. Errors as above, without the file's name. */
export function parseDeviceFile(text: string, folder = "."): Result<DeviceConfig> {
  return parseWithPaths(text, (file) => resolve(folder, file));
}

type ToPath = (file: string) => string;

function parseWithPaths(text: string, toPath: ToPath): Result<DeviceConfig> {
  const parsed = parseYaml(text);
  if (!parsed.ok) return parsed;
  const file = checkDeviceFile(parsed.value);
  return file.ok ? toConfig(file.value, toPath) : file;
}

/**
 * The parser calls itself for each level, and where the stack then ends within a regular expression V8 does not
 * throw but ends the process; its lexer does not. A block is further in than the one around it, so columns bound it.
 */
function nestsTooDeep(text: string): boolean {
  let brackets = 0;
  let column = 0;
  let afterMark = false;
  for (const lexeme of new Lexer().lex(text)) {
    const type = afterMark ? "scalar" : CST.tokenType(lexeme);
    afterMark = lexeme === CST.SCALAR;
    if (type === "flow-seq-start" || type === "flow-map-start") brackets += 1;
    else if (type === "flow-seq-end" || type === "flow-map-end") brackets -= 1;
    const opens =
      type === "seq-item-ind" || type === "explicit-key-ind" || type === "map-value-ind";
    if (brackets > BRACKETS_MAX || (opens && brackets <= 0 && column > INDENT_MAX)) return true;
    const line = lexeme.lastIndexOf("\n");
    if (line >= 0) column = lexeme.length - line - 1;
    else if (!MARKS.has(lexeme)) column += lexeme.length;
  }
  return false;
}

/** Lexemes that stand for no characters. */
const MARKS: ReadonlySet<string> = new Set([CST.DOCUMENT, CST.FLOW_END, CST.SCALAR]);

/** One document of YAML or JSON, from anywhere. */
export function parseYaml(text: string): Result<unknown> {
  try {
    if (nestsTooDeep(text)) return fail("malformed", "is nested too deep");
    const document = parseDocument(text, {
      schema: "core",
      merge: false,
      resolveKnownTags: false,
      uniqueKeys: true,
      prettyErrors: false,
      // What is odd is refused with a fault; the parser must not write to the terminal besides.
      logLevel: "error",
    });
    const trouble = document.errors[0] ?? document.warnings[0];
    if (trouble === undefined) return ok(document.toJS({ maxAliasCount: 0 }));
    const line = text.slice(0, trouble.pos[0]).split("\n").length;
    return fail("malformed", `line ${line}: ${trouble.message}`);
  } catch (error) {
    if (error instanceof ReferenceError) return fail("malformed", "aliases (*name) are not taken");
    throw error;
  }
}

function toBroker(broker: DeviceFile["broker"], toPath: ToPath): Result<DeviceConfig["broker"]> {
  const { url, username, password, host = "127.0.0.1", port = BROKER_PORT, ws } = broker;
  if (url === undefined) return ok({ host, port, ...(ws !== undefined && { ws }) });
  const { ca, cert, key } = broker;
  const tls = {
    ...(ca !== undefined && { ca: toPath(ca) }),
    ...(cert !== undefined && { cert: toPath(cert) }),
    ...(key !== undefined && { key: toPath(key) }),
  };
  const usesTls = Object.keys(tls).length > 0;
  if (usesTls && !/^(mqtts|wss):/.test(url)) {
    return fail("malformed", "ca and cert are for TLS: write mqtts:// or wss://", "broker.url");
  }
  const login = { ...(username && { username }), ...(password && { password }) };
  return ok({ url, ...login, ...(usesTls && { tls }) });
}

function toConfig(file: DeviceFile, toPath: ToPath): Result<DeviceConfig> {
  if (utf8(file.name).length > NAME_BYTES_MAX || /\p{Cc}/u.test(file.name)) {
    return fail("out-of-range", `must be at most ${NAME_BYTES_MAX} bytes of plain text`, "name");
  }
  const { description } = file;
  if (description !== undefined && utf8(description).length > DESCRIPTION_BYTES_MAX) {
    return fail("out-of-range", `must be at most ${DESCRIPTION_BYTES_MAX} bytes`, "description");
  }
  const board = BOARDS.find(({ name }) => name === file.board);
  assert(board !== undefined, "the schema knows the boards");
  const broker = toBroker(file.broker, toPath);
  if (!broker.ok) return broker;
  const services = file.services.map(toService);
  const catalogue = openCatalogue(board);
  for (const [i, service] of services.entries()) {
    const added = catalogue.add(service);
    if (!added.ok) {
      const { kind, message, at = "" } = added.fault;
      return fail(kind, message, `services.${i}.${at}`);
    }
  }
  const serial = checkPorts(file.serial, Object.keys(board.serial ?? {}));
  if (!serial.ok) return serial;
  const lines = checkLines(file.lines, board);
  if (!lines.ok) return lines;
  const payment = toPayment(file.payment, services, toPath);
  if (!payment.ok) return payment;
  return ok({
    name: file.name,
    ...(description !== undefined && { description }),
    board: file.board,
    services,
    policy: file.policy,
    payment: payment.value,
    broker: broker.value,
    keys: file.keys,
    country: file.country,
    serial: file.serial,
    lines: file.lines,
    ...(file.watchdog !== undefined && { watchdog: file.watchdog }),
    benchRate: file.benchRate,
  });
}

/** A path for a port that the board has not would be read by nobody. */
function checkPorts(paths: Record<string, string>, known: readonly string[]): Result<void> {
  const unknown = Object.keys(paths).find((name) => !known.includes(name));
  if (unknown === undefined) return ok(undefined);
  const ports = known.join(", ") || "none";
  return fail(
    "not-found",
    `the board has no such serial port; it has ${ports}`,
    `serial.${unknown}`,
  );
}

function checkLines(wiring: DeviceFile["lines"], board: Board): Result<void> {
  const [unknown] = Object.keys(wiring).filter((name) => !lineUses(board).has(name));
  if (board.virtual !== undefined && Object.keys(wiring).length > 0) {
    return fail("malformed", `is of no use: ${board.name} is virtual and has no pins`, "lines");
  }
  if (unknown === undefined) return ok(undefined);
  const names = [...lineUses(board).keys()].join(", ");
  return fail("not-found", `the board has no such line; it has ${names}`, `lines.${unknown}`);
}
