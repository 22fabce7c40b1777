// The registry: asking services, believing those that pass, refusing the others with a reason, in virtual time.

import { beforeEach, describe, expect, test } from "vitest";
import { defaultFlows } from "../../../../firmware/payment/config/default-flows.ts";
import type { FlowConfig } from "../../../../firmware/payment/config/flow-config.ts";
import {
  DEFAULT_SETTINGS,
  type FlowSettings,
} from "../../../../firmware/payment/config/settings.ts";
import {
  openRegistry,
  SERVICES_MAX,
  type ServiceRegistry,
} from "../../../../firmware/payment/registry/registry.ts";
import { type SimWorld, settlePromises, simWorld } from "../../../../hal/sim/world.ts";
import { infoOf, later, NEVER, points, stubService } from "./stub-service.ts";

let world: SimWorld;
let registry: ServiceRegistry;
let settings: FlowSettings;
let flows: readonly FlowConfig[];
let logged: string[];

beforeEach(() => {
  world = simWorld({ seed: 1 });
  settings = DEFAULT_SETTINGS;
  flows = defaultFlows("card");
  logged = [];
  registry = openRegistry({
    clock: world.clock,
    log: (_level, event, fields) =>
      logged.push(`${event} ${fields?.["service"]} ${fields?.["error"]}`),
    settings: () => settings,
    flows: () => flows,
  });
});

const refusalOf = (id: string) => registry.list().find((one) => one.id === id)?.refusal;

describe("services that say what they are", () => {
  test("F31: are asked once, and kept", async () => {
    const service = points();
    expect(registry.add(service)).toEqual({ ok: true });
    expect(registry.info("points")).toBeUndefined();
    expect(registry.list()).toEqual([{ id: "points", state: "asked", isRemote: false }]);
    await registry.settled();
    expect(registry.info("points")?.stages).toEqual(["PRE_TRANSACTION", "GENERIC"]);
    expect(registry.service("points")).toBe(service);
    await world.runFor(3_600_000);
    expect(service.asked()).toBe(1);
  });

  test("F33: their stages are told by flow, as flows are now", async () => {
    flows = [
      {
        name: "points",
        type: "balance",
        version: 1,
        stages: [{ name: "GENERIC", execution: "SINGLE", apps: [{ id: "points" }] }],
      },
      {
        name: "off",
        type: "off",
        version: 1,
        stages: [{ name: "GENERIC", execution: "NONE", apps: [{ id: "points" }] }],
      },
      {
        name: "other",
        type: "x",
        version: 1,
        stages: [
          { name: "GENERIC", execution: "DYNAMIC_SELECT", apps: [] },
          { name: "POST_GENERIC", execution: "MULTIPLE", apps: [{ id: "points" }] },
        ],
      },
    ];
    registry.add(points());
    await registry.settled();
    const listed = registry.list()[0]?.info?.flowStages;
    expect(listed).toEqual([
      { flow: "points", stages: ["GENERIC"] },
      { flow: "other", stages: ["GENERIC"] },
    ]);
    flows = [];
    expect(registry.list()[0]?.info?.flowStages).toEqual([]);
  });

  test("a removed one is gone, and its late answer is not heard", async () => {
    const answer = later();
    const service = points({ says: answer.says });
    registry.add(service);
    expect(registry.remove("points", stubService("points", ["GENERIC"]))).toBe(false);
    expect(registry.remove("points", service)).toBe(true);
    expect(registry.remove("points")).toBe(false);
    answer.resolve(infoOf("points"));
    await registry.settled();
    await settlePromises();
    expect([registry.list(), registry.services()]).toEqual([[], []]);
    service.notify();
    await world.runFor(10_000);
    expect(service.asked()).toBe(1);
  });
});

test("one that is removed while it is asked is told nothing more", async () => {
  const service = points({ says: NEVER });
  registry.add(service);
  service.notify();
  registry.remove("points");
  expect(world.eventsWaiting()).toBe(0);
  await world.runFor(10_000);
  expect([service.asked(), service.refusals]).toEqual([1, []]);
});

