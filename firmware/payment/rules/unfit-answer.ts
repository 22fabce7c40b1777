// In the place of an answer that could not be brought to the engine: a service elsewhere made one that is too large,
// or of no shape. It is refused with that code, and the flow goes on.

import type { Rejection } from "./rejection.ts";

export class UnfitAnswer {
  readonly rejection: Rejection;
  readonly message: string;

  constructor(rejection: Rejection, message: string) {
    this.rejection = rejection;
    this.message = message;
  }
}
