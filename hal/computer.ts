// The vocabulary of a computer: the small Linux board that a product is built on. Which pin of its header is which
// line of which GPIO chip, which serial ports it has, what resets it. A computer is data.

export interface PinPart {
  /** Label of the GPIO chip, never its number: numbers move between kernels. */
  chip: string;
  /** Offset on the chip, or the name that the kernel gives the line. */
  line: number | string;
  /** The pull of the line before any program runs; absent where it floats, or where nobody knows. */
  resetPull?: "up" | "down";
  /** Why it is better left alone. */
  taken?: string;
}

export interface UartPart {
  path: string;
  /** Pins of the header: transmit and receive. */
  pins?: readonly [string, string];
  /** What must be set first, or what it cannot do. */
  note: string;
}

export interface Computer {
  name: string;
  title: string;
  /** Entries of /proc/device-tree/compatible that mean it. */
  compatible: readonly string[];
  /** By pin of the header. */
  pins: Readonly<Record<string, PinPart>>;
  uarts: readonly UartPart[];
  /** Device of the hardware watchdog, and the longest time it waits. */
  watchdog?: { path: string; maxMs: number };
  /** Any line by its name or as CHIP/OFFSET may stand for a pin. */
  generic?: true;
  /** For whoever wires it, a sentence each. */
  notes: readonly string[];
}
