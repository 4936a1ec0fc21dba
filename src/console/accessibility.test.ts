import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { goTo, launchBrowser, openPage, sections } from "./browser.testing.ts";
import {
  deviceSample,
  figuresSample,
  inMs,
  ownerToken,
  pendingSample,
  sessionSample,
  TestHost,
} from "./host.testing.ts";

let browser: Browser;
let host: TestHost;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
beforeEach(() => {
  host = new TestHost();
  const figures = figuresSample(new Date(), () => 0.5);
  host.sessions = [
    sessionSample({ id: 1, figures }),
    sessionSample({ id: 2, client: "A client with a name of many words that has to go somewhere" }),
    sessionSample({ id: 3, client: "Tester", purpose: "probe", stream: null }),
  ];
  host.devices = [
    deviceSample({ name: "Laptop", connected: true }),
    deviceSample({ name: `Device-${"without-a-blank".repeat(7)}`, expired: true }),
  ];
  host.pending = [pendingSample("Tablet"), pendingSample("x".repeat(128))];
  host.log = (["info", "success", "warn", "error"] as const).map((level, index) => ({
    sequence: index + 1,
    at: inMs(0),
    level,
    text: "a line of the log ".repeat(12),
  }));
  host.pairing = { window: null, ended: "expired", uri: null };
});

/** Calls back with each state of the page that people meet. */
async function eachState(visit: (page: Page, state: string) => Promise<void>): Promise<void> {
  await using visitor = await openPage(browser, host.url);
  await visitor.page.getByLabel("Password").waitFor();
  await visit(visitor.page, "signing in");
  await visitor.page.getByLabel("Password").fill("wrong");
  await visitor.page.keyboard.press("Enter");
  await visitor.page.getByRole("alert").getByText("not right").waitFor();
  await visit(visitor.page, "wrong password");
  await using opened = await openPage(browser, host.url, { token: ownerToken });
  const { page } = opened;
  host.status = { ...host.status, pair: "optional" };
  host.tell("status");
  for (const section of sections) {
    await goTo(page, section);
    if (section === "Sessions") await page.getByText("Figures as a table").first().click();
    if (section === "Devices") {
      await visit(page, "Devices without a PIN");
      await page.getByRole("button", { name: "Show a PIN" }).click();
      await page.getByRole("button", { name: "Withdraw the PIN" }).waitFor();
      for (const summary of await page.locator(".device summary").all()) await summary.click();
    }
    await visit(page, section);
  }
  await goTo(page, "Devices");
  await page.getByRole("button", { name: "Revoke Laptop" }).click();
  await visit(page, "question");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Withdraw the PIN" }).click();
  await page.locator("#notices").getByText("withdrawn").waitFor();
  host.isDown = true;
  host.drop();
  await page.getByText("what is shown is old").waitFor();
  await visit(page, "lost");
  host.isDown = false;
  expect([...visitor.faults, ...opened.faults]).toEqual([]);
}

/** Roles that a screen reader announces with a name, or with none that helps. */
const named = new Set([
  ...["button", "link", "textbox", "combobox", "slider", "spinbutton", "checkbox", "DateTime"],
  ...["dialog", "alertdialog", "img", "image", "figure", "article", "navigation", "region", "log"],
  ...["timer", "progressbar", "table", "group", "heading", "columnheader", "rowheader"],
]);

test("everything that can be used or is drawn has a name for screen readers", async () => {
  const seen = new Set<string>();
  await eachState(async (page, state) => {
    const devtools = await page.context().newCDPSession(page);
    const { nodes } = await devtools.send("Accessibility.getFullAXTree");
    await devtools.detach();
    const nameless: string[] = [];
    for (const { ignored, role, name } of nodes) {
      if (ignored || !named.has(role?.value)) continue;
      seen.add(role?.value);
      const isNamed = typeof name?.value === "string" && name.value.trim() !== "";
      // The group of a fold is named by its summary, which is a child.
      if (!isNamed && !["group", "figure"].includes(role?.value)) nameless.push(role?.value);
    }
    expect([state, nameless]).toEqual([state, []]);
  });
  for (const role of ["button", "link", "textbox", "combobox", "slider", "dialog", "timer"]) {
    expect([...seen]).toContain(role);
  }
});

test("all text has a contrast of 4.5 or more, in light and in dark", async () => {
  let texts = 0;
  await eachState(async (page, state) => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const contrasts = await page.evaluate(contrastsOfTexts);
      texts += contrasts.length;
      const low = contrasts.filter(({ ratio, isLarge }) => ratio < (isLarge ? 3 : 4.5));
      expect([state, colorScheme, low]).toEqual([state, colorScheme, []]);
    }
  });
  expect(texts).toBeGreaterThan(500);
});

