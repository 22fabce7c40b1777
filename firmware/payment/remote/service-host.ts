// Serves a flow service to devices over a link: the same service as in a device's process, with its key and its
// grant. It answers devices that show a certificate of the operator who signed the grant, and no others.

import type { Clock } from "../../../hal/clock.ts";
import type { Crypto } from "../../../hal/crypto.ts";
import type { Entropy } from "../../../hal/entropy.ts";
import type { Link, LinkMessage } from "../../../hal/link.ts";
import { equalBytes } from "../../bytes.ts";
import type { Log } from "../../log.ts";
import {
  decodeFlowFrame,
  encodeFlowFrame,
  FLOW_VERSION,
  type FlowFrame,
  flowNonce,
  RANDOM_BYTES,
} from "../../protocol/flow-frames.ts";
import { fromServiceTopic, parseTopic, toServiceTopic } from "../../protocol/topics.ts";
import type { Fault } from "../../result.ts";
import { verifyCertificate } from "../../token/certificate.ts";
import type { FlowGrant } from "../../token/flow-grant.ts";
import type { FlowService } from "../engine/service.ts";
import { INSTANCE_BYTES } from "./device-session.ts";
import { stagesOf } from "./granted-stages.ts";
import { type HostedCall, HostSession } from "./host-session.ts";
import type { LineKeys } from "./line.ts";
import { perSecond } from "./per-second.ts";

/** Devices that are remembered: above, the one that was heard longest ago is forgotten for a new one. */
const DEVICES_MAX = 256;
/** Sessions of a device that were begun and not used yet: whoever repeats old hellos makes no more than these. */
const PENDING_MAX = 8;
/** Each costs a signature and a key. */
const NEW_DEVICES_PER_S = 20;
/** Of words that nothing opens any more; they are not authenticated, and it is enough that some arrive. */
const LOST_PER_S = 20;

export interface HostPorts {
  link: Link;
  crypto: Crypto;
  entropy: Entropy;
  clock: Clock;
  log: Log;
  watch(call: HostedCall): void;
}

export interface Hosted {
  /** Verified, by the key of the operator whose devices it serves. */
  grant: FlowGrant;
  operatorKey: Uint8Array;
  boxSecret: Uint8Array;
  service: FlowService;
}

export interface ServiceHost {
  /** Names of the devices that have a session now. */
  devices(): readonly string[];
  close(): Promise<void>;
}

/** Resolves when the broker has granted the subscription. Throws HalError as the link does. */
export async function openServiceHost(hosted: Hosted, ports: HostPorts): Promise<ServiceHost> {
  const host = new Host(hosted, ports);
  await host.begin();
  return host;
}

interface Welcomed {
  random: LineKeys["random"];
  session: HostSession;
}

interface KnownDevice {
  name: string;
  certificate: Uint8Array;
  shared: Uint8Array;
  current: Welcomed | undefined;
  pending: Welcomed[];
}

class Host implements ServiceHost {
  readonly #hosted: Hosted;
  readonly #ports: HostPorts;
  readonly #instance: Uint8Array;
  readonly #devices = new Map<string, KnownDevice>();
  readonly #mayMeet: () => boolean;
  readonly #maySayLost: () => boolean;

  constructor(hosted: Hosted, ports: HostPorts) {
    this.#hosted = hosted;
    this.#ports = ports;
    this.#instance = ports.entropy.bytes(INSTANCE_BYTES);
    this.#mayMeet = perSecond(ports.clock, NEW_DEVICES_PER_S);
    this.#maySayLost = perSecond(ports.clock, LOST_PER_S);
  }

