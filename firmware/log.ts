// What happened, for whoever runs the device. The composition root gives the sink; nothing here writes anywhere.
// Fields hold ids, counts and reasons: never a card number, a credential, a key or a token.

export type LogLevel = "debug" | "info" | "warn" | "error";
export type Log = (
  level: LogLevel,
  event: string,
  fields?: Readonly<Record<string, string | number | boolean>>,
) => void;
