// The service that docs/flow-services.md shows: short, whole, and run by a test as it stands there.

export const EXAMPLE_FILE = "member-discount.mjs";

export const EXAMPLE_SERVICE = `import { definePaymentFlowService } from "sluice/flow-service";

const members = new Set(["member-7"]);

export const service = definePaymentFlowService({
  info: {
    id: "member-discount",
    vendor: "Example",
    displayName: "10 % for members",
    canPayAmounts: true,
    paymentMethods: ["reward"],
    flowTypes: ["sale", "preAuthorisation", "reversal"],
  },
  stages: {
    PRE_TRANSACTION(model) {
      const { customer, baskets, amounts, transactionId } = model.request;
      const id = customer?.id ?? "nobody";
      model.audit("info", \`\${id} is \${members.has(id) ? "a" : "no"} member\`);
      const offMinor = Math.floor(amounts.base / 10);
      if (!members.has(id) || baskets.length === 0 || offMinor === 0) return;
      const items = [{ label: "Members pay 10 % less", amountMinor: -offMinor }];
      model.discount(baskets[0].id, items, "reward", { transactionId });
    },
    GENERIC(model) {
      // A discount takes nothing from anybody: there is nothing to give back.
      if (model.request.type === "reversal") model.succeed();
      else model.fail("unknown request");
    },
  },
});
`;
