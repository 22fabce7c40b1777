// What a running device answers to whoever watches its process: alive, and able to sell.

import type { ProducerStatus } from "../firmware/producer/health.ts";
import type { HealthSource } from "../hal/linux/health-server.ts";

export function healthSource(status: () => ProducerStatus): HealthSource {
  return {
    health: () => {
      const { loop, uptimeS, version } = status();
      const reasons = loop ? [] : ["the metering loop is not up: it is started again"];
      return { ok: loop, reasons, facts: { uptimeS, version } };
    },
    ready: () => {
      const now = status();
      const { ready, reasons, running, orders, broadcasting, clock } = now;
      const facts = { running, orders, busy: isBusy(now), broadcasting, clock };
      return { ok: ready, reasons, facts };
    },
  };
}

/** Whether somebody would lose something if the device was stopped now: it is delivering, or money is under way. */
export function isBusy({ running, paying }: ProducerStatus): boolean {
  return running + paying > 0;
}
