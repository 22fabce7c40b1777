// What a test may want to be otherwise about a site.

import type { Log } from "../firmware/log.ts";
import type { FlowChanges } from "../firmware/payment/config/flow-changes.ts";
import type { FlowDesk } from "../firmware/payment/flow-desk.ts";
import type {
  PaymentSide,
  PaymentSideOptions,
  PaymentSidePorts,
} from "../firmware/payment/payment-side.ts";
import type { Service } from "../firmware/producer/catalogue.ts";
import type { DeliveryPolicy } from "../firmware/producer/delivery.ts";
import type { BoardDesk } from "../firmware/producer/walk-up.ts";
import type { Board, ModbusMeterPart } from "../hal/board.ts";
import type { Clock } from "../hal/clock.ts";
import type { Entropy } from "../hal/entropy.ts";
import type { LoopReport } from "../hal/loop-host.ts";
import type { Meter } from "../hal/meter.ts";
import type { PaymentHost } from "../hal/payment-host.ts";
import type { SimNetwork } from "../hal/sim/sim-link.ts";
import type { StopPhysics } from "../hal/sim/sim-stops.ts";
import type { SimStore } from "../hal/sim/sim-store.ts";
import type { SimProcess } from "../hal/sim/world.ts";
import type { StoreWrite } from "../hal/store.ts";
import type { Site } from "./site.ts";

export interface SiteOptions {
  seed: number;
  board?: Board;
  services?: readonly Service[];
  policy?: DeliveryPolicy;
  network?: Partial<SimNetwork>;
  pulsesPerSecond?: number;
  /** How the actuators let go. */
  stops?: StopPhysics;
  /** When the device's certificate expires. */
  expiresS?: number;
  storeLatencyMs?: number;
  /** Called at each place where the power may fail; true cuts it there. */
  cutAt?: (place: CutPlace) => boolean;
  /** The host as the device sees it, made anew at each start. */
  wrapHost?: (
    host: PaymentHost,
    life: { process: SimProcess; log: Log },
  ) => PaymentHost | Promise<PaymentHost>;
  /** Flows, settings and services of the payment side; the services are made anew at each start. */
  payment?: () => PaymentSideOptions;
  /** The same, of services that need the device's store or clock. */
  paymentOn?: (ports: PaymentSidePorts) => PaymentSideOptions;
  /** What the operator may ask of the flow engine; nothing when not given. */
  desk?: (side: PaymentSide, changes: FlowChanges, site: Site) => FlowDesk;
  /** What is fitted for people at the board, opened anew at each start; nothing when not given. */
  boardDesk?: (ports: {
    site: Site;
    clock: Clock;
    entropy: Entropy;
    /** The device has power, and has had it since. */
    alive: () => boolean;
  }) => BoardDesk;
  /** A meter on a bus, opened anew with each process of the loop. */
  openMeter?: (part: ModbusMeterPart, clock: Clock, site: Site) => Meter;
  /** In place of disks that are gone with the program: what outlives it. */
  disk?: {
    device: SimStore;
    host: SimStore;
    register(outlet: string, meter: string): number | undefined;
  };
  /** Another site, whose world, broker and operator this one shares; it needs a name of its own. */
  beside?: Site;
  name?: string;
  /** As people see it, in place of the name, and in a sentence. */
  called?: { name: string; description?: string };
  /** Hears every line of the device's log, every commit once it is durable, every report of its loop. */
  onLog?: Log;
  onWrites?: (writes: readonly StoreWrite[]) => void;
  onReport?: (report: LoopReport) => void;
  /** Hears of what was thrown where nobody expected it. */
  onBug?: (error: unknown) => void;
  resetCatalogue?: boolean;
  /** An idle loop looks and reports all the same, as on a board: slower, and the same to the last byte. */
  restless?: boolean;
  /** Leaves the producer as it is opened: the test takes its steps. */
  byHand?: boolean;
}

export type CutPlace =
  | "before commit"
  | "after commit"
  | "before switch"
  | "after switch"
  | "before publish"
  | "after publish";
