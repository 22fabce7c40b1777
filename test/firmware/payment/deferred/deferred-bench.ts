// A payment host that can be out of reach, and the policy to go on without it, in virtual time: the simulated host in
// its own books on one side, ours on the other.

import {
  type DeferredHost,
  type DeferredPolicy,
  openDeferredHost,
} from "../../../../firmware/payment/deferred/deferred-host.ts";
import { openNodeCrypto } from "../../../../hal/linux/node-crypto.ts";
import type {
  HostAnswer,
  HostBinding,
  HostCredential,
  PaymentHost,
} from "../../../../hal/payment-host.ts";
import {
  type SimPaymentHost,
  simPaymentHost,
  TEST_CARDS,
} from "../../../../hal/sim/sim-payment-host.ts";
import { type SimStore, simStore } from "../../../../hal/sim/sim-store.ts";
import { type SimWorld, simWorld } from "../../../../hal/sim/world.ts";

export const ORDER = "00000000000000a1";
export const ATTEMPT = `${ORDER}/1/authorise`;
const POLICY: DeferredPolicy = { currency: "EUR", floorMinor: 1_000, totalMinor: 1_500 };
const SECRET = new Uint8Array(32).fill(0x55);
const UNREACHABLE_MS = 3_000;

export function bindingOf(amountMinor = 1_000): HostBinding {
  return { offer: new Uint8Array(16).fill(1), amountMinor, currency: "EUR" };
}

export interface DeferredBench {
  world: SimWorld;
  disk: SimStore;
  books: SimPaymentHost;
  /** The host as the device sees it: out of reach, it hears nothing, or hears and is not heard. */
  line: { state: "up" | "down" | "deaf"; calls: string[]; silentMs: number; trouble?: string };
  log: string[];
  host: DeferredHost;
  /** Another life of the device on what was durable. */
  restart(): Promise<DeferredHost>;
  credential(card?: string, amountMinor?: number): HostCredential;
  settle<T>(call: Promise<T>): Promise<T>;
}

export async function openDeferredBench(
  policy: DeferredPolicy = POLICY,
  onCommit?: (phase: "before" | "after") => void,
): Promise<DeferredBench> {
  const world = simWorld({ seed: 1 });
  const crypto = openNodeCrypto();
  const disk = simStore(onCommit === undefined ? {} : { onCommit });
  const books = simPaymentHost({
    store: simStore().reopen(),
    clock: world.clock,
    crypto,
    secretKey: SECRET,
  });
  const line: DeferredBench["line"] = { state: "up", calls: [], silentMs: UNREACHABLE_MS };
  const log: string[] = [];
  let process = world.process();
  const open = (): Promise<DeferredHost> =>
    openDeferredHost({
      host: overLine(books, line, world),
      ...{ store: disk.reopen(), clock: process.clock, policy },
      log: (level, event, fields) => log.push(JSON.stringify([level, event, fields])),
    });
  let nonce = 0;
  const settle = async <T>(call: Promise<T>): Promise<T> => {
    let pending = true;
    const ended = (): void => {
      pending = false;
    };
    call.then(ended, ended);
    await world.runWhile(() => pending, 600_000);
    return call;
  };
  const bench: DeferredBench = {
    ...{ world, disk, books, line, log, host: await settle(open()), settle },
    restart: async () => {
      process.kill();
      bench.host.close();
      process = world.process();
      bench.host = await settle(open());
      return bench.host;
    },
    credential: (card = TEST_CARDS.approve, amountMinor = 1_000) => {
      nonce += 1;
      const plain = new Uint8Array(25 + card.length);
      plain.set(bindingOf().offer, 0);
      new DataView(plain.buffer).setUint32(16, amountMinor);
      plain.set(new TextEncoder().encode("EUR"), 20);
      plain.set([30, 12], 23);
      plain.set(new TextEncoder().encode(card), 25);
      const secret = new Uint8Array(32).fill(0x31);
      const shared = crypto.boxShared(books.publicKey, secret);
      if (shared === undefined) throw new Error("the host's key is of small order");
      const bytes = new Uint8Array(24).fill(nonce);
      const box = crypto.seal(plain, bytes, shared);
      const payerKey = crypto.boxPublicKey(secret);
      return { kind: "sealed", payerKey, nonce: bytes, box, readAtBoard: "tap" };
    },
  };
  return bench;
}

function overLine(host: PaymentHost, line: DeferredBench["line"], world: SimWorld): PaymentHost {
  const over = async (name: string, call: () => Promise<HostAnswer>): Promise<HostAnswer> => {
    line.calls.push(name);
    const { state } = line;
    const heard = state === "down" ? undefined : await call();
    if (state === "up" && heard !== undefined) return heard;
    await new Promise<void>((resolve) => world.after(line.silentMs, () => resolve()));
    return { kind: "no-answer" };
  };
  return {
    ...{ canQuery: host.canQuery, publicKey: host.publicKey, simulated: true },
    trouble: () => line.trouble,
    tokenise: (...a) => over(`tokenise ${a[0]}`, () => host.tokenise(...a)),
    authorise: (...a) => over(`authorise ${a[0]}`, () => host.authorise(...a)),
    capture: (...a) => over(`capture ${a[0]}`, () => host.capture(...a)),
    refund: (...a) => over(`refund ${a[0]}`, () => host.refund(...a)),
    reverse: (...a) => over(`reverse ${a[1]}`, () => host.reverse(...a)),
    query: (...a) => over(`query ${a[0]}`, () => host.query(...a)),
    onLateAnswer: (listener) => host.onLateAnswer(listener),
  };
}

/** What the host holds or has, net, and how many payments it knows. */
export async function atHost({ books }: DeferredBench) {
  const all = [...(await books.charges()).values()];
  const held = all.filter((one) => !one.reversed && one.capturedMinor === 0);
  return {
    payments: all.length,
    netMinor: all.reduce((sum, one) => sum + one.capturedMinor - one.refundedMinor, 0),
    heldMinor: held.reduce((sum, one) => sum + one.authorisedMinor, 0),
  };
}
