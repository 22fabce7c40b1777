// Commands called in the test's own process, and an output that keeps what they say.

import type { Fault } from "../../firmware/result.ts";
import type { Command, ExitCode, Output } from "../../tools/command.ts";

export type Values = Record<string, string | boolean | string[]>;

export class HeardCommands {
  /** Lines for people, of the last call; a fault is "kind: message". */
  said: string[] = [];
  facts: Readonly<Record<string, unknown>>[] = [];
  faults: Fault[] = [];
  readonly out: Output = {
    json: true,
    say: (line) => void this.said.push(line),
    emit: (fact) => void this.facts.push(fact),
    progress: () => undefined,
    fault: (fault) => {
      this.faults.push(fault);
      this.said.push(`${fault.kind}: ${fault.message}`);
    },
  };

  call(command: Command, values: Values): Promise<ExitCode> {
    this.said = [];
    this.facts = [];
    this.faults = [];
    return command.run({ values, positionals: [], out: this.out });
  }

  get last(): string {
    return this.said.at(-1) ?? "";
  }
}
