// Payment hosts that misbehave, clocks that were never set, disks that stay full: no money is lost by them, and
// nothing piles up.

import { describe, expect, test } from "vitest";
import { durableOrders } from "../../bench/invariants.ts";
import { ENERGY, type Site } from "../../bench/site.ts";
import type { HostAnswer, PaymentHost } from "../../hal/payment-host.ts";
import { TEST_CARDS } from "../../hal/sim/sim-payment-host.ts";
import { CARD, kind, paid, story, value, wait } from "./story.ts";

/** A host with some of its answers changed. */
function oddHost(host: PaymentHost, odd: Partial<PaymentHost>): PaymentHost {
  return {
    canQuery: host.canQuery,
    publicKey: host.publicKey,
    simulated: host.simulated,
    tokenise: (...args) => host.tokenise(...args),
    authorise: (...args) => host.authorise(...args),
    capture: (...args) => host.capture(...args),
    refund: (...args) => host.refund(...args),
    reverse: (...args) => host.reverse(...args),
    query: (...args) => host.query(...args),
    onLateAnswer: (listener) => host.onLateAnswer(listener),
    ...odd,
  };
}

async function net(site: Site): Promise<number[]> {
  const charges = [...(await site.host.charges()).values()];
  return charges.map(({ capturedMinor, refundedMinor }) => capturedMinor - refundedMinor);
}

function approved(reference: string, amountMinor: number): Promise<HostAnswer> {
  return Promise.resolve({ kind: "approved", reference, amountMinor });
}

describe("I6: an answer of the host that nobody could settle by is undone, and nothing is sold", () => {
  const odd: [string, (host: PaymentHost) => Partial<PaymentHost>][] = [
    [
      "less captured",
      (host) => ({ capture: async (...args) => lessen(await host.capture(...args), -1) }),
    ],
    [
      "more captured",
      (host) => ({ capture: async (...args) => lessen(await host.capture(...args), 1) }),
    ],
    [
      "less authorised",
      (host) => ({ authorise: async (...args) => lessen(await host.authorise(...args), -1) }),
    ],
    [
      "a reference too long",
      (host) => ({
        authorise: async (...args) => {
          await host.authorise(...args);
          return approved("x".repeat(33), 45);
        },
      }),
    ],
    [
      "an empty reference",
      (host) => ({
        authorise: async (...args) => {
          await host.authorise(...args);
          return approved("", 45);
        },
      }),
    ],
  ];
  test.each(odd)("%s", async (_name, change) => {
    const site = await story(
      async ({ dealer }) => {
        const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
        expect(kind(await dealer.pay(purchase, CARD))).toBe("declined");
      },
      { wrapHost: (host) => oddHost(host, change(host)) },
    );
    expect(await net(site)).toEqual([0]);
    expect(site.bugs).toEqual([]);
  });

  function lessen(answer: HostAnswer, by: number): HostAnswer {
    return answer.kind === "approved"
      ? { ...answer, amountMinor: answer.amountMinor + by }
      : answer;
  }
});

test("I2: a host that throws, at once or later, has not answered: it is asked again", async () => {
  let throws = 2;
  const site = await story(
    async (met) => {
      await paid(met);
    },
    {
      wrapHost: (host) =>
        oddHost(host, {
          authorise: (...args) => {
            throws -= 1;
            if (throws === 1) throw new Error("thrown at once");
            return throws === 0 ? Promise.reject(new Error("rejected")) : host.authorise(...args);
          },
        }),
    },
  );
  expect(await net(site)).toEqual([45]);
});

test("I5: a host that cannot be asked is not charged anew after a restart: the attempt is undone", async () => {
  let cut: (() => void) | undefined;
  const site = await story(
    async (met) => {
      const { purchase } = value(await met.dealer.select({ service: 1, price: 1, units: 1 }));
      cut = () => met.site.cut();
      const paying = met.dealer.pay(purchase, CARD);
      await wait(met.site, 3_600_000 / 2);
      await met.site.powerOn();
      expect(kind(await paying)).not.toBe("ok");
    },
    {
      wrapHost: (host) =>
        oddHost(host, {
          canQuery: false,
          authorise: (...args) => {
            cut?.();
            cut = undefined;
            return host.authorise(...args);
          },
        }),
    },
  );
  expect((await net(site)).reduce((sum, one) => sum + one, 0)).toBe(0);
});

test("a refund that the host does not answer keeps nobody from his session receipt", async () => {
  await story(
    async (met) => {
      const purchase = await paid(met);
      const ended = met.dealer.begin(purchase, undefined, () => undefined);
      await wait(met.site, 5_000);
      value(await met.dealer.end(purchase));
      const delivered = value(await ended);
      expect(delivered.receipts).toMatchObject([{ is: "session", reason: "consumer-end" }]);
      expect(durableOrders(met.site)[0]?.state).toBe("closing");
    },
    { wrapHost: (host) => oddHost(host, { refund: () => new Promise(() => undefined) }) },
  );
});

test("declined payments leave a bounded trace", async () => {
  await story(async ({ dealer, site }) => {
    const card = { ...CARD, number: TEST_CARDS.decline };
    for (let i = 0; i < 230; i++) {
      const { purchase } = value(await dealer.select({ service: 1, price: 1, units: 1 }));
      expect(kind(await dealer.pay(purchase, card))).toBe("declined");
    }
    expect(durableOrders(site).length).toBeLessThanOrEqual(202);
  });
}, 60_000);

test("I6: a clock that was never set expires nothing; life is counted from when it is", async () => {
  await story(
    async (met) => {
      met.site.world.setWall(1_000, "unset");
      const purchase = await paid(met);
      await wait(met.site, 20_000);
      met.site.world.setWall(1_800_000_000_000, "synchronised");
      await wait(met.site, 60_000);
      expect(durableOrders(met.site)[0]?.state).toBe("paid");
      expect(kind(await met.dealer.begin(purchase, 1, () => undefined))).toBe("ok");
      await wait(met.site, 700_000);
      expect(durableOrders(met.site)[0]).toMatchObject({ state: "closed" });
    },
    { services: [{ ...ENERGY, undelivered: "credit-forfeit", tokenLifeS: 600 }] },
  );
});

test("an end that comes just after the session's own end closes nothing by itself", async () => {
  await story(async (met) => {
    const purchase = await paid(met, 2);
    value(await met.dealer.begin(purchase, 1, () => undefined));
    const end = { is: "end" as const, order: purchase.id, session: 1 };
    const late = value(await met.consumer.connection.request(met.dealer.peer, end));
    expect(late).toMatchObject({ is: "ending", running: false });
    expect(durableOrders(met.site)[0]?.state).toBe("paid");
    value(await met.consumer.connection.request(met.dealer.peer, { ...end, close: true }));
    await wait(met.site, 2_000);
    expect(durableOrders(met.site)[0]?.settlement).toMatchObject({ refundMinor: 45 });
  });
});

test("a disk that stays full does not make the device talk or remember more and more", async () => {
  await story(async (met) => {
    void met.dealer.begin(await paid(met, 2), undefined, () => undefined);
    await wait(met.site, 3_000);
    met.site.store.setFull(true);
    await wait(met.site, 60_000);
    const before = met.site.log.length;
    await wait(met.site, 60_000);
    const first = met.site.log.length - before;
    await wait(met.site, 60_000);
    expect(met.site.log.length - before - first).toBeLessThanOrEqual(first + 10);
    expect(first).toBeLessThan(400);
  });
});
