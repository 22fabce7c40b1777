// A virtual twin of a product board is that board: the same parts, opened by the same drivers through the same
// functions. What differs is only what is plugged in at the other end of the wire.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BOARDS } from "../../boards/registry.ts";
import type { Board } from "../../hal/board.ts";
import { serialPath, standIn } from "../../hal/serial-paths.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** The twin of NAME is called virtual-NAME. */
const TWINS = BOARDS.flatMap((real): [Board, Board][] =>
  BOARDS.filter(({ name }) => name === `virtual-${real.name}`).map((twin) => [twin, real]),
);

function source(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** What a file imports from a folder, statically or when it is needed. */
function importsFrom(path: string, folder: string): string[] {
  const names = source(path).matchAll(/\bfrom "([^"]+)"|\bimport\("([^"]+)"\)/g);
  const imports = [...names].map(([, fixed, lazy]) => fixed ?? lazy ?? "");
  return imports.filter((name) => name.includes(folder)).toSorted();
}

describe("a virtual twin", () => {
  test.each(TWINS)("$name has the parts of its board", (twin, real) => {
    const { name: _, title: __, virtual, ...parts } = twin;
    const { name: ___, title: ____, ...realParts } = real;
    expect(virtual).toBeDefined();
    expect(real.virtual).toBeUndefined();
    expect(parts).toEqual(realParts);
  });

  test("is there of the charger and of the pump, with a sensor file each", () => {
    for (const name of ["pi-charger", "pi-pump"]) {
      const twin = TWINS.find(([, real]) => real.name === name)?.[0];
      expect(twin?.sensors?.some(({ kind }) => kind === "file")).toBe(true);
    }
  });

  test.each(TWINS)(
    "$name differs for its loop by paths only, and those are the bench's",
    (twin) => {
      const here = standIn(twin, "/data");
      for (const [name, { path, settings }] of Object.entries(here.serial ?? {})) {
        expect(path).toBe(`/data/bench/${name}`);
        expect(path).toBe(serialPath(twin, name, "/data"));
        expect(settings).toEqual(twin.serial?.[name]?.settings);
      }
      const withoutPaths = (board: Board): unknown =>
        JSON.parse(JSON.stringify(board, (key, value) => (key === "path" ? undefined : value)));
      expect(withoutPaths(here)).toEqual(withoutPaths(twin));
      const files = (here.sensors ?? []).flatMap((part) =>
        part.kind === "file" ? [part.path] : [],
      );
      expect(files.every((path) => path.startsWith("/data/bench/"))).toBe(true);
    },
  );

  test.each(TWINS)("a real board is left as it is: $name", (_, real) => {
    expect(standIn(real, "/data")).toBe(real);
    for (const [name, { path }] of Object.entries(real.serial ?? {})) {
      expect(serialPath(real, name, "/data")).toBe(path);
    }
  });
});

describe("no driver differs by environment", () => {
  const drivers = readdirSync(join(ROOT, "hal/drivers")).map((name) => `hal/drivers/${name}`);

  test.each(drivers)("%s knows ports and other drivers only", (path) => {
    const others = importsFrom(path, "").filter((name) => !/^\.\.?\/[\w-]+\.ts$/.test(name));
    // Packages that compute: no time, no files, no network.
    const computes = ["tweetnacl", "@point-of-sale/receipt-printer-encoder"];
    expect(others.filter((name) => !computes.includes(name))).toEqual([]);
    // Not what board it runs, nor in what program.
    const code = source(path).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, "");
    expect(code).not.toMatch(/\.virtual\b|\bprocess\./);
  });

  test("bench and metal open outlets, meters and sensors by the same functions", () => {
    const loop = "firmware/loop-main.ts";
    const metal = "hal/linux/real-board.ts";
    expect(importsFrom(loop, "/drivers/")).toEqual(["../hal/drivers/open-outlets.ts"]);
    expect(importsFrom(metal, "/drivers/")).toEqual(["../drivers/open-outlets.ts"]);
    expect(importsFrom(loop, "board-reach.ts")).toHaveLength(1);
    expect(importsFrom(metal, "board-reach.ts")).toHaveLength(1);
    for (const path of [loop, metal]) {
      expect(source(path)).toMatch(/\bopenOutlets\(board, /);
      expect(source(path)).toMatch(/\bopenBoardReach\(board, /);
    }
    // Nobody else opens a bus or a kernel's file for a loop.
    const reach = importsFrom("hal/linux/board-reach.ts", "");
    expect(reach).toContain("../drivers/modbus-buses.ts");
    expect(reach).toContain("./kernel-sensor.ts");
  });

  test("the device's process opens readers, display and printer without a look at what the board is", () => {
    expect(source("firmware/desk-main.ts")).not.toMatch(/virtual|sim\b|\/sim\//);
    expect(source("firmware/payment-main.ts")).not.toMatch(
      /\.virtual\b|\/sim\/sim-(pn532|gempc|terminal)/,
    );
    expect(importsFrom("firmware/desk-main.ts", "/drivers/").length).toBeGreaterThan(3);
  });

  test("a simulator knows no driver", () => {
    const sims = readdirSync(join(ROOT, "hal/sim")).map((name) => `hal/sim/${name}`);
    for (const path of sims) expect(importsFrom(path, "/drivers/"), path).toEqual([]);
  });
});
