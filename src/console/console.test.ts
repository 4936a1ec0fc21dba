import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Browser, Locator, Page } from "playwright-core";
import type { SpeedTest } from "../wire/management.ts";
import { goTo, launchBrowser, openPage, type WatchedPage } from "./browser.testing.ts";
import {
  deviceSample,
  figuresSample,
  hour,
  inMs,
  ownerToken,
  pendingSample,
  sessionSample,
  TestHost,
} from "./host.testing.ts";

let browser: Browser;
let host: TestHost;
/** Pages of somebody who is not signed in, and of the owner. A host's port is an origin anew. */
let visitor: WatchedPage;
let owner: WatchedPage;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  visitor = await openPage(browser, "about:blank");
  owner = await openPage(browser, "about:blank", { token: ownerToken });
});
afterAll(() => browser.close());
beforeEach(() => {
  host = new TestHost();
});
afterEach(async () => {
  if (!page.isClosed()) await page.goto("about:blank");
  await host.close();
  expect([...visitor.faults.splice(0), ...owner.faults.splice(0)]).toEqual([]);
});

async function visit(): Promise<void> {
  page = visitor.page;
  await page.goto(host.url);
}

async function enter(): Promise<void> {
  page = owner.page;
  await page.goto(host.url);
  await page.getByRole("heading", { name: "Sessions" }).waitFor();
}

