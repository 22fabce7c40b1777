// Changes of the catalogue that were made while the device runs: records in the store, which win over what the
// device file says until they are reset. A change is planned first, so that it can be on disk, together with
// whatever must be with it, before the catalogue in memory follows.

import { HalError } from "../../hal/hal-error.ts";
import type { Store, StoreWrite } from "../../hal/store.ts";
import type { Log } from "../log.ts";
import { SERVICES_MAX } from "../protocol/messages.ts";
import { readRecord, writeRecord } from "../protocol/record.ts";
import { map, type Of, optional } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Catalogue, Price, Service } from "./catalogue.ts";
import { priceRecord, serviceRecord } from "./service-record.ts";

/** Removed when it holds none. */
const serviceChange = map({ service: optional(1, serviceRecord) });
const priceChange = map({ price: optional(1, priceRecord) });

/** What the program or the device file said at the start, or a change made while running. */
export type Origin = "file" | "changed";

export interface ListedService {
  service: Service;
  origin: Origin;
  /** By the id of the price. */
  prices: ReadonlyMap<number, Origin>;
}

/** To be committed, and then applied. */
export interface CatalogueChange {
  writes: readonly StoreWrite[];
  apply(): void;
}

export interface ChangedCatalogue {
  add(service: Service): Result<CatalogueChange>;
  remove(service: number): Result<CatalogueChange>;
  setPrice(service: number, price: Price): Result<CatalogueChange>;
  removePrice(service: number, price: number): Result<CatalogueChange>;
  /** In the order of their ids. */
  listed(): readonly ListedService[];
  /** Whether a service, or a price of it, was changed while running, in this run or an earlier one. */
  changed(service: number, price?: number): boolean;
}

interface Kept {
  services: Map<number, Of<typeof serviceChange>>;
  /** By service, then by price. */
  prices: Map<number, Map<number, Of<typeof priceChange>>>;
}

const ID = /^[1-9]\d{0,4}$/;
const PRICE_ID = /^([1-9]\d{0,4})\/([1-9]\d{0,4})$/;

/** Reads the changes of earlier runs. Throws HalError, `corrupt` for a record that is not ours. */
async function readChanges(store: Store): Promise<Kept> {
  const kept: Kept = { services: new Map(), prices: new Map() };
  for (const { id, body } of await store.list("service")) {
    if (!ID.test(id)) throw new HalError("corrupt", `record service ${id} is none of ours`);
    const change = readRecord(serviceChange, "service", id, body);
    if (change.service !== undefined && change.service.id !== Number(id)) {
      throw new HalError("corrupt", `record service ${id} holds another service`);
    }
    kept.services.set(Number(id), change);
  }
  for (const { id, body } of await store.list("price")) {
    const [, service, price] = PRICE_ID.exec(id) ?? [];
    if (service === undefined) throw new HalError("corrupt", `record price ${id} is none of ours`);
    const change = readRecord(priceChange, "price", id, body);
    if (change.price !== undefined && change.price.id !== Number(price)) {
      throw new HalError("corrupt", `record price ${id} holds another price`);
    }
    pricesOf(kept, Number(service)).set(Number(price), change);
  }
  return kept;
}

function pricesOf(kept: Kept, service: number): Map<number, Of<typeof priceChange>> {
  const known = kept.prices.get(service) ?? new Map<number, Of<typeof priceChange>>();
  kept.prices.set(service, known);
  return known;
}

/** Takes back every change of earlier runs. Throws HalError; then nothing changed. */
export async function resetCatalogue(store: Store): Promise<void> {
  const gone: StoreWrite[] = [];
  for (const kind of ["service", "price"]) {
    for (const { id } of await store.list(kind)) gone.push({ kind, id, body: null });
  }
  await store.commit(gone);
}

/** Lays the changes of earlier runs over the catalogue as it stands. Throws HalError. */
export async function openChangedCatalogue(
  store: Store,
  catalogue: Catalogue,
  log: Log,
): Promise<ChangedCatalogue> {
  const kept = await readChanges(store);
  const changed = new StoredChanges(catalogue, kept);
  changed.lay(log);
  return changed;
}

class StoredChanges implements ChangedCatalogue {
  readonly #catalogue: Catalogue;
  readonly #kept: Kept;
  /** As the start found them, with their prices. */
  readonly #file = new Map<number, Service>();

  constructor(catalogue: Catalogue, kept: Kept) {
    this.#catalogue = catalogue;
    this.#kept = kept;
    for (const service of catalogue.list()) this.#file.set(service.id, service);
  }

