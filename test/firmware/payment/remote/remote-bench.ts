// A device and flow services elsewhere, joined by a simulated broker in virtual time. The services are scripted; what
// the engine would hear is kept in the order in which it came.

import type {
  CallListener,
  FlowService,
  RunningCall,
  StageCall,
} from "../../../../firmware/payment/engine/service.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import type { PaymentResponse } from "../../../../firmware/payment/model/payment.ts";
import type { Response } from "../../../../firmware/payment/model/request.ts";
import type { ServiceInfo } from "../../../../firmware/payment/model/service-info.ts";
import { STAGES, type Stage } from "../../../../firmware/payment/model/stages.ts";
import type { TransactionRequest } from "../../../../firmware/payment/model/transaction.ts";
import type { HostedCall } from "../../../../firmware/payment/remote/host-session.ts";
import {
  openRemoteServices,
  type RemotePorts,
  type RemoteServices,
} from "../../../../firmware/payment/remote/remote-services.ts";
import {
  openServiceHost,
  type ServiceHost,
} from "../../../../firmware/payment/remote/service-host.ts";
import type { FlowError, ServiceError } from "../../../../firmware/payment/rules/rejection.ts";
import { deviceName, issueCertificate } from "../../../../firmware/token/certificate.ts";
import {
  type FlowGrant,
  issueFlowGrant,
  verifyFlowGrant,
} from "../../../../firmware/token/flow-grant.ts";
import type { Revoked } from "../../../../firmware/token/revocation.ts";
import type { Link } from "../../../../hal/link.ts";
import { openNodeCrypto } from "../../../../hal/linux/node-crypto.ts";
import { type SimBroker, simBroker } from "../../../../hal/sim/sim-link.ts";
import { type SimWorld, simWorld } from "../../../../hal/sim/world.ts";

export const crypto = openNodeCrypto();
export const EXPIRES_S = 1_800_000_000;

/** Does with a call whatever the test says. */
export class ScriptedService implements FlowService {
  readonly id: string;
  stages: readonly Stage[];
  given: Partial<ServiceInfo>;
  readonly calls: StageCall[] = [];
  readonly told: FlowEvent[] = [];
  readonly refusals: [ServiceError, string][] = [];
  readonly responses: (PaymentResponse | Response)[] = [];
  onCall: (call: StageCall, listener: CallListener) => void = () => {};
  changed: () => void = () => {};

  constructor(id: string, stages: readonly Stage[], given: Partial<ServiceInfo> = {}) {
    this.id = id;
    this.stages = stages;
    this.given = given;
  }

  info(): Promise<unknown> {
    return Promise.resolve(infoOf(this.id, this.given));
  }

  refused(error: ServiceError, message: string): boolean {
    this.refusals.push([error, message]);
    return true;
  }

  onInfoChanged(listener: () => void): void {
    this.changed = listener;
  }

  call(call: StageCall, listener: CallListener): RunningCall {
    this.calls.push(call);
    this.onCall(call, listener);
    return { tell: (event) => this.told.push(event) };
  }

  ended(response: PaymentResponse | Response): void {
    this.responses.push(response);
  }
}

function infoOf(id: string, given: Partial<ServiceInfo>): ServiceInfo {
  return {
    id,
    packageName: id,
    vendor: "Bench",
    displayName: id,
    serviceVersion: "1.0.0",
    apiVersion: "1.0.0",
    accessible: false,
    flowTypes: [],
    customRequestTypes: [],
    dataKeys: [],
    canAdjustAmounts: false,
    canPayAmounts: false,
    paymentMethods: [],
    currencies: [],
    additionalInfo: {},
    stages: [],
    ...given,
  };
}

export type Heard =
  | ["acknowledged"]
  | ["audit", string, string]
  | ["event", FlowEvent]
  | ["respond", string, unknown]
  | ["failed", FlowError, string];

/** What an engine hears of one call. */
export class Ear implements CallListener {
  readonly heard: Heard[] = [];
  acknowledged = (): void => void this.heard.push(["acknowledged"]);
  audit = (severity: string, text: string): void => void this.heard.push(["audit", severity, text]);
  event = (event: FlowEvent): void => void this.heard.push(["event", event]);
  respond = (requestId: string, output: unknown): void =>
    void this.heard.push(["respond", requestId, output]);
  failed = (code: FlowError, message: string): void =>
    void this.heard.push(["failed", code, message]);

  /** Names of what was heard. */
  get kinds(): string[] {
    return this.heard.map(([kind]) => kind);
  }
}

export const REQUEST: TransactionRequest = {
  id: "call-1",
  transactionId: "00112233445566aa/1",
  flowType: "sale",
  stage: "PRE_TRANSACTION",
  amounts: { currency: "GBP", base: 1000, additional: {} },
  baskets: [],
  data: {},
  card: { data: {} },
  audience: "customer",
};

export function callOf(more: Partial<StageCall> = {}): StageCall {
  return {
    id: "call-1",
    stage: "PRE_TRANSACTION",
    flowType: "sale",
    initiator: "sale",
    background: false,
    input: REQUEST,
    ...more,
  };
}

export interface Party {
  boxSecret: Uint8Array;
  grant: Omit<FlowGrant, "name">;
  signed: Uint8Array;
}

