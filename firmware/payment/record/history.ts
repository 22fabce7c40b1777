// Flows that have ended: their responses and audit logs, kept for those who started them. Written a moment after the
// end, several together and off everybody's path: a power cut may forget the last ones, never half of one.

import { after, type Clock, type Timer } from "../../../hal/clock.ts";
import { HalError } from "../../../hal/hal-error.ts";
import type { Store, StoreWrite } from "../../../hal/store.ts";
import type { Log } from "../../log.ts";
import { readRecord } from "../../protocol/record.ts";
import {
  field,
  list,
  map,
  type Of,
  oneOf,
  optional,
  type Type,
  uint,
} from "../../protocol/schema.ts";
import { type AuditEntry, auditEntry } from "../model/audit-entry.ts";
import { type PaymentResponse, paymentResponse } from "../model/payment.ts";
import { type Response, response } from "../model/request.ts";
import { RESPONSE_KINDS, type ResponseQuery } from "../model/response-query.ts";
import { identifier } from "../model/transaction.ts";
import { scrub } from "./scrub.ts";

const ROW = "flow";
const RESPONSE = "flow-response";
const AUDIT = "flow-audit";
/** Those that end within this time are written together. */
const WRITE_DELAY_MS = 1000;
/** Of one response or audit log, as text; a larger one is not kept. */
const BODY_CHARACTERS_MAX = 262_144;
const AUDIT_ENTRIES_MAX = 512;
/** Old rows that one commit removes, unless it adds more, so that a lowered limit makes no endless one. */
const REMOVED_AT_ONCE_MAX = 64;
/** Waiting for a store that is full or slow; what ends meanwhile is not kept. */
const WAITING_MAX = 256;

const rowRecord = map({
  id: field(1, identifier),
  owner: field(2, identifier),
  kind: field(3, oneOf(RESPONSE_KINDS)),
  flow: field(4, identifier),
  type: field(5, identifier),
  endedMs: field(6, uint(Number.MAX_SAFE_INTEGER)),
});
const responseRecord = map({
  payment: optional(1, paymentResponse),
  generic: optional(2, response),
});
const auditRecord = map({ entries: field(1, list(auditEntry, AUDIT_ENTRIES_MAX)) });
export type Row = Readonly<Of<typeof rowRecord>>;

/** Which rows: all that is given must hold. */
export interface RowQuery {
  flowType?: string;
  /** Of the end, wall clock, inclusive. */
  fromMs?: number;
  toMs?: number;
  maxResults: number;
}

export interface EndedFlow {
  /** Who started it. */
  readonly initiator: string;
  readonly flowName: string;
  readonly flowType: string;
  /** Wall clock, ms since 1970. */
  readonly endedMs: number;
  readonly response:
    | { readonly kind: "payment"; readonly value: PaymentResponse }
    | { readonly kind: "generic"; readonly value: Response };
  readonly audit: readonly AuditEntry[];
}

export interface FlowHistory {
  /** Returns at once; found by queries from now on. The oldest make room. */
  record(ended: EndedFlow): void;
  /** What happened after the end, in its audit log from now on; nothing for a flow that is not remembered. */
  append(id: string, entry: AuditEntry): void;
  /** A flow of this id has ended and is remembered: the id cannot be used again. */
  has(id: string): boolean;
  /** What there is, newest first, for the operator. */
  rows(query: RowQuery): readonly Row[];
  /** Newest first. `operator` sees all, everybody else what he started. A question that contradicts itself finds nothing. */
  query(query: ResponseQuery, owner: string): Promise<readonly (PaymentResponse | Response)[]>;
  /** Of an ended flow; empty for one that is not remembered. */
  audit(id: string, owner: string): Promise<readonly AuditEntry[]>;
  /** Writes what waits. */
  close(): Promise<void>;
}

export interface HistoryPorts {
  store: Store;
  clock: Clock;
  log: Log;
  /** Rows that are kept: 0 for none. */
  rowsMax(): number;
}

/** Rejects with HalError when the store cannot be read; a record that is damaged is left out, and logged. */
export async function openHistory(ports: HistoryPorts): Promise<FlowHistory> {
  const rows = new Map<number, Row>();
  let next = 1;
  for (const { id, body } of await ports.store.list(ROW)) {
    const number = Number(id);
    if (!Number.isSafeInteger(number)) continue;
    next = Math.max(next, number + 1);
    const row = readable(ports.log, rowRecord, ROW, id, body);
    if (row !== undefined) rows.set(number, row);
  }
  return new History(ports, rows, next);
}

