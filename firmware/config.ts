// What a device file says, checked and with its defaults filled in (tools/device-file.ts reads it).

import type { Service } from "./producer/catalogue.ts";
import type { DeliveryPolicy } from "./producer/delivery.ts";

export interface DeviceConfig {
  /** As people see it: at most 32 bytes of UTF-8. */
  name: string;
  /** Name of a board in boards/registry.ts. */
  board: string;
  services: readonly Service[];
  policy: DeliveryPolicy;
  /** A broker to use; without one the device opens its own on `host` and `port`. */
  broker: { url: string; username?: string; password?: string } | { host: string; port: number };
  /** Folder of keys, relative to the data folder. */
  keys: string;
  /** World milliseconds per real one, for a virtual board. */
  benchRate: number;
}

/** The port of MQTT over TCP (IANA). */
export const BROKER_PORT = 1883;
