// What it costs that a flow service runs elsewhere: the same call of the same service in this process, and in a
// process of its own over a broker; and the bytes of a call on the device's connection.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type {
  CallListener,
  FlowService,
  StageCall,
} from "../../firmware/payment/engine/service.ts";
import type { FlowResponse } from "../../firmware/payment/model/flow-response.ts";
import { STAGES } from "../../firmware/payment/model/stages.ts";
import type { TransactionRequest } from "../../firmware/payment/model/transaction.ts";
import { openRemoteServices } from "../../firmware/payment/remote/remote-services.ts";
import { deviceName, issueCertificate } from "../../firmware/token/certificate.ts";
import type { Link } from "../../hal/link.ts";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { enrol, GRANT_FILE } from "../flow-service-folder.ts";
import { readSmall } from "../key-files.ts";
import { startChild } from "./child.ts";
import { openPacketTap, type PacketTap } from "./packet-tap.ts";
import { type Summary, summarise } from "./sample.ts";
import { startBroker } from "./site.ts";
import { jsonStageBytes } from "./stage-json.ts";
import { service } from "./stage-service.ts";

const SLUICE = fileURLToPath(new URL("../sluice.js", import.meta.url));
const MODULE = fileURLToPath(new URL("stage-service.js", import.meta.url));
const LIFE_S = 24 * 3600;
/** Until everything that belongs to a call has passed. */
const QUIET_MS = 60;

export interface RemoteStage {
  /** Microseconds from the call to its answer. */
  inProcess: Summary;
  remote: Summary;
  /** Request, acknowledgement, response and acceptance: MQTT packets with their topics, both ways. */
  wireBytes: Summary;
  packets: Summary;
  /** The same call in the original's messages, without any transport. */
  jsonBytes: number;
}

const REQUEST: TransactionRequest = {
  id: "0123456789abcdef/1/2",
  transactionId: "0123456789abcdef/1",
  flowType: "sale",
  stage: "PRE_TRANSACTION",
  amounts: { currency: "EUR", base: 450, additional: {} },
  baskets: [
    {
      id: "0123456789abcdef",
      name: "Charging",
      items: [
        {
          id: "1",
          label: "Charging",
          amountMinor: 450,
          baseMillionths: 450_000_000,
          quantity: 1,
          measurement: { valueMillionths: 10_000_000, unit: "kWh" },
        },
      ],
      data: {},
      primary: true,
      rounding: "nearest",
    },
  ],
  data: {},
  card: { data: {} },
  audience: "customer",
};

export async function measureRemoteStage(
  folder: string,
  rounds: number,
  counted: number,
): Promise<RemoteStage> {
  const inProcess = await timeCalls(service, rounds);
  const broker = await startBroker();
  const tap = await openPacketTap(broker.url);
  const link = await openMqttLink({ url: tap.url, clientId: "bench-device" });
  const keys = join(folder, "bench.service");
  const remotes = openDevice(link, keys);
  const child = await startChild(SLUICE, [
    ...["serve", MODULE, "--keys", keys, "--broker", broker.url, "--json", "--quiet"],
  ]);
  try {
    const added = remotes.add(readSmall(join(keys, GRANT_FILE), 1024) ?? new Uint8Array(0));
    if (!added.ok) throw new Error(added.fault.message);
    const remote = added.value;
    await remote.info();
    const timed = await timeCalls(remote, rounds);
    const bytes = await countCalls(remote, tap, counted);
    const { answer } = await callOnce(remote);
    return {
      inProcess,
      remote: timed,
      ...bytes,
      jsonBytes: jsonStageBytes(REQUEST, answer as FlowResponse),
    };
  } finally {
    remotes.close();
    await link.close();
    await child.stop();
    await tap.close();
    await broker.stop();
  }
}

/** A device of an operator who has enrolled the service, as far as flow services know it. */
function openDevice(link: Link, keys: string) {
  const crypto = openNodeCrypto();
  const entropy = openSystemEntropy();
  const clock = openSystemClock();
  const operator = crypto.signer(entropy.bytes(32));
  const signKey = crypto.signer(entropy.bytes(32)).publicKey;
  const boxSecret = entropy.bytes(32);
  const boxKey = crypto.boxPublicKey(boxSecret);
  const nowS = Math.floor(clock.wallMs() / 1000);
  const expiresS = nowS + LIFE_S;
  const claims = { signKey, boxKey, hostKey: boxKey, serial: 1, bench: true, expiresS };
  const certificate = issueCertificate(claims, operator, crypto);
  const stages = [STAGES.PRE_TRANSACTION];
  const rights = { adjust: false, pay: true, methods: ["giftCard"], card: false };
  const wanted = { id: service.id, role: "value-added", stages, ...rights, expiresS } as const;
  const enrolled = enrol(keys, wanted, nowS, operator, crypto);
  if (!enrolled.ok) throw new Error(enrolled.fault.message);
  const device = deviceName(crypto, signKey);
  const remotes = openRemoteServices({
    ...{ link, crypto, entropy, clock, operatorKey: operator.publicKey },
    log: () => undefined,
    deviceKeys: { device, boxSecret, certificate },
    revocations: () => undefined,
  });
  link.onMessage((message) => remotes.take(message));
  return remotes;
}

async function timeCalls(called: FlowService, rounds: number): Promise<Summary> {
  const samples: number[] = [];
  for (let i = 0; i < rounds + (rounds >> 2); i++) {
    const { us } = await callOnce(called);
    if (i >= rounds >> 2) samples.push(us);
  }
  return summarise(samples);
}

async function countCalls(called: FlowService, tap: PacketTap, count: number) {
  const bytes: number[] = [];
  const packets: number[] = [];
  for (let i = 0; i < count; i++) {
    await pause();
    tap.take();
    await callOnce(called);
    await pause();
    const passed = tap.take().filter(({ type }) => type === "PUBLISH");
    bytes.push(passed.reduce((sum, packet) => sum + packet.bytes, 0));
    packets.push(passed.length);
  }
  return { wireBytes: summarise(bytes), packets: summarise(packets) };
}

let calls = 0;

/** Puts the call, takes the answer, and says that it was accepted. */
async function callOnce(called: FlowService): Promise<{ us: number; answer: unknown }> {
  calls += 1;
  const id = `${REQUEST.transactionId}/${calls}`;
  const call: StageCall = {
    ...{ id, stage: "PRE_TRANSACTION", flowType: "sale", initiator: "sale", background: false },
    input: { ...REQUEST, id },
  };
  const startMs = performance.now();
  let running: ReturnType<FlowService["call"]> | undefined;
  const answer = await new Promise((resolve, reject) => {
    const listener: CallListener = {
      acknowledged: () => undefined,
      audit: () => undefined,
      event: () => undefined,
      respond: (_, output) => resolve(output),
      failed: (_, message) => reject(new Error(message)),
    };
    running = called.call(call, listener);
  });
  const us = 1000 * (performance.now() - startMs);
  running?.tell({ type: "responseAccepted", data: {} });
  return { us, answer };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, QUIET_MS));
}
