// What a page may ask its bench: JSON, bounded, each field checked; what is wrong is refused by the field's name.

import { type Fault, fail, ok, type Result } from "../../firmware/result.ts";
import { SCENARIO_BYTES_MAX } from "../scenario-file.ts";

const RATES = [1, 10, 100] as const;
const SEED_MAX = 0xffff_ffff;
/** Only a scenario is longer. */
const CHARACTERS_MAX = 64 * 1024;

export type PageWish =
  | { is: "act"; action: unknown }
  | { is: "rate"; rate: number }
  | { is: "pause" }
  | { is: "step" }
  | { is: "record-start"; seed: number }
  | { is: "record-stop" }
  | { is: "replay"; text: string }
  | { is: "restart"; seed: number };

/** The number that an answer is given under. */
export interface PageRequest {
  id: number;
  wish: Result<PageWish>;
}

type Words = Readonly<Record<string, unknown>>;

/** Undefined id: there is nothing to answer under. */
export function readPageRequest(text: string): PageRequest | Fault {
  const given = parsed(text);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return { kind: "malformed", message: "a request is a JSON object" };
  }
  const { id, ...words } = given as Words;
  if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) {
    return { kind: "malformed", message: "must be a whole number", at: "id" };
  }
  const [name, more] = Object.keys(words);
  const { [name ?? ""]: value } = words;
  if (name === undefined || more !== undefined || !Object.hasOwn(WISHES, name)) {
    const known = Object.keys(WISHES).join(", ");
    return { id, wish: fail("malformed", `ask for one of ${known}`, more ?? name ?? "id") };
  }
  if (text.length > CHARACTERS_MAX && name !== "replay") {
    return { id, wish: fail("too-large", `is longer than ${CHARACTERS_MAX} characters`, name) };
  }
  const wish = WISHES[name]?.(value);
  return { id, wish: wish ?? fail("malformed", "is not what it takes", name) };
}

const WISHES: Readonly<Record<string, (value: unknown) => Result<PageWish>>> = {
  act: (action) => ok({ is: "act", action }),
  time: (value) => {
    if (value === "pause" || value === "step") return ok({ is: value });
    const { rate } = (value ?? {}) as Words;
    const known = RATES.find((one) => one === rate);
    if (known !== undefined) return ok({ is: "rate", rate: known });
    return fail("malformed", `is pause, step or { rate: ${RATES.join(" | ")} }`, "time");
  },
  record: (value) => {
    if (value === "stop") return ok({ is: "record-stop" });
    const seed = seedOf(value);
    if (seed !== undefined) return ok({ is: "record-start", seed });
    return fail("malformed", `is stop, or the seed from 0 to ${SEED_MAX} to begin with`, "record");
  },
  replay: (text) => {
    if (typeof text !== "string") return fail("malformed", "is the text of a scenario", "replay");
    if (text.length <= SCENARIO_BYTES_MAX) return ok({ is: "replay", text });
    return fail("too-large", `is longer than ${SCENARIO_BYTES_MAX} characters`, "replay");
  },
  restart: (value) => {
    const seed = seedOf(value);
    if (seed !== undefined) return ok({ is: "restart", seed });
    return fail("out-of-range", `is a whole number from 0 to ${SEED_MAX}`, "restart.seed");
  },
};

function seedOf(value: unknown): number | undefined {
  const { seed } = (value ?? {}) as Words;
  const isSeed =
    typeof seed === "number" && Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX;
  return isSeed ? seed : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
