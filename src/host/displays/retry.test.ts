import { describe, expect, test } from "bun:test";
import { PfError } from "../../base/errors.ts";
import { delayMs, displayRetry, faultOf, nextStep, type RetryPolicy, retrying } from "./retry.ts";

const quick: RetryPolicy = {
  attemptsMax: 4,
  delayMsFirst: 1,
  factor: 2,
  delayMsMax: 3,
  totalMsMax: 1000,
};
const failed = (cause?: unknown) => new PfError("PF_SOURCE_FAILED", "It failed.", { cause });

describe("what is worth another try", () => {
  test.each([
    ["a socket that nobody listens on yet", failed({ code: "ECONNREFUSED" }), "transient"],
    ["a compositor that went", failed("PF_E_CLOSED"), "transient"],
    ["a bus that is slow", failed({ type: "org.freedesktop.DBus.Error.NoReply" }), "transient"],
    [
      "what the bus itself throws",
      Object.assign(new Error("late"), { code: "org.freedesktop.DBus.Error.NoReply" }),
      "transient",
    ],
    ["a cause behind a cause", failed(failed({ code: "EPIPE" })), "transient"],
    ["a source that failed without a reason", failed(), "transient"],
    ["a protocol that lacks", failed("PF_E_MISSING"), "permanent"],
    ["a refusal", failed({ type: "org.freedesktop.DBus.Error.AccessDenied" }), "permanent"],
    ["a socket of another user", failed({ code: "EACCES" }), "permanent"],
    ["a mode that is refused", new PfError("PF_MODE_REFUSED", "No."), "permanent"],
    ["a program that is not installed", new PfError("PF_DISPLAY_MISSING", "No."), "permanent"],
    ["a mistake of the program", new TypeError("undefined"), "permanent"],
  ] as const)("%s", (_what, error, fault) => {
    expect(faultOf(error)).toBe(fault);
  });

  test("a refused mode stays refused, whatever is behind it", () => {
    expect(faultOf(new PfError("PF_MODE_REFUSED", "No.", { cause: "PF_E_CLOSED" }))).toBe(
      "permanent",
    );
  });
});

describe("when the next try is", () => {
  test("the waits grow up to the longest one", () => {
    expect([1, 2, 3, 4, 5, 6].map((count) => delayMs(displayRetry, count))).toEqual([
      100, 200, 400, 800, 1500, 1500,
    ]);
  });

  test("it ends at the count of tries, and at the time", () => {
    const at = (attempts: number, elapsedMs: number) =>
      nextStep(displayRetry, { attempts, elapsedMs }, "transient");
    expect(at(1, 50)).toEqual({ kind: "again", afterMs: 100 });
    expect(at(displayRetry.attemptsMax, 50)).toEqual({ kind: "stop", why: "attempts" });
    expect(at(1, displayRetry.totalMsMax - 99)).toEqual({ kind: "stop", why: "time" });
  });

  test("what is permanent is not tried again", () => {
    const step = nextStep(displayRetry, { attempts: 1, elapsedMs: 0 }, "permanent");
    expect(step).toEqual({ kind: "stop", why: "permanent" });
  });
});

describe("the runner", () => {
  test("goes on until it works, and tells of each try", async () => {
    const told: number[] = [];
    const result = await retrying(
      async (attempt) => {
        if (attempt < 3) throw failed("PF_E_CLOSED");
        return attempt;
      },
      { policy: quick, onRetry: (_error, { attempt }) => told.push(attempt) },
    );
    expect([result, told]).toEqual([3, [2, 3]]);
  });

  test("throws the last error with how often it was tried", async () => {
    const run = retrying(async () => Promise.reject(failed("PF_E_CLOSED")), { policy: quick });
    expect(run).rejects.toMatchObject({ code: "PF_SOURCE_FAILED" });
    await run.catch((error: PfError) => expect(error.message).toContain("tried 4 times"));
  });

  test("throws a permanent error at once, as it is", async () => {
    const error = new PfError("PF_MODE_REFUSED", "No.");
    let runs = 0;
    const run = retrying(
      async () => {
        runs++;
        throw error;
      },
      { policy: quick },
    );
    expect(await run.catch((thrown) => thrown)).toBe(error);
    expect(runs).toBe(1);
  });

  test("an abort ends the wait between two tries at once", async () => {
    const controller = new AbortController();
    const slow = { ...quick, delayMsFirst: 60_000, delayMsMax: 60_000, totalMsMax: 600_000 };
    const run = retrying(async () => Promise.reject(failed("PF_E_CLOSED")), {
      policy: slow,
      signal: controller.signal,
      onRetry: () => controller.abort(new Error("enough")),
    });
    expect(await run.catch((thrown: Error) => thrown.message)).toBe("enough");
  });
});
