// GENERIC, POST_GENERIC and STATUS_UPDATE: requests that are no payment.

import type { Data } from "../model/data.ts";
import type { Response } from "../model/request.ts";
import { dataFrom, type PlainData } from "./plain-data.ts";
import type { ServiceCall } from "./service-call.ts";
import { StageModel } from "./stage-model.ts";

export class GenericModel extends StageModel<"GENERIC"> {
  constructor(call: ServiceCall<"GENERIC">) {
    super(call, call.call.input.data);
  }

  succeed(data: PlainData = {}, message = ""): void {
    this.#answer(true, message, data);
  }

  /** Also for a type of request that the service does not know, and for one that needs a person where none is. */
  fail(message: string, data: PlainData = {}): void {
    this.#answer(false, message, data);
  }

  conclude(): void {
    if (!this.isAnswered) this.call.fail("it returned without an answer, and this stage needs one");
  }

  #answer(success: boolean, outcomeMessage: string, plain: PlainData): void {
    const { id, type, background } = this.request;
    const data = dataFrom(plain);
    this.call.answer({ id, type, success, outcomeMessage, data, background } satisfies Response);
  }
}

export class PostGenericModel extends StageModel<"POST_GENERIC"> {
  #added: Data = {};

  constructor(call: ServiceCall<"POST_GENERIC">) {
    super(call, call.call.input.data);
  }

  /** What the response holds already cannot be changed. */
  addReferences(references: PlainData): void {
    const added = { ...this.#added, ...dataFrom(references) };
    this.call.check(this.#response(added));
    this.#added = added;
  }

  skip(): void {
    this.call.answer(undefined);
  }

  conclude(): void {
    if (this.isAnswered) return;
    const isNone = Object.keys(this.#added).length === 0;
    this.call.answer(isNone ? undefined : this.#response(this.#added));
  }

  /** Without what was there: the engine keeps that. */
  #response(data: Data): Response {
    return { ...this.request, data };
  }
}

export class StatusUpdateModel extends StageModel<"STATUS_UPDATE"> {
  constructor(call: ServiceCall<"STATUS_UPDATE">) {
    super(call, call.call.input.data);
  }

  /** References of all services together are the response. */
  finish(references?: PlainData): void {
    const { id, type, background } = this.request;
    const data = dataFrom(references ?? {});
    const response: Response = { id, type, success: true, outcomeMessage: "", data, background };
    this.call.answer(references && response);
  }

  conclude(): void {
    if (!this.isAnswered) this.finish();
  }
}
