// The one error that ports throw when the world broke: a cable pulled, a disk full, a peer gone.
// Our own bugs are assertions and expected trouble is a typed result; neither ever comes as a HalError.

export type HalErrorKind =
  | "disconnected" // the other end is gone
  | "canceled" // we closed it ourselves
  | "timeout" // no answer within the stated time
  | "refused" // the other end, or the OS, said no
  | "corrupt" // what was stored or received cannot be what we wrote
  | "full" // no room left
  | "changed" // somebody else wrote meanwhile what we wanted to write over
  | "other";

export class HalError extends Error {
  readonly kind: HalErrorKind;

  constructor(kind: HalErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HalError";
    this.kind = kind;
  }
}
