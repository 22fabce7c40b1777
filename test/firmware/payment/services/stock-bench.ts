// An engine with stock services and a bank, in virtual time: what the tests of stock services drive.

import { defaultFlows } from "../../../../firmware/payment/config/default-flows.ts";
import type { FlowService } from "../../../../firmware/payment/engine/service.ts";
import type { Data } from "../../../../firmware/payment/model/data.ts";
import { dataOf } from "../../../../firmware/payment/model/data-access.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { Response } from "../../../../firmware/payment/model/request.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import { openStockService, type StockPorts } from "../../../../firmware/payment/services/stock.ts";
import type { Clock } from "../../../../hal/clock.ts";
import { openNodeCrypto } from "../../../../hal/linux/node-crypto.ts";
import { type SimStore, simStore } from "../../../../hal/sim/sim-store.ts";
import {
  answered,
  approval,
  approving,
  decline,
  FIRST,
  gbp,
  openSite,
  type ScriptedService,
  type Site,
} from "../engine/engine-site.ts";

export const crypto = openNodeCrypto();
export const CUSTOMER = "00112233445566778899aabbccddeeff";

export interface Bench extends Site {
  bank: ScriptedService;
  services: Readonly<Record<string, FlowService>>;
  shown: (readonly string[])[];
  /** A request of the operator, who is answered. */
  operate(type: string, data: Data, target?: string): Promise<Response>;
}

/** [use, id, options] of each. */
export type Use = readonly [string, string, unknown];

export interface BenchParts {
  uses: readonly Use[];
  store?: SimStore;
  /** What the bank does: approves unless told otherwise. */
  bank?: "approves" | "declines";
  more?: Partial<StockPorts>;
  others?: readonly FlowService[];
}

export async function openBench(parts: BenchParts): Promise<Bench> {
  const store = parts.store ?? simStore();
  const shown: (readonly string[])[] = [];
  let clock: Clock | undefined;
  const of = (): Clock => {
    if (clock === undefined) throw new Error("the world has not begun");
    return clock;
  };
  const later: Clock = {
    monotonicMs: () => of().monotonicMs(),
    wallMs: () => of().wallMs(),
    wallQuality: () => of().wallQuality(),
    at: (deadlineMs, wake) => of().at(deadlineMs, wake),
  };
  const ports: StockPorts = {
    store: store.store(),
    clock: later,
    crypto,
    log: () => {},
    display: { show: (lines) => shown.push(lines) },
    ...parts.more,
  };
  const services = parts.uses.map(([use, id, options]) => opened(use, id, options, ports));
  const bank = approving("bank", {
    GENERIC: (request) => {
      const { transactionId } = request.data;
      return answered(request, transactionId && { data: { transactionId } });
    },
    PAYMENT_CARD_READING: (request) => ({
      id: request.id,
      outcome: "approved",
      paymentMethod: "card",
      card: CARD,
      references: {},
    }),
    TRANSACTION_PROCESSING: (request) =>
      parts.bank === "declines"
        ? decline(request)
        : {
            ...(approval(request, request.amounts, BANK_REFERENCES) as object),
            paymentMethod: "card",
            card: CARD,
          },
  });
  const all = [bank, ...services, ...(parts.others ?? [])];
  const infos = (await Promise.all(all.map((service) => service.info()))) as ServiceInfo[];
  const whole = infos.map((info, n) => ({ ...info, stages: all[n]?.stages ?? [] }));
  const site = await openSite({ services: all, store, flows: defaultFlows("bank", whole) });
  clock = site.world.clock;
  let asked = 0;
  return {
    ...site,
    bank,
    services: Object.fromEntries(services.map((service) => [service.id, service])),
    shown,
    operate: (type, data, target) => {
      const id = `op${++asked}`;
      return site.ask({ id, type, data, ...(target && { target }) }, { id: "operator" });
    },
  };
}

const CARD = {
  maskedPan: "411111XXXXXX1111",
  expiry: "3012",
  token: { value: "card-token-1", source: "card" },
  data: {
    network: { is: "text", value: "visa" },
    entryMethod: { is: "text", value: "tap" },
  },
} as const;

const BANK_REFERENCES = {
  merchantId: "M-77",
  merchantName: "Harbour Charging",
  terminalId: "T-1",
  authCode: "A1B2C3",
  hostReference: "h-1",
};

function opened(use: string, id: string, options: unknown, ports: StockPorts): FlowService {
  const service = openStockService(use, id, options, ports);
  if (!service.ok) throw new Error(service.fault.message);
  return service.value;
}

export function payer(id = CUSTOMER) {
  return { customer: { id, tokens: [], details: {} } };
}

export const text = (value: string) => ({ is: "text", value }) as const;
export const amounts = (minor: number) => ({ is: "amounts", value: gbp(minor) }) as const;

/** Answers every question with these values. */
export function answering(
  bench: Pick<Bench, "engine">,
  values: readonly string[],
  heard: unknown[],
) {
  return (event: FlowEvent): void => {
    const asked = dataOf(event.data, event.type, "confirmation-request");
    if (asked === undefined) return;
    heard.push(asked);
    const value = { request: asked.id, values };
    const payload = { is: "confirmation-response", value } as const;
    bench.engine.tell(FIRST.id, {
      type: "confirmationResponse",
      data: { confirmationResponse: payload },
    });
  };
}
