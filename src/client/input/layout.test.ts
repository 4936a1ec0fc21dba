import { expect, test } from "bun:test";
import { layoutIn, ownKeyboardLayout, sendsText } from "./layout.ts";

test("keys travel as text only where both layouts are known and differ, or where it is asked for", () => {
  const cases = [
    ["auto", "de", "us", true],
    ["auto", "us", "us", false],
    ["auto", null, "us", false],
    ["auto", "de", null, false],
    ["codes", "de", "us", false],
    ["text", "us", "us", true],
    ["text", null, null, true],
  ] as const;
  for (const [wish, client, host, text] of cases) {
    const situation = { wish, client, host };
    expect([situation, sendsText(situation, "window")]).toEqual([situation, text]);
    expect([situation, sendsText(situation, "terminal")]).toEqual([situation, wish !== "codes"]);
  }
});

test("the layout is read as each system writes it", () => {
  const query =
    "rules:      evdev\nmodel:      pc105\nlayout:     de,us\nvariant:    nodeadkeys,\n";
  expect(layoutIn(query)).toBe("de(nodeadkeys)");
  expect(layoutIn("rules:      evdev\nmodel:      pc105\nlayout:     us\n")).toBe("us");
  const debian = '# a file\nXKBMODEL="pc105"\nXKBLAYOUT="fr"\nXKBVARIANT=""\nBACKSPACE="guess"\n';
  expect(layoutIn(debian)).toBe("fr");
  const xorg =
    'Section "InputClass"\n  Option "XkbLayout" "ch"\n  Option "XkbVariant" "fr"\nEndSection\n';
  expect(layoutIn(xorg)).toBe("ch(fr)");
  expect(layoutIn("")).toBeUndefined();
  expect(layoutIn('XKBLAYOUT="../../etc"')).toBeUndefined();
});

test("the environment of the desktop counts before the system's files", async () => {
  expect(await ownKeyboardLayout({ XKB_DEFAULT_LAYOUT: "us,de" })).toBe("us");
  const env = { XKB_DEFAULT_LAYOUT: "us", XKB_DEFAULT_VARIANT: "dvorak" };
  expect(await ownKeyboardLayout(env)).toBe("us(dvorak)");
});
