// Display and printer against the other end of their lines: what stands on glass and paper, also after the line was
// gone.

import { describe, expect, test } from "vitest";
import { openEscposPrinter } from "../../../hal/drivers/escpos-printer.ts";
import { openLcdDisplay } from "../../../hal/drivers/lcd-display.ts";
import { HalError } from "../../../hal/hal-error.ts";
import { openTerminalDisplay } from "../../../hal/linux/terminal-display.ts";
import type { OpenSerial } from "../../../hal/serial.ts";
import { type SimEscpos, simEscpos } from "../../../hal/sim/sim-escpos.ts";
import { type SimLcd, simLcd } from "../../../hal/sim/sim-lcd.ts";
import { type SimSerial, simSerial } from "../../../hal/sim/sim-serial.ts";
import { simWorld } from "../../../hal/sim/world.ts";

const GLASS = { columns: 20, rows: 4 };

/** A line that can be pulled and plugged in again; `join` puts the other end on each new cable. */
function bench(join: (port: SimSerial["b"]) => void) {
  const world = simWorld({ seed: 7 });
  let cable: SimSerial | undefined;
  let isPlugged = true;
  const open: OpenSerial = async () => {
    if (!isPlugged) throw new HalError("disconnected", "no such port");
    cable = simSerial(world, { baud: 19_200 });
    join(cable.b);
    return cable.a;
  };
  const plug = (plugged: boolean): void => {
    isPlugged = plugged;
    if (!plugged) cable?.unplug();
  };
  return { world, open, plug };
}

function lcdBench() {
  let lcd: SimLcd | undefined;
  const { world, open, plug } = bench((port) => {
    lcd = simLcd(port, GLASS);
  });
  const display = openLcdDisplay(open, world.clock, GLASS);
  return { world, plug, display, rows: () => lcd?.rows() ?? [], refused: () => lcd?.refused() };
}

describe("character display", () => {
  test("shows the lines that fit, each from its first column", async () => {
    const { world, display, rows, refused } = lcdBench();
    await world.runFor(10);
    display.show({ lines: ["Pump 3", "1.64 EUR per L", "", "Present your card, please", "cut"] });
    await world.runFor(200);
    expect(rows()).toEqual(["Pump 3", "1.64 EUR per L", "", "Present your card, p"]);
    display.show({ lines: ["gone"] });
    await world.runFor(200);
    expect(rows()).toEqual(["gone", "", "", ""]);
    expect(refused()).toBe(0);
  });

  test("letters of other alphabets, and commands in a text, become question marks", async () => {
    const { world, display, rows, refused } = lcdBench();
    await world.runFor(10);
    display.show({ lines: ["20 °C\u00feX\u001b[2J"] });
    await world.runFor(200);
    expect(rows()[0]).toBe("20 ?C?X?[2J");
    expect(refused()).toBe(0);
  });

  test("of pages that come faster than the line only the last must get through", async () => {
    const { world, display, rows } = lcdBench();
    await world.runFor(10);
    for (let n = 0; n < 50; n++) display.show({ lines: [`page ${n}`] });
    await world.runFor(100);
    expect(rows()[0]).toBe("page 49");
  });

  test("unplugged and plugged in again it shows the last page", async () => {
    const { world, display, plug, rows } = lcdBench();
    await world.runFor(10);
    display.show({ lines: ["before"] });
    await world.runFor(100);
    plug(false);
    await world.runFor(1_000);
    display.show({ lines: ["while it was gone"] });
    await world.runFor(10_000);
    plug(true);
    await world.runFor(10_000);
    expect(rows()[0]).toBe("while it was gone");
    await display.close();
  });
});

function printerBench() {
  let printer: SimEscpos | undefined;
  const { world, open, plug } = bench((port) => {
    printer = simEscpos(port);
  });
  const driver = openEscposPrinter(open, world.clock, { columns: 32 });
  return { world, plug, driver, papers: () => printer?.papers() ?? [], sim: () => printer };
}

describe("receipt printer", () => {
  test("prints lines, both halves of a line, and the code, and cuts", async () => {
    const { world, driver, papers, sim } = printerBench();
    await world.runFor(10);
    const printing = driver.print({
      lines: ["Säule 4", "", "Energy\t1.25 kWh", "Charged\t0.56 EUR"],
      code: "SLUICE:AB12",
    });
    await world.runFor(2_000);
    expect(await printing).toBe("printed");
    const [paper] = papers();
    expect(paper?.lines.slice(0, 4)).toEqual([
      "Säule 4",
      "",
      "Energy                  1.25 kWh",
      "Charged                 0.56 EUR",
    ]);
    expect(paper?.codes).toEqual(["SLUICE:AB12"]);
    expect(sim()?.refused()).toBe(0);
  });

  test("what does not fit in one line stands in two", async () => {
    const { world, driver, papers } = printerBench();
    await world.runFor(10);
    void driver.print({ lines: ["a long name of what was sold\t123.00 EUR"] });
    await world.runFor(2_000);
    expect(papers()[0]?.lines.slice(0, 2)).toEqual([
      "a long name of what was sold",
      "                      123.00 EUR",
    ]);
  });

  test("commands in a text are no commands", async () => {
    const { world, driver, papers, sim } = printerBench();
    await world.runFor(10);
    void driver.print({ lines: ["a\u001dVz\u001b@b"] });
    await world.runFor(2_000);
    expect(papers()).toHaveLength(1);
    expect(papers()[0]?.lines[0]).toBe("a Vz @b");
    expect(sim()?.refused()).toBe(0);
  });

  test("a printer that is gone says so, and prints when it is back", async () => {
    const { world, driver, plug, papers } = printerBench();
    await world.runFor(10);
    plug(false);
    await world.runFor(100);
    expect(await driver.print({ lines: ["lost"] })).toBe("failed");
    plug(true);
    await world.runFor(10_000);
    void driver.print({ lines: ["back"] });
    await world.runFor(2_000);
    expect(papers().map(({ lines }) => lines[0])).toEqual(["back"]);
    await driver.close();
  });
});

test("the terminal shows a page in a frame, its code below, and steers nobody's terminal", async () => {
  let text = "";
  const display = openTerminalDisplay((more) => {
    text += more;
  });
  display.show({ lines: ["Pump 3", "a\u001b[2Jb"], code: ["##", "##"] });
  expect(text).toBe(
    "+--------------+\n| Pump 3       |\n| a [2Jb       |\n+--------------+\n##\n##\n",
  );
  await display.close();
  display.show({ lines: ["late"] });
  expect(text).not.toContain("late");
});
