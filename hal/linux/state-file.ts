// Where the broker of the running device is, for the commands of the same user: a small JSON file in the
// user's run-time directory. It counts only while the process that wrote it lives.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { HalError } from "../hal-error.ts";
import { readPrivateFile } from "./private-file.ts";

export interface BrokerState {
  url: string;
  pid: number;
  deviceId: string;
  /** Folder of its keys: where the operator's own may lie, on a bench. */
  keys?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const BYTES_MAX = 4096;
/** Without user and password. */
const URL_PATTERN = /^(mqtts?:\/\/[^\s/@]+|wss?:\/\/[^\s/@]+(\/[^\s@?#]*)?)$/;

export function brokerStatePath(environment: Environment = process.env): string {
  const { XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: state, HOME: home = homedir() } = environment;
  if (runtime?.startsWith("/")) return join(runtime, "sluice", "broker.json");
  return join(
    state?.startsWith("/") ? state : join(home, ".local", "state"),
    "sluice",
    "broker.json",
  );
}

/**
 * Replaces what an earlier device left. Throws HalError `refused` when the directory cannot be written, or for an
 * address that readBrokerState would not take.
 */
export function writeBrokerState(state: BrokerState, environment: Environment = process.env): void {
  const path = brokerStatePath(environment);
  const temporary = `${path}.${process.pid}`;
  // Not quoted: it may hold a password.
  if (!URL_PATTERN.test(state.url)) {
    throw new HalError("refused", "a broker is kept as mqtt://HOST:PORT, without user and path");
  }
  const content = { version: 1, ...state, startedAt: startOf(state.pid) ?? "" };
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(temporary, { force: true });
    writeFileSync(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    throw new HalError("refused", `${path} cannot be written (${codeOf(error)})`, error);
  }
}

/** Undefined when no device of this user runs. Throws HalError `corrupt` or `refused` for a file that is odd. */
export function readBrokerState(environment: Environment = process.env): BrokerState | undefined {
  const path = brokerStatePath(environment);
  const bytes = readPrivateFile(path, BYTES_MAX);
  if (bytes === undefined) return undefined;
  const { startedAt, ...state } = parseState(bytes, path);
  return startOf(state.pid) === startedAt && startedAt !== "" ? state : undefined;
}

/** Only what the named process wrote; another device may have taken over since. */
export function removeBrokerState(pid: number, environment: Environment = process.env): void {
  const path = brokerStatePath(environment);
  try {
    const bytes = readPrivateFile(path, BYTES_MAX);
    if (bytes !== undefined && parseState(bytes, path).pid === pid) rmSync(path, { force: true });
  } catch (error) {
    // What is odd, or not ours to remove, stays; a device that stops has no use for the complaint.
    if (!(error instanceof HalError) && codeOf(error) === "unknown") throw error;
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "unknown";
}

/** When the process started, in the kernel's ticks: tells it from a later one with the same number. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc(5): the name in parentheses may hold spaces; field 3 (state) follows, and field 22 is the start.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function parseState(bytes: Uint8Array, path: string): BrokerState & { startedAt: string } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new HalError("corrupt", `${path} is no JSON: remove it`, error);
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const { version, url, pid, deviceId, keys, startedAt } = fields;
  const odd = (field: string): never => {
    throw new HalError("corrupt", `${path}: ${field} is not what we wrote: remove the file`);
  };
  if (version !== 1) odd("version");
  if (typeof url !== "string" || !URL_PATTERN.test(url)) return odd("url");
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < 1) return odd("pid");
  if (typeof deviceId !== "string" || !/^[\w.:-]{1,64}$/.test(deviceId)) return odd("deviceId");
  if (typeof startedAt !== "string") return odd("startedAt");
  if (keys === undefined) return { url, pid, deviceId, startedAt };
  if (typeof keys !== "string" || !/^\/\P{Cc}{0,1023}$/u.test(keys)) return odd("keys");
  return { url, pid, deviceId, keys, startedAt };
}
