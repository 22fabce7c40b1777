// sluice begin: takes delivery of a paid order or of a prepaid token, and stays until it stops.

import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { SIGNED_BYTES_MAX } from "../../firmware/protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../../firmware/result.ts";
import { peekPrepaid } from "../../firmware/token/prepaid-token.ts";
import type { Command } from "../command.ts";
import { type Buyer, CONSUMER_HELP, CONSUMER_OPTIONS, withBuyer } from "../consumer.ts";
import { deliver } from "../delivery-view.ts";
import { openDealerOf } from "../device-choice.ts";
import { readGivenBytes } from "../given-bytes.ts";
import { integerOption, type OptionValues, textOption } from "../option-value.ts";
import { findOrder } from "../order-reference.ts";
import { UNITS_BOUNDS } from "../selection.ts";
import { readStream, STREAM_OPTIONS, streamOf, type WantedStream } from "../stream-options.ts";

export const begin: Command = {
  name: "begin",
  summary: "take delivery of a paid order or a prepaid token, until it stops",
  usage: "REF | --token FILE [--units N] [--save FILE] [options]",
  help: `Begins delivery of the order REF (its id, the beginning of it, or last) and stays until it
stops; then shows the receipt. Ctrl-C ends the delivery and waits for the receipt, a second one
leaves. A delivery that runs already is joined again.

  --token FILE       instead of REF: of a prepaid token, as \`sluice token mint\` writes it, at its
                     device; what is left of it afterwards is an order of yours as any other
  --units N          only so many of the units that are left
  --step K           of an order that is paid by the unit (pay --stream): one proof for every K
                     units; as before, where nothing is said
  --window W         of such an order: up to W units delivered ahead of proof
  --save FILE        also keep the receipt bundle there; of a bearer token once it is used up
${CONSUMER_HELP}

example: sluice begin last --units 2
         sluice begin --token t.cbor`,
  options: {
    ...CONSUMER_OPTIONS,
    ...STREAM_OPTIONS,
    token: { type: "string" },
    units: { type: "string" },
    save: { type: "string" },
  },
  positionalsMax: 1,
  run: (invocation) => {
    const { positionals, values } = invocation;
    const read = () => readWanted(positionals[0], values);
    return withBuyer(invocation, read, async (buyer, { token, units, stream: wanted }) => {
      const order = token === undefined ? await paidOrder(buyer) : await tokenOrder(buyer, token);
      if (!order.ok) return order;
      const { dealer, purchase } = order.value;
      const stream = streamOf(buyer, purchase, wanted);
      return stream.ok ? deliver(buyer, dealer, purchase, units, stream.value) : stream;
    });
  },
};

interface ShownToken {
  signed: Uint8Array;
  /** The one at which it says that it is good. */
  device: string;
}

interface Wanted {
  units: number | undefined;
  token: ShownToken | undefined;
  stream: WantedStream | undefined;
}

/** Errors: `usage`; `not-found`, `too-large` and `malformed` at the file. */
function readWanted(reference: string | undefined, values: OptionValues): Result<Wanted> {
  const units = integerOption(values, "units", UNITS_BOUNDS);
  if (!units.ok) return units;
  const read = readStream(values);
  if (!read.ok) return read;
  const stream = read.value;
  const file = textOption(values, "token");
  if (file === undefined) return ok({ units: units.value, token: undefined, stream });
  if (reference !== undefined) {
    return fail("usage", "a token brings its own order: give REF or --token, not both", "--token");
  }
  const token = readToken(file);
  return token.ok ? ok({ units: units.value, token: token.value, stream }) : token;
}

function readToken(file: string): Result<ShownToken> {
  const signed = readGivenBytes(file, SIGNED_BYTES_MAX);
  if (!signed.ok) return atToken(signed.fault, signed.fault.message);
  const shown = peekPrepaid(signed.value);
  if (shown.ok) return ok({ signed: signed.value, device: shown.value.device });
  const words = "it is no prepaid token: the operator makes one with sluice token mint";
  return atToken(shown.fault, words);
}

function atToken({ kind }: Fault, message: string): Result<never> {
  return fail(kind, message, "--token");
}

type DealerAndOrder = Result<{ dealer: Dealer; purchase: Purchase }>;

async function paidOrder(buyer: Buyer): Promise<DealerAndOrder> {
  const { consumer, positionals } = buyer;
  const order = await findOrder(consumer.purchases, positionals[0]);
  if (!order.ok) return order;
  const dealer = await openDealerOf(buyer, order.value);
  return dealer.ok ? ok({ dealer: dealer.value, purchase: order.value }) : dealer;
}

async function tokenOrder(buyer: Buyer, { signed, device }: ShownToken): Promise<DealerAndOrder> {
  const dealer = await openDealerOf(buyer, { device });
  if (!dealer.ok) return dealer;
  const purchase = await dealer.value.redeem(signed);
  return purchase.ok ? ok({ dealer: dealer.value, purchase: purchase.value }) : purchase;
}
