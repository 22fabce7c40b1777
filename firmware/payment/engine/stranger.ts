// Calls what others have written: it may throw, and it may be an async function whatever its type says. Either way
// it fails for itself; a rejection that nobody hears would end the whole process.

/** `failed` hears what it threw or rejected, at once or later. */
export function callStranger(run: () => unknown, failed: (error: unknown) => void): void {
  try {
    void Promise.resolve(run()).catch(failed);
  } catch (error) {
    failed(error);
  }
}
