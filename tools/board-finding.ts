// What `sluice board check` finds: one row for each thing that a board is made of.

export interface Finding {
  /** What sort of thing it is, as a heading. */
  about:
    | "computer"
    | "native"
    | "line"
    | "serial"
    | "reader"
    | "terminal"
    | "meter"
    | "sensor"
    | "display"
    | "printer"
    | "watchdog"
    | "crash";
  name: string;
  /** `warning` is for people to judge; `missing` keeps the board from working as it is meant to. */
  state: "good" | "warning" | "missing";
  message: string;
  /** More for machines. */
  details?: Readonly<Record<string, string | number>>;
}

export type Tell = (finding: Finding) => void;