  async begin(): Promise<void> {
    const { grant, service } = this.#hosted;
    const { link } = this.#ports;
    link.onMessage((message) => this.#take(message));
    service.onInfoChanged(() => {
      for (const { current } of this.#devices.values()) current?.session.infoChanged();
    });
    await link.subscribe(toServiceTopic(grant.device ?? "+", grant.name));
  }

  devices(): readonly string[] {
    const known = [...this.#devices.values()];
    return known.filter(({ current }) => current !== undefined).map(({ name }) => name);
  }

  async close(): Promise<void> {
    for (const device of this.#devices.values()) endAll(device);
    this.#devices.clear();
    await this.#ports.link.close();
  }

  #take({ topic, payload, retained }: LinkMessage): void {
    const { grant } = this.#hosted;
    const parsed = parseTopic(topic);
    if (retained || parsed?.is !== "to-service" || parsed.service !== grant.name) return;
    const { device } = parsed;
    if (grant.device !== undefined && grant.device !== device) return;
    const frame = decodeFlowFrame(payload);
    if (!frame.ok) {
      this.#dropped(device, frame.fault);
    } else if (frame.value.is === "hello") {
      this.#hello(device, frame.value);
    } else if (frame.value.is === "data" || frame.value.is === "receipt") {
      if (!this.#heard(device, frame.value)) this.#sayLost(device);
    }
  }

  #heard(name: string, frame: Extract<FlowFrame, { is: "data" | "receipt" }>): boolean {
    const device = this.#devices.get(name);
    if (device === undefined) return false;
    if (device.current?.session.line.take(frame)) {
      // Last in the order in which they were heard.
      this.#devices.delete(name);
      this.#devices.set(name, device);
      return true;
    }
    for (const welcomed of device.pending) {
      // What it brings is heard by a session that is the current one.
      if (!this.#opens(device, welcomed, frame)) continue;
      this.#makeCurrent(device, welcomed);
      return welcomed.session.line.take(frame);
    }
    return false;
  }

  #opens(
    { shared }: KnownDevice,
    { random }: Welcomed,
    { is, count, box }: Extract<FlowFrame, { is: "data" | "receipt" }>,
  ): boolean {
    const nonce = flowNonce(is, "device", random, count);
    return this.#ports.crypto.open(box, nonce, shared) !== undefined;
  }

  /** The device has shown that it knows our random bytes: it is there, now, and its session before is over. */
  #makeCurrent(device: KnownDevice, welcomed: Welcomed): void {
    const before = device.current;
    device.current = welcomed;
    device.pending = device.pending.filter((one) => one !== welcomed);
    before?.session.close();
    this.#ports.log("info", "flow-device-connected", { device: device.name });
  }

  #hello(name: string, frame: Extract<FlowFrame, { is: "hello" }>): void {
    const device = this.#meet(name, frame.certificate);
    if (device === undefined) return;
    const { deviceRandom, box } = frame;
    const nonce = flowNonce("hello", "device", { device: deviceRandom }, 0);
    const plain = this.#ports.crypto.open(box, nonce, device.shared);
    if (plain === undefined) {
      this.#dropped(name, { kind: "unsealed", message: "its hello was sealed by another key" });
      return;
    }
    if (plain[0] !== FLOW_VERSION) {
      this.#dropped(name, { kind: "version", message: `it speaks version ${plain[0]}` });
      return;
    }
    const isSame = ({ random }: Welcomed): boolean => equalBytes(random.device, deviceRandom);
    if (device.current !== undefined && isSame(device.current)) return;
    // Each hello gets random bytes of ours, the same hello too: a device whose chance begins anew with its power would
    // else count from 1 again under the nonces of before.
    this.#publish(name, this.#welcome(device, deviceRandom));
  }

  /** Who it is, by a certificate of the operator's; costly, and done once for each certificate. */
  #meet(name: string, certificate: Uint8Array): KnownDevice | undefined {
    const known = this.#devices.get(name);
    if (known !== undefined && equalBytes(known.certificate, certificate)) return known;
    if (!this.#mayMeet()) return undefined;
    const { crypto, clock } = this.#ports;
    const { operatorKey, boxSecret } = this.#hosted;
    const read = verifyCertificate(certificate, operatorKey, crypto);
    if (!read.ok || read.value.device !== name) {
      const fault: Fault = read.ok
        ? { kind: "wrong-device", message: "its certificate is of another device" }
        : read.fault;
      this.#dropped(name, fault);
      return undefined;
    }
    const isOver = clock.wallQuality() !== "unset" && clock.wallMs() >= 1000 * read.value.expiresS;
    const shared = crypto.boxShared(read.value.boxKey, boxSecret);
    if (isOver || shared === undefined || !this.#hasRoom()) {
      const why = isOver ? "its certificate has expired" : "its key is none, or there are too many";
      this.#dropped(name, { kind: isOver ? "expired" : "too-many", message: why });
      return undefined;
    }
    const met = { name, certificate, shared, current: known?.current, pending: [] };
    this.#devices.set(name, met);
    return met;
  }

  #hasRoom(): boolean {
    if (this.#devices.size < DEVICES_MAX) return true;
    // One that went without a word has a session still. One that is served has to stay.
    const devices = [...this.#devices.values()];
    const idle =
      devices.find(({ current }) => current === undefined) ??
      devices.find(({ current }) => current?.session.isWorking === false);
    if (idle === undefined) return false;
    endAll(idle);
    return this.#devices.delete(idle.name);
  }

  #welcome(device: KnownDevice, deviceRandom: Uint8Array): Uint8Array {
    const { crypto, entropy } = this.#ports;
    const { shared, name } = device;
    const random = { device: deviceRandom, service: entropy.bytes(RANDOM_BYTES) };
    const plain = Uint8Array.of(FLOW_VERSION, ...this.#instance);
    const box = crypto.seal(plain, flowNonce("welcome", "service", random, 0), shared);
    const welcome = encodeFlowFrame({
      is: "welcome",
      deviceRandom,
      serviceRandom: random.service,
      box,
    });
    const { grant, service } = this.#hosted;
    const stages = stagesOf(grant.stages).filter((stage) => service.stages.includes(stage));
    const publish = (payload: Uint8Array): void => this.#publish(name, payload);
    const ports = { ...this.#ports, stages, publish };
    const keys = { side: "service" as const, shared, random };
    const session = new HostSession(service, name, ports, keys, () => {
      const of = this.#devices.get(name);
      if (of?.current?.session === session) {
        of.current = undefined;
        this.#ports.log("info", "flow-device-lost", { device: name });
      }
      session.close();
    });
    device.pending = [...device.pending, { random, session }].slice(-PENDING_MAX);
    return welcome;
  }

  #sayLost(name: string): void {
    if (this.#maySayLost()) this.#publish(name, encodeFlowFrame({ is: "lost" }));
  }

  #publish(device: string, payload: Uint8Array): void {
    this.#ports.link.publish(fromServiceTopic(device, this.#hosted.grant.name), payload);
  }

  #dropped(device: string, { kind, message }: Fault): void {
    this.#ports.log("debug", "flow-frame-dropped", { device, kind, message });
  }
}

function endAll({ current, pending }: KnownDevice): void {
  current?.session.close();
  for (const { session } of pending) session.close();
}
