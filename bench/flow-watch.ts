// The stages of a board's payments as they pass: looked at while one is under way, and once more when its record is written.

import type { TakenAnswer } from "../firmware/payment/engine/engine.ts";
import { type AuditEntry, auditEntry } from "../firmware/payment/model/audit-entry.ts";
import type { PaymentSide } from "../firmware/payment/payment-side.ts";
import { field, list, map, readJson } from "../firmware/protocol/schema.ts";
import type { SimWorld } from "../hal/sim/world.ts";
import type { StoreWrite } from "../hal/store.ts";
import type { BenchNews } from "./bench-news.ts";
import { changesOf, type FlowChange } from "./flow-changes.ts";
import { tenderText } from "./tender-text.ts";

const LOOK_MS = 50;
/** A payment ends between two looks, and the next part of it begins. */
const LOOKS_AFTER = 4;
const FLOWS_KEPT = 64;
const ANSWERS_KEPT = 256;

export class FlowWatch {
  readonly #board: string;
  readonly #news: BenchNews;
  readonly #world: () => SimWorld;
  readonly #side: () => PaymentSide | undefined;
  /** Entries told so far, by flow; the oldest flows make room. */
  readonly #told = new Map<string, number>();
  /** Seen under way: looked at once more when they have ended. */
  readonly #followed = new Set<string>();
  /** What answers changed that were taken, by the line of the audit log that will tell of them. */
  readonly #changes = new Map<string, readonly FlowChange[]>();
  #looksLeft = 0;
  #isLooking = false;

  constructor(
    board: string,
    news: BenchNews,
    world: () => SimWorld,
    side: () => PaymentSide | undefined,
  ) {
    this.#board = board;
    this.#news = news;
    this.#world = world;
    this.#side = side;
  }

  /** A payment may be under way. */
  readonly look = (): void => {
    if (!this.#news.isHeard) return;
    this.#looksLeft = LOOKS_AFTER;
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#world().after(LOOK_MS, () => void this.#look());
  };

  /** What was written of flows that have ended. */
  readonly onWrites = (writes: readonly StoreWrite[]): void => {
    if (!this.#news.isHeard) return;
    const flows = new Map(
      writes.flatMap(({ kind, id, body }) =>
        kind === "flow" && body !== null
          ? [[id, (JSON.parse(body) as { id: string }).id] as const]
          : [],
      ),
    );
    for (const { kind, id, body } of writes) {
      const flow = flows.get(id);
      if (kind !== "flow-audit" || body === null || flow === undefined) continue;
      const read = readJson(record, JSON.parse(body), kind);
      if (read.ok) this.#tell(flow, read.value.entries);
    }
  };

  /** An answer was taken: the line of the audit log has been written at this very moment. */
  readonly taken = (answer: TakenAnswer): void => {
    if (!this.#news.isHeard) return;
    const { flow, stage, service } = answer;
    const atMs = Math.max(0, this.#world().clock.wallMs());
    this.#changes.set(lineOf(flow, { atMs, stage, service }), changesOf(answer));
    forgetFirst(this.#changes, ANSWERS_KEPT);
  };

  async #look(): Promise<void> {
    const engine = this.#side()?.engine;
    const active = engine?.active() ?? [];
    if (active.length > 0) this.#looksLeft = LOOKS_AFTER;
    const now = new Set(active.map(({ id }) => id));
    for (const id of now) this.#followed.add(id);
    for (const id of this.#followed) {
      if (!now.has(id)) this.#followed.delete(id);
      this.#tell(id, (await engine?.audit(id)) ?? []);
    }
    this.#looksLeft -= 1;
    this.#isLooking = this.#looksLeft > 0;
    if (this.#isLooking) this.#world().after(LOOK_MS, () => void this.#look());
  }

  #tell(flow: string, entries: readonly AuditEntry[]): void {
    const told = this.#told.get(flow) ?? 0;
    for (const entry of entries.slice(told)) {
      const { stage = "", service = "", kind, text, augmented = [] } = entry;
      const changes = this.#changed(flow, entry) ?? augmented.map((what) => ({ what }));
      const words = kind === "tendered" && text !== undefined ? tenderText(text) : text;
      const outcome = words === undefined ? kind : `${kind}: ${words}`;
      this.#news.tell(this.#board, () => ({
        ...{ is: "stage", flow, stage, service, outcome, changes },
      }));
    }
    this.#told.delete(flow);
    this.#told.set(flow, Math.max(told, entries.length));
    forgetFirst(this.#told, FLOWS_KEPT);
  }

  #changed(flow: string, entry: AuditEntry): readonly FlowChange[] | undefined {
    if (entry.kind !== "accepted") return undefined;
    const line = lineOf(flow, entry);
    const changes = this.#changes.get(line);
    this.#changes.delete(line);
    return changes;
  }
}

function lineOf(
  flow: string,
  { atMs, stage, service }: Pick<AuditEntry, "atMs" | "stage" | "service">,
): string {
  return [atMs, flow, stage, service].join(" ");
}

function forgetFirst<T>(map: Map<string, T>, sizeMax: number): void {
  const [first] = map.keys();
  if (first !== undefined && map.size > sizeMax) map.delete(first);
}

const record = map({ entries: field(1, list(auditEntry, 512)) });
