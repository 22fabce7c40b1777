// What a flow service says of itself. Stages, and in which flows it takes part, are found out by the engine.

import { field, flag, list, map, named, type Of, optional, text } from "../../protocol/schema.ts";
import { data } from "./data.ts";
import { identifier, stageName } from "./transaction.ts";

const names = (countMax: number) => list(identifier, countMax);

export const serviceInfo = named(
  "service-info",
  map({
    id: field(1, text(32)),
    packageName: field(2, text(48)),
    vendor: field(3, text(48)),
    displayName: field(4, text(48)),
    serviceVersion: field(5, text(24)),
    apiVersion: field(6, text(24)),
    accessible: field(7, flag),
    /** Empty: any flow type. */
    flowTypes: field(8, names(24)),
    customRequestTypes: field(9, names(16)),
    dataKeys: field(10, names(32)),
    canAdjustAmounts: field(11, flag),
    canPayAmounts: field(12, flag),
    paymentMethods: field(13, names(16)),
    defaultCurrency: optional(14, text(3)),
    /** Empty: any currency. */
    currencies: field(15, list(text(3), 32)),
    additionalInfo: field(16, data),
    /** Set by the engine, from what the service implements. */
    stages: field(17, list(stageName, 12)),
    /** Set by the engine: by flow, in which of its stages the service takes part. */
    flowStages: optional(
      18,
      list(map({ flow: field(1, identifier), stages: field(2, list(stageName, 12)) }), 32),
    ),
  }),
);
export type ServiceInfo = Readonly<Of<typeof serviceInfo>>;
