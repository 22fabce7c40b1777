// An operator who takes a service off sale, with a refund, and puts another in its place while a buyer is half
// way through his order; who repeats each command until it is answered, and tries an old one again at the end.

import { type Buying, findDealer, type Insist, insisting, payFor } from "../../bench/buyer.ts";
import { ENERGY, type Site } from "../../bench/site.ts";
import type { Consumer } from "../../firmware/consumer/consumer.ts";
import type { Dealer } from "../../firmware/consumer/dealer.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import { type Action, signCommand } from "../../firmware/producer/command.ts";
import { sleep } from "../../hal/clock.ts";

const DARK_MS = 3_000;
const REMOVE: Action = { do: "service-remove", service: 1, policy: "refund" };
const ADD: Action = { do: "service-add", service: { ...ENERGY, id: 2, name: "In its place" } };

export interface Operated {
  done: boolean;
  faults: readonly string[];
  wrong: readonly string[];
}

export async function operate(site: Site, consumer: Consumer, buying: Buying): Promise<Operated> {
  const faults: string[] = [];
  const insist = insisting(site, faults);
  const dealer = await findDealer(site, consumer);
  const purchase = await payFor(dealer, buying, insist);
  if (purchase === undefined) return { done: false, faults, wrong: [] };
  await insist("begin", () => dealer.begin(purchase, 1, () => undefined));
  const commands = [REMOVE, ADD].map((action, i) => sign(site, action, i + 1));
  const wrong: string[] = [];
  for (const command of commands) {
    const done = await insist("operate", () => send(consumer, dealer, command));
    if (!done.ok) wrong.push(`a command is not carried out: ${done.fault.kind}`);
  }
  const settled = await untilSettled(dealer, purchase);
  await restart(site);
  wrong.push(...(await checkReplays(consumer, dealer, commands, insist)));
  while (site.producer === undefined) await sleep(site.world.clock, DARK_MS);
  wrong.push(...checkBooks(site, purchase.id));
  return { done: settled, faults, wrong };
}

function sign(site: Site, action: Action, number: number): Uint8Array {
  const signed = signCommand({ device: site.device, number, atS: 1, action }, site.operator);
  if (!signed.ok) throw new Error(signed.fault.message);
  return signed.value;
}

function send({ connection }: Consumer, { peer }: Dealer, command: Uint8Array) {
  return connection.request(peer, { is: "operate", command });
}

/** A device that has lost its power since tells its receipts to whoever asks again. */
async function untilSettled(dealer: Dealer, purchase: Purchase): Promise<boolean> {
  for (let time = 0; time < 10; time++) {
    await dealer.standing(purchase);
    if ((await dealer.settled(purchase, 5_000)).state === "closed") return true;
  }
  return false;
}

/** What is only in memory is gone after it. */
async function restart(site: Site): Promise<void> {
  const { clock } = site.world;
  while (site.producer === undefined) await sleep(clock, DARK_MS);
  site.cut();
  await sleep(clock, DARK_MS);
  void site.powerOn();
}

async function checkReplays(
  consumer: Consumer,
  dealer: Dealer,
  commands: readonly Uint8Array[],
  insist: Insist,
): Promise<string[]> {
  const [first, last] = commands.map((command) => () => send(consumer, dealer, command));
  const old = first && (await insist("replay", first));
  const again = last && (await insist("repeat", last));
  const oldWas = old?.ok === false ? old.fault.kind : "carried out";
  const againWas = again?.ok === true ? "answered" : again?.fault.kind;
  return [
    ...(oldWas === "operation-number" ? [] : [`I11: an old command is ${oldWas}`]),
    ...(againWas === "answered" ? [] : [`the last command, repeated, is ${againWas}`]),
  ];
}

function checkBooks(site: Site, order: string): string[] {
  const wrong: string[] = [];
  const sold = site.producer?.services().map(({ service }) => service.id);
  if (String(sold) !== "2") wrong.push(`I4: services ${sold} are sold where only 2 is`);
  const audited = site.store.durable("audit").length;
  if (audited !== 2) wrong.push(`${audited} commands are on record`);
  if (site.store.durable("withdrawn").length > 0) wrong.push("I6: an order is left withdrawn");
  const [settlement] = site.settlements(order);
  if (settlement?.reason !== "operator-stop" || settlement.refundedMinor === 0)
    wrong.push(`I6: the rest was not refunded: ${settlement?.reason}`);
  return wrong;
}
