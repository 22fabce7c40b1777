// Services and prices as a device lists them, each with its details in one piece. For information, but an offer must
// cost what the list said: what was shown is what is compared.

import type { MessageOf } from "../protocol/messages.ts";

type Services = MessageOf<"services">;
type Prices = MessageOf<"prices">;

export type ServiceOnList = Services["services"][number] &
  Partial<NonNullable<Services["details"]>[number]>;
export type PriceOnList = Prices["prices"][number] &
  Partial<NonNullable<Prices["details"]>[number]>;

/** Details of a service that is not listed say nothing. */
export function servicesOf({ services, details = [] }: Services): readonly ServiceOnList[] {
  return services.map((one) => {
    return { ...one, ...details.find(({ service }) => service === one.service) };
  });
}

/** Details of a price that is not listed say nothing. */
export function pricesOf({ prices, details = [] }: Prices): readonly PriceOnList[] {
  return prices.map((one) => ({ ...one, ...details.find(({ price }) => price === one.price) }));
}
