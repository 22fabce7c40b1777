// DNS-SD on the local network (RFC 6763 over RFC 6762): a device tells where its broker is, a consumer finds it.
// Only an address comes from here, and anybody on the network may claim anything: who is dealt with is decided
// by the signed announcement at that broker. `multicast-dns` speaks and parses the packets; nothing else
// imports it. IPv4 only. Where multicast does not work, nothing is told and nothing is found.

import { BlockList, isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import openMulticastDns, {
  type MulticastDNS,
  type ResponseOutgoingPacket,
  type ResponsePacket,
} from "multicast-dns";

const SERVICE = "_sluice._tcp.local";
/** RFC 6763, 9: who asks for kinds of services. */
const SERVICE_KINDS = "_services._dns-sd._udp.local";
const VERSION = "v=1";
const PORT = 5353;
const TTL_S = 120;
/** RFC 6762, 8.3: said twice, a second apart. */
const ANNOUNCE_AGAIN_MS = 1_000;
/** RFC 6762, 6: answers that several may give are spread, and what is asked twice meanwhile is answered once. */
const ANSWER_MS_MIN = 20;
const ANSWER_MS_MAX = 120;
/** A network that comes later (Wi-Fi, DHCP) is taken up. */
const LOOK_AGAIN_MS = 15_000;
const GOODBYE_MS_MAX = 300;
const ASK_AGAIN_MS = 1_000;
const INTERFACES_MAX = 8;
/** What one packet, and one search, can hold. */
const RECORDS_MAX = 64;
const FOUND_MAX = 32;
/** RFC 1035, 2.3.4. */
const LABEL_BYTES_MAX = 63;

export interface Interface {
  address: string;
  /** Such as 192.168.1.7/24. */
  cidr: string;
}

export interface Network {
  interfaces(): readonly Interface[];
  /** UDP port. */
  port: number;
}

const LOCAL_NETWORK: Network = { interfaces: interfacesHere, port: PORT };

export interface Advertised {
  /** As people see it. */
  name: string;
  /** Device id. */
  id: string;
  /** Address that the broker is bound to, or 0.0.0.0 or :: for all. */
  host: string;
  port: number;
}

export interface FoundBroker {
  name: string;
  id: string;
  host: string;
  port: number;
}

/** Networks of this machine beyond loopback. */
function interfacesHere(): Interface[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal, cidr }) => family === "IPv4" && !internal && cidr !== null)
    .map(({ address, cidr }) => ({ address, cidr: cidr ?? "" }))
    .slice(0, INTERFACES_MAX);
}

/** Tells it on every network that the broker listens on, until closed; close takes it back. Never fails. */
export function advertise(
  service: Advertised,
  network: Network = LOCAL_NETWORK,
): { close(): Promise<void> } {
  const sites = new Map<string, AdvertisedSite>();
  const look = (): void => {
    const wanted = network
      .interfaces()
      .filter(({ address }) => ["0.0.0.0", "::", address].includes(service.host));
    for (const [cidr, site] of sites) {
      if (wanted.some((one) => one.cidr === cidr)) continue;
      sites.delete(cidr);
      void site.close();
    }
    for (const one of wanted) {
      if (!sites.has(one.cidr)) sites.set(one.cidr, new AdvertisedSite(service, one, network.port));
    }
  };
  look();
  const timer = setInterval(look, LOOK_AGAIN_MS).unref();
  return {
    close: async () => {
      clearInterval(timer);
      await Promise.all([...sites.values()].map((site) => site.close()));
      sites.clear();
    },
  };
}

/** One device on one network. */
class AdvertisedSite {
  readonly #mdns: MulticastDNS;
  readonly #records: (ttl: number) => ResponseOutgoingPacket;
  readonly #names: ReadonlySet<string>;
  #answer: NodeJS.Timeout | undefined;
  #repeat: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(service: Advertised, { address, cidr }: Interface, port: number) {
    const instance = `${instanceLabel(service)}.${SERVICE}`;
    const host = `sluice-${service.id}.local`;
    this.#names = new Set([SERVICE, SERVICE_KINDS, instance, host].map((one) => one.toLowerCase()));
    this.#records = (ttl) => ({
      answers: [
        { type: "PTR", name: SERVICE, ttl, data: instance },
        // Not taken back: others offer the same kind.
        ...(ttl === 0 ? [] : [{ type: "PTR" as const, name: SERVICE_KINDS, ttl, data: SERVICE }]),
      ],
      additionals: [
        { type: "SRV", name: instance, ttl, data: { port: service.port, target: host } },
        { type: "TXT", name: instance, ttl, data: [VERSION, `id=${service.id}`] },
        { type: "A", name: host, ttl, data: address },
      ],
    });
    const isNear = onLink(cidr);
    this.#mdns = openOn(address, port);
    this.#mdns.on("query", ({ questions = [] }, from) => {
      if (!isNear(from.address)) return;
      const isMeant = questions
        .slice(0, RECORDS_MAX)
        .some(({ name }) => this.#names.has(name.toLowerCase()));
      if (isMeant) this.#answerSoon();
    });
    this.#tell();
    this.#repeat = setTimeout(() => this.#tell(), ANNOUNCE_AGAIN_MS).unref();
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      clearTimeout(this.#answer);
      clearTimeout(this.#repeat);
      const leave = (): void => {
        clearTimeout(limit);
        this.#mdns.destroy(() => resolve());
      };
      const limit = setTimeout(leave, GOODBYE_MS_MAX);
      // RFC 6762, 10.1: a time to live of nothing takes it back.
      try {
        this.#mdns.respond(this.#records(0), leave);
      } catch {
        leave();
      }
    });
    return this.#closing;
  }

  #tell(): void {
    unlessUnbound(() => this.#mdns.respond(this.#records(TTL_S)));
  }

  #answerSoon(): void {
    if (this.#closing !== undefined) return;
    this.#answer ??= setTimeout(
      () => {
        this.#answer = undefined;
        this.#tell();
      },
      ANSWER_MS_MIN + Math.random() * (ANSWER_MS_MAX - ANSWER_MS_MIN),
    ).unref();
  }
}

