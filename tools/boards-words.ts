// What docs/boards.md says in words: what no table can be made of from the data of boards and computers.

export const INTRODUCTION = `# Boards

How the product boards are wired on each computer, what a computer needs to be told before, what happens to the outputs when something
dies, and what a charger or a pump needs that no program can give. The tables are made from \`boards/\` by \`make docs\`.

Pins are those of the computer's header. *Active* is the level on the wire while the line does what its name says; a line of an interlock is
active while all is well, so that a broken wire stops. The pull *set by us* is a resistor inside the computer that the program switches
on; *at reset* is what holds the line before any program runs: the pin itself, or a resistor on the board (\`resistor: pull-down\` in its
wiring), which pins that float need. Everything on a header is 3.3 V: no pin takes 5 V.

On the computer itself:

\`\`\`
sluice board check --board pi-charger          # what is there, what is missing, who holds each line
sluice board poke contactor on --board pi-charger --seconds 3
sluice board watch emergency-stop --board pi-charger
\`\`\`

A board that is wired otherwise says so in its device file: \`lines: { contactor: { pin: "16" } }\`, \`serial: { meters: /dev/ttyUSB1 }\`.
What it says of a line stands for the whole of it: repeat \`activeLow\`, \`bias\` and \`debounceMs\` where the table has them.
USB adapters change their numbers when they are plugged in anew: their names in \`/dev/serial/by-id/\` do not.
`;

export const CRASH = `## When something dies

| what dies | who opens the output | after |
|---|---|---|
| the device's process | the loop: it sees its socket close | at once |
| the metering loop, killed or crashed | the guard, a program of its own that hears the loop's heartbeat over a pipe | some milliseconds |
| the loop, stalled | the guard, which ends the loop first | 2 s |
| loop and guard together, by SIGKILL | the service: \`ExecStopPost=\` runs \`open-outputs\` after every end; before that whatever the kernel does, see below | seconds |
| the device's process, hung | systemd, which hears no more of it: it asks the loop to end, and that opens them | 15 s, or 10 s where the hardware waits no longer than 15 s |
| an output whose switch or meter is lost while it may be closed | the same: a start takes the lines anew; once, since what a start did not mend no second one does | 15 s |
| systemd, the kernel, or a processor that hangs | the hardware watchdog, by a reset: pins then rest as at power-up | 40 s, or 15 s |
| the power | the relay: its spring | at once |

Software cannot promise that an output opens at once when loop and guard are killed in one instant: by somebody with \`kill -9\`, or by a
kernel that has lost its way. Until the service opens it, or the watchdog resets the computer, it is as the chip's driver leaves it. A line that
is exported in sysfs (onoff; not in the service, whose /sys is for reading) stays driven for ever. \`sluice run\` names at its start the
outputs that only programs hold open, and the wiring has to answer for those: a pull that opens, and where a closed contact is a danger
a relay that falls off by itself, see below.

What a kernel does with an output whose program died is the affair of the chip's driver:

| kernel | an output that nobody holds |
|---|---|
| Raspberry Pi OS | keeps its level: \`persist_gpio_outputs\` is on. \`dtparam=strict_gpiod\` in config.txt turns it off |
| Debian on a Raspberry Pi | becomes an input: the pull of the pin decides |
| others | not known until it was measured: \`sluice board check\` says what the kernel says |

So the hardware must do its part, whatever the program does:

- **Normally open.** A contactor that needs current to close, a valve that a spring shuts. Never a latching relay, never a motor valve
  without a spring.
- **A pull that opens.** The pin rests where the output is open before any program runs, and an external resistor (10 kilohm to ground for a
  driver that is active high) says the same louder than the 50 kilohm inside.
- **A driver stage.** A pin gives a few milliamperes: a transistor or a driver chip feeds the coil. Relay modules that are active low and run
  on 5 V may not open on 3.3 V: use their 3.3 V input, or another module.
- **A watchdog.** \`watchdog: /dev/watchdog\` in the device file: the device then feeds the computer's own, twice a second, and only while its loop
  reports and no output is out of hand. It is armed when the device is ready and disarmed by a stop in order; who opens the outputs
  after a death disarms it, too, so that a reset comes only where that did not succeed, or nobody was there to do it. Started by hand,
  without systemd, a device that is killed leaves it running, and the computer is reset. systemd's own \`RuntimeWatchdogSec=\` has to be off
  then: one of the two can have it; a device that finds it taken says so once and goes on, and systemd feeds it also while our loop is dead.
  One that its driver never lets go of (\`nowayout\`) resets the board wherever a start takes longer than its time, or does not succeed.
- **A second contact.** Where a closed contact is a danger: one in series with the coil, behind a stage that wants edges from a program and not a
  level (a charge pump, a retriggerable monoflop): a level can hang.
- **An emergency stop in the coil's own circuit.** The line that tells us of it is for the receipt, not for safety.
`;

