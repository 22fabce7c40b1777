// Shares: what all rounds paid, what is left for the next, and a basket shared by its items.

import { describe, expect, test } from "vitest";
import type { Amounts } from "../../../../firmware/payment/model/amounts.ts";
import { newAmounts } from "../../../../firmware/payment/model/amounts-arithmetic.ts";
import type { Basket } from "../../../../firmware/payment/model/basket.ts";
import { newItem } from "../../../../firmware/payment/model/basket-item.ts";
import { newBasket } from "../../../../firmware/payment/model/basket-items.ts";
import { NO_DATA } from "../../../../firmware/payment/model/data.ts";
import { deepFreeze } from "../../../../firmware/payment/model/freeze.ts";
import type { SplitRequest } from "../../../../firmware/payment/model/payment.ts";
import { buildPayment } from "../../../../firmware/payment/model/payment-builder.ts";
import {
  canSplitBasket,
  moveAllBack,
  moveBack,
  moveToNext,
  type SplitBasket,
  splitBasketOf,
} from "../../../../firmware/payment/model/split-basket.ts";
import {
  lastTransactionFailed,
  requestedAfter,
  splitProcessed,
  splitRemaining,
} from "../../../../firmware/payment/model/split-sums.ts";
import type { Transaction } from "../../../../firmware/payment/model/transaction.ts";
import { approve, decline } from "../../../../firmware/payment/model/transaction-response.ts";
import { fault, pounds, value } from "./values.ts";

interface Round {
  requested: Amounts;
  paid?: Amounts;
  declined?: boolean;
  basket?: Basket;
}

function round({ requested, paid, declined, basket }: Round): Transaction {
  const no = declined ? [value(decline("r", "no"))] : [];
  const yes = paid ? [value(approve("r", { amounts: paid }))] : [];
  const baskets = basket ? [basket] : [];
  const [data, references] = [NO_DATA, NO_DATA];
  return {
    id: "t",
    requested,
    baskets,
    data,
    responses: [...no, ...yes],
    executed: [],
    references,
  };
}

function split(requested: Amounts, ...rounds: readonly Round[]): SplitRequest {
  const parts = { id: "p", source: "sale", flowType: "sale", amounts: pounds(1000) };
  const payment = value(buildPayment(parts));
  return deepFreeze({ id: "s", payment, requested, transactions: rounds.map(round) });
}

describe("F64: sums of a split", () => {
  test("peer 8.3: 500 and 1000 of 2000 leave 500, whatever the payment itself asks for", () => {
    const some = split(
      pounds(2000),
      { requested: pounds(500), paid: pounds(500) },
      { requested: pounds(1000), paid: pounds(1000) },
    );
    expect([splitProcessed(some), splitRemaining(some)]).toEqual([pounds(1500), pounds(500)]);
  });

  test("peer 8.3: before the first round nothing is paid and all is left", () => {
    const some = split(pounds(2000));
    expect([splitProcessed(some), splitRemaining(some)]).toEqual([pounds(0), pounds(2000)]);
  });

  test("peer 8.3: when all is paid nothing is left, in the same currency", () => {
    const some = split(pounds(2000), { requested: pounds(2000), paid: pounds(2000) });
    expect([splitProcessed(some), splitRemaining(some)]).toEqual([pounds(2000), pounds(0)]);
  });

  test("more than was asked, or in another currency, leaves no less than nothing", () => {
    const over = split(pounds(100), { requested: pounds(100), paid: pounds(150) });
    expect([splitProcessed(over), splitRemaining(over)]).toEqual([pounds(150), pounds(0)]);
    const dollars = value(newAmounts("USD", 100));
    const other = split(pounds(100), { requested: dollars, paid: dollars });
    expect([splitProcessed(other), splitRemaining(other)]).toEqual([pounds(0), pounds(100)]);
  });

  test("what services added to a share counts where it was paid, not where it was declined", () => {
    const share = pounds(400);
    const more = pounds(400, { tip: 40 });
    const paid = round({ requested: more, paid: more });
    expect(value(requestedAfter(pounds(1000), share, paid))).toEqual(pounds(1000, { tip: 40 }));
    const declined = round({ requested: more, declined: true });
    expect(value(requestedAfter(pounds(1000), share, declined))).toEqual(pounds(1000));
    const dollars = round({ requested: value(newAmounts("USD", 1)), paid: more });
    expect(fault(requestedAfter(pounds(1000), share, dollars))).toBe("out-of-range at currency");
  });

  test.each([
    [[], false],
    [[{ requested: pounds(5), declined: true }], true],
    [[{ requested: pounds(5), declined: true, paid: pounds(5) }], false],
    [[{ requested: pounds(5), declined: true, paid: pounds(4) }], true],
    [[{ requested: pounds(5), paid: pounds(4) }], false],
    [
      [
        { requested: pounds(5), declined: true },
        { requested: pounds(5), paid: pounds(5) },
      ],
      false,
    ],
  ])("peer 8.4: whether the round before failed: %#", (rounds, failed) => {
    expect(lastTransactionFailed(split(pounds(10), ...rounds))).toBe(failed);
  });
});