async function signIn(): Promise<void> {
  await page.getByLabel("Password").fill("correct horse");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Sessions" }).waitFor();
}
const byButton = (name: string | RegExp): Locator => page.getByRole("button", { name });
const notice = (text: string): Locator => page.locator("#notices").getByText(text);
const lastChange = () => host.changes.at(-1);
/** Resolves when a condition about the host holds, which a page brings about a moment later. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await page.waitForTimeout(10);
}

describe("signing in", () => {
  test("goes by the password, and a wrong one is answered with a sentence at the field", async () => {
    await visit();
    await page.getByLabel("Password").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("is not right").waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("type"))).toBe(
      "password",
    );
    await signIn();
    await page.reload();
    await page.getByRole("heading", { name: "Sessions" }).waitFor();
  });

  test("goes by the token, which this tab keeps until it signs out", async () => {
    await visit();
    await page.getByText("Use the token instead").click();
    await page.getByLabel("Token").fill("nonsense");
    await byButton("Use the token").click();
    await page.getByRole("alert").getByText("That token is not right").waitFor();
    await page.getByLabel("Token").fill(` ${ownerToken} `);
    await byButton("Use the token").click();
    await page.getByRole("heading", { name: "Sessions" }).waitFor();
    await page.reload();
    await byButton("Sign out").click();
    await page.getByLabel("Password").waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  test("asks for the token where no password is set; its owner sets one", async () => {
    host.password = null;
    await visit();
    await page.getByText("No password is set yet").waitFor();
    await page.getByLabel("Token").fill(ownerToken);
    await page.keyboard.press("Enter");
    await goTo(page, "Settings");
    await page.getByLabel("New password").fill("a new password");
    await byButton("Set password").click();
    await notice("The password is set.").waitFor();
    expect(host.password as string | null).toBe("a new password");
    await byButton("Remove password").click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await notice("The password is removed.").waitFor();
    expect(host.password).toBeNull();
  });

  test("is asked for again when the host no longer knows who asks", async () => {
    await visit();
    await signIn();
    host.forget();
    await page.getByRole("alert").getByText("You were signed out").waitFor();
    await page.getByLabel("Password").waitFor();
  });

  test("by password gives no way to set the password", async () => {
    await visit();
    await signIn();
    await goTo(page, "Settings");
    expect(await page.getByLabel("New password").count()).toBe(0);
  });
});

describe("requests to pair", () => {
  test("are announced, counted, and approved with a level", async () => {
    await enter();
    const television = pendingSample("Living-room TV");
    host.pending = [television];
    host.tell("pending");
    await page.getByRole("status").getByText("Living-room TV asks to pair.").waitFor();
    expect(await page.title()).toBe("(1) Study – punktfunk");
    await page.getByRole("link", { name: "Review" }).click();
    const card = page.getByRole("listitem", { name: "Living-room TV" });
    const groups = ((await card.locator(".fingerprint").textContent()) ?? "").split(" ");
    expect(groups).toHaveLength(16);
    expect(groups.join("")).toBe(television.fingerprint);
    await card.getByLabel("Level").selectOption("view");
    await byButton("Approve Living-room TV").click();
    await notice("Living-room TV is paired, with the level view.").waitFor();
    expect(lastChange()).toEqual({
      route: "approve",
      id: television.id,
      body: { level: "view", expiresAt: null },
    });
    await page.getByRole("list", { name: "Paired devices" }).getByText("Living-room TV").waitFor();
    await page.getByText("No device waits for approval.").waitFor();
  });

  test("are denied, and one that is over already is said to be", async () => {
    await enter();
    host.pending = [pendingSample("Tablet"), pendingSample("Phone")];
    host.tell("pending");
    await goTo(page, "Devices");
    await byButton("Deny Tablet").click();
    await notice("Tablet was sent away.").waitFor();
    expect(host.pending.map(({ name }) => name)).toEqual(["Phone"]);
    host.pending = [];
    await byButton("Deny Phone").click();
    await page.getByRole("alert").getByText("there is no such thing").waitFor();
  });

  test("keep the level that is being chosen while others come and go", async () => {
    await enter();
    const [first, second] = [pendingSample("First"), pendingSample("Second")];
    host.pending = [first, second];
    host.tell("pending");
    await goTo(page, "Devices");
    const level = page.getByRole("listitem", { name: "Second" }).getByLabel("Level");
    await level.selectOption("play");
    await level.focus();
    host.pending = [second, pendingSample("Third")];
    host.tell("pending");
    await page.getByRole("listitem", { name: "Third" }).waitFor();
    expect(await level.inputValue()).toBe("play");
    expect(await level.evaluate((element) => element === document.activeElement)).toBe(true);
  });
});

describe("a pairing window", () => {
  test("shows the PIN in two halves, the time left and a QR code, and can be closed", async () => {
    await enter();
    await goTo(page, "Devices");
    await page.getByLabel("Time", { exact: true }).selectOption("30000");
    await byButton("Show a PIN").click();
    await byButton("Withdraw the PIN").waitFor();
    const halves = page.locator(".pin [aria-hidden]");
    expect(await halves.allTextContents()).toEqual(["042", "917"]);
    await page.getByText("PIN: 0 4 2 9 1 7").waitFor();
    expect(await page.getByRole("timer").textContent()).toMatch(/^0:(30|2\d)$/);
    await page.getByRole("img", { name: "QR code" }).waitFor();
    await page.getByText("punktfunk pair Study").waitFor();
    expect(lastChange()?.body).toEqual({ level: "full", durationMs: 30_000 });
    await byButton("Withdraw the PIN").click();
    await page.getByText("The PIN was withdrawn.").waitFor();
    expect(await page.getByText("042").count()).toBe(0);
  });

  test("tells how it ended: used, burnt or expired", async () => {
    await enter();
    await goTo(page, "Devices");
    const sentences = {
      used: "A device gave the right PIN and is paired.",
      burnt: "A device gave a wrong PIN",
      expired: "The time was over",
    } as const;
    for (const [ended, sentence] of Object.entries(sentences)) {
      await byButton("Show a PIN").click();
      await byButton("Withdraw the PIN").waitFor();
      host.pairing = { window: null, ended: ended as keyof typeof sentences, uri: null };
      host.tell("pairing");
      await page.getByRole("status").getByText(sentence).waitFor();
    }
  });

  test("says what is left at some marks only, not each second", async () => {
    await using own = await openPage(browser, "about:blank", { token: ownerToken });
    page = own.page;
    await page.clock.install();
    await page.goto(host.url);
    await goTo(page, "Devices");
    await byButton("Show a PIN").click();
    await byButton("Withdraw the PIN").waitFor();
    const said: string[] = [];
    await page.exposeFunction("tellSaid", (sentence: string) => said.push(sentence));
    await page.evaluate(`new MutationObserver(() => tellSaid(announcer.textContent))
      .observe(announcer, { childList: true, characterData: true, subtree: true })`);
    for (let step = 1; step <= 7; step += 1) {
      await page.clock.runFor(17_000);
      // A host that is silent for longer is asked whether it is there.
      host.status = { ...host.status, name: `Study ${step}` };
      host.tell("status");
      await page.locator(".host").getByText(host.status.name).waitFor();
    }
    expect(await page.getByRole("timer").textContent()).toMatch(/^0:0[0-3]$/);
    await until(() => said.length >= 3);
    expect(said).toEqual([60, 30, 10].map((seconds) => `${seconds} seconds left for the PIN.`));
  });
});

describe("paired devices", () => {
  test("are renamed, given another level and an expiry", async () => {
    const device = deviceSample({ name: "Laptop" });
    host.devices = [device];
    await enter();
    await goTo(page, "Devices");
    await byButton("Edit Laptop").click();
    const dialog = page.getByRole("dialog", { name: "Edit Laptop" });
    await dialog.getByLabel("Name").fill("Desk");
    await dialog.getByLabel("Level").selectOption("play");
    await dialog.getByLabel("Expires").fill("2031-05-06T07:08");
    await dialog.getByRole("button", { name: "Save" }).click();
    await notice("Desk is saved.").waitFor();
    expect(lastChange()).toEqual({
      route: "changeDevice",
      id: device.id,
      body: {
        name: "Desk",
        level: "play",
        expiresAt: new Date("2031-05-06T07:08").toISOString(),
      },
    });
  });

  test("are revoked after a question; Escape leaves all as it was", async () => {
    host.devices = [
      deviceSample({ name: "Laptop", connected: true }),
      deviceSample({ name: "TV" }),
    ];
    await enter();
    await goTo(page, "Devices");
    await byButton("Revoke Laptop").click();
    await page.getByRole("dialog").getByText("Its session ends at once.").waitFor();
    await page.keyboard.press("Escape");
    expect(host.changes).toEqual([]);
    await byButton("Revoke Laptop").click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await notice("Laptop is revoked.").waitFor();
    expect(host.devices.map(({ name }) => name)).toEqual(["TV"]);
    await page.locator("h3:focus").getByText("Paired devices").waitFor();
  });
});

describe("sessions", () => {
  test("show their figures, and a dash for what was not measured", async () => {
    await enter();
    await page.getByText("Nobody is connected.").waitFor();
    const random = () => 0.5;
    const tell = (second: number, isHeard: boolean) => {
      const figures = figuresSample(new Date(Date.now() + second * 1000), random, isHeard);
      host.sessions = [sessionSample({ id: 1, figures }), sessionSample({ id: 2, client: "New" })];
      host.tell("sessions");
    };
    for (let second = 0; second < 5; second += 1) tell(second, true);
    const card = page.getByRole("article", { name: "Living-room TV" });
    await card.getByRole("img", { name: /^Frames a second, now: .*Presented 59.5$/ }).waitFor();
    expect(await card.locator(".figure").allInnerTexts()).toEqual([
      "59.5",
      "8.4 ms",
      "24 Mbps",
      "0%",
    ]);
    expect(await card.locator(".line.series-bitrate").getAttribute("d")).toMatch(/^M(\d.*L){4}/);
    tell(5, false);
    await card.getByRole("img", { name: /Presented not measured$/ }).waitFor();
    expect(await card.locator(".figure").allInnerTexts()).toEqual(["–", "–", "24 Mbps", "–"]);
    await card.getByText("Figures as a table").click();
    const row = card.getByRole("row", { name: "Frames presented a second" });
    expect(await row.getByRole("cell").allInnerTexts()).toEqual(["–", "59.5", "59.5", "59.5"]);
    const fresh = page.getByRole("article", { name: "New" });
    expect(await fresh.locator(".figure").allInnerTexts()).toEqual(["–", "–", "–", "–"]);
  });

  test("are ended after a question", async () => {
    host.sessions = [sessionSample({ id: 7 })];
    await enter();
    await byButton("End session of Living-room TV").click();
    await page.getByRole("dialog").getByRole("button", { name: "End session" }).click();
    await notice("The session of Living-room TV is ended.").waitFor();
    expect(lastChange()).toMatchObject({ route: "kick", id: "7" });
    await page.getByText("Nobody is connected.").waitFor();
  });
});

describe("settings", () => {
  test("take a bitrate by number and by slider, and send only what was changed", async () => {
    await enter();
    await goTo(page, "Settings");
    await page.getByRole("spinbutton", { name: "Usual bitrate" }).fill("35.5");
    const slider = page.getByRole("slider", { name: "Usual bitrate" });
    expect(await slider.getAttribute("aria-valuetext")).toBe("35.5 Mbps");
    await byButton(/^Save$/).click();
    await notice("The settings are saved and in force.").waitFor();
    expect(lastChange()?.body).toEqual({ bitrateKbpsDefault: 35_500 });
    await page.locator("button[type=submit][aria-disabled=true]").waitFor();
    await slider.focus();
    await page.keyboard.press("Home");
    expect(await page.getByRole("spinbutton", { name: "Usual bitrate" }).inputValue()).toBe("0.5");
    await page.getByLabel("Sessions at once").fill("2");
    await page.getByLabel("Picture comes from").selectOption("synthetic");
    await byButton(/^Save$/).click();
    await until(() => host.settings.compositor === "synthetic");
    expect(host.settings).toEqual({
      bitrateKbpsDefault: 500,
      bitrateKbpsMax: 200_000,
      sessionsMax: 2,
      compositor: "synthetic",
    });
  });

  test("that are being edited are not overwritten by what changes elsewhere", async () => {
    await enter();
    await goTo(page, "Settings");
    const sessions = page.getByLabel("Sessions at once");
    await sessions.fill("9");
    host.settings = { ...host.settings, bitrateKbpsMax: 90_000 };
    host.tell("settings");
    host.log.push({ sequence: 1, at: inMs(0), level: "info", text: "after it" });
    expect(await sessions.inputValue()).toBe("9");
    await byButton("Undo").click();
    expect(await sessions.inputValue()).toBe("4");
    expect(await page.getByRole("spinbutton", { name: "Highest bitrate" }).inputValue()).toBe("90");
  });

  test("above each other's limits are refused at the field", async () => {
    await enter();
    await goTo(page, "Settings");
    const usual = page.getByRole("spinbutton", { name: "Usual bitrate" });
    for (const wrong of ["300", "0.1", "5000", ""]) {
      await usual.fill(wrong);
      await byButton(/^Save$/).click();
      expect(await usual.evaluate((input: HTMLInputElement) => input.validity.valid)).toBe(false);
    }
    expect(host.changes).toEqual([]);
  });

  test("come from a speed test, which shows its progress and can be stopped", async () => {
    host.sessions = [sessionSample({ id: 3 }), sessionSample({ id: 4, client: "Laptop" })];
    await enter();
    await goTo(page, "Settings");
    await page.getByLabel("Client").selectOption("Laptop");
    await byButton("Start the test").click();
    await byButton("Stop").click();
    await page.locator(".outcome").getByText("The test was stopped.").waitFor();
    await byButton("Start the test").click();
    await byButton("Stop").waitFor();
    expect(lastChange()?.body).toEqual({ session: 4, rateKbps: null, durationMs: null });
    const running = host.speedTest as SpeedTest;
    const burst = { elapsedMs: 500, lossPct: 0.4, jitterUs: null };
    const progress = { ...burst, targetKbps: 400_000, throughputKbps: 310_000 };
    host.speedTest = { ...running, progress };
    host.tell("speedTest");
    await page.getByText("Trying 400 Mbps: 310 Mbps came through, loss 0.4%, jitter –.").waitFor();
    const result = {
      targetKbps: 400_000,
      throughputKbps: 380_000,
      lossPct: 0,
      jitterUs: 90,
      recommendedKbps: 240_000,
      limitedBy: "network",
      bursts: 6,
    } as const;
    host.speedTest = { ...running, state: "done", result };
    host.tell("speedTest");
    await page.getByText("The network held it back.").waitFor();
    await byButton("Use recommended bitrate").click();
    await notice("The usual bitrate is 240 Mbps now, and the highest one is raised").waitFor();
    expect(host.settings).toMatchObject({ bitrateKbpsDefault: 240_000, bitrateKbpsMax: 240_000 });
    expect(await page.getByRole("spinbutton", { name: "Usual bitrate" }).inputValue()).toBe("240");
  });
});

describe("the log", () => {
  const line = (sequence: number, level: "info" | "error" = "info") =>
    ({ sequence, at: inMs(0), level, text: `line ${sequence}` }) as const;

  test("shows what came before and what comes, by level", async () => {
    host.log = [line(1), line(2, "error")];
    await enter();
    await goTo(page, "Log");
    const lines = page.getByRole("log").getByRole("listitem");
    await page.getByRole("log").getByText("line 2").waitFor();
    host.tell("log", line(3, "error"));
    await page.getByRole("log").getByText("line 3").waitFor();
    expect(await lines.locator(".text").allInnerTexts()).toEqual(["line 1", "line 2", "line 3"]);
    await page.getByLabel("Info").uncheck();
    expect(await lines.locator(".text").allInnerTexts()).toEqual(["line 2", "line 3"]);
    await page.getByText("2 of 3 lines").waitFor();
  });

  test("follows its end, until somebody reads further up", async () => {
    host.log = Array.from({ length: 300 }, (_, index) => line(index + 1));
    await enter();
    await goTo(page, "Log");
    const log = page.getByRole("log");
    await log.getByText("line 300").waitFor();
    const isAtEnd = () =>
      log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 8);
    expect(await isAtEnd()).toBe(true);
    await log.focus();
    await page.keyboard.press("Home");
    const follow = page.getByLabel("Follow new lines");
    await follow.and(page.locator(":not(:checked)")).waitFor();
    host.tell("log", line(301));
    await log.getByText("line 301").waitFor();
    expect(await log.evaluate((box) => box.scrollTop)).toBe(0);
    await follow.check();
    expect(await isAtEnd()).toBe(true);
  });

  test("keeps its order when a new line comes before the older ones", async () => {
    const ready = Promise.withResolvers<void>();
    host.log = [line(1), line(2)];
    host.logIsReady = ready.promise;
    await enter();
    await goTo(page, "Log");
    await page.locator(".host").getByText("Study").waitFor();
    host.tell("log", line(3));
    await page.getByRole("log").getByText("line 3").waitFor();
    ready.resolve();
    await page.getByRole("log").getByText("line 1").waitFor();
    const lines = page.getByRole("log").locator(".text");
    expect(await lines.allInnerTexts()).toEqual(["line 1", "line 2", "line 3"]);
  });

  test("begins anew with a host that started again", async () => {
    host.log = [line(1), line(2)];
    await enter();
    await goTo(page, "Log");
    await page.getByRole("log").getByText("line 2").waitFor();
    host.log = [{ ...line(1), text: "the first again" }];
    host.status = { ...host.status, startedAt: inMs(0) };
    host.drop();
    await page.getByRole("log").getByText("the first again").waitFor();
    expect(await page.getByRole("log").getByRole("listitem").count()).toBe(1);
  });

  test("keeps no more lines than the host does", async () => {
    host.log = Array.from({ length: 1000 }, (_, index) => line(index + 1));
    await enter();
    await goTo(page, "Log");
    await page.getByRole("log").getByText("line 1000").waitFor();
    host.tell("log", line(1001));
    await page.getByRole("log").getByText("line 1001").waitFor();
    expect(
      await page
        .getByRole("log")
        .getByText(/^line 1$/)
        .count(),
    ).toBe(0);
    await page.getByText("1,000 lines").waitFor();
  });
});

describe("the connection", () => {
  test("is tried again when it is lost, and what happened meanwhile is shown", async () => {
    await enter();
    host.isDown = true;
    host.drop();
    await page.getByText("The connection to the host is lost; what is shown is old.").waitFor();
    host.devices = [deviceSample({ name: "Meanwhile" })];
    host.log = [{ sequence: 1, at: inMs(0), level: "warn", text: "in between" }];
    host.isDown = false;
    await byButton("Try now").click();
    await page.getByText("The connection to the host is back.").waitFor();
    await page.getByText("what is shown is old").waitFor({ state: "hidden" });
    await goTo(page, "Devices");
    await page.getByRole("listitem", { name: "Meanwhile" }).waitFor();
    await goTo(page, "Log");
    await page.getByRole("log").getByText("in between").waitFor();
  });

  test("comes back by itself", async () => {
    await enter();
    host.drop();
    await page.getByText("what is shown is old").waitFor();
    await page.getByText("what is shown is old").waitFor({ state: "hidden" });
  });

  test("to a host without pairing has a warning on every page", async () => {
    host.status = { ...host.status, pair: "optional" };
    await enter();
    await page.getByText("Anyone in the network may connect").waitFor();
    await goTo(page, "Log");
    expect(await page.getByText("Anyone in the network may connect").isVisible()).toBe(true);
  });
});

test("names that look like markup or turn the writing are shown as they were given", async () => {
  const hostile = `<img src=x onerror="document.title='owned'">'"&lt;<script>alert(1)</script>`;
  host.devices = [deviceSample({ id: "d-1", name: hostile, expiresAt: inMs(hour) })];
  host.pending = [{ ...pendingSample(hostile), address: "<b>1.2.3.4</b>" }];
  host.sessions = [sessionSample({ id: 1, client: hostile })];
  host.log = [{ sequence: 1, at: inMs(0), level: "info", text: hostile }];
  host.status = { ...host.status, name: hostile };
  await enter();
  const shown = page.getByText(hostile, { exact: true });
  await page.getByRole("article", { name: hostile }).waitFor();
  await goTo(page, "Devices");
  expect(await shown.filter({ visible: true }).count()).toBeGreaterThanOrEqual(3);
  await byButton(`Approve ${hostile}`).click();
  await notice(hostile).waitFor();
  await page.getByRole("button", { name: "Revoke" }).first().click();
  await page.getByRole("dialog", { name: hostile }).waitFor();
  await page.keyboard.press("Escape");
  await goTo(page, "Log");
  await page.getByRole("log").getByText(hostile).waitFor();
  expect(await page.locator("img, #app script, b").count()).toBe(0);
  expect(await page.title()).toContain("punktfunk");
});
