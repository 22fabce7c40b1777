// What passes between a program inside the engine and its host: plain numbers, text and bytes, nothing that one could keep.

/** What the host does for the program. */
export interface HostCalls {
  nowMs(): number;
  wallMs(): number;
  publish(topic: string, payload: ArrayBuffer, retain: boolean): void;
  /** Answered by `granted`. */
  subscribe(filter: string): void;
  /** What comes of the story, one line of JSON each. */
  tell(line: string): void;
}

/** What the host may call, each time when no promise callback is left to run. */
export interface PortableProgram {
  start(): void;
  /** When `wake` wants to be called, Infinity for never. */
  nextMs(): number;
  /** Runs one event that is due. */
  wake(): void;
  arrive(topic: string, payload: ArrayBuffer, retained: boolean): void;
  granted(filter: string): void;
  connected(isConnected: boolean): void;
}

/** Keys and settings, in hexadecimal; what differs between the programs is not read by the other. */
export interface PortableSettings {
  seed: number;
  operatorKey: string;
  certificate: string;
  signSeed: string;
  boxSecret: string;
  hostSecret: string;
  clientId: string;
  sales: readonly PortableSale[];
}

export interface PortableSale {
  units: number;
  stream?: { step: number; window: number };
}

/** What the buyer holds receipts of, and what he had to compute since the sale before. */
export interface PortableSold {
  sale: number;
  state: string;
  pulses: number;
  capturedMinor: number;
  /** Proofs that were let go of, each for one more step of units. */
  proofs: number;
  computed: Readonly<Record<"sign" | "verify" | "boxShared" | "digest", number>>;
}

export type Told =
  | { is: "progress"; sale: number; pulses: number }
  | ({ is: "sold" } & PortableSold)
  | { is: "done" }
  | { is: "failed"; message: string };
