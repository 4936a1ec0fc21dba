import { describe, expect, test } from "bun:test";
import { decodeMessage, encodeMessage, messageBytes } from "./message.ts";
import { BusFormatError, parseSignature } from "./signature.ts";
import { Variant } from "./values.ts";

/** What a failed parse throws. */
function thrown(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

const signal = encodeMessage({
  kind: "signal",
  serial: 7,
  expectsReply: false,
  path: "/a/b",
  interface: "a.B",
  member: "Said",
  signature: "sa{sv}(ud)ayx",
  body: [
    "grün",
    { one: new Variant("u", 1), deep: new Variant("a(sv)", [["k", new Variant("as", ["v"])]]) },
    [3, 1.5],
    Uint8Array.of(1, 2, 3),
    -1n,
  ],
});

describe("a message", () => {
  test("has the bytes that the specification gives it", () => {
    const hello = encodeMessage({
      kind: "call",
      serial: 1,
      expectsReply: true,
      path: "/o",
      member: "Hi",
      signature: "y",
      body: [5],
    });
    const hex = [
      "6c010001 01000000 01000000 27000000", // little-endian call, body of 1, serial 1, fields of 39
      "01016f00 02000000 2f6f0000 00000000", // path o "/o"
      "03017300 02000000 48690000 00000000", // member s "Hi"
      "08016700 01790000 05", // signature g "y", padding to 8, body
    ];
    expect(Buffer.from(hello).toString("hex")).toBe(hex.join("").replaceAll(" ", ""));
  });

  test("is read in either byte order", () => {
    const hex = [
      "42040001 00000004 00000002 00000037", // big-endian signal, serial 2, 55 bytes of fields
      "01016f00 00000002 2f6f0000 00000000", // path o "/o"
      "02017300 00000003 612e6200 00000000", // interface s "a.b"
      "03017300 00000001 4d000000 00000000", // member s "M"
      "08016700 01750000 00000009", // signature g "u", padding to 8, body
    ];
    const bytes = Buffer.from(hex.join("").replaceAll(" ", ""), "hex");
    expect(messageBytes(bytes)).toBe(bytes.length);
    expect(decodeMessage(bytes)).toMatchObject({ serial: 2, interface: "a.b", body: [9] });
  });

  test("is told in its length before it is whole", () => {
    expect(messageBytes(signal.subarray(0, 15))).toBeUndefined();
    expect(messageBytes(signal.subarray(0, 16))).toBe(signal.length);
    expect(decodeMessage(signal)?.body[1]).toEqual({ one: 1, deep: [["k", ["v"]]] });
  });

  test("that claims to be huge, or is none, is refused at its head", () => {
    const huge = Uint8Array.from(signal);
    huge[7] = 0x7f;
    expect(thrown(() => messageBytes(huge))).toBeInstanceOf(BusFormatError);
    const none = Uint8Array.from(signal);
    none[0] = 0x20;
    expect(thrown(() => messageBytes(none))).toBeInstanceOf(BusFormatError);
  });

  test("that was changed anywhere is read or refused, and nothing else", () => {
    for (let at = 0; at < signal.length; at++) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const changed = Uint8Array.from(signal);
        changed[at] = value;
        const error = thrown(() => decodeMessage(changed));
        if (error !== undefined) expect(error).toBeInstanceOf(BusFormatError);
      }
      const cut = thrown(() => decodeMessage(signal.subarray(0, at)));
      expect(cut).toBeInstanceOf(BusFormatError);
    }
  });
});

test.each([
  "a",
  "(",
  "()",
  "a{vs}",
  "a{s}",
  "a{ss",
  "{ss}",
  "z",
  `${"a".repeat(70)}y`,
  "y".repeat(256),
])("%s is no signature", (text) => {
  expect(thrown(() => parseSignature(text))).toBeInstanceOf(BusFormatError);
});
