/** Waiting with a bound. */

/**
 * Resolves when `promise` settles, either way, or after `milliseconds`: true when it settled. No
 * timer is left behind that would keep the program from ending.
 */
export async function settledWithin(
  promise: Promise<unknown>,
  milliseconds: number,
): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), milliseconds);
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
