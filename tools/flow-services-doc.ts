// docs/flow-services.md as text: how to write a service that takes part in payments, and every list that it needs, as
// it stands in the code.

import { FLOW_TYPES, type FlowType } from "../firmware/payment/config/flow-types.ts";
import { DEFAULT_SETTINGS, type FlowSettings } from "../firmware/payment/config/settings.ts";
import { FLOW_EVENTS } from "../firmware/payment/engine/flow-events.ts";
import type { CalledStage } from "../firmware/payment/engine/service.ts";
import { DATA_TYPES } from "../firmware/payment/model/data-value.ts";
import { STAGES } from "../firmware/payment/model/stages.ts";
import type { ValueSet } from "../firmware/payment/model/value-sets.ts";
import * as VALUE_SETS from "../firmware/payment/model/value-sets.ts";
import {
  FLAGS,
  FLOW_ERRORS,
  REJECTIONS,
  SERVICE_ERRORS,
} from "../firmware/payment/rules/rejection.ts";
import { CardReadingModel } from "../firmware/payment/sdk/card-reading-model.ts";
import {
  GenericModel,
  PostGenericModel,
  StatusUpdateModel,
} from "../firmware/payment/sdk/generic-models.ts";
import { PostFlowModel, PostTransactionModel } from "../firmware/payment/sdk/post-models.ts";
import { PreFlowModel } from "../firmware/payment/sdk/pre-flow-model.ts";
import { PreTransactionModel } from "../firmware/payment/sdk/pre-transaction-model.ts";
import { SplitModel } from "../firmware/payment/sdk/split-model.ts";
import { StageModel } from "../firmware/payment/sdk/stage-model.ts";
import { TransactionProcessingModel } from "../firmware/payment/sdk/transaction-processing-model.ts";
import { EXAMPLE_FILE, EXAMPLE_SERVICE } from "./flow-services-example.ts";
import {
  FLAG_WORDS,
  FLOW_ERROR_WORDS,
  INFO_WORDS,
  REJECTION_WORDS,
  SERVICE_ERROR_WORDS,
  SERVICE_EVENT_WORDS,
  SETTING_WORDS,
  STAGE_WORDS,
} from "./flow-services-words.ts";

type Model = abstract new (...given: never[]) => unknown;

const MODELS: Readonly<Record<CalledStage, { asked: string; model: Model }>> = {
  PRE_FLOW: { asked: "Payment", model: PreFlowModel },
  SPLIT: { asked: "SplitRequest", model: SplitModel },
  PRE_TRANSACTION: { asked: "TransactionRequest", model: PreTransactionModel },
  PAYMENT_CARD_READING: { asked: "TransactionRequest", model: CardReadingModel },
  POST_CARD_READING: { asked: "TransactionRequest", model: PreTransactionModel },
  TRANSACTION_PROCESSING: { asked: "TransactionRequest", model: TransactionProcessingModel },
  POST_TRANSACTION: { asked: "TransactionSummary", model: PostTransactionModel },
  POST_FLOW: { asked: "PaymentResponse", model: PostFlowModel },
  GENERIC: { asked: "Request", model: GenericModel },
  POST_GENERIC: { asked: "Response", model: PostGenericModel },
  STATUS_UPDATE: { asked: "Request", model: StatusUpdateModel },
};

const SETS: readonly (readonly [string, ValueSet])[] = [
  ["Additional amounts", VALUE_SETS.ADDITIONAL_AMOUNTS],
  ["Payment methods", VALUE_SETS.PAYMENT_METHODS],
  ["Keys of data of payments and requests", VALUE_SETS.DATA_KEYS],
  ["Keys of data that a payment application holds to", VALUE_SETS.PAYMENT_INPUT_KEYS],
  ["Reference keys", VALUE_SETS.REFERENCE_KEYS],
  ["Keys of data of a card", VALUE_SETS.CARD_KEYS],
  ["Card networks", VALUE_SETS.CARD_NETWORKS],
  ["Entry methods", VALUE_SETS.ENTRY_METHODS],
  ["Ways in which a payer proves who he is", VALUE_SETS.AUTHORISATION_METHODS],
  ["Account types", VALUE_SETS.ACCOUNT_TYPES],
  ["Keys of details of a customer", VALUE_SETS.CUSTOMER_KEYS],
  ["Loyalty keys", VALUE_SETS.LOYALTY_KEYS],
  ["Receipt keys", VALUE_SETS.RECEIPT_KEYS],
  ["Split keys", VALUE_SETS.SPLIT_KEYS],
  ["Types of modifiers of basket items", VALUE_SETS.MODIFIER_TYPES],
  ["Keys of additional information of a service", VALUE_SETS.SERVICE_INFO_KEYS],
];