export const PROCESSORS = `## Processors and packages

64-bit ARM (\`arm64\`) and \`x64\` are supported: \`make deploy\` brings them everything. All Raspberry Pis here run a 64-bit system; install
that. A 32-bit ARM system (\`arm\`, which is what a BeagleBone Black has) is not supported: no test runs there and \`make deploy\` refuses it.
The GPIO calls of the kernel are the same to the byte there, so that the sources may be built on the board itself with \`make setup\` and a
Node of 20.19 or later, at your own risk.

| native part | what for | prebuilt for arm64 | else |
|---|---|---|---|
| \`native/board.c\`, \`native/guard.c\` (ours) | GPIO, pseudo-terminals; opening outputs | no | compiled by \`make\`, or for the target by \`make deploy\`: C compiler and Node's headers |
| \`better-sqlite3\` | the store | outside the package, where its server is reached | compiled: C++ compiler, a minute on a PC, many on a small board |
| \`epoll\` (of \`onoff\`) | relays and buttons over sysfs | no | compiled, seconds |
| \`@serialport/bindings-cpp\` | serial ports | yes, in the package (arm64 and 32-bit arm) | |
| \`cbor-extract\` (of \`cbor-x\`) | faster reading of messages | in a package beside it, where the registry has that | compiled, or left out: it works without |

Everything else is JavaScript.
`;

export const CHARGER = `## A charger needs more than a contactor

What we command is a contact in series with a charging controller. A controller (a chip or a ready-made module) does the rest; its
"vehicle connected and ready" contact is our interlock \`vehicle\`.

- **Control pilot (IEC 61851-1).** One wire on which the charger drives 12 V through 1 kilohm, and the vehicle answers by loading it.

  | state | volts on the pilot, high half | means | contactor |
  |---|---|---|---|
  | A | 12 | no vehicle | open |
  | B | 9 | connected, not ready | open |
  | C | 6 | ready: charge | may close |
  | D | 3 | ready, wants ventilation | only where there is ventilation |
  | E, F | 0, or -12 all the time | fault | open |

  While a vehicle is connected and power is to be had, the pilot is a square wave of 1 kHz between +12 and -12 V, and its duty cycle tells
  the current that may be drawn: 10 to 85 % is 0.6 A for each per cent (16 A is 26.7 %), 85 to 96 % is 2.5 A for each per cent above 64; 5 %
  says that the two talk digitally. No more than the cable (its proximity resistor) and the installation carry. When the vehicle leaves state
  C the contact opens within 100 ms; when we end a delivery the controller should take the wave away first, so that the vehicle stops
  drawing and the contact opens without load.
- **Residual current.** Each socket its own device for 30 mA, type A with detection of 6 mA direct current, or type B: a vehicle can leak
  direct current, which blinds a type A alone. It acts on its own and is not reset by us.
- **Overcurrent.** A breaker for the cable, and a meter that is watched: a vehicle that draws more than it was told is cut off.
- **Protective earth.** Checked before closing and while closed; without earth nothing is switched on.
- **Locking.** A socket holds the plug while there is voltage, and lets go when power fails.
- **Welding.** \`contactor-closed\` is an auxiliary contact that must follow the main ones: take a mirror contact (IEC 60947-4-1), which
  is closed while the main ones are open: a broken wire then reads as a weld. One that closes with them is wired as
  \`lines: { contactor-closed: { pin: "13", activeLow: true, bias: pull-up } }\` in the device file. A weld stops all sales at the outlet, but only something in front of the contactor takes the voltage away: a
  second contactor, or a breaker with shunt trip.
- **The meter.** Where energy is sold by the kilowatt-hour the law wants an approved one, often with signed readings.
`;

export const PUMP = `## A pump needs more than a valve

- **It shuts by itself.** A valve with a spring, normally closed; a pump motor with its own contactor and thermal trip.
- **Overfill.** The nozzle cuts off by its own sensor, mechanically; a tank that is filled has a float or probe of its own. The amount that
  was paid is no overfill protection: nobody knows how much room there is.
- **Dry run.** A float or a pressure switch in the motor's own circuit; our \`well-wet\` stops the sale and says why.
- **Fire and vapour.** With fuels: rooms and devices approved for explosive atmospheres (none of these computers is: they stay outside, behind
  barriers), vapour recovery, earthing of the vehicle, a shear valve that shuts when somebody drives into the pump, a breakaway in the
  hose, an emergency stop that cuts every motor on the site.
- **Drinking water.** Approved materials, and a backflow preventer, so that nothing from a hose comes back.
- **The meter.** What is sold by volume is measured by an approved meter, sealed, with the temperature taken into account where the law says
  so. The flow sensor of the hobby shop is within ten per cent, and its output is 5 V: it needs a divider or a transistor.
- **Run-on and water hammer.** A big valve takes seconds; what flows meanwhile is on the receipt. The narrow way closes last and without a blow.
`;

export const READERS = `## Card readers

A PN532 or a GemPC Twin is driven by our own software, which is **not a certified payment kernel**. That is good for test cards, tags and
members' cards. Cards of the public want a certified terminal that authorises by itself ([terminal.md](terminal.md)): it is fitted to a serial
port of the board and named in the device file. \`sluice board check\` says the same where readers are fitted. More: [cards.md](cards.md).
`;
