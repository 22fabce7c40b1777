// A card reader that is played: what it answers is said by the test, call by call.

import type { CardReader, CardReading, ReaderStatus } from "../../../../hal/card-reader.ts";

export interface PlayedReader extends CardReader {
  /** Calls under way: 0 or 1. */
  isAsked(): boolean;
  calls(): number;
  answer(reading: CardReading): void;
}

export function playedReader(id: string): PlayedReader {
  let resolve: ((reading: CardReading) => void) | undefined;
  let calls = 0;
  const never = (): Promise<never> => Promise.reject(new Error("no tag is read here"));
  const answer = (reading: CardReading): void => {
    const mine = resolve;
    resolve = undefined;
    mine?.(reading);
  };
  const status: ReaderStatus = { ready: true, message: "" };
  return {
    ...{
      id,
      sort: "contactless",
      answer,
      isAsked: () => resolve !== undefined,
      calls: () => calls,
    },
    status: () => status,
    onStatus: () => undefined,
    presence: () => undefined,
    onPresence: () => undefined,
    readCard: () => {
      calls += 1;
      return new Promise((done) => {
        resolve = done;
      });
    },
    ...{ readTag: never, writeTag: never, challenge: never },
    cancel: () => answer({ kind: "canceled" }),
    close: () => Promise.resolve(),
  };
}

export const SECRET_BOX = new Uint8Array(40).fill(0xab);

export function cardRead(token = "reader-token"): Extract<CardReading, { kind: "read" }> {
  const part = new Uint8Array(24).fill(3);
  return {
    kind: "read",
    credential: { kind: "sealed", payerKey: part, nonce: part, box: SECRET_BOX },
    card: {
      ...{ maskedPan: "411111******1111", expiry: "3012", network: "visa", token },
      ...{ entryMethod: "tap", label: "VISA DEBIT", aid: "A0000000031010" },
      ...{ tvr: "0000008000", tsi: "E800", atc: "0001" },
      ...{ cryptogram: "0102030405060708", cryptogramType: "ARQC" },
    },
  };
}