/** The whole document. */
export function flowServicesMarkdown(): string {
  return `${[
    beginning(),
    stages(),
    types(),
    info(),
    events(),
    data(),
    codes(),
    settings(),
    outside(),
  ].join("\n\n")}\n`;
}

function beginning(): string {
  return `# Services that take part in payments

A payment is a flow of stages. A *flow service* takes part in some of them: it gives a discount, pays from an account of
its own, adds a tip, prints a receipt, or charges a card (then it is a *payment application*). It is a module of a few
lines, and runs outside the device, anywhere the broker can be reached. This page is made from the code by \`make docs\`.

## In a quarter of an hour

In a folder of its own, with the folder of this project at hand: \`npm init -y && npm install FOLDER\`. Then
\`${EXAMPLE_FILE}\`:

\`\`\`js
${EXAMPLE_SERVICE}\`\`\`

The operator vouches for it, the device is told of it while it runs, and the service is started:

\`\`\`
sluice enrol ./${EXAMPLE_FILE}
sluice attach ./member-discount.service/grant.cbor
sluice serve ./${EXAMPLE_FILE}
\`\`\`

The next sale shows its payer's id in \`sluice audit last\`; put it into the list, start the service again, and once it says that the
device is connected (a few seconds) the one after
costs 10 % less. \`sluice flows\` shows the service, or why it takes no part; \`sluice history last\` who paid which part, and
\`sluice audit last\` what the service did, stage by stage. A device file may list grants too. What each method takes stands in
\`build/firmware/payment/sdk/*.d.ts\`, where an editor finds it by itself.

What a handler sets on its model is the answer once it returns; a model can do only what its stage may. Methods throw
\`SdkError\` with the code of the rejection below where no engine would take the answer; the engine checks again, whatever
answered. Handlers may be asynchronous; one that throws has failed, and the flow goes on without it.`;
}

function stages(): string {
  const rows = (Object.keys(STAGE_WORDS) as CalledStage[]).map((stage) => {
    const { when, mayAnswer } = STAGE_WORDS[stage];
    const { asked, model } = MODELS[stage];
    return [`\`${stage}\``, `${STAGES[stage]}`, when, asked, mayAnswer, listed(methodsOf(model))];
  });
  return `## Stages

${table(["stage", "number", "called", "asked with", "may answer", "methods of its model"], rows)}

\`FULFILLED_CHECK\` (${STAGES.FULFILLED_CHECK}) is the engine's own: it asks payment applications again while a transaction is not paid in full.

Every model also has \`request\` (frozen), \`flowType\`, \`initiator\`, \`background\`, \`isAnswered\`, \`isFinished\`, and
${listed(methodsOf(StageModel))}.

Rules that hold in every stage:

- One answer for each call. An answer that breaks a rule is not applied at all, and the flow goes on.
- Amounts are integers in minor units. Whoever pays names the method and keeps references by which it can be undone.
- Who takes anything must be able to give it back: a \`reversal\` request holds the references of the answer and
  \`transactionId\`. It may come twice, and for a transaction that the service never heard of: then the answer is success, and
  a later debit of that transaction is refused. The same \`transactionId\` is never charged twice.
- In a sale nothing costs more than the signed offer. An extra needs \`confirm({ extra: { name, amountMinor } })\` first, and
  stays below the maximum that the payer signed.
- Whose a token is, which service answered and in which stage is said by the engine, never by the service.`;
}

function types(): string {
  const rows = Object.entries(FLOW_TYPES as Readonly<Record<string, FlowType>>).map(
    ([name, type]) => [
      `\`${name}\``,
      type.requestClass,
      type.meaning,
      type.requires.map((keys) => listed(keys)).join(" or ") || "-",
      type.holds,
      listed(type.stages),
    ],
  );
  return `## Flow types

${table(["type", "class", "meaning", "required data", "holds", "stages where nothing is configured"], rows)}

Types are open: a service brings its own with \`customRequestTypes\`.`;
}

