// Services that took money, fell silent, and come back long after their flow has ended: what they took is still given
// back, by this life of the device or by the next.

import { expect, test } from "vitest";
import { simStore } from "../../../../hal/sim/sim-store.ts";
import { answered, approving, FIRST, gbp, openSite, SILENT, saleFlow } from "./engine-site.ts";

const LIMITS = { limits: { offerMinor: 1000, maximumMinor: 1000 } };
const LISTED = { PRE_TRANSACTION: ["points"], TRANSACTION_PROCESSING: ["bank"] };
const HOUR_MS = 3_600_000;

/** Silent until it is back; then it gives back what it is asked to. */
function awayUntil(backMs: number, nowMs: () => number) {
  return approving("points", {
    PRE_TRANSACTION: () => SILENT,
    GENERIC: (request) => (nowMs() < backMs ? SILENT : answered(request)),
  });
}

test("I6: a service that is silent for an hour is asked again until it has given back what it may have taken", async () => {
  let nowMs = (): number => 0;
  const points = awayUntil(HOUR_MS, () => nowMs());
  const site = await openSite({
    services: [points, approving("bank")],
    flows: [saleFlow(LISTED)],
  });
  nowMs = () => site.world.clock.monotonicMs();
  const response = await site.pay({}, LIMITS);
  expect(response).toMatchObject({ outcome: "fulfilled", processed: gbp(1000) });
  await site.world.runFor(HOUR_MS / 2);
  const early = await site.journal.list(FIRST.id);
  expect(early.map(({ service, state }) => [service, state])).toEqual([
    ["bank", "taken"],
    ["points", "undoing"],
  ]);
  await site.world.runFor(HOUR_MS);
  const late = await site.journal.list(FIRST.id);
  expect(late.map(({ service, state }) => [service, state])).toEqual([
    ["bank", "taken"],
    ["points", "undone"],
  ]);
  const asked = points.inputs("GENERIC").length;
  await site.world.runFor(HOUR_MS);
  expect(points.inputs("GENERIC")).toHaveLength(asked);
  expect(await site.engine.audit(FIRST.id)).toContainEqual(
    expect.objectContaining({ kind: "undone", service: "points" }),
  );
});

test("I6: a restart in between changes nothing of that", async () => {
  const store = simStore();
  const services = () => [awayUntil(Number.POSITIVE_INFINITY, () => 0), approving("bank")];
  const flows = [saleFlow(LISTED)];
  const first = await openSite({ services: services(), flows, store });
  await first.pay({}, LIMITS);
  await first.world.runFor(HOUR_MS / 2);
  store.reopen();
  const back = [awayUntil(0, () => 0), approving("bank")];
  const second = await openSite({ services: back, flows, store });
  await second.world.runFor(60_000);
  const [, points] = await second.journal.list(FIRST.id);
  expect(points).toMatchObject({ service: "points", state: "undone" });
});