describe("F34, F35: services that are refused", () => {
  test("are told the code and the text, and are listed with both, and with whether they did something", async () => {
    const wrong = points({ says: () => infoOf("points", { vendor: "" }) });
    registry.add(wrong);
    await settlePromises();
    const message = "info.vendor must not be empty";
    expect(wrong.refusals).toEqual([["invalidServiceInfo", message]]);
    expect(registry.list()).toEqual([
      {
        id: "points",
        state: "refused",
        refusal: { error: "invalidServiceInfo", message, handled: true },
        isRemote: false,
      },
    ]);
    expect(registry.info("points")).toBeUndefined();
    expect(logged).toEqual(["flow-service-refused points invalidServiceInfo"]);
  });

  test.each([
    ["says no", () => false, false],
    [
      "throws",
      () => {
        throw new Error("no");
      },
      false,
    ],
    ["rejects", () => Promise.reject(new Error("no")), false],
    ["says something else", () => "true" as unknown as boolean, false],
    ["never says", () => new Promise<boolean>(() => {}), undefined],
  ])(
    "handled is true only for a service that says so: one that %s",
    async (_what, refused, handled) => {
      registry.add(points({ says: () => null, refused }));
      await settlePromises();
      expect(refusalOf("points")?.handled).toBe(handled);
    },
  );

  test.each([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
      false,
      "invalidServiceInfo",
    ],
    ["rejects", () => Promise.reject(new Error("broken")), false, "invalidServiceInfo"],
    [
      "is elsewhere and does not answer",
      () => Promise.reject(new Error("broken")),
      true,
      "unreachable",
    ],
  ])("one that %s", async (_what, says, remote, error) => {
    registry.add(points({ says, remote }));
    await settlePromises();
    expect(refusalOf("points")).toMatchObject({ error, message: "broken" });
  });

  test("invalidStageDefinitions and overReaching come from the check", async () => {
    registry.add(stubService("empty", []));
    const rights = { stages: [], adjust: false, pay: false, card: false };
    registry.add(points({ rights }));
    await settlePromises();
    expect([refusalOf("empty")?.error, refusalOf("points")?.error]).toEqual([
      "invalidStageDefinitions",
      "overReaching",
    ]);
  });

  test("a service whose stages and notices cannot be read harms itself only", async () => {
    const stages = new Proxy([], {
      get: () => {
        throw new Error("no");
      },
    });
    registry.add(points({ stages }));
    const deaf = stubService("deaf", ["GENERIC"], {
      onInfoChanged: () => {
        throw new Error("no");
      },
    });
    registry.add(deaf);
    await settlePromises();
    expect(refusalOf("points")?.error).toBe("invalidStageDefinitions");
    expect(registry.info("deaf")).toBeDefined();
  });
});

describe("ids", () => {
  test("one that uses another's id is refused, and the first stays", async () => {
    const first = points();
    const second = points();
    registry.add(first);
    expect(registry.add(second)).toEqual({ ok: false, error: "idTaken" });
    await settlePromises();
    expect(registry.service("points")).toBe(first);
    expect([second.asked(), second.refusals.length]).toEqual([0, 1]);
    expect(
      registry.list().map(({ state, refusal }) => [state, refusal?.error, refusal?.handled]),
    ).toEqual([
      ["ready", undefined, undefined],
      ["refused", "idTaken", true],
    ]);
    second.notify();
    await world.runFor(5000);
    expect(second.asked()).toBe(0);
  });

  test("of those turned away the last eight are listed", () => {
    registry.add(points());
    for (let i = 0; i < 100; i++) registry.add(points());
    expect(registry.list().length).toBe(9);
  });

  test("a device has so many services at most", () => {
    for (let i = 0; i < SERVICES_MAX; i++)
      expect(registry.add(stubService(`s${i}`, ["GENERIC"])).ok).toBe(true);
    expect(registry.add(points())).toEqual({ ok: false, error: "tooManyServices" });
    registry.remove("s0");
    expect(registry.add(points()).ok).toBe(true);
  });
});
