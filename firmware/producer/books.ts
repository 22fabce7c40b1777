// What a device starts with: its ports, what the steps before have settled, and what it reads from disk.

import type { Clock } from "../../hal/clock.ts";
import type { Crypto, Signer } from "../../hal/crypto.ts";
import type { Entropy } from "../../hal/entropy.ts";
import type { Link } from "../../hal/link.ts";
import type { LoopHost } from "../../hal/loop-host.ts";
import type { Store } from "../../hal/store.ts";
import type { Log } from "../log.ts";
import type { FlowDesk } from "../payment/flow-desk.ts";
import type { Payments } from "../payment/payments.ts";
import { type Catalogue, openCatalogue, type SellingParts, type Service } from "./catalogue.ts";
import { type ChangedCatalogue, openChangedCatalogue, resetCatalogue } from "./catalogue-store.ts";
import type { DeliveryPolicy } from "./delivery.ts";
import type { SaleEvents } from "./events.ts";
import { type Journal, openJournal } from "./journal.ts";
import { readLastOperation } from "./operation.ts";
import { type RunOns, readRunOns } from "./run-on-record.ts";
import type { BoardDesk } from "./walk-up.ts";
import { openWall, type Wall } from "./wall.ts";
import { readWithdrawn } from "./withdrawals.ts";

export interface StartedPorts {
  clock: Clock;
  store: Store;
  link: Link;
  loop: LoopHost;
  crypto: Crypto;
  entropy: Entropy;
  payments: Payments;
  /** What the operator may ask of the flow engine, where there is one. */
  desk?: FlowDesk;
  /** What is fitted for people at the board, where anything is. */
  boardDesk?: BoardDesk;
  log: Log;
  /** The runtime's queue (runtime.ts). */
  enqueue(work: () => Promise<void>): void;
  offer(work: () => Promise<void>, lost: () => void): void;
  idle(): Promise<void>;
}

/** What the steps before the start have settled. */
export interface StartedDevice extends SellingParts {
  /** The device's id, as its certificate has it: the middle of its topics. */
  device: string;
  name: string;
  signer: Signer;
  boxSecret: Uint8Array;
  certificate: Uint8Array;
  /** When the certificate expires, in seconds since 1970. */
  vouchedToS: number;
  /** The operator's latest list of revoked devices, where the device has one. */
  revocations: Uint8Array | undefined;
  operatorKey: Uint8Array;
  description: string | undefined;
  version: string;
  /** As the steps before the start, or the device file, have them. */
  services: readonly Service[];
  /** Takes back what was changed in earlier runs. */
  resetCatalogue: boolean;
  policy: DeliveryPolicy;
  events: SaleEvents;
}

/** What was read from disk at the start. */
export interface Books {
  journal: Journal;
  wall: Wall;
  catalogue: Catalogue;
  services: ChangedCatalogue;
  withdrawn: Set<string>;
  lastOperation: Awaited<ReturnType<typeof readLastOperation>>;
  runOns: RunOns;
}

/** Throws HalError, `corrupt` for a record that is not ours. */
export async function readBooks(ports: StartedPorts, settled: StartedDevice): Promise<Books> {
  const { crypto, log, store } = ports;
  const wall = await openWall(ports);
  const { signer } = settled;
  const journal = await openJournal({ store, clock: wall.clock, crypto, signer });
  const withdrawn = await readWithdrawn(store);
  const lastOperation = await readLastOperation(store);
  const runOns = await readRunOns(store);
  if (settled.resetCatalogue) await resetCatalogue(store);
  const catalogue = openCatalogue(settled);
  for (const service of settled.services) catalogue.put(service);
  const services = await openChangedCatalogue(store, catalogue, log);
  return { journal, wall, catalogue, services, withdrawn, lastOperation, runOns };
}
