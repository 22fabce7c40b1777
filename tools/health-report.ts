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
      const { ready, reasons, running, orders, broadcasting, clock } = status();
      return { ok: ready, reasons, facts: { running, orders, broadcasting, clock } };
    },
  };
}
