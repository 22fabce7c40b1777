// Services written badly: nothing of what their authors forget reaches the engine, or ends its process.

import { afterEach, beforeEach, expect, test } from "vitest";
import { SERVICE_EVENTS } from "../../../../firmware/payment/engine/service.ts";
import type { FlowEvent } from "../../../../firmware/payment/model/flow-event.ts";
import {
  definePaymentFlowService,
  type StageHandlers,
} from "../../../../firmware/payment/sdk/define-service.ts";
import { SdkError } from "../../../../firmware/payment/sdk/sdk-error.ts";
import { INPUTS } from "../rules/rule-inputs.ts";
import { PlayedCall } from "./played-engine.ts";

const INFO = { id: "gift", vendor: "Vendor", displayName: "Gift" };
const unhandled: unknown[] = [];
const keep = (error: unknown): void => void unhandled.push(error);

beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", keep);
});
afterEach(() => {
  process.off("unhandledRejection", keep);
});

/** Node tells of a rejection that nobody handles after the microtasks. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function play(stages: StageHandlers): Promise<PlayedCall<"PRE_TRANSACTION">> {
  const service = definePaymentFlowService({ info: INFO, stages });
  const input = INPUTS.PRE_TRANSACTION;
  const call = new PlayedCall(service, "PRE_TRANSACTION", input, await service.info());
  return call.settled();
}

const event = (type: string): FlowEvent => ({ type, data: {} });

test("a listener that rejects ends nothing but itself", async () => {
  const call = await play({
    PRE_TRANSACTION: (model) => {
      const reject = async (): Promise<void> => {
        throw new Error("the author forgot");
      };
      model.onEvent(reject);
      model.onAccepted(reject);
      model.onRejected(reject);
      model.onFinish(reject);
    },
  });
  call.tell(event(SERVICE_EVENTS.responseAccepted));
  call.tell(event(SERVICE_EVENTS.responseRejected));
  call.tell(event(SERVICE_EVENTS.finishImmediately));
  await turn();
  expect(call.answers).toHaveLength(1);
  expect(unhandled).toEqual([]);
});

test("what is done at the end of a flow may reject", async () => {
  const service = definePaymentFlowService({
    info: INFO,
    stages: { POST_FLOW: () => {} },
    ended: async () => {
      throw new Error("the author's server is down");
    },
  });
  service.ended?.(INPUTS.POST_FLOW);
  await turn();
  expect(unhandled).toEqual([]);
});

test.each([
  ["no error", undefined],
  ["an error without words", Object.assign(new Error(), { message: Symbol("none") })],
  ["half a character", new Error("\ud800")],
  [
    "what cannot be looked at",
    new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error();
        },
      },
    ),
  ],
])("a handler that throws %s has failed", async (_, thrown) => {
  const call = await play({
    PRE_TRANSACTION: () => {
      throw thrown;
    },
  });
  await turn();
  expect(call.failures).toMatchObject([{ code: "flowServiceError" }]);
  expect(call.answers).toEqual([]);
  expect(unhandled).toEqual([]);
});

test("of two answers at once the first counts, and the second is told so", async () => {
  const second: unknown[] = [];
  const call = await play({
    PRE_TRANSACTION: async (model) => {
      const again = async (): Promise<void> => {
        try {
          model.skip();
        } catch (error) {
          second.push(error);
        }
      };
      await Promise.all([again(), again()]);
    },
  });
  expect(call.answers).toHaveLength(1);
  expect(second).toHaveLength(1);
  expect(second[0]).toBeInstanceOf(SdkError);
  expect(call.failures).toEqual([]);
});

test("a question that is put after the answer, or was open when it came to its end, is not waited for for ever", async () => {
  const heard: string[] = [];
  const call = await play({
    PRE_TRANSACTION: async (model) => {
      void model.confirm({}).then((values) => heard.push(`before ${values.length}`));
      model.skip();
      void model.confirm({}).then((values) => heard.push(`after ${values.length}`));
    },
  });
  call.tell(event(SERVICE_EVENTS.responseAccepted));
  await call.settled();
  expect(heard.toSorted()).toEqual(["after 0", "before 0"]);
});

test("what an author gives as info stays the author's", async () => {
  const currencies = ["GBP"];
  const service = definePaymentFlowService({
    info: { ...INFO, currencies },
    stages: { POST_FLOW: () => {} },
  });
  currencies.push("EUR");
  expect((await service.info()).currencies).toEqual(["GBP", "EUR"]);
  currencies.push("USD");
  expect((await service.info()).currencies).toEqual(["GBP", "EUR", "USD"]);
});
