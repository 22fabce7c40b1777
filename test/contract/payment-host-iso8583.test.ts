// The PaymentHost contract on the ISO 8583 host, before the acquirer simulator.

import { ISO_FAULTS, openIsoBench } from "../support/iso8583-bench.ts";
import { paymentHostContract } from "./payment-host.ts";

paymentHostContract("ISO 8583", () => openIsoBench(), ISO_FAULTS);
paymentHostContract(
  "ISO 8583, unmarked repeats",
  () => openIsoBench({ repeats: "same" }),
  ISO_FAULTS,
);
