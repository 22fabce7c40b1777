// A program made to be killed: a whole site in virtual time on real disks (SQLite, the meters' register file),
// which first makes good what an earlier life left undone, holds its books against metal and money, and then
// sells until it dies. One line of JSON for each step:
//
//   node build/test/sim/killed-sales.js FOLDER LIFE [once]     `once` ends when the books are checked

import { writeSync } from "node:fs";
import { join } from "node:path";
import { type Buying, buy, goOn } from "../../bench/buyer.ts";
import { type Expectation, violations, type Witnesses } from "../../bench/invariants.ts";
import { Site } from "../../bench/site.ts";
import { openRegisterFile } from "../../hal/linux/register-file.ts";
import { openSqliteStore } from "../../hal/linux/sqlite-store.ts";
import type { SimStore } from "../../hal/sim/sim-store.ts";
import { settlePromises } from "../../hal/sim/world.ts";
import type { Store, StoreRecord } from "../../hal/store.ts";
import { smallCharger } from "./power-cuts.ts";

const BUYING: Buying = { service: 1, price: 1, units: 2, unitsPerSession: 1 };
const EXPECTED: Expectation = {
  outlet: "socket-1",
  meter: "energy",
  quantumPulses: 40,
  runOnPulsesMax: 3,
  // The register file stands for a meter that counts on without us: nothing at all may be forgotten.
  retains: true,
  loss: "seller",
};
const START_MS = 1_767_225_600_000;
const SETTLED_MS = 5_000;
/** More than a life lasts; and all of them together are less than closed orders are kept. */
const LIFE_MS = 300_000;

/** The one disk of all three: device, payment host and consumer keep records of different kinds. */
class RealDisk {
  readonly store: Store;
  #working = 0;
  #idle: (() => void) | undefined;

  constructor(store: Store) {
    this.store = store;
  }

  /** Resolves when no request is under way: until then time stands still. */
  async untilIdle(): Promise<void> {
    while (this.#working > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      await settlePromises();
    }
  }

  /** As a simulated store, for a site; what is durable is asked of the file. */
  asSim(): SimStore {
    const watched: Store = {
      commit: (writes) => this.#watch(this.store.commit(writes)),
      get: (kind, id) => this.#watch(this.store.get(kind, id)),
      list: (kind) => this.#watch(this.store.list(kind)),
      close: () => this.store.close(),
    };
    const none = (): never => {
      throw new Error("a real disk does nothing on demand");
    };
    return {
      store: () => watched,
      reopen: () => watched,
      crash: none,
      durable: none,
      commits: none,
      setFull: none,
      setLatencyMs: none,
      setUnreadable: none,
      corruptBody: none,
    };
  }

  async #watch<T>(request: Promise<T>): Promise<T> {
    this.#working += 1;
    try {
      return await request;
    } finally {
      this.#working -= 1;
      if (this.#working === 0) this.#idle?.();
    }
  }
}

function say(line: Readonly<Record<string, unknown>>): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

/** Runs a story to its end in virtual time, which waits for the disk. */
async function tell<T>(site: Site, disk: RealDisk, story: () => Promise<T>): Promise<T> {
  let ended: { value: T } | { error: unknown } | undefined;
  void story().then(
    (value) => {
      ended = { value };
    },
    (error: unknown) => {
      ended = { error };
    },
  );
  for (;;) {
    await settlePromises();
    await disk.untilIdle();
    if (site.bugs.length > 0) throw site.bugs[0];
    if (ended !== undefined) break;
    if (!(await site.world.step())) throw new Error("the story stands still");
  }
  if ("error" in ended) throw ended.error;
  return ended.value;
}

async function check(site: Site, disk: RealDisk): Promise<string[]> {
  const kinds = new Map<string, readonly StoreRecord[]>();
  for (const kind of ["order", "receipt"]) kinds.set(kind, await disk.store.list(kind));
  const { metal } = site.board;
  const left: Witnesses = {
    store: { durable: (kind) => kinds.get(kind) ?? [] },
    host: site.host,
    board: {
      metal: {
        // Of all lives together the register knows, not what flowed in this one.
        outlet: (id) => {
          const outlet = metal.outlet(id);
          const { register = 0 } = outlet.meters[EXPECTED.meter] ?? {};
          return { ...outlet, meters: { [EXPECTED.meter]: { register, physical: register } } };
        },
      },
    },
    signKey: site.signKey,
    cuts: site.cuts,
    epochs: site.epochs,
  };
  return violations(left, EXPECTED);
}

async function live(folder: string, life: number, once: boolean): Promise<void> {
  const file = openRegisterFile(join(folder, "registers.json"));
  const disk = new RealDisk(await openSqliteStore(join(folder, "sluice.db")));
  const sim = disk.asSim();
  const site = new Site({
    seed: 5,
    board: smallCharger(true),
    policy: { quantumPulses: EXPECTED.quantumPulses, loss: EXPECTED.loss },
    disk: { device: sim, host: sim, register: file.register },
  });
  site.board.metal.onChange(file.write);
  // The chance of this life, so that no order id comes twice, and its time.
  site.cuts = life;
  site.world.setWall(START_MS + life * LIFE_MS);
  say({ is: "open", life });
  const told = <T>(story: () => Promise<T>): Promise<T> => tell(site, disk, story);
  const consumer = await told(async () => {
    await site.powerOn();
    return site.consumer("a", sim);
  });
  say({ is: "started", epoch: site.epochs[0] });
  await told(() => goOn(site, consumer, BUYING));
  // Payments whose buyer died before he knew of them are settled when their tokens expire, not before: the buyer
  // has journaled that he was about to pay, so none is left.
  await told(() => new Promise<void>((resolve) => site.world.after(SETTLED_MS, () => resolve())));
  const wrong = await check(site, disk);
  say({ is: "checked", life, wrong, register: file.register("socket-1", "energy") ?? 0 });
  for (let sold = 1; !once; sold++) {
    const { done, faults } = await told(() => buy(site, consumer, BUYING));
    if (!done) throw new Error(`the sale does not end: ${faults.join(", ")}`);
    say({ is: "sold", sold });
  }
  await disk.store.close();
  file.close();
}

if (process.argv[1]?.endsWith("killed-sales.js") === true) {
  const [folder = "", life = "0", once] = process.argv.slice(2);
  await live(folder, Number(life), once === "once");
}
