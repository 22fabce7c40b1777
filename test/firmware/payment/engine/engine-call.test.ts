// One call of one service: what it may say, how often, and what is made of the rest.

import { describe, expect, test } from "vitest";
import {
  approving,
  FIRST,
  gbp,
  type Handlers,
  openSite,
  type ScriptedService,
  SILENT,
  saleFlow,
  scripted,
  texts,
} from "./engine-site.ts";

const BANK = { TRANSACTION_PROCESSING: ["bank"] } as const;

function told(service: ScriptedService): string[] {
  return service.told.map(({ type }) => type);
}

describe("one call of one service", () => {
  const withOne = async (handlers: Handlers) => {
    const service = scripted("one", handlers, {
      info: { canPayAmounts: false, paymentMethods: [] },
    });
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["one"] })];
    const site = await openSite({ services: [service, approving("bank")], flows });
    const response = await site.pay();
    return { service, site, response };
  };

  test("F74, peer 8.16: five audit lines of 80 characters are kept", async () => {
    const { site } = await withOne({
      PRE_TRANSACTION: (_, { listener }) => {
        for (let n = 0; n < 10; n++) listener.audit("warning", "uvwxyz"[n % 6]?.repeat(81) ?? "");
      },
    });
    const said = (await site.engine.audit(FIRST.id)).filter(({ kind }) => kind === "said");
    expect(said.map(({ text }) => text)).toEqual(
      [..."uvwxy"].map((letter) => `${letter.repeat(80)}...`),
    );
    expect(said[0]).toMatchObject({ severity: "warning", service: "one" });
  });

  test("F73, peer 8.16: only the first answer counts, a second is refused", async () => {
    const { site, response } = await withOne({
      PRE_TRANSACTION: ({ amounts }, { call, listener }) => {
        listener.respond(call.id, { updatedAmounts: { ...amounts, additional: { tip: 1 } } });
        return { updatedAmounts: { ...amounts, additional: { tip: 99 } } };
      },
    });
    expect(response.requested).toEqual(gbp(1000, { tip: 1 }));
    expect(await site.audit()).toContain("rejected PRE_TRANSACTION one 3");
  });

  test("an answer to another request is refused, and the right one still counts", async () => {
    const { site, service, response } = await withOne({
      PRE_TRANSACTION: ({ amounts }, { listener }) => {
        listener.respond("other", { updatedAmounts: { ...amounts, additional: { tip: 99 } } });
        return { updatedAmounts: { ...amounts, additional: { tip: 1 } } };
      },
    });
    expect(response.requested).toEqual(gbp(1000, { tip: 1 }));
    expect(told(service)).toEqual(["responseRejected", "responseAccepted"]);
    expect(await site.audit()).toContainEqual(
      expect.stringMatching(/^rejected PRE_TRANSACTION one 4 /),
    );
  });

  test("peer 8.16: a service that throws has failed, with its own words", async () => {
    const { site, response } = await withOne({
      PRE_TRANSACTION: () => {
        throw new Error("out of paper");
      },
    });
    expect(response.outcome).toBe("fulfilled");
    expect(await site.audit()).toContain("failed PRE_TRANSACTION one 312 it failed: out of paper");
  });

  test("peer 8.16: a request is acknowledged once, and the log shows it", async () => {
    const { site } = await withOne({
      PRE_TRANSACTION: (_, { listener }) => {
        listener.acknowledged();
        listener.acknowledged();
      },
    });
    const lines = (await site.audit()).filter(
      (line) => line === "acknowledged PRE_TRANSACTION one",
    );
    expect(lines).toHaveLength(1);
  });

  test("defect 23: what is given cannot be changed, and what is answered cannot be changed later", async () => {
    const answer = { requestData: texts({ a: "1" }) };
    let isFrozen = false;
    const bank = approving("bank");
    const sly = scripted("sly", {
      PRE_TRANSACTION: (input) => {
        isFrozen = Object.isFrozen(input) && Object.isFrozen(input.amounts.additional);
        return answer;
      },
      POST_CARD_READING: () => {
        answer.requestData = texts({ a: "2" });
        return undefined;
      },
    });
    const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ["sly"], POST_CARD_READING: ["sly"] })];
    const site = await openSite({ services: [sly, bank], flows });
    await site.pay();
    expect(isFrozen).toBe(true);
    expect(bank.inputs("TRANSACTION_PROCESSING")[0]?.data).toEqual(texts({ a: "1" }));
  });

  test("a flood of events and answers ends with the call", async () => {
    const { site, response } = await withOne({
      PRE_TRANSACTION: (_, { listener }) => {
        for (let n = 0; n < 1000; n++) {
          listener.event({
            type: "progressMessage",
            data: { progressMessage: { is: "text", value: "x" } },
          });
          listener.event({ type: "nonsense", data: {} });
        }
        for (let n = 0; n < 1000; n++) listener.respond(`no ${n % 2}`, undefined);
        return SILENT;
      },
    });
    expect(response.outcome).toBe("fulfilled");
    const audit = await site.audit();
    expect(audit.length).toBeLessThan(80);
    expect(audit.filter((line) => line.includes("105"))).toHaveLength(1);
    expect(audit.filter((line) => line.includes("too many events"))).toHaveLength(1);
    expect(audit).toContainEqual(expect.stringMatching(/^failed PRE_TRANSACTION one 312 /));
  });
});

test("the overall log of a flow is bounded", async () => {
  const chatty = Array.from({ length: 12 }, (_, index) =>
    scripted(`c${index}`, {
      PRE_TRANSACTION: (__, { listener }) => {
        for (let n = 0; n < 40; n++) {
          listener.event({
            type: "progressMessage",
            data: { progressMessage: { is: "text", value: "x" } },
          });
        }
      },
    }),
  );
  const ids = chatty.map(({ id }) => id);
  const flows = [saleFlow({ ...BANK, PRE_TRANSACTION: ids })];
  const site = await openSite({ services: [...chatty, approving("bank")], flows });
  await site.pay();
  const audit = await site.audit();
  expect(audit.length).toBeLessThanOrEqual(402);
  expect(audit.some((line) => line.startsWith("ended"))).toBe(true);
  expect(audit.at(-1)).toMatch(/^flagged \d+ lines left out$/);
});