function readable<T>(
  log: Log,
  type: Type<T>,
  kind: string,
  id: string,
  body: string,
): T | undefined {
  try {
    return readRecord(type, kind, id, body);
  } catch (error) {
    if (!(error instanceof HalError)) throw error;
    log("warn", "flow-history-damaged", { kind, row: id, why: error.message });
    return undefined;
  }
}

interface Waiting {
  number: number;
  writes: readonly StoreWrite[];
}

class History implements FlowHistory {
  readonly #ports: HistoryPorts;
  /** By number, oldest first: what is kept, or about to be. */
  readonly #rows: Map<number, Row>;
  readonly #ids: Map<string, number>;
  /** Bodies that are not durable yet, by kind and number. */
  readonly #bodies = new Map<string, string>();
  /** What came after the end and is not durable yet, by number. */
  readonly #late = new Map<number, AuditEntry[]>();
  #next: number;
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(ports: HistoryPorts, rows: Map<number, Row>, next: number) {
    this.#ports = ports;
    this.#rows = rows;
    this.#ids = new Map([...rows].map(([number, { id }]) => [id, number]));
    this.#next = next;
  }

  record(ended: EndedFlow): void {
    if (this.#ports.rowsMax() === 0) return;
    const number = this.#next++;
    const row = rowOf(ended);
    const writes = writesOf(number, row, ended);
    const isTooLarge = writes.some(({ body }) => (body?.length ?? 0) > BODY_CHARACTERS_MAX);
    if (isTooLarge || this.#waiting.length >= WAITING_MAX) {
      const why = isTooLarge ? "too large" : "the store is behind";
      this.#ports.log("warn", "flow-history-lost", { flow: row.id, why });
      return;
    }
    this.#rows.set(number, row);
    this.#ids.set(row.id, number);
    for (const { kind, body } of writes) this.#bodies.set(`${kind} ${number}`, body ?? "");
    this.#waiting.push({ number, writes });
    this.#writeSoon();
  }

