// `sluice peripheral`: one simulated peripheral on a pseudo-terminal, for any program that speaks to the true one.

import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Fault, Result } from "../../firmware/result.ts";
import { every } from "../../hal/clock.ts";
import { openPty, type Pty } from "../../hal/linux/pty.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { integerOption, textOption } from "../option-value.ts";
import { METERS, openPeripheral, PERIPHERALS, type Peripheral } from "../peripherals.ts";
import { untilStopped } from "../stop-signal.ts";

const RATE = 2_300;
const RATE_MAX = 9_999_999;
const ADDRESS_MAX = 247;
const LOOK_MS = 100;

export const peripheral: Command = {
  name: "peripheral",
  summary: "one simulated peripheral on a pseudo-terminal, for any program",
  usage: "KIND [--link PATH] [--card NAME] [--rate NUMBER] [--address N]",
  help: [
    "Speaks the true protocol on a pseudo-terminal until Ctrl-C. Kinds:",
    "",
    "  pn532        contactless reader on HSU, as libnfc speaks to one",
    "  gempc-twin   chip reader with a serial line, as pcscd speaks to one",
    "  terminal     card terminal that authorises by itself (docs/terminal.md)",
    "  lcd          character display of 20 by 4 with Matrix Orbital commands",
    "  escpos       receipt printer",
    `  ${METERS.join(", ")}`,
    "               meters on Modbus RTU",
    "",
    "  --link PATH    where other programs open it (default: the device that it says)",
    "  --card NAME    a card that is there from the start",
    "  --rate NUMBER  of a meter: W, or litres an hour (default: 2300)",
    "  --address N    of a meter on its bus (default: 1)",
    "  --json         one JSON object a line: type ready with path, then type event with text",
    "",
    "Lines typed here do something to it: tap CARD, insert CARD, remove, unplug, plug, rate NUMBER.",
    "Cards are new each time: a payment host that saw one before takes it for a copy.",
    "",
    "Examples:",
    "  sluice peripheral pn532 --link ./reader --card visa-test",
    "  LIBNFC_DEVICE=pn532_uart:./reader:115200 nfc-list -t 1       (in another terminal)",
    "  sluice peripheral sdm120 --link ./meter --rate 2300",
    "  mbpoll -m rtu -b 9600 -P none -a 1 -0 -1 -t 3:float -B -r 72 ./meter",
  ].join("\n"),
  options: {
    link: { type: "string" },
    card: { type: "string" },
    rate: { type: "string" },
    address: { type: "string" },
  },
  positionalsMax: 1,
  run: runPeripheral,
};

async function runPeripheral({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const [kind] = positionals;
  if (kind === undefined) {
    return refuse({ kind: "usage", message: `say which: ${PERIPHERALS.join(", ")}` }, out);
  }
  const rate = integerOption(values, "rate", { min: 0, max: RATE_MAX });
  if (!rate.ok) return refuse(rate.fault, out);
  const address = integerOption(values, "address", { min: 1, max: ADDRESS_MAX });
  if (!address.ok) return refuse(address.fault, out);
  const clock = openSystemClock();
  const settings = { clock, rate: rate.value ?? RATE, address: address.value ?? 1 };
  const opened = await openPeripheral(kind, settings);
  if (!opened.ok) return refuse(opened.fault, out);
  const card = textOption(values, "card");
  if (card !== undefined) {
    const way = opened.value.verbs.includes("insert CARD") ? "insert" : "tap";
    const held = opened.value.obey([way, card]);
    if (!held.ok) return refuse(held.fault, out);
  }
  const link = textOption(values, "link");
  const stopped = untilStopped();
  const pty = openPty(link === undefined ? undefined : resolve(link));
  opened.value.attach(pty.port);
  const tell = (text: string): void => {
    out.say(text);
    out.emit({ type: "event", text });
  };
  const looking = every(clock, LOOK_MS, () => {
    for (const line of opened.value.news()) tell(line);
  });
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const words = line.trim().split(/\s+/);
    if (words[0] === "") return;
    const done = obey(opened.value, pty, words.slice(0, 3));
    if (done.ok) tell(done.value);
    else out.fault(done.fault);
  });
  out.emit({ type: "ready", kind, path: pty.path() });
  out.say(`${kind} is at ${pty.path()}`);
  out.say(`type: ${[...opened.value.verbs, "unplug", "plug"].join(", ")}; Ctrl-C ends`);
  await stopped;
  looking.cancel();
  lines.close();
  process.stdin.destroy();
  await pty.port.close();
  return 0;
}

function obey(peripheral: Peripheral, pty: Pty, words: readonly string[]): Result<string> {
  const [verb] = words;
  if (verb !== "unplug" && verb !== "plug") return peripheral.obey(words);
  pty.setPlugged(verb === "plug");
  if (verb === "plug") peripheral.attach(pty.port);
  return { ok: true, value: verb === "plug" ? `it is at ${pty.path()}` : "its cable is pulled" };
}

function refuse(fault: Fault, out: Output): ExitCode {
  out.fault(fault);
  return fault.kind === "usage" ? 2 : 1;
}
