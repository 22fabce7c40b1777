// The payment side of a virtual board as its device file says, but that no real money moves: the stock services, those
// that the user brings, and the way of those that run elsewhere told as missing.

import type { PaymentConfig, ServiceToUse } from "../firmware/config.ts";
import { openDeferredHost } from "../firmware/payment/deferred/deferred-host.ts";
import type { AnswerWatch } from "../firmware/payment/engine/engine.ts";
import type { FlowService } from "../firmware/payment/engine/service.ts";
import { missingService } from "../firmware/payment/missing-service.ts";
import type { PaymentSideOptions, PaymentSidePorts } from "../firmware/payment/payment-side.ts";
import { openStockService } from "../firmware/payment/services/stock.ts";
import { lastReceipt } from "../firmware/producer/journal-records.ts";
import type { PaymentHost } from "../hal/payment-host.ts";
import { simStore } from "../hal/sim/sim-store.ts";
import { crypto } from "./site.ts";
import type { SiteOptions } from "./site-options.ts";

/** Flow services of the user's own by their ids, made anew at each start of the device. */
export type OwnServices = () => readonly FlowService[];

type WrapHost = NonNullable<SiteOptions["wrapHost"]>;

/** Throws RangeError for options of a stock service that do not fit, in words of their field. */
export function paymentOptions(
  { settings, flows, services, deferred }: PaymentConfig,
  own: OwnServices,
  terminal: WrapHost | undefined,
  watch: AnswerWatch,
): Pick<SiteOptions, "paymentOn" | "wrapHost"> {
  const wrapHost = deferred === undefined ? terminal : deferring(deferred, terminal);
  return {
    paymentOn: (ports): PaymentSideOptions => {
      const mine = own();
      const listed = services.map((service) => openService(service, ports, mine));
      const more = mine.filter(({ id }) => !services.some((service) => service.id === id));
      return { settings, services: [...listed, ...more], watch, ...(flows && { flows }) };
    },
    ...(wrapHost && { wrapHost }),
  };
}

function openService(
  service: ServiceToUse,
  { store, clock, log }: PaymentSidePorts,
  own: readonly FlowService[],
): FlowService {
  const { id } = service;
  if ("stock" in service) {
    const signedReceipt = (order: string) => lastReceipt(store, order);
    const ports = { store, clock, crypto, log, signedReceipt };
    const opened = openStockService(service.stock, id, service.options, ports);
    if (opened.ok) return opened.value;
    throw new RangeError(`service ${id}: ${opened.fault.at ?? ""} ${opened.fault.message}`);
  }
  const given = own.find((one) => one.id === id);
  return (
    given ?? missingService(id, "invalidServiceInfo", "nobody has given this service to the bench")
  );
}

/** What the host has not decided yet is kept beside the device, over power cuts. */
function deferring(
  policy: NonNullable<PaymentConfig["deferred"]>,
  terminal: WrapHost | undefined,
): WrapHost {
  const kept = simStore();
  return async (simulated: PaymentHost, life) => {
    const host = (await terminal?.(simulated, life)) ?? simulated;
    const { clock } = life.process;
    return openDeferredHost({ host, store: kept.reopen(), clock, log: life.log, policy });
  };
}
