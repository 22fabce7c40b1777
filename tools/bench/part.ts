// A part of the bench: measures some of the figures, and can be run by itself.

import type { Figure } from "./figure.ts";
import type { Site } from "./site.ts";

/** How much is measured. */
export interface Counts {
  sales: number;
  warmUp: number;
  countedSales: number;
  keptSales: number;
  ownBrokerSales: number;
  /** After which memory is looked at, the timed ones among them. */
  soakSales: number;
  crowdSales: number;
  starts: number;
  tokens: number;
  usedTokens: number;
  proofs: number;
  stageCalls: number;
  cuts: number;
  /** Of pulses on several lines. */
  pulseSeconds: number;
  stops: number;
  /** Of the soak in virtual time. */
  days: number;
}

export interface Findings {
  figures: readonly Figure[];
  /** Printed as they are. */
  tables: readonly string[];
  /** What goes into the file besides, by name. */
  more?: Readonly<Record<string, unknown>>;
}

export interface Part {
  name: string;
  what: string;
  measure(counts: Counts, site: Site, tell: (text: string) => void): Promise<Findings>;
}
