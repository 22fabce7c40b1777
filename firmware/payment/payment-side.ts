// The payment side of a device, put together: the payment application over its host, the flow services, the engine
// that runs the flows, and the sale's way in.

import { type Clock, sleep } from "../../hal/clock.ts";
import type { Entropy } from "../../hal/entropy.ts";
import type { PaymentHost } from "../../hal/payment-host.ts";
import type { Store } from "../../hal/store.ts";
import { toHex } from "../bytes.ts";
import type { Log } from "../log.ts";
import { PAYMENT_APPLICATION } from "./application/application-info.ts";
import type { CardDesk } from "./application/card-desk.ts";
import { openPaymentApplication } from "./application/payment-application.ts";
import { flowsOfDevice, withNeededFlows } from "./config/default-flows.ts";
import {
  type FlowChanges,
  type FlowOverlay,
  overlaid,
  placedServices,
} from "./config/flow-changes.ts";
import type { FlowConfig } from "./config/flow-config.ts";
import { DEFAULT_SETTINGS, type FlowSettings } from "./config/settings.ts";
import type { AnswerWatch, FlowEngine } from "./engine/engine.ts";
import { openFlowEngine } from "./engine/open-engine.ts";
import type { FlowService } from "./engine/service.ts";
import { openFlowPayments } from "./order/flow-payments.ts";
import type { Payments } from "./payments.ts";
import { openTenderJournal } from "./record/flow-journal.ts";
import { type FlowHistory, openHistory } from "./record/history.ts";
import { openRegistry, type RegisteredService, type ServiceRegistry } from "./registry/registry.ts";

/** So long flows that run may take to end when the device closes. */
const CLOSE_MS = 5_000;

export interface PaymentSidePorts {
  host: PaymentHost;
  store: Store;
  clock: Clock;
  entropy: Entropy;
  log: Log;
  /** Where the cards of payers at the board are read. */
  cardDesk?: CardDesk;
}

export interface PaymentSideOptions {
  /** Checked; the flows follow the services where none are given. */
  flows?: readonly FlowConfig[];
  settings?: FlowSettings;
  /** Beside the payment application. */
  services?: readonly FlowService[];
  /** What the operator changed of the flows while the device ran. */
  changes?: FlowChanges;
  /** Of a bench. */
  watch?: AnswerWatch;
}

export interface PaymentSide {
  payments: Payments;
  engine: FlowEngine;
  registry: ServiceRegistry;
  history: FlowHistory;
  settings: FlowSettings;
  /** The flows there are with these changes. */
  flowsUnder(overlay: FlowOverlay): readonly FlowConfig[];
  close(): Promise<void>;
}

/** Services in the process say at once what they are: one that does not is asked on while the device sells. */
const SETTLED_MS = 500;
const UNCHANGED: FlowOverlay = { flows: new Map(), attached: new Map() };

interface Known {
  services: readonly RegisteredService[];
  overlay: FlowOverlay;
  flows: readonly FlowConfig[];
}

/** Rejects with HalError when the store cannot be read. Services have said what they are, or had their time to. */
export async function openPaymentSide(
  ports: PaymentSidePorts,
  options: PaymentSideOptions = {},
): Promise<PaymentSide> {
  const { flows: configured, settings = DEFAULT_SETTINGS, services = [], changes, watch } = options;
  const { host, store, clock, entropy, log, cardDesk } = ports;
  const application = openPaymentApplication({ host, clock, log });
  const flowsUnder = (overlay: FlowOverlay): readonly FlowConfig[] => {
    const placed = placedServices(overlay);
    const infos = registry
      .services()
      .flatMap(({ id, info }) => (info === undefined || placed.has(id) ? [] : [info]));
    const own = flowsOfDevice(configured, PAYMENT_APPLICATION, infos);
    return withNeededFlows(overlaid(own, overlay), PAYMENT_APPLICATION);
  };
  let known: Known | undefined;
  const flows = (): readonly FlowConfig[] => {
    const now = registry.services();
    const overlay = changes?.overlay ?? UNCHANGED;
    if (known?.services !== now || known.overlay !== overlay) {
      known = { services: now, overlay, flows: flowsUnder(overlay) };
    }
    return known.flows;
  };
  const registry: ServiceRegistry = openRegistry({ clock, log, settings: () => settings, flows });
  for (const service of [application, ...services]) registry.add(service);
  const history = await openHistory({ store, clock, log, rowsMax: () => settings.historyRows });
  await Promise.race([registry.settled(), sleep(clock, SETTLED_MS)]);
  const journal = openTenderJournal(store);
  const newId = (): string => toHex(entropy.bytes(8));
  const engine = openFlowEngine({
    ...{ clock, log, registry, history, journal, newId },
    ...(watch && { watch }),
    settings: () => settings,
  });
  const payments = openFlowPayments({
    ...{ engine, application, clock, log, flows },
    ...(cardDesk !== undefined && { cardDesk }),
    tenders: journal,
    services: () => registry.services(),
  });
  return {
    payments,
    engine,
    registry,
    history,
    settings,
    flowsUnder,
    close: async () => {
      // A host that decides at this moment is asked again at the next start.
      await Promise.race([engine.close(), sleep(clock, CLOSE_MS)]);
      registry.close();
      await history.close();
    },
  };
}
