// Defects to plant on purpose, as changes of the compiled text: each is a mistake that somebody could make, and
// each must be caught by the power cuts. A text that is not found exactly once fails the test: the code moved.

export interface Defect {
  name: string;
  file: string;
  /** Replaced, exactly once each. */
  changes: readonly (readonly [find: string, replace: string])[];
}

export const DEFECTS: readonly Defect[] = [
  {
    name: "the journal is written after the host is called",
    file: "firmware/producer/sale.js",
    changes: [
      [
        'await this.#ports.journal.save(taking);\n        this.#startTaking(taking, "take", offer.service.name);',
        'this.#startTaking(taking, "take", offer.service.name);\n        await this.#ports.journal.save(taking);',
      ],
    ],
  },
  {
    name: "each attempt has a new key",
    file: "firmware/payment/application/charge.js",
    changes: [
      [
        // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the code
        "const key = `${this.transactionId}/authorise$",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the planted code
        "const key = `${this.transactionId}/${this.#ports.clock.monotonicMs()}/authorise$",
      ],
    ],
  },
  {
    name: "the switch closes before the grant is on disk",
    file: "firmware/producer/delivery.js",
    changes: [
      ["await journal.save(next);\n        const { running } = next;", "const { running } = next;"],
      [
        'log("info", "session-begun"',
        'await journal.save(next);\n        log("info", "session-begun"',
      ],
    ],
  },
  {
    name: "the loop is extended before the reservation is on disk",
    file: "firmware/producer/delivery.js",
    changes: [
      ["await journal.save(next);\n        const reserved =", "const reserved ="],
      [
        "pulses: reserved });",
        "pulses: reserved });\n        await new Promise((done) => setImmediate(done));\n        await journal.save(next);",
      ],
    ],
  },
  {
    name: "delivered units are not taken off the order",
    file: "firmware/producer/order.js",
    changes: [["pulses: order.pulses + delivered,", "pulses: order.pulses,"]],
  },
  {
    name: "the host is not asked, and what it would say is made up",
    file: "firmware/payment/application/charge.js",
    changes: [
      [
        "() => host.authorise(key, credential, binding, ...asked)",
        '() => Promise.resolve({ kind: "approved", reference: key.replace(/[0-9a-f]+./, "h"), amountMinor })',
      ],
      ['captured?.kind === "approved" && captured.amountMinor === amountMinor', "true"],
    ],
  },
  {
    name: "a session that a cut left open is not closed",
    file: "firmware/producer/delivery.js",
    changes: [['this.#orphans.set(id, "power-loss")', "this.#orphans.size"]],
  },
  {
    name: "a settlement that a cut interrupted is not taken up again",
    file: "firmware/producer/sale.js",
    changes: [['if (one.state === "closing")', "if (false)"]],
  },
  {
    name: "an undecided payment is forgotten at a restart",
    file: "firmware/producer/sale.js",
    changes: [['if (one.state === "taking")', "if (false)"]],
  },
  {
    name: "the refund is told and not made",
    file: "firmware/producer/sale.js",
    changes: [["giveBack(payment, refundMinor)", "giveBack(payment, 0)"]],
  },
  {
    name: "the epoch stays the same over a restart",
    file: "firmware/producer/journal.js",
    changes: [["epoch: device.epoch + 1", "epoch: Math.max(1, device.epoch)"]],
  },
  {
    name: "a fee is charged again by the session after a restart",
    file: "firmware/token/charge.js",
    changes: [
      [
        "amountMinor: amountMinor - (earlier[i]?.amountMinor ?? 0)",
        'amountMinor: amountMinor - (kind === "units" ? (earlier[i]?.amountMinor ?? 0) : 0)',
      ],
    ],
  },
  {
    name: "a removed service is sold again after a restart",
    file: "firmware/producer/catalogue-store.js",
    changes: [["writes: [gone, ...this.#noPrices(id)],", "writes: this.#noPrices(id),"]],
  },
  {
    name: "the operator's numbers begin anew after a restart",
    file: "firmware/producer/books.js",
    changes: [["await readLastOperation(store)", "undefined"]],
  },
  {
    name: "orders of a removed service are forgotten at a restart",
    file: "firmware/producer/books.js",
    changes: [["await readWithdrawn(store)", "new Set()"]],
  },
];

/** In the payment side, each to be caught by the cuts of payments, in this way of paying. */
export const PAYMENT_DEFECTS: readonly (Defect & { scenario: string })[] = [
  {
    name: "a service that died while it was asked is not asked to give back",
    scenario: "stored value",
    file: "firmware/payment/order/flow-payments.js",
    changes: [
      ["async #undoDoubtful(order, records) {", "async #undoDoubtful(order, records) { return;"],
    ],
  },
  {
    name: "an authorisation that is found after a cut is not captured",
    scenario: "prepaid",
    file: "firmware/payment/order/flow-payments.js",
    changes: [["(await application.captureFound(transaction, attempt, answer))", "true"]],
  },
  {
    name: "what paid an order is not on disk before the order is",
    scenario: "stored value",
    file: "firmware/payment/order/flow-payments.js",
    changes: [["await keepTenders(tenders, all, clock.wallMs());", ""]],
  },
  {
    name: "attempts that were found are not undone with the rest",
    scenario: "two cards",
    file: "firmware/payment/order/flow-payments.js",
    changes: [["await this.#ports.application.abandon(transactionOf(order.id));", "undefined;"]],
  },
  {
    name: "parts that are found after a cut count as the whole",
    scenario: "points and a card",
    file: "firmware/payment/order/flow-payments.js",
    changes: [["sum !== order.totalMinor || hasExtras", "hasExtras"]],
  },
  {
    name: "what a service may have taken unheard is not given back",
    scenario: "stored value",
    file: "firmware/payment/engine/tenders.js",
    changes: [
      [
        'this.#later(this.#giveBack(this.#tender(transaction.id, known, "undoing")));',
        "void known;",
      ],
    ],
  },
  {
    name: "a part is given back under a new key in each life",
    scenario: "points and a card",
    file: "firmware/payment/order/order-settlement.js",
    changes: [
      [
        // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the code
        "value: `${transaction}/${step}/${n}`",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the planted code
        "value: `${transaction}/${step}/${n}/${clock.monotonicMs()}`",
      ],
    ],
  },
  {
    name: "a hold is captured whole, whatever was delivered",
    scenario: "held",
    file: "firmware/payment/order/order-settlement.js",
    changes: [
      [
        'await this.#byFlow("preAuthCompletion", "capture", tender, shareMinor, more)',
        'await this.#byFlow("preAuthCompletion", "capture", tender, totalOf(tender.amounts), more)',
      ],
    ],
  },
];
