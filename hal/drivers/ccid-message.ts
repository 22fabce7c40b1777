// Messages of the CCID class as a serial reader speaks them: ten bytes of header, then data. Numbers of several bytes
// have the lowest byte first.

export const CCID_HEADER_BYTES = 10;
export const CCID_DATA_BYTES_MAX = 261;

/** Commands of the host, by their first byte. */
export const CCID = {
  setParameters: 0x61,
  powerOn: 0x62,
  powerOff: 0x63,
  slotStatus: 0x65,
  escape: 0x6b,
  transfer: 0x6f,
} as const;

const COMMAND_TYPES = { min: 0x61, max: 0x73 } as const;
const ANSWER_TYPES = { min: 0x80, max: 0x84 } as const;

/** What each command is answered with. */
const ANSWER_OF: Readonly<Record<number, number>> = {
  [CCID.setParameters]: 0x82,
  [CCID.powerOn]: 0x80,
  [CCID.powerOff]: 0x81,
  [CCID.slotStatus]: 0x81,
  [CCID.escape]: 0x83,
  [CCID.transfer]: 0x80,
};

export interface CcidCommand {
  type: number;
  /** The three bytes whose meaning depends on the command; zeros when not given. */
  parameters?: readonly [number, number, number];
  data?: Uint8Array;
}

/** `later`: the card needs more time, and `error` is how many times as much. */
export interface CcidAnswer {
  icc: "active" | "inactive" | "absent";
  outcome: "ok" | "failed" | "later";
  error: number;
  /** Last byte of the header: clock, protocol or chaining. */
  extra: number;
  data: Uint8Array;
}

/** bError of a card that is absent or says nothing. */
export const CCID_ICC_MUTE = 0xfe;
export const CCID_PARITY = 0xfd;

export function encodeCcid(command: CcidCommand, sequence: number): Uint8Array {
  const data = command.data ?? new Uint8Array(0);
  if (data.length > CCID_DATA_BYTES_MAX) throw new RangeError(`${data.length} bytes of CCID data`);
  const message = new Uint8Array(CCID_HEADER_BYTES + data.length);
  message[0] = command.type;
  message[1] = data.length & 0xff;
  message[2] = data.length >> 8;
  message[6] = sequence;
  message.set(command.parameters ?? [0, 0, 0], 7);
  message.set(data, CCID_HEADER_BYTES);
  return message;
}

/** How many bytes of data a header announces; undefined where it is none, so that nothing waits for its end. */
export function ccidDataBytes(header: Uint8Array): number | undefined {
  const [type = 0, low = 0, high = 0, third = 0, fourth = 0, slot = 0] = header;
  const isCommand = type >= COMMAND_TYPES.min && type <= COMMAND_TYPES.max;
  const isAnswer = type >= ANSWER_TYPES.min && type <= ANSWER_TYPES.max;
  const bytes = low + 256 * high;
  if (!(isCommand || isAnswer) || third !== 0 || fourth !== 0 || slot !== 0) return undefined;
  return bytes <= CCID_DATA_BYTES_MAX ? bytes : undefined;
}

const ICC = ["active", "inactive", "absent"] as const;
const OUTCOME = ["ok", "failed", "later"] as const;

/** Undefined where these bytes are no answer to this command with this sequence number. */
export function decodeCcid(
  message: Uint8Array,
  command: CcidCommand,
  sequence: number,
): CcidAnswer | undefined {
  if (ccidDataBytes(message) !== message.length - CCID_HEADER_BYTES) return undefined;
  if (message[0] !== ANSWER_OF[command.type] || message[6] !== sequence) return undefined;
  const [status = 0, error = 0, extra = 0] = message.subarray(7, CCID_HEADER_BYTES);
  const icc = ICC[status & 0x03];
  const outcome = OUTCOME[status >> 6];
  if (icc === undefined || outcome === undefined || (status & 0x3c) !== 0) return undefined;
  return { icc, outcome, error, extra, data: message.slice(CCID_HEADER_BYTES) };
}

const ERRORS: Readonly<Record<number, string>> = {
  162: "the card draws too much current",
  163: "the card's answer to reset is too long",
  187: "the card breaks the rules of payment cards",
  246: "the card's protocol is not supported",
  247: "the checksum of the card's answer to reset is wrong",
  248: "the card's answer to reset begins wrongly",
  251: "the reader is broken",
  252: "the card sends too fast",
  [CCID_PARITY]: "the card's bytes arrive garbled",
  [CCID_ICC_MUTE]: "the card does not answer",
};

/** For people. */
export function ccidErrorWords(error: number): string {
  return ERRORS[error] ?? `the reader reports error ${error.toString(16).padStart(2, "0")}`;
}