export interface RemoteBench {
  world: SimWorld;
  broker: SimBroker;
  device: string;
  operatorKey: Uint8Array;
  /** Signed by the operator, for one service with all rights but card data. */
  enrol(id: string, more?: Partial<Omit<FlowGrant, "name">>): Party;
  /** Of the device; a name makes its own chance. */
  ports(name: string): RemotePorts;
  /** Of another device of the operator, on a link of its own. */
  otherPorts(name: string): RemotePorts & { link: Link };
  remotes: RemoteServices;
  deviceLink: Link;
  revoked: Revoked[];
  logged: [string, Readonly<Record<string, unknown>>][];
  host(service: FlowService, party: Party): Promise<Hosted>;
  /** Takes it in, serves it, and waits until they have met. */
  attach(service: ScriptedService, more?: Partial<Omit<FlowGrant, "name">>): Promise<Attached>;
}

export interface Hosted {
  host: ServiceHost;
  clientId: string;
  watched: HostedCall[];
}

export interface Attached extends Hosted {
  party: Party;
  remote: FlowService;
}

export function remoteBench(seed = 1): RemoteBench {
  const world = simWorld({ seed });
  const entropy = world.entropy("keys");
  const broker = simBroker({
    clock: world.clock,
    random: world.random,
    network: { delayMs: [2, 2] },
  });
  const operator = crypto.signer(entropy.bytes(32));
  const signer = crypto.signer(entropy.bytes(32));
  const boxSecret = entropy.bytes(32);
  const boxKey = crypto.boxPublicKey(boxSecret);
  const named = { signKey: signer.publicKey, boxKey, hostKey: boxKey };
  const claims = { ...named, serial: 1, bench: true, expiresS: EXPIRES_S };
  const certificate = issueCertificate(claims, operator, crypto);
  const device = deviceName(crypto, signer.publicKey);
  const revoked: Revoked[] = [];
  const logged: RemoteBench["logged"] = [];
  const deviceLink = broker.connect("device");
  const ports = (name: string): RemotePorts => ({
    link: deviceLink,
    crypto,
    entropy: world.entropy(name),
    clock: world.clock,
    log: (_level, event, fields = {}) => logged.push([event, fields]),
    deviceKeys: { device, boxSecret, certificate },
    operatorKey: operator.publicKey,
    revocations: () => ({ revoked }),
  });
  const otherPorts: RemoteBench["otherPorts"] = (name) => {
    const keys = world.entropy(`keys of ${name}`);
    const key = crypto.signer(keys.bytes(32)).publicKey;
    const secret = keys.bytes(32);
    const box = crypto.boxPublicKey(secret);
    const own = { ...claims, signKey: key, boxKey: box, hostKey: box };
    return {
      ...ports(name),
      link: broker.connect(name),
      deviceKeys: {
        device: deviceName(crypto, key),
        boxSecret: secret,
        certificate: issueCertificate(own, operator, crypto),
      },
    };
  };
  const remotes = openRemoteServices(ports("device"));
  deviceLink.onMessage((message) => remotes.take(message));
  let hosts = 0;

  const enrol: RemoteBench["enrol"] = (id, more = {}) => {
    const secret = world.entropy(`service ${id} ${more.serial ?? 1}`).bytes(32);
    const grant = {
      id,
      boxKey: crypto.boxPublicKey(secret),
      role: "value-added" as const,
      stages: [STAGES.PRE_TRANSACTION, STAGES.POST_TRANSACTION, STAGES.GENERIC],
      adjust: true,
      pay: true,
      methods: [],
      card: false,
      serial: 1,
      expiresS: EXPIRES_S,
      ...more,
    };
    return { boxSecret: secret, grant, signed: issueFlowGrant(grant, operator, crypto) };
  };
  const host: RemoteBench["host"] = async (service, { signed, boxSecret: secret }) => {
    const grant = verifyFlowGrant(signed, operator.publicKey, crypto);
    if (!grant.ok) throw new Error(grant.fault.message);
    hosts += 1;
    const clientId = `host-${hosts}`;
    const watched: HostedCall[] = [];
    const opening = openServiceHost(
      { grant: grant.value, operatorKey: operator.publicKey, boxSecret: secret, service },
      {
        link: broker.connect(clientId),
        crypto,
        entropy: world.entropy(clientId),
        clock: world.clock,
        log: () => {},
        watch: (call) => watched.push(call),
      },
    );
    await world.runFor(10);
    return { host: await opening, clientId, watched };
  };
  const attach: RemoteBench["attach"] = async (service, more = {}) => {
    const party = enrol(service.id, more);
    const hosted = await host(service, party);
    const added = remotes.add(party.signed);
    if (!added.ok) throw new Error(added.fault.message);
    await world.runFor(50);
    return { ...hosted, party, remote: added.value };
  };
  const operatorKey = operator.publicKey;
  const ends = { world, broker, device, operatorKey, remotes, deviceLink, revoked, logged };
  return { ...ends, ports, otherPorts, enrol, host, attach };
}

/** The result of what needs the world to go on. */
export async function asked<T>(bench: RemoteBench, answer: Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  void answer.then((value) => {
    result = { value };
  });
  await bench.world.runWhile(() => result === undefined, 10_000);
  if (result === undefined) throw new Error("no answer within 10 s");
  return result.value;
}
