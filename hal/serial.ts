// Serial port: bytes in, bytes out. Framing belongs to whoever uses it: bytes arrive split and joined as
// the line pleases. Any error other than `canceled` means that the device is gone.

export interface SerialPort {
  /** Resolves when the bytes were handed to the line. Rejects with HalError `disconnected` or `canceled`. */
  write(bytes: Uint8Array): Promise<void>;
  /** One listener; the last one set counts. Bytes that came before it was set are kept, up to 4096 of them. */
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Called once, when the other end goes; not called for our own close(). */
  onLost(listener: () => void): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** How the line is set, as the device on it wants. */
export interface SerialSettings {
  baud: number;
  /** 8 when not given. */
  dataBits?: 7 | 8;
  /** "none" when not given. */
  parity?: "none" | "even" | "odd";
  /** 1 when not given. */
  stopBits?: 1 | 2;
}

/**
 * Opens the port anew, each time it is called. Rejects with HalError: `disconnected` where there is no such port now,
 * `refused` where somebody else has it or we may not open it, with words that say what to do.
 */
export type OpenSerial = () => Promise<SerialPort>;
