// What the application that hosts the device wants changed: planned in the device's queue like a command of the operator,
// and written before it counts.

import type { Store } from "../../hal/store.ts";
import type { Log } from "../log.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Plan } from "./actions.ts";
import type { Action } from "./command.ts";

export interface HostChangePorts {
  store: Store;
  log: Log;
  plan: Plan;
  /** The runtime's queue (runtime.ts). */
  offer(work: () => Promise<void>, lost: () => void): void;
}

/** Errors: `internal`, the action's. */
export function changeByHost(ports: HostChangePorts, action: Action): Promise<Result<void>> {
  const { store, log, plan, offer } = ports;
  return new Promise((resolve) => {
    const work = async (): Promise<void> => {
      const planned = await plan(action, 0);
      if (!planned.ok) return resolve(planned);
      await store.commit(planned.value.writes);
      planned.value.apply();
      log("info", "changed", { action: action.do });
      resolve(ok(undefined));
    };
    const trouble = "the change could not be written: try again";
    offer(work, () => resolve(fail("internal", trouble)));
  });
}
