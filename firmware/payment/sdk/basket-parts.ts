// Baskets and items as authors write them: what is left out has a default.

import type { Basket, BasketItem } from "../model/basket.ts";
import { newItem } from "../model/basket-item.ts";
import { dataFrom, type PlainData } from "./plain-data.ts";
import { SdkError } from "./sdk-error.ts";

export interface ItemParts {
  readonly label: string;
  /** Of one; below zero in a discount. */
  readonly amountMinor: number;
  /** Its place in the basket where it is left out. */
  readonly id?: string;
  readonly category?: string;
  /** 1 where it is left out. */
  readonly quantity?: number;
  readonly data?: PlainData;
}

/** Throws SdkError `malformed` for an item that is none. */
export function basketFrom(id: string, name: string, items: readonly ItemParts[]): Basket {
  return {
    id,
    name,
    items: items.map(itemFrom),
    data: {},
    primary: false,
    rounding: "nearest",
  };
}

function itemFrom({ data, ...parts }: ItemParts, index: number): BasketItem {
  const bag = data && dataFrom(data);
  const made = newItem({ id: `${index + 1}`, ...parts, ...(bag && { data: bag }) });
  if (!made.ok) throw new SdkError("malformed", made.fault.message);
  return made.value;
}
