// Additional data of a flow, which grows as services add to it: by so many keys, and by so many bytes, however many
// services there are.

import { fail, type Result } from "../../result.ts";
import { type Data, data } from "../model/data.ts";
import { addData } from "../model/data-access.ts";
import { encodedBytes } from "../rules/encoded-size.ts";

/** Of one bag, encoded: what one answer may bring, so that a frame to a service elsewhere has room for it. */
const BAG_BYTES_MAX = 8192;

/** Nothing that is there is overwritten. Errors: those of `addData`; `too-large`. */
export function addToBag(bag: Data, more: Data): Result<Data> {
  const all = addData(bag, more);
  if (!all.ok || Object.keys(more).length === 0) return all;
  const size = encodedBytes(data, all.value);
  if (size !== undefined && size <= BAG_BYTES_MAX) return all;
  return fail("too-large", `a bag holds at most ${BAG_BYTES_MAX} bytes`, "data");
}
