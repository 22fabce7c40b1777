// What every operation of `sluice conform` answers with.

export type Answer =
  | { ok: true; [name: string]: unknown }
  | { ok: false; kind: string; field?: string; message?: string };

/** A field of a request is missing or not what it must be; caught in one place, conform.ts. */
export class BadField extends Error {
  readonly field: string;

  constructor(field: string) {
    super(field);
    this.field = field;
  }
}
