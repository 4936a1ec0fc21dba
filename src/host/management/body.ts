/** Reads a request's body within bounds of size and time. */
import { ApiFailure } from "./failure.ts";

/** The largest body that the API takes: a password or a name is short. */
export const bodyBytesMax = 65_536;
const bodyMsMax = 5000;

/** Throws the failure when the body is too large or takes too long. */
export async function readWithin(request: Request): Promise<string> {
  const tooLarge = () =>
    new ApiFailure("too-large", `A body has ${bodyBytesMax} bytes at the most.`);
  if (Number(request.headers.get("content-length") ?? 0) > bodyBytesMax) throw tooLarge();
  const reader = request.body?.getReader();
  if (reader === undefined) return "";
  const { promise: late, reject } = Promise.withResolvers<never>();
  const seconds = bodyMsMax / 1000;
  const timer = setTimeout(
    () => reject(new ApiFailure("timeout", `The body did not come within ${seconds} s.`)),
    bodyMsMax,
  );
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) return Buffer.concat(pieces).toString("utf8");
      bytes += value.length;
      if (bytes > bodyBytesMax) throw tooLarge();
      pieces.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