/** Asks every network. After the first answer it waits `settleMs` for others; without one, `timeoutMs` in all. */
export async function findBrokers(
  { timeoutMs, settleMs }: { timeoutMs: number; settleMs: number },
  network: Network = LOCAL_NETWORK,
): Promise<readonly FoundBroker[]> {
  const found = new Map<string, FoundBroker & { at: string }>();
  const sites = network
    .interfaces()
    .map((one) => ({ ...one, mdns: openOn(one.address, network.port) }));
  if (sites.length === 0) return [];
  const ask = (): void => {
    const questions = [{ name: SERVICE, type: "PTR" as const }];
    for (const { mdns } of sites) unlessUnbound(() => mdns.query({ questions }));
  };
  let again: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    let limit = setTimeout(resolve, timeoutMs);
    let settling = false;
    for (const { mdns, cidr } of sites) {
      const isNear = onLink(cidr);
      mdns.on("response", (packet, from) => {
        if (!isNear(from.address)) return;
        for (const one of brokersIn(packet, from.address, isNear)) {
          // One device on two networks is one; two that claim to be one on the same network are two.
          const others = [...found.values()];
          if (others.some(({ id, at }) => id === one.id && at !== cidr)) continue;
          if (found.size < FOUND_MAX) found.set(`${one.host}:${one.port}`, { ...one, at: cidr });
        }
        if (found.size === 0 || settling) return;
        settling = true;
        clearTimeout(limit);
        limit = setTimeout(resolve, settleMs);
      });
    }
    ask();
    again = setTimeout(ask, ASK_AGAIN_MS);
  });
  clearTimeout(again);
  await Promise.all(
    sites.map(({ mdns }) => new Promise<void>((resolve) => mdns.destroy(() => resolve()))),
  );
  return [...found.values()].map(({ at: _, ...one }) => one);
}

/** The brokers that one packet tells of; an address that is not on the link is not taken from it. */
export function brokersIn(
  packet: Pick<ResponsePacket, "answers" | "additionals">,
  sender: string,
  isNear: (address: string) => boolean,
): FoundBroker[] {
  const records = [...(packet.answers ?? []), ...(packet.additionals ?? [])].slice(0, RECORDS_MAX);
  const found: FoundBroker[] = [];
  for (const pointer of records) {
    if (pointer.type !== "PTR" || !isSame(pointer.name, SERVICE) || isTakenBack(pointer)) continue;
    const instance = pointer.data;
    let place: { port: number; target: string } | undefined;
    let texts: readonly string[] = [];
    for (const record of records) {
      if (isTakenBack(record) || !isSame(record.name, instance)) continue;
      if (record.type === "SRV") place ??= record.data;
      if (record.type === "TXT") texts = [record.data].flat().map((text) => text.toString());
    }
    const id = texts.map((text) => /^id=([A-Za-z0-9_-]{11})$/.exec(text)?.[1]).find(Boolean);
    if (place === undefined || place.port === 0 || id === undefined || !texts.includes(VERSION))
      continue;
    const { port, target } = place;
    const told = records.find(
      (one) => one.type === "A" && isSame(one.name, target) && isIPv4(one.data) && isNear(one.data),
    );
    const host = told?.type === "A" ? told.data : sender;
    found.push({ name: shownName(instance, id), id, host, port });
  }
  return found;
}

/** Whether an address belongs to the network, so that nobody beyond it has a say (RFC 6762, 11). */
export function onLink(cidr: string): (address: string) => boolean {
  const [address = "", bits = ""] = cidr.split("/");
  const network = new BlockList();
  network.addSubnet(address, Number(bits), "ipv4");
  return (other) => isIPv4(other) && network.check(other, "ipv4");
}

/** A socket that could not be bound is bound again by the next packet, and where it is closed by then that throws. */
function unlessUnbound(send: () => void): void {
  try {
    send();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING") throw error;
  }
}

function openOn(address: string, port: number): MulticastDNS {
  const mdns = openMulticastDns({ port, interface: address, bind: "0.0.0.0" });
  // A port that is taken, a network without multicast, a packet that is none: then nothing is found here.
  mdns.on("error", () => undefined);
  mdns.on("warning", () => undefined);
  return mdns;
}

/** The id makes it unique, so that no two devices have to agree who is called what. A dot would begin a label. */
function instanceLabel({ name, id }: Advertised): string {
  const suffix = ` (${id})`;
  let shown = plain(name);
  while (Buffer.byteLength(shown) > LABEL_BYTES_MAX - suffix.length) {
    shown = [...shown].slice(0, -1).join("");
  }
  return `${shown}${suffix}`;
}

function shownName(instance: string, id: string): string {
  const label = isSame(instance.slice(-SERVICE.length), SERVICE)
    ? instance.slice(0, -SERVICE.length - 1)
    : instance;
  return plain(label.replace(` (${id})`, "")).slice(0, LABEL_BYTES_MAX);
}

/** Without what moves a cursor or changes the direction of writing. */
function plain(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "").replaceAll(".", "-");
}

function isTakenBack(record: object): boolean {
  return "ttl" in record && record.ttl === 0;
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
