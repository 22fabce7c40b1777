// What services have taken in flows that are not settled: durable, so that a power cut leaves nobody's money where it
// went. A record for each tender, from the moment it is known until whoever started the flow has it in his own books.

import type { Store } from "../../../hal/store.ts";
import { toHex, utf8 } from "../../bytes.ts";
import { readRecord, writeRecord } from "../../protocol/record.ts";
import { field, map, type Of, oneOf, text, uint } from "../../protocol/schema.ts";
import { amounts } from "../model/amounts.ts";
import { data } from "../model/data.ts";
import { identifier } from "../model/transaction.ts";

const KIND = "tender";

/**
 * taken: the service holds it. undone: it was given back. owed: it could not be given back. undoing: it may have been
 * taken, and is being given back; the engine goes on with that after a restart.
 */
const TENDER_STATES = { taken: 1, undone: 2, owed: 3, undoing: 4 } as const;

const tenderRecord = map({
  flow: field(1, identifier),
  transaction: field(2, identifier),
  /** Counts the tenders of a flow, from 1. */
  n: field(3, uint(9999)),
  service: field(4, text(32)),
  method: field(5, text(24)),
  amounts: field(6, amounts),
  /** All that the service needs to give it back. */
  references: field(7, data),
  state: field(8, oneOf(TENDER_STATES)),
  atMs: field(9, uint(Number.MAX_SAFE_INTEGER)),
});
export type Tender = Readonly<Of<typeof tenderRecord>>;

export interface TenderJournal {
  /** Resolves when it would survive a power cut; the same flow and number again is a change. HalError as the store. */
  save(tender: Tender): Promise<void>;
  /** In the order of their numbers; without a flow, of all. HalError `corrupt` names a damaged record. */
  list(flow?: string): Promise<readonly Tender[]>;
  /** Whether there are any of the flow. What is on disk is read once, when this is asked for the first time. */
  holds(flow: string): Promise<boolean>;
  /** All of the flow, in one commit; nothing is written where there are none. */
  remove(flow: string): Promise<void>;
}

export function openTenderJournal(store: Store): TenderJournal {
  const list = async (flow?: string): Promise<readonly Tender[]> => {
    const tenders = (await store.list(KIND)).map(({ id, body }) =>
      readRecord(tenderRecord, KIND, id, body),
    );
    return flow === undefined ? tenders : tenders.filter((tender) => tender.flow === flow);
  };
  const flows = new Set<string>();
  let read: Promise<void> | undefined;
  const readAll = async (): Promise<void> => {
    for (const { flow } of await list()) flows.add(flow);
  };
  return {
    save: async (tender) => {
      await store.commit([writeRecord(tenderRecord, KIND, key(tender), tender)]);
      flows.add(tender.flow);
    },
    list,
    holds: async (flow) => {
      read ??= readAll();
      await read;
      return flows.has(flow);
    },
    remove: async (flow) => {
      const removals = (await list(flow)).map((tender) => ({
        kind: KIND,
        id: key(tender),
        body: null,
      }));
      if (removals.length > 0) await store.commit(removals);
      flows.delete(flow);
    },
  };
}

/** A flow's id may be any text; a record's id may not. */
function key({ flow, n }: Pick<Tender, "flow" | "n">): string {
  const name = /^[\w./:-]{1,48}$/.test(flow) ? flow : `x${toHex(utf8(flow))}`;
  return `${name}/${String(n).padStart(4, "0")}`;
}
