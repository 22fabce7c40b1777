// What a device file says, checked and with its defaults filled in (tools/device-file.ts reads it).

import type { Service } from "./producer/catalogue.ts";
import type { DeliveryPolicy } from "./producer/delivery.ts";

export interface BrokerToUse {
  url: string;
  username?: string;
  password?: string;
  /** Absolute paths of PEM files. */
  tls?: { ca?: string; cert?: string; key?: string };
}

export interface BrokerToOpen {
  host: string;
  port: number;
  /** Port of a second listener, for MQTT over WebSocket. */
  ws?: number;
}

export interface DeviceConfig {
  /** As people see it: at most 32 bytes of UTF-8. */
  name: string;
  /** In a sentence: at most 96 bytes of UTF-8. */
  description?: string;
  /** Name of a board in boards/registry.ts. */
  board: string;
  services: readonly Service[];
  policy: DeliveryPolicy;
  /** A broker to use, or the one that the device opens itself. */
  broker: BrokerToUse | BrokerToOpen;
  /** Folder of keys, relative to the data folder. */
  keys: string;
  /** World milliseconds per real one, for a virtual board. */
  benchRate: number;
}

/** The port of MQTT over TCP (IANA). */
export const BROKER_PORT = 1883;
