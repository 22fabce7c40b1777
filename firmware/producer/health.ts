// How a device is: whether it can sell now, why not, and the figures that its operator asks for.

import type { WallQuality } from "../../hal/clock.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { Store } from "../../hal/store.ts";
import { utf8 } from "../bytes.ts";
import type { Result } from "../result.ts";
import type { Service } from "./catalogue.ts";
import type { Order } from "./order.ts";
import type { OutletHealth } from "./outlet-watch.ts";

export interface ProducerStatus {
  /** Whether it can sell something now; `reasons` say why not, or what is wrong with a part of it. */
  ready: boolean;
  reasons: readonly string[];
  /** Whether the metering loop reports. */
  loop: boolean;
  broadcasting: boolean;
  running: number;
  /** The first few of them. */
  sessions: readonly {
    order: string;
    outlet: string;
    session: number;
    pulses: number;
    /** Begun by a person at the board. */
    atBoard?: boolean;
  }[];
  /** Every outlet, what is raised there and which meters are not well. */
  outlets: readonly OutletHealth[];
  /** Not settled yet. */
  orders: number;
  /** Of them those whose payment is under way, or, of a person at the board, over and not yet begun. */
  paying: number;
  offers: number;
  /** Frames that were not ours, not authentic, or old. */
  dropped: number;
  clock: WallQuality;
  uptimeS: number;
  epoch: number;
  /** Number of the last receipt. */
  receipt: number;
  certificateExpiresS: number;
  version: string;
}

export interface HealthFacts
  extends Omit<ProducerStatus, "ready" | "reasons" | "running" | "sessions" | "orders" | "paying"> {
  linkUp: boolean;
  /** Something is fitted for people at the board, who need no broker. */
  atBoard: boolean;
  closing: boolean;
  storeTrouble: string | undefined;
  nowS: number;
  services: readonly Service[];
  allOrders: Iterable<Order>;
  outletReady(outlet: string): Result<void>;
}

const LISTED_MAX = 4;

/** A store that remembers its trouble: the last failed commit, until one has succeeded again. */
export function watchedStore(store: Store): { store: Store; trouble(): string | undefined } {
  let trouble: string | undefined;
  return {
    trouble: () => trouble,
    store: {
      commit: async (writes) => {
        try {
          await store.commit(writes);
          trouble = undefined;
        } catch (error) {
          if (error instanceof HalError) trouble = `${error.kind}: ${error.message}`;
          throw error;
        }
      },
      get: (kind, id) => store.get(kind, id),
      list: (kind) => store.list(kind),
      close: () => store.close(),
    },
  };
}

export function producerStatus(facts: HealthFacts): ProducerStatus {
  const {
    linkUp,
    atBoard,
    closing,
    storeTrouble,
    nowS,
    services,
    allOrders,
    outletReady,
    ...plain
  } = facts;
  const sellable = services.filter(({ prices }) => prices.length > 0);
  const sellsHere = atBoard && sellable.some(({ walkUp }) => walkUp !== undefined);
  const unlinked = linkUp ? [] : ["the broker is not connected"];
  const stops: string[] = [];
  if (closing) stops.push("the device is stopping");
  if (!plain.loop) stops.push("the metering loop is not up");
  if (!sellsHere) stops.push(...unlinked);
  if (storeTrouble !== undefined) stops.push(`the store has trouble: ${storeTrouble.slice(0, 80)}`);
  if (plain.clock !== "unset" && plain.certificateExpiresS <= nowS) {
    stops.push("the certificate has expired: sluice provision --renew");
  }
  if (sellable.length === 0) stops.push("there is no service with a price");
  const outlets = [...new Set(sellable.map(({ outlet }) => outlet))];
  const bad = plain.loop ? outlets.flatMap((outlet) => troubleOf(outlet, outletReady(outlet))) : [];
  const able = stops.length === 0 && bad.length < outlets.length;
  const open = [...allOrders].filter(({ closedS }) => closedS === undefined);
  const sessions = open.flatMap(({ id, outlet, running, atBoard: isAtBoard }) => {
    if (running === undefined) return [];
    const { session, recorded: pulses } = running;
    return [{ order: id, outlet, session, pulses, ...(isAtBoard && { atBoard: true }) }];
  });
  return {
    ready: able,
    reasons: [...stops, ...(sellsHere ? unlinked : []), ...shortened(bad)],
    ...plain,
    running: sessions.length,
    sessions: sessions.slice(0, LISTED_MAX),
    orders: open.length,
    paying: open.filter(isPaying).length,
  };
}

function isPaying({ state, atBoard, running }: Order): boolean {
  return state === "taking" || (state === "paid" && atBoard === true && running === undefined);
}

/** As JSON for the operator, within so many bytes. */
export function statusText(status: ProducerStatus, bytesMax: number): string {
  const whole = JSON.stringify(status);
  if (utf8(whole).length <= bytesMax) return whole;
  const { reasons } = status;
  const short = reasons.slice(0, LISTED_MAX).map((words) => words.slice(0, 80));
  const ill = status.outlets.filter(({ ready, ailing }) => !ready || ailing !== undefined);
  const outlets = ill.slice(0, LISTED_MAX).map(({ outlet, ready, why }) => {
    return { outlet, ready, ...(why !== undefined && { why }) };
  });
  return JSON.stringify({ ...status, outlets, reasons: short, sessions: [] });
}

function troubleOf(outlet: string, able: Result<void>): string[] {
  return able.ok ? [] : [`${outlet}: ${able.fault.message}`];
}

function shortened(words: readonly string[]): string[] {
  const more = words.length - LISTED_MAX;
  return more > 0 ? [...words.slice(0, LISTED_MAX), `and ${more} more outlets`] : [...words];
}
