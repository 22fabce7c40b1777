// The flow services of a device that run elsewhere: takes them in by the operator's grants, lets go of them, and
// gives each the frames that come under its own topic. Nobody is heard who has no grant.

import type { Clock } from "../../../hal/clock.ts";
import type { Crypto } from "../../../hal/crypto.ts";
import type { Entropy } from "../../../hal/entropy.ts";
import type { Link, LinkMessage } from "../../../hal/link.ts";
import { equalBytes } from "../../bytes.ts";
import type { Log } from "../../log.ts";
import { fromServiceTopic, parseTopic, toServiceTopic } from "../../protocol/topics.ts";
import { type Fault, fail, ok, type Result } from "../../result.ts";
import { type FlowGrant, verifyFlowGrant } from "../../token/flow-grant.ts";
import { isRevoked, type Revocations } from "../../token/revocation.ts";
import type { FlowService } from "../engine/service.ts";
import { isServiceId, SERVICE_ID_RULE } from "../registry/service-id.ts";
import { PAYMENT_STAGES, stagesOf } from "./granted-stages.ts";
import { perSecond } from "./per-second.ts";
import { RemoteService } from "./remote-service.ts";

export const REMOTE_SERVICES_MAX = 16;
/** Of one service, looked at: opening one costs time, whoever made it. Messages and receipts of a busy one are fewer. */
const FRAMES_PER_S = 2_000;

export interface RemotePorts {
  link: Pick<Link, "publish" | "subscribe">;
  crypto: Crypto;
  entropy: Entropy;
  /** Its wall clock says when a grant has expired. */
  clock: Clock;
  log: Log;
  /** The device, as its certificate names it; `boxSecret` is of the certificate's box key. */
  deviceKeys: { device: string; boxSecret: Uint8Array; certificate: Uint8Array };
  operatorKey: Uint8Array;
  /** The operator's latest list, which names services as it names devices: by the thumbprint of their key. */
  revocations(): Pick<Revocations, "revoked"> | undefined;
}

export interface ListedRemote {
  grant: FlowGrant;
  isConnected: boolean;
  /** Frames and messages of it that were dropped: not sealed for us, too large, out of turn. */
  dropped: number;
  /** Why it is not called: its grant has expired, or was revoked. */
  forbidden?: Fault;
}

export interface RemoteServices {
  /**
   * Takes in a service by its grant, or takes a later grant for the same service and key in the place of the one
   * before. The service that is returned goes to the engine's registry. Errors: those of readGrant, `exists` when
   * another service has that id or that key, `too-many`.
   */
  add(signed: Uint8Array): Result<FlowService>;
  /** False when there is none. It is not heard any more. */
  remove(id: string): boolean;
  list(): readonly ListedRemote[];
  /** Hands over what came on the link; true when the topic was one of a flow service. */
  take(message: LinkMessage): boolean;
  close(): void;
}

/**
 * A grant that is good for this device, now. Errors: those of verifyFlowGrant, `malformed` for an id by which another
 * may be meant, `wrong-device`, `expired`, `revoked`,
 * `out-of-range` for a grant without a stage that is known here or with one that its role has nothing to do in.
 */
export function readGrant(
  signed: Uint8Array,
  ports: Pick<RemotePorts, "crypto" | "clock" | "operatorKey" | "revocations"> & { device: string },
): Result<FlowGrant> {
  const read = verifyFlowGrant(signed, ports.operatorKey, ports.crypto);
  if (!read.ok) return read;
  const grant = read.value;
  if (!isServiceId(grant.id)) {
    return fail("malformed", `the service's id ${SERVICE_ID_RULE}`, "flow-grant.service.id");
  }
  if (grant.device !== undefined && grant.device !== ports.device) {
    const message = `the grant of ${grant.id} is for the device ${grant.device}`;
    return fail("wrong-device", message, "flow-grant.service.device");
  }
  const stages = stagesOf(grant.stages);
  if (stages.length === 0) {
    return fail("out-of-range", "the grant names no stage that is known here", "flow-grant.stages");
  }
  const processes = stages.some((stage) => PAYMENT_STAGES.has(stage));
  if (processes && grant.role !== "payment") {
    const message = "only a payment application reads cards and processes transactions";
    return fail("out-of-range", message, "flow-grant.service.role");
  }
  const barred = barredNow(grant, ports);
  return barred === undefined ? ok(grant) : { ok: false, fault: barred };
}

/** Why a grant that was good is not good any more. A clock that was never set says nothing about expiry. */
function barredNow(
  grant: FlowGrant,
  { clock, revocations }: Pick<RemotePorts, "clock" | "revocations">,
): Fault | undefined {
  const { id, name, serial, expiresS } = grant;
  const list = revocations();
  if (list !== undefined && isRevoked(list, { device: name, serial })) {
    return { kind: "revoked", message: `the operator took back the grant of ${id}` };
  }
  if (clock.wallQuality() === "unset" || clock.wallMs() < 1000 * expiresS) return undefined;
  return { kind: "expired", message: `the grant of ${id} has expired: enrol it again` };
}

