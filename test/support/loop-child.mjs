// A scripted metering loop for the tests of the process pair: answers each grant with one progress report,
// and behaves badly when a session's name asks for it. Arguments: a file to write when the outputs open.

import { writeFileSync, writeSync } from "node:fs";
import { openLoopChannel } from "../../build/hal/linux/loop-channel.js";

const [, , openedFile] = process.argv;
const channel = openLoopChannel();
const progress = (session, pulses) =>
  channel.report({ on: "progress", session, pulses, reading: 0, held: false, atMs: 1 });

channel.onParentLost(() => {
  if (openedFile !== undefined) writeFileSync(openedFile, "open");
  process.exit(0);
});
channel.onCommand((command) => {
  switch (command.session) {
    case "crash":
      throw new Error("crashed on purpose");
    case "garbage":
      writeSync(3, 'no json\n{"on":"lost","why":"forged"}\n{"on":"alive"}\n[]\n');
      writeSync(3, `"${"x".repeat(70_000)}"\n`);
      break;
    case "chatter":
      console.log("said on standard output");
      console.error("said on standard error");
      break;
    case "beating":
      setInterval(() => progress("beating", 1), 100);
      break;
    case "stuck":
      for (;;);
    case "refused":
      progress("refused", channel.refused());
      return;
  }
  progress(command.session, command.pulses ?? 0);
});
channel.report({ on: "ready", atMs: 0, outlets: [], sensors: [] });
