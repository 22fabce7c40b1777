// A broker that accepts and does no more, or that goes: what whoever starts is told, and how it is asked again.

import { afterEach, describe, expect, test } from "vitest";
import { utf8 } from "../../../firmware/bytes.ts";
import type { Clock } from "../../../hal/clock.ts";
import type { HalError } from "../../../hal/hal-error.ts";
import { openMqttLink } from "../../../hal/linux/mqtt-link.ts";
import { openSystemClock } from "../../../hal/linux/system-clock.ts";
import { broker, cleanups, closeAll, received, server } from "../../support/mqtt-ends.ts";
import { openTcpProxy } from "../../support/tcp-proxy.ts";

afterEach(closeAll);

describe("a broker that misbehaves", () => {
  const connack = Buffer.from([0x20, 2, 0, 0]);

  test("is told of at the start when it accepts us and grants nothing", async () => {
    const port = await server((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        if (bytes[0] === 0x10) socket.write(connack);
      });
    });
    const url = `mqtt://127.0.0.1:${port}`;
    const a = await openMqttLink({ url, clientId: "a", answerTimeoutMs: 150 });
    cleanups.push(() => a.close());
    const granted = a.subscribe("n");
    await expect(granted).rejects.toMatchObject({ name: "HalError", kind: "timeout" });
    await expect(granted).rejects.toThrow(`${url} accepts connections and answers nothing`);
  });

  test("does not keep anybody from starting who need not wait for it, and is found when it comes", async () => {
    const { port } = await broker();
    const proxy = await openTcpProxy(port);
    cleanups.push(() => proxy.close());
    proxy.breakOff();
    const delays: number[] = [];
    const hasty = hastyClock(delays);
    const told: HalError[] = [];
    const url = `mqtt://127.0.0.1:${proxy.port}`;
    const onUnreachable = (error: HalError): number => told.push(error);
    const a = await openMqttLink({ url, clientId: "a", clock: hasty, onUnreachable });
    cleanups.push(() => a.close());
    expect(told).toMatchObject([{ kind: "refused" }]);
    expect(told[0]?.message).toContain(url);
    expect(a.connected()).toBe(false);
    const states: boolean[] = [];
    a.onState((connected) => states.push(connected));
    let isGranted = false;
    const granted = a.subscribe("n").then(() => {
      isGranted = true;
    });
    a.publish("kept", utf8("r"), { retain: true });
    await hasty.until(() => delays.length >= 20);
    expect({ isGranted, states, told: told.length }).toEqual({
      ...{ isGranted: false, states: [], told: 1 },
    });
    proxy.restore();
    await granted;
    await hasty.until(() => a.connected());
    expect(states).toEqual([true]);
    const echo = received(a, "n");
    a.publish("n", utf8("x"));
    expect(await echo).toEqual(utf8("x"));
  });

  test("is not waited for with files that are wrong", async () => {
    const tls = { ca: "/nowhere/ca.pem" };
    const url = "mqtts://127.0.0.1:1";
    const opening = openMqttLink({ url, clientId: "a", tls, onUnreachable: () => undefined });
    await expect(opening).rejects.toMatchObject({ name: "HalError" });
  });

  test("is asked again, one attempt at a time and slower and slower, when it breaks at every subscription", async () => {
    const delays: number[] = [];
    let connections = 0;
    const port = await server((socket) => {
      connections += 1;
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        if (bytes[0] === 0x10) socket.write(connack);
        else socket.destroy();
      });
    });
    const hasty = hastyClock(delays);
    const a = await openMqttLink({ url: `mqtt://127.0.0.1:${port}`, clientId: "a", clock: hasty });
    cleanups.push(() => a.close());
    a.subscribe("n").catch(() => {});
    await hasty.until(() => delays.length >= 12);
    expect(hasty.pendingMax()).toBe(1);
    expect(connections).toBeGreaterThanOrEqual(delays.length);
    for (const [i, delayMs] of delays.entries()) {
      const limitMs = Math.min(10_000, 100 * 2 ** i);
      expect(delayMs).toBeGreaterThanOrEqual(limitMs / 2);
      expect(delayMs).toBeLessThanOrEqual(limitMs);
    }
    expect(new Set(delays.slice(8)).size).toBeGreaterThan(1);
  });

  test("is served again by itself after any time, with its subscriptions, and nobody is told meanwhile", async () => {
    const { port } = await broker();
    const proxy = await openTcpProxy(port);
    cleanups.push(() => proxy.close());
    const delays: number[] = [];
    const hasty = hastyClock(delays);
    const states: boolean[] = [];
    const url = `mqtt://127.0.0.1:${proxy.port}`;
    const a = await openMqttLink({ url, clientId: "a", clock: hasty });
    cleanups.push(() => a.close());
    a.onState((connected) => states.push(connected));
    await a.subscribe("n");
    proxy.breakOff();
    await hasty.until(() => delays.length >= 30);
    expect(states).toEqual([false]);
    proxy.restore();
    await hasty.until(() => a.connected());
    expect(states).toEqual([false, true]);
    const echo = received(a, "n");
    a.publish("n", utf8("x"));
    expect(await echo).toEqual(utf8("x"));
  });
});

interface HastyClock extends Clock {
  /** Most reconnections that waited at the same time. */
  pendingMax(): number;
  until(done: () => boolean): Promise<void>;
}

/** Delays of reconnection pass at once and are noted; time limits for an answer never come. */
function hastyClock(delays: number[]): HastyClock {
  const clock = openSystemClock();
  let pending = 0;
  let most = 0;
  return {
    monotonicMs: () => 0,
    wallMs: () => clock.wallMs(),
    wallQuality: () => clock.wallQuality(),
    at: (deadlineMs, wake) => {
      // Reconnection draws a fraction; the limits are whole.
      if (Number.isInteger(deadlineMs)) return { cancel: () => {} };
      delays.push(deadlineMs);
      pending += 1;
      most = Math.max(most, pending);
      return clock.at(0, () => {
        pending -= 1;
        wake();
      });
    },
    pendingMax: () => most,
    until: async (done) => {
      const limitMs = performance.now() + 8_000;
      while (!done()) {
        if (performance.now() > limitMs) throw new Error(`still waiting after ${delays.length}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
