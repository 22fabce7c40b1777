// A parent for the scripted loop, to be killed by a test: prints the child's process id once it is ready.

import { openLoopProcess } from "../../build/hal/linux/loop-process.js";
import { openSystemClock } from "../../build/hal/linux/system-clock.js";

const [, , entry, openedFile] = process.argv;
const host = openLoopProcess({ entry, args: [openedFile], clock: openSystemClock() });
host.onReport((report) => {
  if (report.on === "ready") console.log(host.pid());
});
