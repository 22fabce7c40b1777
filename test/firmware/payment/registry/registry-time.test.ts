// The registry over time: services that are slow, late, or change their mind.

import { beforeEach, describe, expect, test } from "vitest";
import { defaultFlows } from "../../../../firmware/payment/config/default-flows.ts";
import type { FlowConfig } from "../../../../firmware/payment/config/flow-config.ts";
import {
  DEFAULT_SETTINGS,
  type FlowSettings,
} from "../../../../firmware/payment/config/settings.ts";
import {
  openRegistry,
  SERVICES_CHANGED,
  type ServiceRegistry,
} from "../../../../firmware/payment/registry/registry.ts";
import { type SimWorld, settlePromises, simWorld } from "../../../../hal/sim/world.ts";
import { infoOf, later, NEVER, points, type StubService, stubService } from "./stub-service.ts";

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

describe("F36: time", () => {
  test("one that does not answer in time is refused as retrievalTimeOut, and others do not wait for it (defect 24)", async () => {
    registry.add(points({ says: NEVER }));
    registry.add(stubService("quick", ["GENERIC"]));
    await settlePromises();
    expect(registry.info("quick")).toBeDefined();
    await world.runUntil(2999);
    expect(refusalOf("points")).toBeUndefined();
    await world.runUntil(3000);
    expect(refusalOf("points")).toMatchObject({
      error: "retrievalTimeOut",
      message: "it did not say what it is within 3 s",
    });
    await registry.settled();
  });

  test("an answer after the time is not heard", async () => {
    const answer = later();
    registry.add(points({ says: answer.says }));
    await world.runUntil(3000);
    answer.resolve(infoOf("points"));
    await settlePromises();
    expect(refusalOf("points")?.error).toBe("retrievalTimeOut");
    expect(registry.info("points")).toBeUndefined();
  });

  test("nor is a refusal to answer after the time, or after a later question", async () => {
    let reject: (error: Error) => void = () => {};
    const service = points({
      says: () =>
        new Promise((_resolve, no) => {
          reject = no;
        }),
    });
    registry.add(service);
    await world.runUntil(3000);
    reject(new Error("late"));
    await settlePromises();
    expect([refusalOf("points")?.error, service.refusals.length]).toEqual(["retrievalTimeOut", 1]);
  });

  test("0 is no limit", async () => {
    settings = { ...DEFAULT_SETTINGS, serviceInfoTimeoutSeconds: 0 };
    const answer = later();
    registry.add(points({ says: answer.says }));
    await world.runFor(3_600_000);
    answer.resolve(infoOf("points"));
    await settlePromises();
    expect(registry.info("points")).toBeDefined();
  });

  test("one that is refused is asked again after its notice, and may be right then", async () => {
    const service = points({ says: NEVER });
    registry.add(service);
    await world.runUntil(3000);
    service.says(() => infoOf("points"));
    service.notify();
    await settlePromises();
    expect(refusalOf("points")).toBeUndefined();
    expect(registry.info("points")).toBeDefined();
  });

  test("a service that notifies when it is refused is asked again, once a second", async () => {
    const service: StubService = points({
      says: () => null,
      refused: () => {
        service.notify();
        return true;
      },
    });
    registry.add(service);
    await world.runUntil(10_500);
    expect(service.asked()).toBe(11);
    service.says(() => infoOf("points"));
    await world.runUntil(11_500);
    expect(registry.info("points")).toBeDefined();
  });

  test("one that times out and notifies at once is heard the next time", async () => {
    const service: StubService = points({
      says: NEVER,
      refused: () => {
        service.says(() => infoOf("points"));
        service.notify();
        return true;
      },
    });
    registry.add(service);
    await world.runUntil(3000);
    await settlePromises();
    expect(registry.info("points")).toBeDefined();
  });
});

describe("F37: change notices", () => {
  test("a slow service answers defaults first, then says what is true", async () => {
    const service = points();
    registry.add(service);
    await registry.settled();
    await world.runFor(5000);
    service.says(() => infoOf("points", { dataKeys: ["balance"] }));
    service.notify();
    await settlePromises();
    expect(registry.info("points")?.dataKeys).toEqual(["balance"]);
  });

  test("what it said before holds until it has answered: a notice makes no gap", async () => {
    const service = points();
    registry.add(service);
    await registry.settled();
    await world.runFor(5000);
    const answer = later();
    service.says(answer.says);
    service.notify();
    await settlePromises();
    expect(registry.info("points")).toBeDefined();
    answer.resolve(infoOf("points", { displayName: "" }));
    await settlePromises();
    expect(registry.info("points")).toBeUndefined();
    expect(refusalOf("points")?.error).toBe("invalidServiceInfo");
  });

  test("a flood of notices makes one question a second, of one service (defect 24)", async () => {
    const service = points();
    const other = stubService("other", ["GENERIC"]);
    registry.add(service);
    registry.add(other);
    await world.runFor(1000);
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 10; j++) service.notify();
      await world.runFor(100);
    }
    // At 0 s when it came, and at 1, 2, ... 11 s.
    expect([service.asked(), other.asked()]).toEqual([12, 1]);
  });

  test("a notice while it is asked makes the earlier answer void, and gives it no more time", async () => {
    const old = later();
    const service = points({ says: old.says });
    registry.add(service);
    service.says(NEVER);
    service.notify();
    await world.runUntil(2000);
    expect(service.asked()).toBe(2);
    old.resolve(infoOf("points"));
    await settlePromises();
    expect(registry.info("points")).toBeUndefined();
    await world.runUntil(3000);
    expect(refusalOf("points")?.error).toBe("retrievalTimeOut");
  });

  test("F106: each change is told as externalStateChanged, until one wants to hear no more", async () => {
    const heard: unknown[] = [];
    const end = registry.onChanged((event) => heard.push(event));
    const service = points();
    registry.add(service);
    await settlePromises();
    expect(heard).toEqual([SERVICES_CHANGED, SERVICES_CHANGED]);
    expect(SERVICES_CHANGED).toEqual({
      type: "externalStateChanged",
      key: "eventKeyFlowServicesChanged",
    });
    registry.remove("points");
    expect(heard.length).toBe(3);
    end();
    registry.add(service);
    expect(heard.length).toBe(3);
  });

  test("the list of services is the same one until something changes", async () => {
    registry.add(points());
    await settlePromises();
    const before = registry.services();
    expect(registry.services()).toBe(before);
    registry.add(stubService("other", ["GENERIC"]));
    expect(registry.services()).not.toBe(before);
    expect(before.map(({ id }) => id)).toEqual(["points"]);
  });

  test("after the end nobody is asked any more", async () => {
    const service = points({ says: NEVER });
    registry.add(service);
    const settled = registry.settled();
    registry.close();
    await settled;
    service.notify();
    await world.runFor(10_000);
    expect([service.asked(), service.refusals.length]).toEqual([1, 0]);
    expect(world.eventsWaiting()).toBe(0);
  });
});

test("flows of custom types come and go with their service", async () => {
  const names = () => registry.flows().map(({ name }) => name);
  const service = points({ says: () => infoOf("points", { customRequestTypes: ["balance"] }) });
  registry.add(service);
  await settlePromises();
  expect(names()).toContain("balance");
  await world.runFor(2000);
  service.says(() => infoOf("points"));
  service.notify();
  await settlePromises();
  expect(names()).not.toContain("balance");
});
