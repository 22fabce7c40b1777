// What a device needs of its computer, for a service that may use nothing else: groups and device nodes, as lines of a
// systemd unit. Pure. Kinds of devices in place of single ones where their numbers move: a chip's with the kernel, an
// adapter's with each time it is plugged in.

import type { DeviceConfig } from "../firmware/config.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import type { Board } from "../hal/board.ts";
import { lineUses } from "../hal/linux/gpio-wiring.ts";
import { portsInUse } from "./board-wiring.ts";

/** Words of a unit file must not come in with a path. */
const PATH = /^\/dev\/[\w+:@.-]+(\/[\w+:@.-]+)*$/;
const PATH_CHARACTERS_MAX = 255;

/**
 * A drop-in for sluice.service. `board` is fitted as the config says. Error: `malformed` for a serial port whose path
 * cannot be given to a service.
 */
export function deviceNeeds(
  { watchdog, payment, name }: Pick<DeviceConfig, "watchdog" | "payment" | "name">,
  board: Board,
): Result<string> {
  const groups = new Set<string>();
  const devices = new Set<string>();
  if (board.virtual === undefined && lineUses(board).size > 0) {
    groups.add("gpio");
    devices.add("char-gpiochip");
  }
  for (const port of board.virtual === undefined ? portsOf(board, payment) : []) {
    const path = board.serial?.[port]?.path ?? "";
    if (!PATH.test(path) || path.length > PATH_CHARACTERS_MAX || path.includes("..")) {
      const words = "is no path of a device: such as /dev/ttyAMA0 or /dev/serial/by-id/NAME";
      return fail("malformed", words, `serial.${port}`);
    }
    groups.add("dialout");
    for (const device of serialDevices(path)) devices.add(device);
  }
  if (watchdog !== undefined) devices.add(watchdog);
  return ok(
    [
      `# What ${JSON.stringify(name.replace(/[^ -~]/g, "?"))} needs on board ${board.name}: made from the device file, and written over.`,
      "[Service]",
      ...(groups.size > 0 ? [`SupplementaryGroups=${[...groups].join(" ")}`] : []),
      ...[...devices].map((device) => `DeviceAllow=${device} rw`),
      "",
    ].join("\n"),
  );
}

function portsOf(board: Board, { host }: DeviceConfig["payment"]): ReadonlySet<string> {
  const used = new Set(portsInUse(board));
  if (host.kind === "terminal") used.add(host.serial);
  // What is on a bus over TCP is no device of this computer.
  return new Set([...used].filter((port) => board.serial?.[port] !== undefined));
}

function serialDevices(path: string): readonly string[] {
  if (path.startsWith("/dev/serial/by-")) return ["char-ttyUSB", "char-ttyACM"];
  const [, kind] = /^\/dev\/(ttyUSB|ttyACM)\d+$/.exec(path) ?? [];
  return [kind === undefined ? path : `char-${kind}`];
}
