// What a device file says, checked and with its defaults filled in (tools/device-file.ts reads it).

import type { LineWiring } from "../hal/board.ts";
import type { FlowConfig } from "./payment/config/flow-config.ts";
import type { FlowSettings } from "./payment/config/settings.ts";
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

/** As receipts name the seller; numbers of the acquirer. */
export interface MerchantConfig {
  merchantId: string;
  terminalId: string;
  merchantName: string;
}

/** What takes the money. */
export type HostConfig =
  | { kind: "simulated" }
  | {
      kind: "stripe";
      /** Absolute path. */
      apiKeyFile: string;
      /** Of a stand-in; Stripe's own when not given. */
      address?: { host: string; port: number; protocol: "http" | "https"; caFile?: string };
      merchant: MerchantConfig;
    }
  | {
      kind: "iso8583";
      address: { host: string; port: number };
      merchant: MerchantConfig;
      /** The acquirer moves no real money. */
      simulated: boolean;
    }
  | {
      kind: "terminal";
      /** Name of the board's serial port. */
      serial: string;
      /** It is a test terminal. */
      simulated: boolean;
    };

/** Cards read at the board are approved without the host while it is out of reach, at the seller's risk. */
export interface DeferredConfig {
  currency: string;
  /** The most that one payment may be, and all together that the host has not decided. */
  floorMinor: number;
  totalMinor?: number;
}

/** A flow service that the device file lists. */
export type ServiceToUse =
  /** In the device's process: a stock service by its name, with its options. */
  | { id: string; stock: string; options: Readonly<Record<string, unknown>> }
  /** In the device's process: a module, by its absolute path. */
  | { id: string; module: string }
  /** Elsewhere: its grant, by the absolute path of the file. */
  | { id: string; grant: string };

export interface PaymentConfig {
  host: HostConfig;
  deferred?: DeferredConfig;
  settings: FlowSettings;
  services: readonly ServiceToUse[];
  /** The flows follow the services where none are given. */
  flows?: readonly FlowConfig[];
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
  payment: PaymentConfig;
  /** A broker to use, or the one that the device opens itself. */
  broker: BrokerToUse | BrokerToOpen;
  /** Folder of keys, relative to the data folder. */
  keys: string;
  /** Paths of serial ports in place of the board's own, by their names. */
  serial: Readonly<Record<string, string>>;
  /** Where lines of the board are wired to in place of the board's own, by their names. */
  lines: Readonly<Record<string, LineWiring>>;
  /** The computer's hardware watchdog, which the device then feeds; none when not given. */
  watchdog?: string;
  /** Where it stands: ISO 3166 numeric, which cards are told. */
  country: number;
  /** World milliseconds per real one, for a virtual board. */
  benchRate: number;
}

/** The port of MQTT over TCP (IANA). */
export const BROKER_PORT = 1883;
