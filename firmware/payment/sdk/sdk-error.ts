// What the author of a service sees at once when a stage model cannot do what it was told. The engine checks again.

import { REJECTIONS, type Rejection } from "../rules/rejection.ts";

/** With the code by which the engine would have refused the answer. */
export class SdkError extends Error {
  readonly rejection: Rejection;
  readonly code: number;

  constructor(rejection: Rejection, message: string) {
    super(`${rejection}: ${message}`);
    this.name = "SdkError";
    this.rejection = rejection;
    this.code = REJECTIONS[rejection];
  }
}
