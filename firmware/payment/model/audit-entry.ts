// One line of a flow's audit log: what happened in which stage, by whom, what changed, and by which code it was
// refused.

import {
  field,
  list,
  map,
  named,
  type Of,
  oneOf,
  optional,
  text,
  uint,
} from "../../protocol/schema.ts";
import { AUGMENTED, stageName } from "./transaction.ts";

export const SEVERITIES = { info: 1, warning: 2, error: 3 } as const;
export type Severity = keyof typeof SEVERITIES;
/** A service's own words are cut to this many characters and three dots. */
export const AUDIT_CHARACTERS_MAX = 80;

/** What the line tells of: only ever added to. */
export const AUDIT_KINDS = {
  started: 1,
  resolved: 2, // which flow was chosen
  filtered: 3, // why a service was not called
  called: 4,
  acknowledged: 5,
  said: 6, // a service's own entry
  event: 7, // one that passed between service and initiator
  accepted: 8,
  rejected: 9,
  skipped: 10,
  "timed-out": 11,
  finished: 12, // finishImmediately was sent
  late: 13, // an answer nobody waits for any more
  flagged: 14, // kept although something is wrong with it
  tendered: 15, // a part of the amount was paid
  undone: 16, // what had been paid was given back
  cancelled: 17,
  failed: 18, // a service could not do it
  ended: 19,
} as const;
export type AuditKind = keyof typeof AUDIT_KINDS;

export const auditEntry = named(
  "audit-entry",
  map({
    atMs: field(1, uint(Number.MAX_SAFE_INTEGER)),
    kind: field(2, named("audit-kind", oneOf(AUDIT_KINDS))),
    severity: field(3, named("severity", oneOf(SEVERITIES))),
    stage: optional(4, stageName),
    service: optional(5, text(32)),
    transaction: optional(6, text(48)),
    /** A rejection, flag or error by its number (rules/rejection.ts). */
    code: optional(7, uint(65_535)),
    augmented: optional(8, list(named("augmented", oneOf(AUGMENTED)), 8)),
    text: optional(9, text(256)),
  }),
);
export type AuditEntry = Readonly<Of<typeof auditEntry>>;
