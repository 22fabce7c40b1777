// What a simulated PN532 does on each command: its settings, its registers, and how it deals with those in its field.

import { RF_OK, SimField } from "./sim-pn532-field.ts";

/** What the chip does on a command. */
export type Reaction =
  /** `delayMs` after the ACK. `afterwards` follows the answer. */
  | { kind: "answer"; data: () => readonly number[]; delayMs: number; afterwards?: () => void }
  /** Looks again every `everyMs`, until there is an answer. */
  | { kind: "search"; look: () => readonly number[] | undefined; everyMs: number }
  /** The error frame. */
  | { kind: "error" };

/** How long things take. */
const SETTING_MS = 2;
const ATTEMPT_MS = 5;
const APDU_MS = 15;
const TAG_MS = 4;
const POLL_UNIT_MS = 150;

const MORE = 0x40;
const PIECE_BYTES_MAX = 262;
const ENDLESS = 0xff;
const TYPE_2 = 0x10;
const TYPE_4 = 0x20;

type Command = (parameters: readonly number[]) => Reaction;

export class SimPn532Commands {
  readonly field = new SimField();
  #registers = new Map<number, number>();
  #parameters = 0x14;
  #retriesMax = ENDLESS;
  /** Pieces of a long command, and of a long answer, by target. */
  #said: number[] = [];
  #unsaid: readonly number[] = [];
  readonly #sleep: () => void;
  readonly #byCode: ReadonlyMap<number, Command>;

