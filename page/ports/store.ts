// The buyer's store: records in memory, which the tab keeps over a reload. They are of a bench, and of one world of it.

import type { Store, StoreWrite } from "../../hal/store.ts";
import { checkExpected, checkKind, checkWrites, compareIds } from "../../hal/store-write.ts";
import type { Kept } from "../tab-memory.ts";

type Records = Kept["records"];

/** `keep` is given all records at each commit; what it throws is what the commit rejects with. */
export function openPageStore(start: Records, keep: (records: Records) => void): Store {
  let records = new Map(start.map(([kind, id, body]) => [nameOf(kind, id), { kind, id, body }]));
  const apply = (to: typeof records, { kind, id, body }: StoreWrite): void => {
    if (body === null) to.delete(nameOf(kind, id));
    else to.set(nameOf(kind, id), { kind, id, body });
  };
  return {
    commit: async (writes) => {
      checkWrites(writes);
      checkExpected(writes, (kind, id) => records.get(nameOf(kind, id))?.body);
      const next = new Map(records);
      for (const write of writes) apply(next, write);
      keep([...next.values()].map(({ kind, id, body }) => [kind, id, body] as const));
      records = next;
    },
    get: async (kind, id) => {
      checkKind(kind);
      return records.get(nameOf(kind, id))?.body;
    },
    list: async (kind) => {
      checkKind(kind);
      return [...records.values()]
        .filter((one) => one.kind === kind)
        .map(({ id, body }) => ({ id, body }))
        .sort((a, b) => compareIds(a.id, b.id));
    },
    close: async () => undefined,
  };
}

/** A kind holds no spaces. */
function nameOf(kind: string, id: string): string {
  return `${kind} ${id}`;
}