test("nothing is cut off or has to be scrolled sideways, from 390 to 1920 pixels", async () => {
  await eachState(async (page, state) => {
    for (const width of [390, 801, 1280, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      const outside = await page.evaluate(controlsOutside);
      expect([state, width, wide, outside]).toEqual([state, width, width, []]);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });
});

test("who wants less motion gets none", async () => {
  const durations = async (reducedMotion: boolean) => {
    await using opened = await openPage(browser, host.url, { reducedMotion, token: ownerToken });
    await goTo(opened.page, "Devices");
    return await opened.page.evaluate(() =>
      [...document.querySelectorAll("*")].map((element) => {
        const { transitionDuration, animationDuration } = getComputedStyle(element);
        return Math.max(
          Number.parseFloat(transitionDuration),
          Number.parseFloat(animationDuration) || 0,
        );
      }),
    );
  };
  expect(Math.max(...(await durations(false)))).toBeGreaterThan(0);
  expect(Math.max(...(await durations(true)))).toBe(0);
});

test("all of it works by keyboard: sign in, approve, pair, revoke, set and read", async () => {
  await using opened = await openPage(browser, host.url);
  const { page } = opened;
  const focused = () => page.evaluate(nameOfFocus);
  /** Presses Tab until the focus is on a control of that name; each step has to be seen. */
  const tabTo = async (name: string | RegExp) => {
    for (let presses = 0; presses < 80; presses += 1) {
      const current = await focused();
      if (typeof name === "string" ? current.name === name : name.test(current.name)) return;
      await page.keyboard.press("Tab");
      const { name: next, isVisible } = await focused();
      if (next !== "") expect([next, isVisible]).toEqual([next, true]);
    }
    throw new Error(`No Tab leads to ${name}.`);
  };
  const focusIsOn = (element: string, text: string) =>
    page.locator(`${element}:focus`, { hasText: text }).waitFor();
  await page.getByLabel("Password").waitFor();
  await page.keyboard.type("correct horse");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Sessions" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sessions" }).waitFor();
  await page.keyboard.press("Tab");
  expect((await focused()).name).toBe("Skip to the content");
  await page.keyboard.press("Enter");
  await tabTo("Review");
  await page.keyboard.press("Enter");
  await focusIsOn("h2", "Devices");
  await tabTo("Level");
  await page.keyboard.press("v");
  await tabTo("Approve Tablet");
  await page.keyboard.press("Enter");
  await page.locator("#notices").getByText("Tablet is paired, with the level view.").waitFor();
  await focusIsOn("h3", "Requests to pair");
  await tabTo("Show a PIN");
  await page.keyboard.press("Space");
  await page.getByRole("timer").waitFor();
  await tabTo("Withdraw the PIN");
  await page.keyboard.press("Enter");
  await page.getByText("The PIN was withdrawn.").waitFor();
  await focusIsOn("button", "Show a PIN");
  await tabTo("Revoke Laptop…");
  await page.keyboard.press("Enter");
  await tabTo("Cancel");
  await tabTo("Revoke");
  await page.keyboard.press("Enter");
  await page.locator("#notices").getByText("Laptop is revoked.").waitFor();
  await focusIsOn("h3", "Paired devices");
  await tabTo("Settings");
  await page.keyboard.press("Enter");
  await focusIsOn("h2", "Settings");
  await tabTo("Usual bitrate, slider");
  await page.keyboard.press("ArrowRight");
  await tabTo("Save");
  await page.keyboard.press("Enter");
  await page.locator("#notices").getByText("The settings are saved").waitFor();
  await tabTo("Log");
  await page.keyboard.press("Enter");
  await focusIsOn("h2", "Log");
  await tabTo("Log lines");
  await tabTo("Sign out");
  await page.keyboard.press("Enter");
  await page.getByLabel("Password").waitFor();
  expect(host.changes.map(({ route }) => route)).toEqual([
    ...(["approve", "arm", "disarm", "revoke", "changeSettings", "logout"] as const),
  ]);
});

/* What follows runs in the page, so it may name nothing outside itself. */

/** Each visible text with the contrast to the ground behind it (WCAG 2.2, 1.4.3). */
function contrastsOfTexts() {
  type Colour = readonly [number, number, number, number];
  const canvas = document.createElement("canvas");
  canvas.width = 1;
  canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const colourOf = (css: string): Colour => {
    if (context === null) throw new Error("no canvas");
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = css;
    context.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (upper: Colour, lower: Colour): Colour => {
    const mix = (index: 0 | 1 | 2) => upper[index] * upper[3] + lower[index] * (1 - upper[3]);
    return [mix(0), mix(1), mix(2), 1];
  };
  const luminance = ([red, green, blue]: Colour) => {
    const linear = [red, green, blue].map((channel) => {
      const share = channel / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
  };
  const groundOf = (element: Element | null): Colour => {
    if (element === null) return [255, 255, 255, 1];
    const own = colourOf(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, groundOf(element.parentElement));
  };
  const found: { text: string; ratio: number; isLarge: boolean }[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent?.trim() ?? "";
    const element = walker.currentNode.parentElement;
    if (text === "" || element === null || !element.checkVisibility()) continue;
    if (element.closest(".unseen, noscript, script, option") !== null) continue;
    const ground = groundOf(element);
    const style = getComputedStyle(element);
    const front = luminance(over(colourOf(style.color), ground));
    const back = luminance(ground);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const isLarge = Number.parseFloat(style.fontSize) >= 24;
    found.push({ text: text.slice(0, 60), ratio, isLarge });
  }
  return found;
}

/** Controls of which a part lies outside the window's width. */
function controlsOutside(): string[] {
  const controls = [...document.querySelectorAll("button, a, input, select, summary, h2, h3, h4")];
  return controls
    .filter((control) => {
      if (!control.checkVisibility() || control.closest("nav, .skip, .unseen") !== null)
        return false;
      const { left, right } = control.getBoundingClientRect();
      return left < 0 || right > innerWidth;
    })
    .map((control) => control.outerHTML.slice(0, 120));
}

/** What has the focus, and whether that can be seen. */
function nameOfFocus(): { name: string; isVisible: boolean } {
  const element = document.activeElement;
  if (element === null || element === document.body) return { name: "", isVisible: false };
  const labels = (element as HTMLInputElement).labels;
  const label = labels?.[0]?.textContent ?? element.textContent ?? "";
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return {
    name: (element.getAttribute("aria-label") ?? label).trim(),
    isVisible: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2,
  };
}
