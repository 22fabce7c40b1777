// A program that holds the outlets of a board under a guard, as the metering loop does, for tests that kill and stall
// it. Told over IPC: "close" the contacts, "end" in order.

import { openOutlets } from "../../build/hal/drivers/open-outlets.js";
import { startGuard } from "../../build/hal/linux/gpio-guard.js";
import { guardedOutputs, openLinuxLines } from "../../build/hal/linux/gpio-lines.js";
import { openSystemClock } from "../../build/hal/linux/system-clock.js";

const { board, computer, silentMsMax } = JSON.parse(process.argv[2]);
const guard = await startGuard({
  outputs: board === undefined ? [] : guardedOutputs(board, computer),
  silentMsMax,
  onLost: () => process.exit(3),
});
const devices = board && openOutlets(board, openSystemClock(), openLinuxLines(board, computer), {});
const beats = setInterval(() => guard.beat(), silentMsMax / 5);

process.on("message", (order) => {
  if (order === "close") for (const outlet of devices.outlets) outlet.switch.set(true);
  if (order === "end") {
    devices?.close();
    guard.close();
    clearInterval(beats);
    process.disconnect();
    return;
  }
  process.send("done");
});
guard.beat();
process.send("ready");
