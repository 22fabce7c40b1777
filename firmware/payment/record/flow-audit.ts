// The audit log of one flow: what happened in which stage, by whom, in order. Bounded, and safe to show: what
// services say is cut, and hidden where it looks like a secret.

import type { Clock } from "../../../hal/clock.ts";
import { hideSecrets } from "../../log.ts";
import { countText } from "../../units.ts";
import {
  AUDIT_CHARACTERS_MAX,
  type AuditEntry,
  type AuditKind,
  type Severity,
} from "../model/audit-entry.ts";
import type { Stage } from "../model/stages.ts";
import type { Augmented } from "../model/transaction.ts";
import {
  FLAGS,
  FLOW_ERRORS,
  type Flag,
  type FlowError,
  REJECTIONS,
  type Rejection,
} from "../rules/rejection.ts";

/** Of one flow; what comes after is counted. The last places are kept for how it ended. */
const ENTRIES_MAX = 400;
const ENTRIES_KEPT_FOR_END = 16;
const TEXT_BYTES_MAX = 256;

export type AuditCode = Rejection | Flag | FlowError;

export interface AuditFields {
  severity?: Severity;
  stage?: Stage;
  service?: string;
  transaction?: string;
  code?: AuditCode;
  augmented?: readonly Augmented[];
  text?: string;
}

const CODES: ReadonlyMap<string, number> = new Map(
  Object.entries({ ...REJECTIONS, ...FLAGS, ...FLOW_ERRORS }),
);

/** The number of a rejection, a flag or a flow error. */
function codeNumber(code: AuditCode): number {
  return CODES.get(code) ?? FLOW_ERRORS.unexpectedError;
}

export class FlowAudit {
  readonly #clock: Clock;
  readonly #entries: AuditEntry[] = [];
  #dropped = 0;
  #follower: ((entry: AuditEntry) => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(kind: AuditKind, fields: AuditFields = {}): void {
    const isEnd = kind === "ended" || kind === "undone" || kind === "flagged";
    if (this.#entries.length >= ENTRIES_MAX - (isEnd ? 0 : ENTRIES_KEPT_FOR_END)) {
      this.#dropped++;
      return;
    }
    const { severity = "info", code, text, ...rest } = fields;
    const entry: AuditEntry = {
      atMs: Math.max(0, this.#clock.wallMs()),
      kind,
      severity,
      ...rest,
      ...(code !== undefined && { code: codeNumber(code) }),
      ...(text !== undefined && { text: cutText(hideSecrets(oneLine(text)), TEXT_BYTES_MAX) }),
    };
    this.#entries.push(entry);
    this.#follower?.(entry);
  }

  /** Hears what is added from now on. */
  follow(follower: (entry: AuditEntry) => void): void {
    this.#follower = follower;
  }

  /** Frozen; with how many were left out, where there were too many. */
  entries(): readonly AuditEntry[] {
    const last = this.#entries.at(-1);
    if (this.#dropped === 0 || last === undefined) return Object.freeze([...this.#entries]);
    const lost = { atMs: last.atMs, kind: "flagged", severity: "warning" } as const;
    return Object.freeze([
      ...this.#entries,
      { ...lost, text: `${countText(this.#dropped, "line")} left out` },
    ]);
  }
}

/** A service's own words: so many characters, and three dots where there were more. */
export function cutWords(text: string): string {
  const start = text.slice(0, AUDIT_CHARACTERS_MAX);
  return start.length === text.length ? text : `${start.replace(/\p{Cs}$/u, "")}...`;
}

/** Cut to so many bytes of UTF-8, between characters. */
export function cutText(text: string, bytesMax: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (bytes > bytesMax) return text.slice(0, end);
    end += character.length;
  }
  return text;
}

function oneLine(text: string): string {
  return text.slice(0, 4 * TEXT_BYTES_MAX).replace(/[\p{Cc}\p{Cs}]/gu, " ");
}
