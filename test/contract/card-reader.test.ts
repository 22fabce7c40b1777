// The CardReader contract on every reader, with its simulator at the other end of the cable.

import type { SimCard } from "../../hal/sim/sim-card.ts";
import { ntag213 } from "../../hal/sim/sim-tag.ts";
import { testCard } from "../../hal/sim/test-cards.ts";
import { gempcBench, gempcReader, HOST_SECRET as TWIN_SECRET } from "../support/gempc-bench.ts";
import { crypto, HOST_SECRET, pn532Bench, pn532Reader, settled } from "../support/pn532-bench.ts";
import { describeCardReader } from "./card-reader.ts";

describeCardReader("PN532", async () => {
  const bench = pn532Bench();
  const { world, chip, unplug, plug } = bench;
  return {
    reader: pn532Reader(bench),
    crypto,
    hostSecret: HOST_SECRET,
    entryMethod: "tap",
    card: () => testCard("visa-test") as SimCard,
    number: "4761739001010119",
    tag: (message) => ntag213("tag", message === undefined ? {} : { message }),
    present: (card) => chip.present(card),
    remove: () => chip.remove(),
    unplug,
    plug,
    nowMs: world.nowMs,
    runFor: world.runFor,
    settle: (promise, limitMs) => settled(world, promise, limitMs),
  };
});

describeCardReader("GemPC Twin", async () => {
  const bench = gempcBench();
  const { world, twin, unplug, plug } = bench;
  return {
    reader: gempcReader(bench),
    crypto,
    hostSecret: TWIN_SECRET,
    entryMethod: "insert",
    card: () => testCard("mastercard-chip") as SimCard,
    number: "5413330089010434",
    present: (card) => twin.insert(card),
    remove: () => twin.remove(),
    unplug,
    plug,
    nowMs: world.nowMs,
    runFor: world.runFor,
    settle: (promise, limitMs) => settled(world, promise, limitMs),
  };
});
