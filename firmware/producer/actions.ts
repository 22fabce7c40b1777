// What the operator, or the application that hosts the device, may do to it while it runs. Each action is
// planned: what must be on disk, what follows in memory once it is, and what is answered.

import type { OutletPart } from "../../hal/board.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import { utf8 } from "../bytes.ts";
import type { FaultKind } from "../fault.ts";
import { fail, ok, type Result } from "../result.ts";
import { auditPage } from "./audit.ts";
import type { CatalogueChange, ChangedCatalogue, ListedService } from "./catalogue-store.ts";
import type { Action } from "./command.ts";
import { type ProducerStatus, statusText } from "./health.ts";
import type { Order } from "./order.ts";
import { orderLog } from "./order-log.ts";
import { type PaymentActionPorts, page, planPayment } from "./payment-actions.ts";
import type { Withdrawals } from "./withdrawals.ts";

/** Of the JSON in an answer (protocol/messages.ts, `operated`). */
export const ANSWER_BYTES_MAX = 1_600;

export interface Planned {
  writes: readonly StoreWrite[];
  /** After they are durable. */
  apply(): void;
  /** JSON. */
  answer?: string;
}

export interface ActionPorts extends PaymentActionPorts {
  store: Store;
  /** The device's own. */
  certificate: Uint8Array;
  services: ChangedCatalogue;
  withdrawals: Withdrawals;
  /** Unpaid offers of a service are not honoured from now on. */
  withdrawOffers(service: number): void;
  /** The catalogue, or what is withdrawn, is another now. */
  changed(): void;
  startBroadcast(durationMs?: number): void;
  stopBroadcast(): void;
  outlets: readonly OutletPart[];
  orders(): Iterable<Order>;
  /** Ends the running session of an order. */
  stop(order: string): void;
  status(): ProducerStatus;
  /** Number of the last command. */
  lastNumber(): number;
}

/** `number` is of the command. */
export type Plan = (action: Action, number: number) => Promise<Result<Planned>>;

/** Errors: those of the catalogue, `not-found`. Throws HalError. */
export function openActions(ports: ActionPorts): Plan {
  return async (action, number) => {
    switch (action.do) {
      case "service-add":
        return changing(ports, ports.services.add(action.service));
      case "service-remove":
        return removal(ports, action);
      case "price-set":
        return changing(ports, ports.services.setPrice(action.service, action.price));
      case "price-remove":
        return changing(ports, ports.services.removePrice(action.service, action.price));
      case "broadcast-start": {
        const { durationMs } = action;
        return done(() => ports.startBroadcast(durationMs === 0 ? undefined : durationMs));
      }
      case "broadcast-stop":
        return done(() => ports.stopBroadcast());
      case "outlet-open":
        return openOutlet(ports, action.outlet);
      case "status":
        return told(statusText(ports.status(), ANSWER_BYTES_MAX));
      case "services":
        return told(servicesText(ports.services.listed(), action.from));
      case "audit": {
        const from = action.from === 0 ? ports.lastNumber() : action.from;
        return told(JSON.stringify(await auditPage(ports.store, from, ANSWER_BYTES_MAX - 64)));
      }
      case "order-log": {
        const one = await ports.journal.find(action.order);
        const log = await orderLog(one, ports.certificate, ports.store);
        return log.ok ? page(log.value, action.from, ANSWER_BYTES_MAX) : log;
      }
      default:
        return planPayment(ports, action, number, ANSWER_BYTES_MAX);
    }
  };
}

function done(apply: () => void): Result<Planned> {
  return ok({ writes: [], apply });
}

function told(answer: string): Result<Planned> {
  return ok({ writes: [], apply: () => undefined, answer });
}

function changing(ports: ActionPorts, change: Result<CatalogueChange>): Result<Planned> {
  if (!change.ok) return change;
  const { writes, apply } = change.value;
  return ok({
    writes,
    apply: () => {
      apply();
      ports.changed();
    },
  });
}

/** The switch is open whenever nothing is sold there. */
function openOutlet({ outlets, orders, stop }: ActionPorts, outlet: string): Result<Planned> {
  if (!outlets.some(({ id }) => id === outlet)) {
    const known = outlets.map(({ id }) => id).join(", ");
    return fail("not-found", `the board has no such outlet; it has ${known}`, "outlet");
  }
  for (const { id, outlet: busy, running } of orders()) {
    if (busy !== outlet || running === undefined) continue;
    return ok({ writes: [], apply: () => stop(id), answer: JSON.stringify({ stopped: id }) });
  }
  return told("{}");
}

/** Nobody's running session is touched. */
function removal(
  ports: ActionPorts,
  { service, policy }: Action & { do: "service-remove" },
): Result<Planned> {
  const removed = changing(ports, ports.services.remove(service));
  if (!removed.ok || policy === "honour") return removed;
  const withdrawn = ports.withdrawals.plan(service);
  return ok({
    writes: [...removed.value.writes, ...withdrawn.writes],
    apply: () => {
      withdrawn.note();
      ports.withdrawOffers(service);
      removed.value.apply();
    },
  });
}

/** Services from a number on, so many as fit; `next` is where the following page begins. */
function servicesText(listed: readonly ListedService[], from: number): string {
  const services: object[] = [];
  let left = ANSWER_BYTES_MAX - 64;
  for (const one of listed) {
    if (one.service.id < from) continue;
    const line = serviceLine(one);
    left -= utf8(JSON.stringify(line)).length + 1;
    if (left < 0) return JSON.stringify({ services, next: one.service.id });
    services.push(line);
  }
  return JSON.stringify({ services });
}

function serviceLine({ service, origin, prices }: ListedService): object {
  const { id, name, outlet } = service;
  const lines = service.prices.map((price) => ({
    id: price.id,
    name: price.name,
    amountMinor: price.amountMinor,
    currency: price.currency,
    origin: prices.get(price.id) ?? origin,
  }));
  return { id, name, outlet, origin, prices: lines };
}

/** For the record of what was done. */
export function outcomeOf(planned: Result<unknown>): FaultKind | "ok" {
  return planned.ok ? "ok" : planned.fault.kind;
}