  append(id: string, entry: AuditEntry): void {
    const number = this.#ids.get(id);
    if (number === undefined) return;
    const late = this.#late.get(number) ?? [];
    if (late.length >= AUDIT_ENTRIES_MAX || (late.length === 0 && this.#late.size >= WAITING_MAX)) {
      this.#ports.log("warn", "flow-history-lost", { flow: id, why: "the store is behind" });
      return;
    }
    this.#late.set(number, [...late, entry]);
    this.#writeSoon();
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  rows({ flowType, fromMs = 0, toMs = Infinity, maxResults }: RowQuery): readonly Row[] {
    const fits = ({ type, endedMs }: Row): boolean =>
      (flowType === undefined || type === flowType) && endedMs >= fromMs && endedMs <= toMs;
    return [...this.#rows.values()].reverse().filter(fits).slice(0, maxResults);
  }

  async query(
    query: ResponseQuery,
    owner: string,
  ): Promise<readonly (PaymentResponse | Response)[]> {
    const found: (PaymentResponse | Response)[] = [];
    for (const number of this.#numbersFor(query, owner)) {
      if (found.length >= query.maxResults) break;
      const record = await this.#read(responseRecord, RESPONSE, number);
      const value = record?.payment ?? record?.generic;
      if (value !== undefined) found.push(value);
    }
    return found;
  }

  async audit(id: string, owner: string): Promise<readonly AuditEntry[]> {
    const number = this.#ids.get(id);
    if (number === undefined || !maySee(this.#rows.get(number), owner)) return [];
    const before = (await this.#read(auditRecord, AUDIT, number))?.entries ?? [];
    return joined(before, this.#late.get(number) ?? []);
  }

  async close(): Promise<void> {
    this.#write();
    await this.#writing;
  }

  #numbersFor(query: ResponseQuery, owner: string): readonly number[] {
    const { requestId } = query;
    const numbers =
      requestId === undefined ? [...this.#rows.keys()].reverse() : [this.#ids.get(requestId) ?? 0];
    return numbers.filter((number) => {
      const row = this.#rows.get(number);
      return (
        row !== undefined &&
        maySee(row, owner) &&
        (requestId !== undefined || isAskedFor(row, query))
      );
    });
  }

  async #read<T>(type: Type<T>, kind: string, number: number): Promise<T | undefined> {
    const id = key(number);
    const body = this.#bodies.get(`${kind} ${number}`) ?? (await this.#ports.store.get(kind, id));
    return body === undefined ? undefined : readable(this.#ports.log, type, kind, id, body);
  }

  #writeSoon(): void {
    this.#timer ??= after(this.#ports.clock, WRITE_DELAY_MS, () => this.#write());
  }

  /** One commit at a time; what comes meanwhile goes with the next. */
  #write(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#commit());
  }

  async #commit(): Promise<void> {
    const ended = this.#waiting;
    if (ended.length + this.#late.size === 0) return;
    this.#waiting = [];
    const batch = [...ended, ...(await this.#lateWrites())];
    const old = this.#tooOld(Math.max(batch.length, REMOVED_AT_ONCE_MAX));
    const removals = old.flatMap((number) =>
      [ROW, RESPONSE, AUDIT].map((kind) => ({ kind, id: key(number), body: null })),
    );
    for (const number of old) this.#forget(number);
    try {
      await this.#ports.store.commit([...batch.flatMap(({ writes }) => writes), ...removals]);
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      // What is owed stands in the orders; the history may have gaps.
      for (const { number } of ended) this.#forget(number);
      this.#ports.log("warn", "flow-history-lost", { flows: batch.length, why: error.message });
    }
    for (const { number, writes } of batch) {
      for (const { kind } of writes) this.#bodies.delete(`${kind} ${number}`);
    }
  }

  /** Audit logs with what came after the end; they follow those of the same commit that they replace. */
  async #lateWrites(): Promise<readonly Waiting[]> {
    const writes: Waiting[] = [];
    for (const number of [...this.#late.keys()]) {
      const row = this.#rows.get(number);
      const before = row && (await this.#storedAudit(number));
      const late = this.#late.get(number) ?? [];
      this.#late.delete(number);
      if (row === undefined || before === undefined) continue;
      const write = writeOf(auditRecord, AUDIT, number, row.id, { entries: joined(before, late) });
      if ((write.body?.length ?? 0) > BODY_CHARACTERS_MAX) continue;
      this.#bodies.set(`${AUDIT} ${number}`, write.body ?? "");
      writes.push({ number, writes: [write] });
    }
    return writes;
  }

  /** Undefined where it cannot be read: what came later is not worth more than what stands there. */
  async #storedAudit(number: number): Promise<readonly AuditEntry[] | undefined> {
    try {
      return (await this.#read(auditRecord, AUDIT, number))?.entries;
    } catch (error) {
      if (!(error instanceof HalError)) throw error;
      this.#ports.log("warn", "flow-history-lost", { flows: 1, why: error.message });
      return undefined;
    }
  }

  #tooOld(most: number): readonly number[] {
    const over = this.#rows.size - this.#ports.rowsMax();
    return [...this.#rows.keys()].slice(0, Math.min(Math.max(0, over), most));
  }

  #forget(number: number): void {
    const id = this.#rows.get(number)?.id;
    this.#rows.delete(number);
    if (id !== undefined && this.#ids.get(id) === number) this.#ids.delete(id);
  }
}

function key(number: number): string {
  return String(number).padStart(10, "0");
}

function rowOf({
  initiator,
  flowName,
  flowType,
  endedMs,
  response: { kind, value },
}: EndedFlow): Row {
  // A response carries the id of the payment or request that it answers.
  const id = kind === "payment" ? value.payment.id : value.id;
  return { id, owner: initiator, kind, flow: flowName, type: flowType, endedMs };
}

function writesOf(
  number: number,
  row: Row,
  { response: { kind, value }, audit }: EndedFlow,
): StoreWrite[] {
  const asked = kind === "payment" ? { payment: value } : { generic: value };
  const write = <T>(type: Type<T>, kind: string, record: T): StoreWrite =>
    writeOf(type, kind, number, row.id, record);
  return [
    write(rowRecord, ROW, row),
    write(responseRecord, RESPONSE, asked),
    write(auditRecord, AUDIT, { entries: audit.slice(-AUDIT_ENTRIES_MAX) }),
  ];
}

function writeOf<T>(
  type: Type<T>,
  kind: string,
  number: number,
  flow: string,
  record: T,
): StoreWrite {
  return { kind, id: key(number), body: JSON.stringify(scrub(type.toJson(record), flow)) };
}

/** Where there is too much, what came first after the end makes room: not the flow itself, nor its last word. */
function joined(before: readonly AuditEntry[], late: readonly AuditEntry[]): readonly AuditEntry[] {
  return [...before.slice(0, AUDIT_ENTRIES_MAX - late.length), ...late];
}

function maySee(row: Row | undefined, owner: string): boolean {
  return row !== undefined && (owner === "operator" || row.owner === owner);
}

function isAskedFor(row: Row, { kind, flowName, flowType, fromMs, toMs }: ResponseQuery): boolean {
  if (row.kind !== kind) return false;
  if (flowName !== undefined && row.flow !== flowName) return false;
  if (flowType !== undefined && row.type !== flowType) return false;
  // Both dates or none, the first before the second.
  if ((fromMs === undefined) !== (toMs === undefined)) return false;
  if (fromMs === undefined || toMs === undefined) return true;
  return fromMs < toMs && row.endedMs >= fromMs && row.endedMs <= toMs;
}
