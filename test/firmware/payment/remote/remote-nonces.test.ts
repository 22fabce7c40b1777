// A nonce seals one plain text and no other, whatever restarts, breaks off or goes back in time on either side.

import { expect, test } from "vitest";
import type { FlowService } from "../../../../firmware/payment/engine/service.ts";
import {
  openRemoteServices,
  type RemoteServices,
} from "../../../../firmware/payment/remote/remote-services.ts";
import { openServiceHost } from "../../../../firmware/payment/remote/service-host.ts";
import { verifyFlowGrant } from "../../../../firmware/token/flow-grant.ts";
import type { Crypto } from "../../../../hal/crypto.ts";
import type { Entropy } from "../../../../hal/entropy.ts";
import { callOf, crypto, Ear, remoteBench, ScriptedService } from "./remote-bench.ts";

const STEPS = 60;

/** Keeps, of each key and nonce, what was sealed under them. */
function watched(): { crypto: Crypto; sealed: Map<string, string>; reused: string[] } {
  const sealed = new Map<string, string>();
  const reused: string[] = [];
  const own = Object.create(crypto) as { -readonly [K in keyof Crypto]: Crypto[K] };
  own.seal = (plain, nonce, shared) => {
    const at = `${Buffer.from(shared).toString("hex")} ${Buffer.from(nonce).toString("hex")}`;
    const text = Buffer.from(plain).toString("hex");
    if ((sealed.get(at) ?? text) !== text) reused.push(at);
    sealed.set(at, text);
    return crypto.seal(plain, nonce, shared);
  };
  return { crypto: own, sealed, reused };
}

/** `repeats`: whose chance begins anew, with the same bytes, at each start. */
async function live(seed: number, repeats: "nobody" | "device" | "service"): Promise<number> {
  const bench = remoteBench(seed);
  const { world, broker, operatorKey } = bench;
  const { crypto: seen, sealed, reused } = watched();
  const party = bench.enrol("gift");
  const grant = verifyFlowGrant(party.signed, operatorKey, crypto);
  if (!grant.ok) throw new Error(grant.fault.message);
  const service = new ScriptedService("gift", ["PRE_TRANSACTION"]);
  service.onCall = ({ id }, listener) => {
    listener.audit("info", `${world.random.below(1_000_000)}`);
    listener.respond(id, undefined);
  };
  const ports = bench.otherPorts("restarting");
  let starts = 0;
  const chanceOf = (side: "device" | "service"): Entropy => {
    starts += 1;
    return world.entropy(side === repeats ? side : `${side} ${starts}`);
  };
  let remotes: RemoteServices | undefined;
  let remote: FlowService | undefined;
  let hosts = 0;
  let calls = 0;
  ports.link.onMessage((message) => remotes?.take(message));
  const startDevice = (): void => {
    remotes?.close();
    remotes = openRemoteServices({ ...ports, crypto: seen, entropy: chanceOf("device") });
    const added = remotes.add(party.signed);
    remote = added.ok ? added.value : undefined;
  };
  const startHost = async (): Promise<void> => {
    if (hosts > 0) broker.cut(`host ${hosts}`);
    hosts += 1;
    const entropy = chanceOf("service");
    const opening = openServiceHost(
      { grant: grant.value, operatorKey, boxSecret: party.boxSecret, service },
      {
        link: broker.connect(`host ${hosts}`),
        crypto: seen,
        entropy,
        clock: world.clock,
        log: () => {},
        watch: () => {},
      },
    );
    await world.runFor(5);
    await opening;
  };
  startDevice();
  await startHost();
  for (let step = 0; step < STEPS; step++) {
    const what = world.random.below(8);
    if (what === 0) startDevice();
    else if (what === 1) await startHost();
    else if (what === 2) world.setWall(1_000 * world.random.below(1_700_000_000));
    else if (what === 3) broker.setNetwork({ lossPerMille: world.random.below(900) });
    else {
      calls += 1;
      remote?.call(callOf({ id: `call-${calls}-${world.random.below(999)}` }), new Ear());
    }
    await world.runFor(world.random.below(900));
  }
  expect(reused).toEqual([]);
  return sealed.size;
}

test.each(["nobody", "device", "service"] as const)(
  "no nonce is used twice when the chance of %s repeats itself at each start",
  async (repeats) => {
    let sealed = 0;
    for (let seed = 1; seed <= 20; seed++) sealed += await live(seed, repeats);
    expect(sealed).toBeGreaterThan(500);
  },
  60_000,
);
