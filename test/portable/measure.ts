// Whole sales of the portable firmware inside QuickJS: consumer and producer each in an engine of its own, on the simulated
// broker with messages in order and none kept back when a connection breaks; and what memory either of them took.

import { toHex as hex } from "../../firmware/bytes.ts";
import { broadcastWill } from "../../firmware/producer/broadcast.ts";
import { connectionName } from "../../firmware/protocol/topics.ts";
import { deviceName, issueCertificate } from "../../firmware/token/certificate.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { type SimBroker, simBroker } from "../../hal/sim/sim-link.ts";
import { type SimWorld, simWorld } from "../../hal/sim/world.ts";
import { bundle } from "./bundle.ts";
import type { PortableSale, PortableSettings, PortableSold, Told } from "./host-calls.ts";
import { type MachineMemory, openMachine } from "./quickjs-machine.ts";

export interface PortableRun {
  sold: readonly PortableSold[];
  consumer: MachineMemory;
  producer: MachineMemory;
  /** Messages that were published while the consumer's connection was broken. */
  missed: number;
}

interface PortableSales {
  consumerCode: string;
  producerCode: string;
  sales: readonly PortableSale[];
  /** The consumer's network goes once, when so many pulses of this sale are reported, and comes back. */
  cut?: { sale: number; pulses: number; forMs: number };
}

const LIMIT_MS = 600_000;

/** Sells in virtual time. Throws when a sale does not end, and what a program throws. */
async function sellPortably(options: PortableSales): Promise<PortableRun> {
  const world = simWorld({ seed: 9 });
  const broker = simBroker({
    clock: world.clock,
    random: world.randomOf("network"),
    network: { delayMs: [5, 30] },
    onPublish: (phase) => {
      if (phase === "before" && !consumerLink.connected()) missed++;
    },
  });
  const { settings, device } = keys(world, options.sales);
  const cutAt = cutter(options.cut, world, broker);
  const consumerLink = broker.connect(settings.clientId);
  const sold: PortableSold[] = [];
  let missed = 0;
  let over: { failure?: string } | undefined;
  const onTold = (told: Told): void => {
    if (told.is === "sold") {
      const { is, ...rest } = told;
      sold.push(rest);
    }
    if (told.is === "progress") cutAt(settings.clientId, told);
    if (told.is === "done") over = {};
    if (told.is === "failed") over ??= { failure: told.message };
  };
  const each = { world, settings, onTold };
  const producer = await openMachine({
    ...each,
    ...{ link: broker.connect(device, broadcastWill(device)), code: options.producerCode },
    open: "openProducerProgram",
  });
  const consumer = await openMachine({
    ...each,
    ...{ link: consumerLink, code: options.consumerCode },
    open: "openConsumerProgram",
  });
  producer.start();
  world.after(1_000, () => consumer.start());
  await world.runWhile(() => over === undefined, LIMIT_MS);
  const run = { sold, consumer: consumer.memory(), producer: producer.memory(), missed };
  if (over?.failure !== undefined) throw new Error(over.failure);
  if (over === undefined) throw new Error(`no end after ${LIMIT_MS} ms: ${JSON.stringify(sold)}`);
  return run;
}

/** Breaks the connection once. What is sent meanwhile, either way, is lost. */
function cutter(
  cut: PortableSales["cut"],
  world: SimWorld,
  broker: SimBroker,
): (clientId: string, told: { sale: number; pulses: number }) => void {
  let isCut = false;
  return (clientId, { sale, pulses }) => {
    if (cut === undefined || isCut || sale !== cut.sale || pulses < cut.pulses) return;
    isCut = true;
    // Not in the middle of the program's own step.
    world.after(0, () => broker.disconnect(clientId));
    world.after(cut.forMs, () => broker.reconnect(clientId));
  };
}

function keys(
  world: SimWorld,
  sales: readonly PortableSale[],
): { settings: PortableSettings; device: string } {
  const crypto = openNaclCrypto();
  const entropy = world.entropy("keys");
  const [operatorSeed, signSeed, boxSecret, hostSecret] = [0, 1, 2, 3].map(() =>
    entropy.bytes(32),
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const operator = crypto.signer(operatorSeed);
  const signKey = crypto.signer(signSeed).publicKey;
  const certificate = issueCertificate(
    {
      ...{ signKey, boxKey: crypto.boxPublicKey(boxSecret) },
      ...{ hostKey: crypto.boxPublicKey(hostSecret), serial: 1, bench: true },
      expiresS: 4_000_000_000,
    },
    operator,
    crypto,
  );
  const settings = {
    ...{ seed: 9, sales, operatorKey: hex(operator.publicKey), certificate: hex(certificate) },
    ...{ signSeed: hex(signSeed), boxSecret: hex(boxSecret), hostSecret: hex(hostSecret) },
    clientId: connectionName(entropy.bytes(6)),
  };
  return { settings, device: deviceName(crypto, signKey) };
}

export interface PortableFigures {
  /** Of the file that holds both roles, and of the consumer's own; minified. */
  bothFileBytes: number;
  consumerFileBytes: number;
  /** Both roles have the one file. */
  oneFile: PortableRun;
  /** The consumer has its own. */
  ownFile: PortableRun;
}

/** What `measurePortable` sells: one order in one piece, and one by the unit, in which the connection breaks. */
const SALES = {
  sales: [{ units: 2 }, { units: 6, stream: { step: 1, window: 1 } }],
  cut: { sale: 1, pulses: 250, forMs: 3_000 },
} as const;

/** Takes some ten seconds of a core, nearly all of them for signatures. */
export async function measurePortable(): Promise<PortableFigures> {
  const both = await bundle("both-programs");
  const own = await bundle("consumer-program");
  const codes = { consumerCode: both, producerCode: both };
  const oneFile = await sellPortably({ ...SALES, ...codes });
  const ownFile = await sellPortably({ ...SALES, ...codes, consumerCode: own });
  return {
    ...{ bothFileBytes: Buffer.byteLength(both), consumerFileBytes: Buffer.byteLength(own) },
    ...{ oneFile, ownFile },
  };
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(`${JSON.stringify(await measurePortable())}\n`);
}
