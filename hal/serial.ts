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
