// A process that counts the pulses of a line over one of the two drivers, for tests that stall it: says "open" when it
// counts, and the count at each line that it is sent.
//   counter.mjs onoff|gpiochip CHIP OFFSET

import { listChips } from "../../build/hal/linux/gpio-chip.js";
import { openChipLines } from "../../build/hal/linux/gpio-chip-lines.js";
import { openOnoffLines } from "../../build/hal/linux/onoff-lines.js";

const [driver, label, offset] = process.argv.slice(2);
const chip = listChips().chips.find((one) => one.label === label);
const pin = `${label}/${offset}`;
const open = driver === "onoff" ? openOnoffLines : openChipLines;
const lines = open((name) => ({ name, pin, wiring: { pin }, chip, offset: Number(offset) }));
const input = lines.edges("flow");
console.log("open");
process.stdin.on("data", () => console.log(String(input.edges().count)));
process.stdin.on("end", () => input.close());
