// The buying role as a program of its own: meets the device, buys in one piece or by the unit, and says what came of it.

import "./quickjs-globals.ts";
import { fromHex } from "../../firmware/bytes.ts";
import { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Result } from "../../firmware/result.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import type {
  HostCalls,
  PortableProgram,
  PortableSale,
  PortableSettings,
  PortableSold,
} from "./host-calls.ts";
import { type PortableWorld, portableWorld, words } from "./portable-world.ts";

const CARD = { number: "4111111111111111", expiryYear: 30, expiryMonth: 12 };

export function openConsumerProgram(host: HostCalls, settings: string): PortableProgram {
  const given = JSON.parse(settings) as PortableSettings;
  const own = portableWorld(host, given.seed);
  const start = (): void => {
    buy(own, given).then(
      () => own.tell({ is: "done" }),
      (error: unknown) => own.tell({ is: "failed", message: words(error) }),
    );
  };
  return { start, ...own.program };
}

async function buy(own: PortableWorld, given: PortableSettings): Promise<void> {
  const { world, link, tell } = own;
  const crypto = countedCrypto();
  const { clock } = world;
  const store = simStore().store();
  const consumer = new Consumer(
    { clock, link, store, crypto, entropy: world.entropy("consumer") },
    {
      connection: given.clientId,
      boxSecret: bytes(given.boxSecret),
      operators: [bytes(given.operatorKey)],
      ...{ trustNew: false, simulatedHost: true },
    },
  );
  value(await consumer.setup());
  const [device] = value(await consumer.discover({ timeoutMs: 10_000, enough: () => true }));
  if (device === undefined) throw new Error("no device announces itself");
  const dealer = value(await consumer.init(device));
  let proofs = 0;
  consumer.onEvent((told) => {
    if (told.event === "proof") proofs++;
  });
  for (const [index, sale] of given.sales.entries()) {
    proofs = 0;
    const progress = (pulses: number): void => tell({ is: "progress", sale: index, pulses });
    const sold = await take(dealer, sale, progress);
    tell({ is: "sold", sale: index, ...sold, proofs, computed: crypto.taken() });
  }
}

/** What costs a small machine most. */
function countedCrypto(): Crypto & { taken(): PortableSold["computed"] } {
  const crypto = openNaclCrypto();
  let computed = { sign: 0, verify: 0, boxShared: 0, digest: 0 };
  return {
    ...crypto,
    signer: (seed) => {
      const { publicKey, sign } = crypto.signer(seed);
      return {
        publicKey,
        sign: (message) => {
          computed.sign++;
          return sign(message);
        },
      };
    },
    verify: (...given) => {
      computed.verify++;
      return crypto.verify(...given);
    },
    boxShared: (...given) => {
      computed.boxShared++;
      return crypto.boxShared(...given);
    },
    digest: (message) => {
      computed.digest++;
      return crypto.digest(message);
    },
    taken: () => {
      const before = computed;
      computed = { sign: 0, verify: 0, boxShared: 0, digest: 0 };
      return before;
    },
  };
}

async function take(
  dealer: Dealer,
  { units, stream }: PortableSale,
  onPulses: (pulses: number) => void,
): Promise<Pick<PortableSold, "state" | "pulses" | "capturedMinor">> {
  // The service that is paid while it is delivered is the second.
  const service = stream === undefined ? 1 : 2;
  value(await dealer.requestServices());
  value(await dealer.getPrices(service));
  const { purchase } = value(await dealer.select({ service, price: 1, units }));
  const paid = value(await dealer.pay(purchase, CARD, stream === undefined ? {} : { stream }));
  const delivered = value(await dealer.begin(paid, undefined, ({ pulses }) => onPulses(pulses)));
  const settlement = delivered.receipts.find((one) => one.is === "settlement");
  const session = delivered.receipts.find((one) => one.is === "session");
  if (settlement?.is !== "settlement" || session?.is !== "session")
    throw new Error("a receipt is missing");
  const { pulses } = session;
  return { state: delivered.purchase.state, pulses, capturedMinor: settlement.capturedMinor };
}

function bytes(hex: string): Uint8Array {
  const read = fromHex(hex);
  if (read === undefined) throw new Error(`${hex} is not hexadecimal`);
  return read;
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.fault.kind}: ${result.fault.message}`);
  return result.value;
}
