// Reads a device file: YAML (the only file that imports yaml) held against the schema and then against the
// board that it names. A file from anywhere is safe to read: bounded, without aliases, tags or merges.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { parseDocument } from "yaml";
import { BOARDS } from "../boards/registry.ts";
import { assert } from "../firmware/assert.ts";
import { fromUtf8, utf8 } from "../firmware/bytes.ts";
import { BROKER_PORT, type DeviceConfig } from "../firmware/config.ts";
import { openCatalogue, type Service } from "../firmware/producer/catalogue.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { checkDeviceFile, type DeviceFile } from "./device-schema.ts";

const BYTES_MAX = 64 * 1024;
const NAME_BYTES_MAX = 32;

/** Errors name the file and the path in it: `not-found`, `too-large`, `malformed`, and those of the catalogue. */
export function readDeviceFile(path: string): Result<DeviceConfig> {
  const text = readText(path);
  const config = text.ok ? parseDeviceFile(text.value) : text;
  if (config.ok) return config;
  const { kind, message, at } = config.fault;
  return fail(kind, `device file ${path}: ${message}`, at);
}

function readText(path: string): Result<string> {
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
    const bytes = new Uint8Array(BYTES_MAX + 1);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    if (length > BYTES_MAX) return fail("too-large", `is larger than ${BYTES_MAX} bytes`);
    const text = fromUtf8(bytes.subarray(0, length));
    return text === undefined ? fail("malformed", "is not UTF-8") : ok(text);
  } finally {
    closeSync(fd);
  }
}

/** The text of a device file. Errors as above, without the name of the file. */
export function parseDeviceFile(text: string): Result<DeviceConfig> {
  const parsed = parseYaml(text);
  if (!parsed.ok) return parsed;
  const file = checkDeviceFile(parsed.value);
  return file.ok ? toConfig(file.value) : file;
}

function parseYaml(text: string): Result<unknown> {
  try {
    const document = parseDocument(text, {
      schema: "core",
      merge: false,
      resolveKnownTags: false,
      uniqueKeys: true,
      prettyErrors: false,
    });
    const trouble = document.errors[0] ?? document.warnings[0];
    if (trouble === undefined) return ok(document.toJS({ maxAliasCount: 0 }));
    const line = text.slice(0, trouble.pos[0]).split("\n").length;
    return fail("malformed", `line ${line}: ${trouble.message}`);
  } catch (error) {
    // The parser calls itself for each level: what is nested too deep runs out of stack.
    if (error instanceof RangeError) return fail("malformed", "is nested too deep");
    if (error instanceof ReferenceError) return fail("malformed", "aliases (*name) are not taken");
    throw error;
  }
}

function toConfig(file: DeviceFile): Result<DeviceConfig> {
  if (utf8(file.name).length > NAME_BYTES_MAX || /\p{Cc}/u.test(file.name)) {
    return fail("out-of-range", `must be at most ${NAME_BYTES_MAX} bytes of plain text`, "name");
  }
  const board = BOARDS.find(({ name }) => name === file.board);
  assert(board !== undefined, "the schema knows the boards");
  const { url, username, password, host = "127.0.0.1", port = BROKER_PORT } = file.broker;
  const services: Service[] = file.services.map(({ tokenLifeHours, ...service }) => ({
    ...service,
    tokenLifeS: Math.max(1, Math.round(tokenLifeHours * 3600)),
  }));
  const catalogue = openCatalogue(board.outlets);
  for (const [i, service] of services.entries()) {
    const added = catalogue.add(service);
    if (!added.ok) {
      const { kind, message, at = "" } = added.fault;
      return fail(kind, message, `services.${i}.${at}`);
    }
  }
  const login = { ...(username && { username }), ...(password && { password }) };
  return ok({
    name: file.name,
    board: file.board,
    services,
    policy: file.policy,
    broker: url === undefined ? { host, port } : { url, ...login },
    keys: file.keys,
    benchRate: file.benchRate,
  });
}