function info(): string {
  const rows = Object.entries(INFO_WORDS).map(([name, words]) => [`\`${name}\``, words]);
  return `## Service info

${table(["field", "what it says"], rows)}

\`latestInfo\` may give some of them anew; \`notifyInfoChanged()\` makes the engine ask again. A service that is refused hears
why (\`refused\`), and is asked again after the next notice:

${codeTable(SERVICE_ERRORS, SERVICE_ERROR_WORDS)}`;
}

function events(): string {
  const rows = Object.entries(FLOW_EVENTS).map(
    ([type, { from, payload, payloadRequired, about }]) => [
      `\`${type}\``,
      from === "both" ? "both ways" : `from the ${from}`,
      payloadRequired ? payload : `${payload}, may be left out`,
      about,
    ],
  );
  const own = Object.entries(SERVICE_EVENT_WORDS).map(([type, words]) => [`\`${type}\``, words]);
  return `## Events

Between a service at work and whoever started the flow; a payload stands in the event's data under the event's own name.
Other events are ignored, and counted.

${table(["event", "goes", "payload", "what it says"], rows)}

From the engine to a service at work:

${table(["event", "what it says"], own)}`;
}

function data(): string {
  const types = Object.entries(DATA_TYPES).map(([name, number]) => `\`${name}\` ${number}`);
  const sets = SETS.map(([title, set]) => {
    const rows = Object.entries(set).map(([name, words]) => [`\`${name}\``, words]);
    return `### ${title}\n\n${table(["word", "what it says"], rows)}`;
  });
  return `## Additional data

Values by key, of these types (by number on the wire): ${types.join(", ")}. Handlers write plain values (text, integers,
flags, bytes, lists of texts or integers) or \`{ is, value }\`, and read with \`model.get(key, type)\`. Keys are open; these are
agreed upon.

${sets.join("\n\n")}`;
}

function codes(): string {
  return `## Codes

### Rejections

Why an answer is not applied: in \`responseRejected\`, and in the audit log.

${codeTable(REJECTIONS, REJECTION_WORDS)}

### Flags

An answer that is kept, or money that moved all the same:

${codeTable(FLAGS, FLAG_WORDS)}

### Errors of flows

${codeTable(FLOW_ERRORS, FLOW_ERROR_WORDS)}`;
}

function settings(): string {
  const rows = Object.entries(SETTING_WORDS).map(([name, words]) => {
    const value = DEFAULT_SETTINGS[name as keyof FlowSettings];
    return [`\`${name}\``, value === undefined ? "-" : `${value}`, words];
  });
  return `## Settings

Of a device; 0 seconds is no limit.

${table(["setting", "default", "what it says"], rows)}`;
}

function outside(): string {
  return `## Where a service runs

\`sluice enrol\` makes a key and signs a grant with the operator's key: which stages, whether it may pay and adjust, and, only
with \`--card\`, whether it is sent card data. \`sluice attach\` gives the grant to a running device, \`sluice detach\` ends it, and
\`sluice serve\` runs the service until Ctrl-C. The frames between them are sealed end to end, at most 8 KiB, and described in
\`docs/flow-service-protocol.md\`. A service that is gone, hangs or answers late costs its own part of the flow and nothing else.`;
}

/** As they are declared; what the adapter alone calls is left out. */
function methodsOf(model: Model): readonly string[] {
  const members = Object.entries(Object.getOwnPropertyDescriptors(model.prototype as object));
  const names = members.flatMap(([name, { value }]) => (typeof value === "function" ? [name] : []));
  return names.filter((name) => name !== "constructor" && name !== "conclude");
}

function listed(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

function codeTable<N extends string>(
  numbers: Readonly<Record<N, number>>,
  words: Readonly<Record<N, string>>,
): string {
  const names = Object.keys(numbers) as N[];
  const rows = names.map((name) => [`${numbers[name]}`, `\`${name}\``, words[name]]);
  return table(["code", "name", "what it says"], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}
