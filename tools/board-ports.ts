// What `sluice board check` finds of serial ports and of what hangs on them. Readers and terminals are asked through the
// drivers that a running device uses; displays and printers say nothing back.

import type { Board, ReaderPart, SerialPart } from "../hal/board.ts";
import type { CardReader } from "../hal/card-reader.ts";
import type { Clock } from "../hal/clock.ts";
import type { Computer } from "../hal/computer.ts";
import { openGempcReader } from "../hal/drivers/gempc-reader.ts";
import { openPn532Reader } from "../hal/drivers/pn532-reader.ts";
import { openTerminalHost } from "../hal/drivers/terminal-host.ts";
import { HalError } from "../hal/hal-error.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import { openSerialPort } from "../hal/linux/serial-port.ts";
import { openSystemEntropy } from "../hal/linux/system-entropy.ts";
import type { Finding, Tell } from "./board-finding.ts";
import { holdersOf } from "./board-processes.ts";
import { until } from "./board-wait.ts";
import { portsElsewhere, portsInUse } from "./board-wiring.ts";

export type PortState = "open" | "ours" | "missing";
export type StateOf = (port: string) => PortState;

const OPEN_READER: Readonly<Record<ReaderPart["kind"], typeof openPn532Reader>> = {
  pn532: openPn532Reader,
  "gempc-twin": openGempcReader,
};

/** What a person tells them to do. */
const POKE_WORDS = { display: "show", printer: "print" } as const;

export interface PortsToCheck {
  board: Board;
  computer?: Computer;
  /** Serial port of a payment terminal. */
  terminal?: string;
  clock: Clock;
}

/** Not of a virtual board, whose peripherals are there as long as it runs. */
export async function checkPorts(ports: PortsToCheck, tell: Tell): Promise<StateOf> {
  const { board, computer, terminal } = ports;
  const states = new Map<string, PortState>();
  const used = portsInUse(board);
  const elsewhere = computer === undefined ? undefined : portsElsewhere(board, computer);
  for (const [name, part] of Object.entries(board.serial ?? {})) {
    const isUsed = used.has(name) || name === terminal;
    const { state, finding } = await checkSerial(name, part);
    states.set(name, state);
    const other = elsewhere?.get(name);
    if (other !== undefined) {
      const way = `serial: { ${name}: ${other} } in the device file`;
      const message = `${part.path} is no port of this computer's header: ${way}`;
      tell({ ...finding, state: "warning", message });
    } else if (state === "missing" && !isUsed) {
      tell({ ...finding, state: "warning", message: `${finding.message} (no part uses it)` });
    } else tell(finding);
  }
  const stateOf: StateOf = (name) => states.get(name) ?? "missing";
  const asked = (board.readers ?? []).map((part) => checkReader(ports, part, stateOf));
  if (terminal !== undefined) asked.push(checkTerminal(ports, terminal, stateOf(terminal)));
  for (const finding of asked) tell(await finding);
  for (const about of ["display", "printer"] as const) {
    const part = board[about];
    if (part === undefined) continue;
    if (part.kind === "terminal") {
      tell({ about, name: part.kind, state: "good", message: "what the program runs in" });
    } else if (stateOf(part.serial) !== "open") {
      tell(unasked(about, part.kind, part.serial, stateOf(part.serial)));
    } else {
      const message = `says nothing back: \`sluice board poke ${about} ${POKE_WORDS[about]}\``;
      tell({ about, name: part.kind, state: "warning", message });
    }
  }
  return stateOf;
}

async function checkSerial(
  name: string,
  part: SerialPart,
): Promise<{ state: PortState; finding: Finding }> {
  const { path, settings } = part;
  const details = { path, baud: settings.baud };
  const found = (state: PortState, judged: Finding["state"], message: string) => {
    return { state, finding: { about: "serial", name, state: judged, message, details } as const };
  };
  const [holder] = holdersOf(path);
  const whose = `process ${holder?.pid} (${holder?.command})`;
  try {
    const port = await openSerialPort(part)();
    await port.close();
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    if (holder === undefined) return found("missing", "missing", error.message);
    const message = `${path}: in use by ${whose}`;
    return holder.ours ? found("ours", "good", message) : found("missing", "missing", message);
  }
  // One who does not lock, such as a login on the console, takes bytes away; a simulator of ours is the other end.
  if (holder !== undefined && !holder.ours) {
    return found("open", "warning", `${path}: there, and open in ${whose} too`);
  }
  return found("open", "good", `${path}: there, ${settings.baud} baud, free`);
}

/** Of what cannot be asked because of its port. */
export function unasked(
  about: Finding["about"],
  name: string,
  port: string,
  state: PortState,
): Finding {
  if (state !== "ours") {
    return {
      about,
      name,
      state: "missing",
      message: `not asked: serial port ${port} is not to be had`,
    };
  }
  return { about, name, state: "warning", message: "not asked: the running device has its port" };
}

async function checkReader(
  { board, clock }: PortsToCheck,
  part: ReaderPart,
  stateOf: (port: string) => PortState,
): Promise<Finding> {
  const { id: name, kind, serial } = part;
  const state = stateOf(serial);
  const port = board.serial?.[serial];
  if (state !== "open" || port === undefined) {
    return unasked("reader", name, serial, state);
  }
  const entropy = openSystemEntropy();
  // No card is read here: any key will do.
  const setup = {
    id: name,
    hostKey: entropy.bytes(32),
    tokenKey: entropy.bytes(32),
    countryCode: 0,
  };
  const reader: CardReader = OPEN_READER[kind](
    openSerialPort(port),
    { clock, crypto: openNodeCrypto(), entropy },
    setup,
  );
  try {
    await until(clock, () => reader.status().ready);
    const { ready, message } = reader.status();
    return { about: "reader", name, state: ready ? "good" : "missing", message, details: { kind } };
  } finally {
    await reader.close();
  }
}

async function checkTerminal(
  { board, clock }: PortsToCheck,
  name: string,
  state: PortState,
): Promise<Finding> {
  const port = board.serial?.[name];
  if (state !== "open" || port === undefined) {
    return unasked("terminal", name, name, state);
  }
  const publicKey = openSystemEntropy().bytes(32);
  const host = openTerminalHost({ open: openSerialPort(port), clock, publicKey, simulated: true });
  try {
    await until(clock, () => host.trouble?.() === undefined);
    const trouble = host.trouble?.();
    const message = trouble ?? "a card terminal answers";
    return { about: "terminal", name, state: trouble === undefined ? "good" : "missing", message };
  } finally {
    await host.close();
  }
}
