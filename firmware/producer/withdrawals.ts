// Orders of services that were removed with a refund: on disk from the removal until they are closed, so that a
// restart in between changes nothing of it. A running session is never cut: its order closes when it has ended.

import { HalError } from "../../hal/hal-error.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import type { Journal } from "./journal.ts";
import { closing, type Order } from "./order.ts";

const KIND = "withdrawn";
const ORDER_ID = /^[0-9a-f]{16}$/;

export interface Withdrawals {
  /** Whether it is to be closed as soon as it idles. */
  has(order: string): boolean;
  /** Every order of the service that is not settled: to be committed with its removal, and then noted. */
  plan(service: number): { writes: readonly StoreWrite[]; note(): void };
  /** Closes those that idle, and forgets those that are closed. Throws HalError; then it is to be done again. */
  sweep(): Promise<void>;
}

export interface WithdrawalsPorts {
  store: Store;
  journal: Journal;
  settle(closing: Order): void;
}

/** Orders that an earlier run withdrew and left open. Throws HalError, `corrupt` for a record that is not ours. */
export async function readWithdrawn(store: Store): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const { id } of await store.list(KIND)) {
    if (!ORDER_ID.test(id)) throw new HalError("corrupt", `record ${KIND} ${id} is none of ours`);
    ids.add(id);
  }
  return ids;
}

export function openWithdrawals(ports: WithdrawalsPorts, ids: Set<string>): Withdrawals {
  return new StoredWithdrawals(ports, ids);
}

class StoredWithdrawals implements Withdrawals {
  readonly #ports: WithdrawalsPorts;
  readonly #ids: Set<string>;

  constructor(ports: WithdrawalsPorts, ids: Set<string>) {
    this.#ports = ports;
    this.#ids = ids;
  }

  has(order: string): boolean {
    return this.#ids.has(order);
  }

  plan(service: number): { writes: readonly StoreWrite[]; note(): void } {
    const ids: string[] = [];
    for (const { id, state, terms } of this.#ports.journal.orders()) {
      const unsettled = state === "taking" || state === "paid";
      if (unsettled && terms.service === service) ids.push(id);
    }
    return {
      writes: ids.map((id) => ({ kind: KIND, id, body: "{}" })),
      note: () => {
        for (const id of ids) this.#ids.add(id);
      },
    };
  }

  async sweep(): Promise<void> {
    const { journal, store, settle } = this.#ports;
    for (const id of [...this.#ids]) {
      const one = journal.order(id);
      const done: StoreWrite = { kind: KIND, id, body: null };
      if (one?.state === "taking" || one?.running !== undefined) continue;
      if (one?.state === "paid") {
        const refunded = closing(one, "operator-stop", false);
        await journal.save(refunded, undefined, [done]);
        settle(refunded);
      } else {
        await store.commit([done]);
      }
      this.#ids.delete(id);
    }
  }
}
