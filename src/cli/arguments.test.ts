import { describe, expect, test } from "bun:test";
import { PfError } from "../base/errors.ts";
import {
  parseBitrate,
  parseChoice,
  parseCount,
  parseDeviceName,
  parseDuration,
  parseFec,
  parseHost,
  parseKeyboardLayout,
  parseOwnAddress,
  parsePort,
  parseTypedText,
  shellWord,
} from "./arguments.ts";

function refusal(read: () => unknown): PfError {
  try {
    read();
  } catch (error) {
    if (error instanceof PfError) return error;
  }
  throw new Error("was taken");
}

describe("what people type", () => {
  test("an address to listen at is an IP address, in brackets or without", () => {
    expect(["127.0.0.1", "::1", "[::1]"].map(parseOwnAddress)).toEqual(["127.0.0.1", "::1", "::1"]);
    for (const wrong of ["", "localhost", "1.2.3", "1.2.3.4:5"]) {
      expect(() => parseOwnAddress(wrong)).toThrow("is not an IP address");
    }
  });

  test("durations, bitrates, ports, shares and counts are read with their units", () => {
    expect(["10", "500ms", "2m", "1.5h"].map((text) => Number(parseDuration(text)))).toEqual([
      10_000, 500, 120_000, 5_400_000,
    ]);
    expect(["20M", "800k", "1.5G", "5000", "50mbps"].map((t) => Number(parseBitrate(t)))).toEqual([
      20_000, 800, 1_500_000, 5000, 50_000,
    ]);
    expect([parsePort("0"), parsePort("65535")]).toEqual([0, 65_535]);
    expect(["20", "7.5%"].map((text) => Number(parseFec(text)))).toEqual([200, 75]);
    expect(parseFec("auto")).toBeNull();
    expect(parseCount("4", "sessions", 1, 16)).toBe(4);
  });

  test("hosts are read with and without port, as name, IPv4 and IPv6", () => {
    expect(parseHost("box")).toEqual({ host: "box", port: undefined });
    expect(parseHost("gaming box (2):9000")).toEqual({ host: "gaming box (2)", port: 9000 });
    expect(parseHost("192.0.2.1:9000")).toEqual({ host: "192.0.2.1", port: 9000 });
    expect(parseHost("[2001:db8::1]:9000")).toEqual({ host: "2001:db8::1", port: 9000 });
    expect(parseHost("[fe80::1%eth0]")).toEqual({ host: "fe80::1%eth0", port: undefined });
    expect(parseHost("::1")).toEqual({ host: "::1", port: undefined });
  });

  test("a device's name is one line that shows as it is", () => {
    expect(parseDeviceName(" Living-room\n\t TV\u001b[31m\u202e ")).toBe("Living-room TV[31m");
    expect(parseDeviceName("\u{1f4fa}".repeat(32))).toBe("\u{1f4fa}".repeat(32));
  });

  test("a text to type has plain line ends, and a layout is one that XKB can have", () => {
    expect(parseTypedText("a\r\nb\tc")).toBe("a\nb\tc");
    expect(() => parseTypedText("\u001b[A")).toThrow("The text holds U+001B");
    for (const name of ["us", "de(nodeadkeys)", "us(dvorak-intl)"]) {
      expect(parseKeyboardLayout(name)).toBe(name);
    }
    for (const wrong of ["", "German", "de nodeadkeys", "../de", "de()", "de(a)(b)"]) {
      expect(() => parseKeyboardLayout(wrong)).toThrow("is not a keyboard layout");
    }
    expect([parseTypedText(undefined), parseKeyboardLayout(undefined)]).toEqual([
      undefined,
      undefined,
    ]);
  });

  test("a word is quoted where a shell would take it apart", () => {
    const words = ["box", "192.0.2.7:9000", "[::1]:9000", "Living room", "it's"];
    const quoted = ["box", "192.0.2.7:9000", "'[::1]:9000'", "'Living room'", "'it'\\''s'"];
    expect(words.map(shellWord)).toEqual(quoted);
  });

  test.each([
    () => parseDuration("soon"),
    () => parseDuration("0"),
    () => parseDuration("-1"),
    () => parseBitrate("fast"),
    () => parseBitrate("0"),
    () => parsePort("65536"),
    () => parsePort("-1"),
    () => parsePort("9777x"),
    () => parseFec("4"),
    () => parseFec("51"),
    () => parseFec(""),
    () => parseCount("17", "sessions", 1, 16),
    () => parseHost(""),
    () => parseHost("a\u0007b"),
    () => parseHost("box:0"),
    () => parseHost("box:70000"),
    () => parseDeviceName(" \u0007 "),
    () => parseDeviceName("x".repeat(129)),
    () => parseChoice("x265", "codec", ["h264", "hevc"]),
  ])("nonsense is a usage error with a hint: %p", (read) => {
    const error = refusal(read);
    expect(error.code).toBe("PF_USAGE");
    expect(error.exitCode).toBe(2);
    expect(error.hint).toMatch(/^(Write|Choose|The usual)/);
  });
});