const item = (id: string, quantity: number) =>
  value(newItem({ id, label: id, amountMinor: 100, quantity }));
const source = deepFreeze({
  ...value(newBasket("b", "sale", [item("coffee", 3), item("cake", 1)])),
  primary: true,
});

function share(...items: readonly [string, number][]): Basket {
  return value(
    newBasket(
      "s",
      "share",
      items.map(([id, quantity]) => item(id, quantity)),
    ),
  );
}

function bill(...rounds: readonly Round[]): SplitRequest {
  const some = split(pounds(400), ...rounds);
  return { ...some, payment: { ...some.payment, basket: source } };
}

function countsOf({ paid, remaining, next }: SplitBasket): readonly string[] {
  return [paid, remaining, next].map(({ items }) =>
    items.map(({ id, quantity }) => `${quantity} ${id}`).join(", "),
  );
}

describe("peer 8.18: a basket that is shared", () => {
  const twoCoffees = { requested: pounds(200), paid: pounds(200), basket: share(["coffee", 2]) };

  test("before the first round all of it is left", () => {
    const first = value(splitBasketOf(bill(), "next"));
    expect(countsOf(first)).toEqual(["", "3 coffee, 1 cake", ""]);
    expect(first.remaining).toEqual(first.source);
    expect([first.next.id, first.next.primary]).toEqual(["next", false]);
  });

  test("it takes a basket to share one", () => {
    expect([canSplitBasket(bill()), canSplitBasket(split(pounds(1)))]).toEqual([true, false]);
    expect(fault(splitBasketOf(split(pounds(1)), "next"))).toBe("unsupported at basket");
  });

  test("what a round paid in full is paid; declined or half paid it is not", () => {
    const declined = { requested: pounds(100), declined: true, basket: share(["cake", 1]) };
    const half = { requested: pounds(100), paid: pounds(50), basket: share(["cake", 1]) };
    const some = value(splitBasketOf(bill(twoCoffees, declined, half), "next"));
    expect(countsOf(some)).toEqual(["2 coffee", "1 coffee, 1 cake", ""]);
  });

  test("a line of which nothing is left goes, or stays empty where that is wanted", () => {
    const cake = { requested: pounds(100), paid: pounds(100), basket: share(["cake", 1]) };
    expect(countsOf(value(splitBasketOf(bill(cake), "next")))).toEqual(["1 cake", "3 coffee", ""]);
    const kept = value(splitBasketOf(bill(cake), "next", true));
    expect(countsOf(kept)).toEqual(["1 cake", "3 coffee, 0 cake", ""]);
  });

  test("what a round names beyond the basket is not taken from it", () => {
    const odd = { ...twoCoffees, basket: share(["coffee", 9], ["tea", 1]) };
    expect(countsOf(value(splitBasketOf(bill(odd), "next")))).toEqual(["3 coffee", "1 cake", ""]);
  });

  test("items move into the next share and back, one by one and all at once", () => {
    const first = deepFreeze(value(splitBasketOf(bill(), "next")));
    const cake = value(moveToNext(first, "cake"));
    expect(countsOf(cake)).toEqual(["", "3 coffee, 0 cake", "1 cake"]);
    const more = value(moveToNext(cake, "coffee", 2));
    expect(countsOf(more)).toEqual(["", "1 coffee, 0 cake", "2 coffee, 1 cake"]);
    expect(countsOf(value(moveBack(more, "coffee")))).toEqual([
      "",
      "2 coffee, 0 cake",
      "1 coffee, 1 cake",
    ]);
    expect(countsOf(value(moveBack(more, "cake")))).toEqual(["", "1 coffee, 1 cake", "2 coffee"]);
    expect(countsOf(value(moveAllBack(more)))).toEqual(["", "3 coffee, 1 cake", ""]);
    expect(countsOf(first)).toEqual(["", "3 coffee, 1 cake", ""]);
  });

  test("what is not there cannot be moved", () => {
    const first = value(splitBasketOf(bill(), "next"));
    expect(fault(moveToNext(first, "coffee", 4))).toBe("out-of-range at item.quantity");
    expect(fault(moveToNext(first, "tea"))).toBe("not-found at basket.items");
    expect(fault(moveBack(first, "coffee"))).toBe("not-found at basket.items");
    expect(fault(moveToNext(first, "coffee", -1))).toBe("out-of-range at item.quantity");
  });
});
