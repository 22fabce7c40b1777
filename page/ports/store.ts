// A store that lasts as long as the page: its orders are of a bench, which forgets as well.

import type { Store, StoreWrite } from "../../hal/store.ts";
import { checkExpected, checkKind, checkWrites, compareIds } from "../../hal/store-write.ts";

export function openPageStore(): Store {
  const kinds = new Map<string, Map<string, string>>();
  const apply = ({ kind, id, body }: StoreWrite): void => {
    const records = kinds.get(kind) ?? new Map<string, string>();
    kinds.set(kind, records);
    if (body === null) records.delete(id);
    else records.set(id, body);
  };
  return {
    commit: async (writes) => {
      checkWrites(writes);
      checkExpected(writes, (kind, id) => kinds.get(kind)?.get(id));
      writes.forEach(apply);
    },
    get: async (kind, id) => {
      checkKind(kind);
      return kinds.get(kind)?.get(id);
    },
    list: async (kind) => {
      checkKind(kind);
      return [...(kinds.get(kind) ?? [])]
        .map(([id, body]) => ({ id, body }))
        .sort((a, b) => compareIds(a.id, b.id));
    },
    close: async () => undefined,
  };
}
