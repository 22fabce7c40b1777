// System events: that flows, settings or services are others than before, so that whoever shows them asks again.

import type { SERVICES_CHANGED } from "./registry.ts";

export const FLOWS_CHANGED = {
  type: "flowStateChanged",
  key: "eventKeyFlowConfigsChanged",
} as const;

export type SystemEvent = typeof FLOWS_CHANGED | typeof SERVICES_CHANGED;
export type SystemListener = (event: SystemEvent) => void;

/** One listener; the last one set counts. */
export class SystemEvents {
  #listener: SystemListener = () => undefined;

  listen(listener: SystemListener): void {
    this.#listener = listener;
  }

  tell(event: SystemEvent): void {
    this.#listener(event);
  }
}
