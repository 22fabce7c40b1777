// Link port: publish and subscribe bytes by topic. Everything on it may be lost, doubled, delayed, reordered,
// read or forged; what must arrive is repeated by the protocol above until the other side has answered.

export interface LinkMessage {
  topic: string;
  payload: Uint8Array;
  /** The broker kept it from before we subscribed. */
  retained: boolean;
}

/** Published by the broker, retained, when the link goes without close(); an empty payload clears its topic. */
export interface LinkWill {
  topic: string;
  payload: Uint8Array;
}

export interface Link {
  /** Hands the message over and returns. While disconnected a message that is not retained is dropped. */
  publish(topic: string, payload: Uint8Array, options?: { retain: boolean }): void;
  /** MQTT topic filter. Resolves when the broker has granted it; kept, and asked for again after a reconnect. */
  subscribe(filter: string): Promise<void>;
  /** One listener; the last one set counts. */
  onMessage(listener: (message: LinkMessage) => void): void;
  /** Called at every change. One listener; the last one set counts. */
  onState(listener: (connected: boolean) => void): void;
  connected(): boolean;
  /** Sends what was handed over, then leaves without leaving the will behind. Idempotent. */
  close(): Promise<void>;
}
