// What a value-added application answers: its changes to the flow, none of which is applied before the engine has
// checked them (rules/rules.ts).

import { flag, map, named, type Of, optional, text } from "../../protocol/schema.ts";
import { amounts } from "./amounts.ts";
import { basket } from "./basket.ts";
import { customer } from "./customer.ts";
import { data } from "./data.ts";
import { payment } from "./payment.ts";

/** Every field is optional: the empty response changes nothing, which is how a stage is skipped. */
export const flowResponse = named(
  "flow-response",
  map({
    updatedAmounts: optional(1, amounts),
    requestData: optional(2, data),
    amountsPaid: optional(3, amounts),
    paidWith: optional(4, text(24)),
    additionalBasket: optional(5, basket),
    /** Of the basket with this id; its items are discounts, each below zero. */
    modifiedBasket: optional(6, basket),
    customer: optional(7, customer),
    updatedPayment: optional(8, payment),
    references: optional(9, data),
    cancel: optional(10, flag),
  }),
);
export type FlowResponse = Readonly<Of<typeof flowResponse>>;
