// What the sensors said last, and how much may be sold by it: a level less its reserve, less what is already sold
// and not yet delivered, and less what was delivered after the reading was taken. Nothing is sold on a reading
// that is old or missing.

import type { Clock } from "../../hal/clock.ts";
import type { SensorReport } from "../../hal/loop-host.ts";
import { type MessageOf, READINGS_MAX } from "../protocol/messages.ts";
import type { LevelLimit, Service } from "./catalogue.ts";
import { type Order, ratioOf, remainingPulses } from "./order.ts";

export interface LevelsPorts {
  clock: Clock;
  /** Every order that is not settled. */
  orders(): Iterable<Order>;
  /** Pulses that the running session of an order has delivered, as far as we know. */
  delivered(order: string): number;
  levelOf(service: number): LevelLimit | undefined;
}

export interface Levels {
  /** At `atMs` by the loop's clock. */
  onReports(reports: readonly SensorReport[], atMs: number): void;
  /** So many pulses of an order have come since this was said last, until `atMs` by the loop's clock. */
  onDelivered(order: Order, pulses: number, atMs: number): void;
  /** The loop is gone: what it said last stands as lost. */
  onLost(): void;
  readings(): MessageOf<"readings">["readings"];
  /** Whole units; undefined for a service that no level limits. */
  available(service: Service): number | undefined;
}

const AGE_MS_MAX = 0xffff_ffff;
/** What was delivered is remembered for as long as a reading may be old, in so many parts of that time. */
const DRAWN_PARTS = 200;

interface Heard {
  report: SensorReport;
  heardMs: number;
  /** When it was true, by the loop's clock. */
  readMs: number;
}

interface Drawn {
  order: Order;
  pulses: number;
  firstMs: number;
  lastMs: number;
}

export function openLevels(ports: LevelsPorts): Levels {
  const heard = new Map<string, Heard>();
  let drawn: Drawn[] = [];

  const now = ({ report, heardMs }: Heard): SensorReport => {
    const ageMs = Math.floor(report.ageMs + ports.clock.monotonicMs() - heardMs);
    const isOld = report.quality === "good" && ageMs > report.staleAfterMs;
    const quality = isOld ? "stale" : report.quality;
    return { ...report, ageMs: Math.min(ageMs, AGE_MS_MAX), quality };
  };
  const onReports = (reports: readonly SensorReport[], atMs: number): void => {
    const heardMs = ports.clock.monotonicMs();
    for (const report of reports) {
      heard.set(report.sensor, { report, heardMs, readMs: atMs - report.ageMs });
    }
  };

  return {
    onReports,
    onDelivered: (order, pulses, atMs) => {
      if (pulses <= 0) return;
      const longestMs = Math.max(0, ...[...heard.values()].map(({ report: r }) => r.staleAfterMs));
      drawn = drawn.filter(({ lastMs }) => lastMs >= atMs - longestMs);
      const last = drawn.findLast((one) => one.order.id === order.id);
      if (last !== undefined && atMs - last.firstMs < longestMs / DRAWN_PARTS) {
        last.pulses += pulses;
        last.lastMs = atMs;
      } else drawn.push({ order, pulses, firstMs: atMs, lastMs: atMs });
    },
    onLost: () => {
      const last = [...heard.values()].map(now);
      onReports(
        last.map((report) => ({ ...report, quality: "lost" })),
        0,
      );
      // The next loop has a clock of its own, and reads every sensor anew.
      drawn = [];
    },
    readings: () =>
      [...heard.values()].slice(0, READINGS_MAX).map((one) => {
        const { sensor, unit, value, ageMs, quality } = now(one);
        return { sensor, unit, value, ageMs, quality };
      }),
    available: (service) => {
      const { level } = service;
      if (level === undefined) return undefined;
      const last = heard.get(level.sensor);
      const reading = last && now(last);
      if (reading?.quality !== "good") return 0;
      const since = drawn.filter(({ lastMs }) => lastMs > (last?.readMs ?? 0));
      const taken = promised(ports, service, level, since);
      const left = BigInt(reading.value - level.reserve) - taken;
      const { numerator, denominator } = level.readingsPerUnit;
      return left <= 0n ? 0 : Number((left * BigInt(denominator)) / BigInt(numerator));
    },
  };
}

/** Readings that sold units will still take, or took after the reading: of this service, and of others on the same sensor. */
function promised(
  ports: LevelsPorts,
  service: Service,
  level: LevelLimit,
  drawn: readonly Drawn[],
): bigint {
  const parts = new Map<string, { order: Order; pulses: number }>();
  for (const order of ports.orders()) {
    if (order.state !== "taking" && order.state !== "paid") continue;
    const pulses = Math.max(0, remainingPulses(order) - ports.delivered(order.id));
    parts.set(order.id, { order, pulses });
  }
  for (const { order, pulses: more } of drawn) {
    parts.set(order.id, { order, pulses: (parts.get(order.id)?.pulses ?? 0) + more });
  }
  let sum = 0n;
  for (const { order, pulses } of parts.values()) {
    const known = ports.levelOf(order.terms.service);
    // A service that was removed, or lost its level, took from the same meter what this one sells.
    const sameMeter = order.outlet === service.outlet && order.meter === service.meter;
    if (known === undefined ? !sameMeter : known.sensor !== level.sensor) continue;
    const perUnit = (known ?? level).readingsPerUnit;
    const { numerator, denominator } = ratioOf(order);
    const readings = BigInt(pulses) * BigInt(denominator) * BigInt(perUnit.numerator);
    const by = BigInt(numerator) * BigInt(perUnit.denominator);
    sum += (readings + by - 1n) / by;
  }
  return sum;
}
