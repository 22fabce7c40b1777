// What this tab keeps over a reload, of one world: the key and the books of its buyer, and that somebody records. It is the
// browser's session storage, which ends with the tab; without it nothing outlives a reload.

import { HalError } from "../hal/hal-error.ts";

export interface Kept {
  /** In hexadecimal digits, as the operators' keys are. */
  boxSecret: string;
  operators: readonly string[];
  /** Kind, id and body of each record of the buyer's store. */
  records: readonly (readonly [string, string, string])[];
  isRecording: boolean;
}

const ITEM = "sluice-bench";
const NOTHING: Kept = { boxSecret: "", operators: [], records: [], isRecording: false };

export class TabMemory {
  readonly world: string;
  #kept: Kept;
  #hasEnded = false;

  /** What was kept of another world is forgotten. */
  constructor(world: string) {
    this.world = world;
    this.#kept = { ...NOTHING, ...read(world) };
  }

  get kept(): Kept {
    return this.#kept;
  }

  /** Throws HalError `full`, and then keeps what it had. */
  keep(change: Partial<Kept>): void {
    const kept = { ...this.#kept, ...change };
    try {
      if (!this.#hasEnded) {
        storage()?.setItem(ITEM, JSON.stringify({ world: this.world, ...kept }));
      }
    } catch (error) {
      throw new HalError("full", "this tab can keep no more: buy in another one", error);
    }
    this.#kept = kept;
  }

  /** Another world has begun: what still comes of this one takes the place of nothing that the tab keeps. */
  end(): void {
    this.#hasEnded = true;
  }
}

/** Undefined where the browser forbids it. */
function storage(): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}

function read(world: string): Partial<Kept> {
  try {
    const { world: of, ...kept } = JSON.parse(storage()?.getItem(ITEM) ?? "{}");
    return of === world ? kept : {};
  } catch {
    return {};
  }
}
