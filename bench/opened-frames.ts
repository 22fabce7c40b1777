// Frames as a reader sees them who has the keys of every device of the bench: what is sealed is opened, and named by the
// message in it.

import { toHex } from "../firmware/bytes.ts";
import {
  decodeReply,
  decodeRequest,
  envelopeNonce,
  type ReplyFrame,
  type RequestFrame,
} from "../firmware/protocol/envelope.ts";
import { decodeMessage } from "../firmware/protocol/message-codec.ts";
import { parseTopic } from "../firmware/protocol/topics.ts";
import type { SimPublish } from "../hal/sim/sim-link.ts";
import { readFrame } from "./frame-text.ts";
import { crypto, type Site } from "./site.ts";

export interface FrameWords {
  /** The message, where the frame could be opened; else what sort of frame it is. */
  kind: string;
  /** JSON of the message, bytes in hexadecimal digits. */
  opened?: string;
  diagnostic: string;
}

/** Undefined for a consumer's key that is none. */
type SharedKey = () => Uint8Array | undefined;

/** Connections whose keys are kept; the oldest make room. */
const CONNECTIONS_MAX = 1_000;
/** A device begins an epoch too when it has had too many connections. */
const EPOCHS_AHEAD = 3;

export class OpenedFrames {
  readonly #sites: ReadonlyMap<string, Site>;
  /** By device and connection. */
  readonly #keys = new Map<string, SharedKey>();

  /** `sites` by the names of their devices. */
  constructor(sites: ReadonlyMap<string, Site>) {
    this.#sites = sites;
  }

  /** To be called at once: keys are learnt from frames. What it gives reads the frame when it is called. */
  see({ clientId, topic, payload }: SimPublish): () => FrameWords {
    const open = this.#opener(clientId, topic, payload);
    return () => {
      const read = readFrame(payload, topic, crypto);
      if (!read.ok) return { kind: "unreadable", diagnostic: read.fault.message };
      const plain = open?.();
      const message = plain && decodeMessage(plain);
      const { kind, diagnostic, fields } = read.value;
      if (message?.ok) {
        return { kind: message.value.is, opened: wordsOf(message.value), diagnostic };
      }
      return kind === "request" || kind === "reply"
        ? { kind: `${kind}, sealed`, diagnostic }
        : { kind, opened: wordsOf(fields), diagnostic };
    };
  }

  #opener(
    clientId: string,
    topic: string,
    payload: Uint8Array,
  ): (() => Uint8Array | undefined) | undefined {
    const parsed = parseTopic(topic);
    if (parsed?.is === "request") {
      const frame = decodeRequest(payload);
      const site = this.#sites.get(parsed.device);
      if (!frame.ok || site === undefined) return undefined;
      const shared = this.#keyOf(site, parsed.connection, frame.value);
      const epochs = epochsOf(site);
      return () =>
        firstOf(epochs, (epoch) => opened(parsed.connection, epoch, frame.value, shared));
    }
    const site = this.#sites.get(clientId);
    if (parsed?.is !== "reply" || site === undefined) return undefined;
    const frame = decodeReply(payload);
    if (!frame.ok || !("box" in frame.value)) return undefined;
    const { value } = frame;
    const shared = this.#keys.get(`${site.device} ${parsed.connection}`);
    const epochs = epochsOf(site);
    return () => firstOf(epochs, (epoch) => opened(parsed.connection, epoch, value, shared));
  }

  #keyOf(site: Site, connection: string, { consumerKey }: RequestFrame): SharedKey | undefined {
    const name = `${site.device} ${connection}`;
    if (consumerKey === undefined) return this.#keys.get(name);
    let shared: Uint8Array | undefined;
    // Dear to make, and most frames are never looked at.
    const made: SharedKey = () => {
      shared ??= crypto.boxShared(consumerKey, site.secrets.boxSecret);
      return shared;
    };
    this.#keys.delete(name);
    this.#keys.set(name, made);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > CONNECTIONS_MAX && oldest !== undefined) this.#keys.delete(oldest);
    return made;
  }
}

/** The present one first, then what may have come or gone since the site last said. */
function epochsOf({ epochs }: Site): readonly number[] {
  const now = epochs.at(-1) ?? 0;
  const later = Array.from({ length: EPOCHS_AHEAD }, (_, i) => now + 1 + i);
  return [now, ...later, ...(now > 0 ? [now - 1] : [])];
}

function firstOf(
  epochs: readonly number[],
  open: (epoch: number) => Uint8Array | undefined,
): Uint8Array | undefined {
  for (const epoch of epochs) {
    const plain = open(epoch);
    if (plain !== undefined) return plain;
  }
  return undefined;
}

function opened(
  connection: string,
  epoch: number,
  frame: RequestFrame | ReplyFrame,
  sharedKey: SharedKey | undefined,
): Uint8Array | undefined {
  const shared = sharedKey?.();
  if (shared === undefined) return undefined;
  const nonce =
    "n" in frame
      ? envelopeNonce("reply", connection, epoch, frame.id, frame.n)
      : envelopeNonce("request", connection, epoch, frame.id, 0);
  return crypto.open(frame.box, nonce, shared);
}

function wordsOf(fields: object): string {
  return JSON.stringify(fields, (_, value: unknown) =>
    value instanceof Uint8Array ? toHex(value) : value,
  );
}
