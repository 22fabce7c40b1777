// How a metering loop rests in virtual time. On the bench nothing changes but by an event of the world: while an idle
// loop would find at every look what it found at the last one, and would say it again, it need do neither, and a month
// of waiting costs nothing. What it left out is made up for when it is woken, so that nobody can tell the difference.
// On a board there is no such thing: a loop that does not look there is a loop that does not see.

export interface LoopRest {
  /**
   * Nothing is to be seen until something changes: `wake` is then called once, before the change, and says how many
   * reports were left out. False when the loop may not rest, because the other side waits for its next report.
   */
  begin(wake: () => number): boolean;
}
