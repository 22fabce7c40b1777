// sluice auto: buys again and again what a profile says, within its limits, until its budget is used up.

import { AutoBuyer, type AutoEnd, type StandingNeed } from "../../firmware/consumer/auto.ts";
import { plainText } from "../../firmware/log.ts";
import { formatMinor } from "../../firmware/money.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { countText } from "../../firmware/units.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { readAutoProfile } from "../auto-profile.ts";
import { autoView } from "../auto-view.ts";
import { CARD_HELP, CARD_OPTIONS, type ChosenCard, readCard } from "../card-option.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { type Buyer, CONSUMER_HELP, CONSUMER_OPTIONS, refuse, withBuyer } from "../consumer.ts";
import { untilStopped } from "../stop-signal.ts";

export const auto: Command = {
  name: "auto",
  summary: "buy again and again what a profile says",
  usage: "PROFILE [--card NUMBER] [options]",
  help: `Buys what the profile says, when it says so: each time the cheapest offer that fits, within its
limits. Stops when its budget allows no other purchase, and never exceeds it: what is paid and not
settled counts in full. What was spent is kept under the profile's name; a new name begins a new
budget. What is refused is tried again later and later.

Ctrl-C ends the running delivery and waits for its receipt; once more leaves at once.
Exit code 0 at the end of budget, count or time, and after Ctrl-C.

${CARD_HELP}
${CONSUMER_HELP}

A profile (its schema: docs/auto.schema.json):

  version: 1
  name: battery
  service: { name: "Energy, socket 1" } # or id, or type
  units: 2
  need: { start: 5, perHour: 1.5, below: 4 }   # or everySeconds: 600
  priceMinorMax: 50
  budget: { amountMinor: 1000, currency: EUR }

example: sluice auto docs/auto-charger.yaml`,
  options: { ...CONSUMER_OPTIONS, ...CARD_OPTIONS },
  positionalsMax: 1,
  run: runAuto,
};

async function runAuto(invocation: Invocation): Promise<ExitCode> {
  const { positionals, out } = invocation;
  const [path] = positionals;
  if (path === undefined) {
    return refuse(out, {
      kind: "usage",
      message: "auto needs a profile: sluice auto FILE, such as docs/auto-charger.yaml",
    });
  }
  const need = readAutoProfile(path);
  if (!need.ok) return refuse(out, need.fault);
  return withBuyer(invocation, readCard, (buyer, card) => buyFor(buyer, need.value, card));
}

async function buyFor(
  buyer: Buyer,
  need: StandingNeed,
  { card, shown }: ChosenCard,
): Promise<Result<void>> {
  const { consumer, identity, out } = buyer;
  const { name, budgetMinor, currency } = need;
  const budget = formatMinor(budgetMinor, currency);
  out.emit({ step: "auto", name, budgetMinor, currency });
  out.say(`buying for ${name}: a budget of ${budget}, with ${shown} (Ctrl-C stops)`);
  const ports = { clock: openSystemClock(), store: identity.store, consumer };
  const buying = new AutoBuyer(ports, need, card, autoView(buyer, need));
  void untilStopped().then((signal) => {
    out.say(`${signal}: a running delivery is ended and settled; once more leaves at once`);
    buying.stop();
  });
  const ended = await buying.run();
  if (ended.ok) {
    const { openMinor, spentMinor, purchases, milliUnits, why } = ended.value;
    out.emit({ step: "end", why, spentMinor, openMinor, currency, purchases, milliUnits });
    out.say(endText(ended.value, budget, currency));
    return ok(undefined);
  }
  const { kind, message, at } = ended.fault;
  return fail(kind, plainText(message), at);
}

function endText(
  { why, spentMinor, openMinor, purchases }: AutoEnd,
  budget: string,
  currency: string,
): string {
  const spent = `${formatMinor(spentMinor, currency)} of ${budget} spent in ${countText(purchases, "purchase")}`;
  const open =
    openMinor > 0
      ? `; ${formatMinor(openMinor, currency)} paid for is not settled yet: the next run goes on with it`
      : "";
  return `${WHY[why]}: ${spent}${open}`;
}

const WHY: Readonly<Record<AutoEnd["why"], string>> = {
  budget: "the budget allows no other purchase",
  count: "so many purchases were asked for",
  until: "the time is up",
  stopped: "stopped",
};