export function openRemoteServices(ports: RemotePorts): RemoteServices {
  return new Remotes(ports);
}

interface Entry {
  grant: FlowGrant;
  service: RemoteService;
  dropped: number;
  mayTake(): boolean;
}

class Remotes implements RemoteServices {
  readonly #ports: RemotePorts;
  readonly #entries = new Map<string, Entry>();

  constructor(ports: RemotePorts) {
    this.#ports = ports;
  }

  add(signed: Uint8Array): Result<FlowService> {
    const { deviceKeys, crypto } = this.#ports;
    const read = readGrant(signed, { ...this.#ports, device: deviceKeys.device });
    if (!read.ok) return read;
    const grant = read.value;
    const before = this.#entries.get(grant.id);
    if (before !== undefined && !isLater(before.grant, grant)) {
      return fail(
        "exists",
        `${grant.id} is attached already: detach it first`,
        "flow-grant.service.id",
      );
    }
    const twin = [...this.#entries.values()].find(
      ({ grant: { id, name } }) => id !== grant.id && name === grant.name,
    );
    if (twin !== undefined) {
      const message = `${twin.grant.id} has the key of ${grant.id}: each service needs its own`;
      return fail("exists", message, "flow-grant.service.boxKey");
    }
    if (before === undefined && this.#entries.size >= REMOTE_SERVICES_MAX) {
      return fail("too-many", `a device has at most ${REMOTE_SERVICES_MAX} services elsewhere`);
    }
    const shared = crypto.boxShared(grant.boxKey, deviceKeys.boxSecret);
    if (shared === undefined) {
      return fail("malformed", "the key of the service is none", "flow-grant.service.boxKey");
    }
    before?.service.close();
    const mayTake = perSecond(this.#ports.clock, FRAMES_PER_S);
    const entry = { grant, service: this.#open(grant, shared), dropped: 0, mayTake };
    this.#entries.set(grant.id, entry);
    this.#listen(entry);
    return ok(entry.service);
  }

  remove(id: string): boolean {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    entry?.service.close();
    return entry !== undefined;
  }

  list(): readonly ListedRemote[] {
    return [...this.#entries.values()].map(({ grant, service, dropped }) => {
      const forbidden = barredNow(grant, this.#ports);
      const { isConnected } = service;
      return { grant, isConnected, dropped, ...(forbidden !== undefined && { forbidden }) };
    });
  }

  take({ topic, payload, retained }: LinkMessage): boolean {
    const parsed = parseTopic(topic);
    if (parsed?.is !== "from-service") return false;
    if (retained || parsed.device !== this.#ports.deviceKeys.device) return true;
    for (const { grant, service, mayTake } of this.#entries.values()) {
      if (grant.name !== parsed.service) continue;
      if (mayTake()) service.take(payload);
      else this.#dropped(grant, { kind: "too-many", message: "more frames than are looked at" });
    }
    return true;
  }

  close(): void {
    for (const { service } of this.#entries.values()) service.close();
    this.#entries.clear();
  }

  #open(grant: FlowGrant, shared: Uint8Array): RemoteService {
    const { link, deviceKeys, clock, crypto, entropy } = this.#ports;
    const topic = toServiceTopic(deviceKeys.device, grant.name);
    return new RemoteService(grant, {
      clock,
      crypto,
      entropy,
      certificate: deviceKeys.certificate,
      shared,
      publish: (payload) => link.publish(topic, payload),
      forbidden: () => barredNow(grant, this.#ports),
      dropped: (fault) => this.#dropped(grant, fault),
    });
  }

  /** Says hello when the answer can be heard. */
  #listen({ grant, service }: Entry): void {
    const { link, deviceKeys, log } = this.#ports;
    link.subscribe(fromServiceTopic(deviceKeys.device, grant.name)).then(
      () => service.begin(),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        log("error", "flow-service-unheard", { service: grant.id, message });
      },
    );
  }

  /** The first one, and then every doubling, is told: whoever sends them is not given our disk. */
  #dropped(grant: FlowGrant, fault: Fault): void {
    const entry = this.#entries.get(grant.id);
    if (entry === undefined) return;
    entry.dropped += 1;
    if ((entry.dropped & (entry.dropped - 1)) !== 0) return;
    const { dropped } = entry;
    const { kind, message } = fault;
    this.#ports.log("warn", "flow-service-dropped", { service: grant.id, dropped, kind, message });
  }
}

/** Two services are never taken for one, and an older grant is never taken for a later one. */
function isLater(before: FlowGrant, grant: FlowGrant): boolean {
  return equalBytes(before.boxKey, grant.boxKey) && grant.serial > before.serial;
}
