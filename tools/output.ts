// Standard output and error of a command, for people or, with --json, for machines.

import { hideSecrets } from "../firmware/log.ts";
import type { Fault } from "../firmware/result.ts";
import type { Output } from "./command.ts";

function printable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "bigint") return value.toString();
  return value;
}

export function openOutput(json: boolean): Output {
  // Whoever read us has gone (`| head`): a sale goes on to its receipt all the same.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const terminal = !json && process.stdout.isTTY === true;
  let shown = 0;
  const clear = (): void => {
    if (shown > 0) process.stdout.write(`\r${" ".repeat(shown)}\r`);
    shown = 0;
  };
  return {
    json,
    say: (line) => {
      if (json) return;
      clear();
      process.stdout.write(`${line}\n`);
    },
    emit: (fact) => {
      if (!json) return;
      process.stdout.write(`${JSON.stringify(fact, (_, value) => printable(value))}\n`);
    },
    progress: (line) => {
      if (!terminal) return;
      const cut = line.slice(0, Math.max(20, (process.stdout.columns ?? 80) - 1));
      clear();
      process.stdout.write(cut);
      shown = cut.length;
    },
    fault: (given: Fault) => {
      // It may hold what somebody typed, or what a library says of what it was given.
      const fault = { ...given, message: hideSecrets(given.message) };
      clear();
      if (json) {
        process.stdout.write(`${JSON.stringify({ type: "fault", ...fault })}\n`);
        return;
      }
      const where = fault.at === undefined ? "" : ` (${fault.at})`;
      // A list of what there is to choose from begins below.
      const [said, ...list] = fault.message.split("\n");
      process.stderr.write(`sluice: ${[`${said}${where} [${fault.kind}]`, ...list].join("\n")}\n`);
    },
  };
}
