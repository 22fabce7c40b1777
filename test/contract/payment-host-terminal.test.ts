// The PaymentHost contract on the driver of a card terminal, over a serial line, with the simulated terminal.

import { openTerminalBench, TERMINAL_FAULTS } from "../support/terminal-bench.ts";
import { paymentHostContract } from "./payment-host.ts";

paymentHostContract("card terminal", () => openTerminalBench(), TERMINAL_FAULTS, "present");
