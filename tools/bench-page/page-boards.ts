// Device files as boards of a bench, each under a short name of its own.

import type { BenchBoardSetup } from "../../bench/bench.ts";
import { BOARDS } from "../../boards/registry.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { readDeviceFile } from "../device-file.ts";

/** Side by side. */
export const BOARDS_MAX = 8;

/** Errors: those of a device file, and `malformed` for a board that exists or a host that moves real money. */
export function readBoards(files: readonly string[]): Result<BenchBoardSetup[]> {
  const setups: BenchBoardSetup[] = [];
  for (const file of files) {
    const config = readDeviceFile(file);
    if (!config.ok) return config;
    const board = BOARDS.find(({ name }) => name === config.value.board);
    if (board?.virtual === undefined) {
      const virtual = BOARDS.filter((one) => one.virtual !== undefined).map(({ name }) => name);
      const words = `${file}: its board exists; one that does not is ${virtual.join(", ")}`;
      return fail("malformed", words, "board");
    }
    const { kind } = config.value.payment.host;
    if (kind === "stripe" || kind === "iso8583") {
      const words = `${file}: its payment host is ${kind}; on the bench page no money moves: use simulated`;
      return fail("malformed", words, "payment.host.kind");
    }
    const plain = board.name.replace(/^virtual-/, "");
    const same = setups.filter(({ id }) => id.replace(/-\d+$/, "") === plain).length;
    const id = same === 0 ? plain : `${plain}-${same + 1}`;
    setups.push({ id, board, config: config.value });
  }
  return ok(setups);
}