  /** What does not fit any more, because the board or the file is another, is passed over and told. */
  lay(log: Log): void {
    const changes = [...this.#kept.services];
    // First what makes room: the store keeps no order among them.
    for (const [id, { service }] of changes) if (service === undefined) this.#catalogue.remove(id);
    for (const [id, { service }] of changes) {
      if (service === undefined) continue;
      const checked = this.#fits(service);
      if (checked.ok) this.#catalogue.put(service);
      else log("warn", "change-passed-over", { service: id, why: checked.fault.message });
    }
    for (const [id, prices] of this.#kept.prices) {
      for (const [price, { price: set }] of prices) {
        const next =
          set === undefined
            ? this.#catalogue.withoutPrice(id, price)
            : this.#catalogue.withPrice(id, set);
        if (next.ok) this.#catalogue.put(next.value);
        else log("warn", "change-passed-over", { service: id, price, why: next.fault.message });
      }
    }
  }

  add(service: Service): Result<CatalogueChange> {
    const { id } = service;
    if (this.#catalogue.get(id) !== undefined) return fail("exists", `service ${id} exists`, "id");
    const checked = this.#fits(service);
    if (!checked.ok) return checked;
    const change = { service };
    return ok({
      writes: [writeRecord(serviceChange, "service", String(id), change), ...this.#noPrices(id)],
      apply: () => {
        this.#kept.services.set(id, change);
        this.#kept.prices.delete(id);
        this.#catalogue.put(service);
      },
    });
  }

  remove(id: number): Result<CatalogueChange> {
    if (this.#catalogue.get(id) === undefined) {
      return fail("service-unknown", `there is no service ${id}`, "id");
    }
    const inFile = this.#file.has(id);
    const gone: StoreWrite = inFile
      ? writeRecord(serviceChange, "service", String(id), {})
      : { kind: "service", id: String(id), body: null };
    return ok({
      writes: [gone, ...this.#noPrices(id)],
      apply: () => {
        if (inFile) this.#kept.services.set(id, {});
        else this.#kept.services.delete(id);
        this.#kept.prices.delete(id);
        this.#catalogue.remove(id);
      },
    });
  }

  setPrice(id: number, price: Price): Result<CatalogueChange> {
    const next = this.#catalogue.withPrice(id, price);
    if (!next.ok) return next;
    const change = { price };
    return ok({
      writes: [writeRecord(priceChange, "price", `${id}/${price.id}`, change)],
      apply: () => {
        pricesOf(this.#kept, id).set(price.id, change);
        this.#catalogue.put(next.value);
      },
    });
  }

  removePrice(id: number, price: number): Result<CatalogueChange> {
    const next = this.#catalogue.withoutPrice(id, price);
    if (!next.ok) return next;
    const base = this.#kept.services.get(id)?.service ?? this.#file.get(id);
    const below = base?.prices.some((one) => one.id === price) === true;
    const key = `${id}/${price}`;
    const gone: StoreWrite = below
      ? writeRecord(priceChange, "price", key, {})
      : { kind: "price", id: key, body: null };
    return ok({
      writes: [gone],
      apply: () => {
        if (below) pricesOf(this.#kept, id).set(price, {});
        else pricesOf(this.#kept, id).delete(price);
        this.#catalogue.put(next.value);
      },
    });
  }

  listed(): readonly ListedService[] {
    return this.#catalogue.list().map((service) => {
      const origin = (price?: number): Origin =>
        this.changed(service.id, price) ? "changed" : "file";
      const prices = service.prices.map(({ id }): [number, Origin] => [id, origin(id)]);
      return { service, origin: origin(), prices: new Map(prices) };
    });
  }

  changed(service: number, price?: number): boolean {
    if (this.#kept.services.has(service)) return true;
    return price !== undefined && this.#kept.prices.get(service)?.has(price) === true;
  }

  #fits(service: Service): Result<void> {
    const isNew = this.#catalogue.get(service.id) === undefined;
    if (isNew && this.#catalogue.list().length >= SERVICES_MAX) {
      return fail("too-many", `at most ${SERVICES_MAX} services: remove one first`, "id");
    }
    return this.#catalogue.check(service);
  }

  #noPrices(id: number): StoreWrite[] {
    const prices = [...(this.#kept.prices.get(id)?.keys() ?? [])];
    return prices.map((price) => ({ kind: "price", id: `${id}/${price}`, body: null }));
  }
}