  /** `sleep`: PowerDown. */
  constructor(sleep: () => void) {
    this.#sleep = sleep;
    this.#byCode = new Map<number, Command>([
      [0x00, (parameters) => this.#diagnose(parameters)],
      [0x02, () => settled(0x32, 0x01, 0x06, 0x07)],
      [0x04, () => settled(...this.#generalStatus())],
      [0x06, (parameters) => this.#readRegisters(parameters)],
      [0x08, (parameters) => this.#writeRegisters(parameters)],
      // General purpose lines: nothing hangs on them.
      [0x0c, () => settled(0x3f, 0x06, 0x01)],
      [0x0e, () => settled()],
      // A pseudo-terminal has no speed.
      [0x10, () => settled()],
      [0x12, (parameters) => this.#setParameters(parameters)],
      [0x14, () => settled()],
      [0x16, () => ({ ...settled(RF_OK), afterwards: this.#sleep })],
      [0x32, (parameters) => this.#configureField(parameters)],
      [0x40, (parameters) => this.#exchange(parameters)],
      [0x42, (parameters) => this.#through(parameters)],
      [0x44, ([target = 0]) => settled(this.field.deselect(target, false))],
      [0x4a, (parameters) => this.#list(parameters)],
      [0x52, ([target = 0]) => settled(this.field.deselect(target, true))],
      [0x54, ([target = 0]) => settled(this.field.select(target))],
      [0x60, (parameters) => this.#autoPoll(parameters)],
    ]);
  }

  run([code = 0, ...parameters]: readonly number[]): Reaction {
    return this.#byCode.get(code)?.(parameters) ?? { kind: "error" };
  }

  /** Power was lost: everything is forgotten. */
  reset(): void {
    this.field.powerOff();
    this.#registers.clear();
    this.#parameters = 0x14;
    this.#retriesMax = ENDLESS;
    this.#said = [];
    this.#unsaid = [];
  }

  #diagnose([test, ...data]: readonly number[]): Reaction {
    if (test === 0x00) return settled(0x00, ...data);
    if (test === 0x06) return answered(() => [this.field.presence()], TAG_MS);
    // Memory and antenna are well.
    return test === 0x01 || test === 0x02 || test === 0x07 ? settled(0x00) : { kind: "error" };
  }

  #generalStatus(): number[] {
    const count = this.field.targetCount();
    const targets = Array.from({ length: count }, (_, i) => [i + 1, 0x00, 0x00, 0x10]);
    return [0x00, 0x00, count, ...targets.flat(), 0x00];
  }

  #readRegisters(parameters: readonly number[]): Reaction {
    const values: number[] = [];
    for (let i = 0; i + 1 < parameters.length; i += 2) {
      values.push(this.#registers.get(256 * (parameters[i] ?? 0) + (parameters[i + 1] ?? 0)) ?? 0);
    }
    return settled(...values);
  }

  #writeRegisters(parameters: readonly number[]): Reaction {
    for (let i = 0; i + 2 < parameters.length; i += 3) {
      const address = 256 * (parameters[i] ?? 0) + (parameters[i + 1] ?? 0);
      this.#registers.set(address, parameters[i + 2] ?? 0);
    }
    return settled();
  }

  #setParameters([flags]: readonly number[]): Reaction {
    if (flags === undefined) return { kind: "error" };
    this.#parameters = flags;
    return settled();
  }

  #configureField([item, ...values]: readonly number[]): Reaction {
    if (item === undefined) return { kind: "error" };
    if (item === 0x01 && ((values[0] ?? 0) & 0x01) === 0) this.field.powerOff();
    if (item === 0x05) this.#retriesMax = values[2] ?? ENDLESS;
    return settled();
  }

  #list([max, modulation]: readonly number[]): Reaction {
    if (max === undefined || max < 1 || max > 2 || modulation === undefined) {
      return { kind: "error" };
    }
    const look = (): number[] => {
      const found = modulation === 0x00 ? this.field.list(max, this.#takesToApdu()) : [];
      return [found.length, ...found.flat()];
    };
    if (this.#retriesMax !== ENDLESS) {
      const attempts = this.field.cards().length > 0 ? 1 : this.#retriesMax + 1;
      return answered(look, attempts * ATTEMPT_MS);
    }
    return { kind: "search", everyMs: ATTEMPT_MS, look: () => foundOrNot(look()) };
  }

  /** Each type takes its share of the period, as often as was asked. */
  #autoPoll([polls, period, ...types]: readonly number[]): Reaction {
    if (polls === undefined || period === undefined || types.length === 0) return { kind: "error" };
    const everyMs = period * POLL_UNIT_MS;
    const lookAt = (type: number): number[][] => {
      const listed = this.field.list(2, this.#takesToApdu());
      return listed.filter(
        ([number = 0]) => type === (this.field.isSpeaking(number) ? TYPE_4 : TYPE_2),
      );
    };
    let looks = 0;
    const look = (): readonly number[] | undefined => {
      looks++;
      for (const type of types) {
        const found = lookAt(type);
        if (found.length > 0) {
          return [found.length, ...found.flatMap((one) => [type, one.length, ...one])];
        }
        this.field.deselect(0, true);
      }
      return polls !== ENDLESS && looks >= polls ? [0] : undefined;
    };
    return { kind: "search", everyMs, look };
  }

  #exchange([head, ...command]: readonly number[]): Reaction {
    if (head === undefined) return { kind: "error" };
    const target = head & 0x07;
    if ((head & MORE) !== 0) {
      this.#said.push(...command);
      return settled(RF_OK);
    }
    const whole = [...this.#said, ...command];
    this.#said = [];
    if (whole.length === 0 && this.#unsaid.length > 0) return answered(() => this.#piece(), TAG_MS);
    const isSpeaking = this.field.isSpeaking(target);
    return answered(
      () => {
        const { status, data } = this.field.exchange(target, whole);
        if (status !== RF_OK) return [status];
        this.#unsaid = data;
        return this.#piece();
      },
      isSpeaking ? APDU_MS : TAG_MS,
    );
  }

  #piece(): readonly number[] {
    const piece = this.#unsaid.slice(0, PIECE_BYTES_MAX);
    this.#unsaid = this.#unsaid.slice(PIECE_BYTES_MAX);
    return [this.#unsaid.length > 0 ? MORE : RF_OK, ...piece];
  }

  #through(frame: readonly number[]): Reaction {
    return answered(() => {
      const { status, data } = this.field.through(frame);
      return [status, ...data];
    }, TAG_MS);
  }

  #takesToApdu(): boolean {
    return (this.#parameters & 0x10) !== 0;
  }
}

/** A card that comes to a chip that waits for it is found at the next look. */
function foundOrNot(listed: readonly number[]): readonly number[] | undefined {
  return listed[0] === 0 ? undefined : listed;
}

function answered(data: () => readonly number[], delayMs: number): Reaction {
  return { kind: "answer", data, delayMs };
}

function settled(...data: readonly number[]): Reaction & { kind: "answer" } {
  return { kind: "answer", data: () => data, delayMs: SETTING_MS };
}
