import { describe, expect, test } from "bun:test";
import type { SpeedTest } from "../wire/management.ts";
import { goTo } from "./browser.testing.ts";
import {
  deviceSample,
  figuresSample,
  hour,
  inMs,
  ownerToken,
  pendingSample,
  sessionSample,
} from "./host.testing.ts";
import { Stage } from "./stage.testing.ts";

const stage = new Stage();

async function signIn(): Promise<void> {
  await stage.page.getByLabel("Password").fill("correct horse");
  await stage.button("Sign in").click();
  await stage.page.getByRole("heading", { name: "Sessions" }).waitFor();
}

describe("signing in", () => {
  test("goes by the password, and a wrong one is answered with a sentence at the field", async () => {
    await stage.visit();
    await stage.page.getByLabel("Password").fill("wrong");
    await stage.page.keyboard.press("Enter");
    await stage.page.getByRole("alert").getByText("is not right").waitFor();
    expect(await stage.page.evaluate(() => document.activeElement?.getAttribute("type"))).toBe(
      "password",
    );
    await signIn();
    await stage.page.reload();
    await stage.page.getByRole("heading", { name: "Sessions" }).waitFor();
  });

  test("goes by the token, which this tab keeps until it signs out", async () => {
    await stage.visit();
    await stage.page.getByText("Use the token instead").click();
    await stage.page.getByLabel("Token").fill("nonsense");
    await stage.button("Use the token").click();
    await stage.page.getByRole("alert").getByText("That token is not right").waitFor();
    await stage.page.getByLabel("Token").fill(` ${ownerToken} `);
    await stage.button("Use the token").click();
    await stage.page.getByRole("heading", { name: "Sessions" }).waitFor();
    await stage.page.reload();
    await stage.button("Sign out").click();
    await stage.page.getByLabel("Password").waitFor();
    expect(await stage.page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  test("asks for the token where no password is set; its owner sets one", async () => {
    stage.host.password = null;
    await stage.visit();
    await stage.page.getByText("No password is set yet").waitFor();
    await stage.page.getByLabel("Token").fill(ownerToken);
    await stage.page.keyboard.press("Enter");
    await goTo(stage.page, "Settings");
    await stage.page.getByLabel("New password").fill("a new password");
    await stage.button("Set password").click();
    await stage.notice("The password is set.").waitFor();
    expect(stage.host.password as string | null).toBe("a new password");
    await stage.button("Remove password").click();
    await stage.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await stage.notice("The password is removed.").waitFor();
    expect(stage.host.password).toBeNull();
  });

  test("is asked for again when the host no longer knows who asks", async () => {
    await stage.visit();
    await signIn();
    stage.host.forget();
    await stage.page.getByRole("alert").getByText("You were signed out").waitFor();
    await stage.page.getByLabel("Password").waitFor();
  });

  test("by password gives no way to set the password", async () => {
    await stage.visit();
    await signIn();
    await goTo(stage.page, "Settings");
    expect(await stage.page.getByLabel("New password").count()).toBe(0);
  });
});

describe("sessions", () => {
  test("show their figures, and a dash for what was not measured", async () => {
    await stage.enter();
    await stage.page.getByText("Nobody is connected.").waitFor();
    const random = () => 0.5;
    const tell = (second: number, isHeard: boolean) => {
      const figures = figuresSample(new Date(Date.now() + second * 1000), random, isHeard);
      stage.host.sessions = [
        sessionSample({ id: 1, figures }),
        sessionSample({ id: 2, client: "New" }),
      ];
      stage.host.tell("sessions");
    };
    for (let second = 0; second < 5; second += 1) tell(second, true);
    const card = stage.page.getByRole("article", { name: "Living-room TV" });
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
    await row.getByRole("cell", { name: "59.5" }).first().waitFor();
    expect(await row.getByRole("cell").allInnerTexts()).toEqual(["–", "59.5", "59.5", "59.5"]);
    const fresh = stage.page.getByRole("article", { name: "New" });
    expect(await fresh.locator(".figure").allInnerTexts()).toEqual(["–", "–", "–", "–"]);
  });

  test("are ended after a question", async () => {
    stage.host.sessions = [sessionSample({ id: 7 })];
    await stage.enter();
    await stage.button("End session of Living-room TV").click();
    await stage.page.getByRole("dialog").getByRole("button", { name: "End session" }).click();
    await stage.notice("The session of Living-room TV is ended.").waitFor();
    expect(stage.lastChange).toMatchObject({ route: "kick", id: "7" });
    await stage.page.getByText("Nobody is connected.").waitFor();
  });
});

describe("settings", () => {
  test("take a bitrate by number and by slider, and send only what was changed", async () => {
    await stage.enter();
    await goTo(stage.page, "Settings");
    await stage.page.getByRole("spinbutton", { name: "Usual bitrate" }).fill("35.5");
    const slider = stage.page.getByRole("slider", { name: "Usual bitrate" });
    expect(await slider.getAttribute("aria-valuetext")).toBe("35.5 Mbps");
    await stage.button(/^Save$/).click();
    await stage.notice("The settings are saved and in force.").waitFor();
    expect(stage.lastChange?.body).toEqual({ bitrateKbpsDefault: 35_500 });
    await stage.page.locator("button[type=submit][aria-disabled=true]").waitFor();
    await slider.focus();
    await stage.page.keyboard.press("Home");
    expect(await stage.page.getByRole("spinbutton", { name: "Usual bitrate" }).inputValue()).toBe(
      "0.5",
    );
    await stage.page.getByLabel("Sessions at once").fill("2");
    await stage.page.getByLabel("Picture comes from").selectOption("synthetic");
    await stage.button(/^Save$/).click();
    await stage.until(() => stage.host.settings.compositor === "synthetic");
    expect(stage.host.settings).toEqual({
      bitrateKbpsDefault: 500,
      bitrateKbpsMax: 200_000,
      sessionsMax: 2,
      compositor: "synthetic",
    });
  });

  test("that are being edited are not overwritten by what changes elsewhere", async () => {
    await stage.enter();
    await goTo(stage.page, "Settings");
    const sessions = stage.page.getByLabel("Sessions at once");
    await sessions.fill("9");
    stage.host.settings = { ...stage.host.settings, bitrateKbpsMax: 90_000 };
    stage.host.tell("settings");
    stage.host.log.push({ sequence: 1, at: inMs(0), level: "info", text: "after it" });
    expect(await sessions.inputValue()).toBe("9");
    await stage.button("Undo").click();
    expect(await sessions.inputValue()).toBe("4");
    expect(await stage.page.getByRole("spinbutton", { name: "Highest bitrate" }).inputValue()).toBe(
      "90",
    );
  });

  test("above each other's limits are refused at the field", async () => {
    await stage.enter();
    await goTo(stage.page, "Settings");
    const usual = stage.page.getByRole("spinbutton", { name: "Usual bitrate" });
    for (const wrong of ["300", "0.1", "5000", ""]) {
      await usual.fill(wrong);
      await stage.button(/^Save$/).click();
      expect(await usual.evaluate((input: HTMLInputElement) => input.validity.valid)).toBe(false);
    }
    expect(stage.host.changes).toEqual([]);
  });

  test("come from a speed test, which shows its progress and can be stopped", async () => {
    stage.host.sessions = [sessionSample({ id: 3 }), sessionSample({ id: 4, client: "Laptop" })];
    await stage.enter();
    await goTo(stage.page, "Settings");
    await stage.page.getByLabel("Client").selectOption("Laptop");
    await stage.button("Start the test").click();
    await stage.button("Stop").click();
    await stage.page.locator(".outcome").getByText("The test was stopped.").waitFor();
    await stage.button("Start the test").click();
    await stage.button("Stop").waitFor();
    expect(stage.lastChange?.body).toEqual({ session: 4, rateKbps: null, durationMs: null });
    const running = stage.host.speedTest as SpeedTest;
    const burst = { elapsedMs: 500, lossPct: 0.4, jitterUs: null };
    const progress = { ...burst, targetKbps: 400_000, throughputKbps: 310_000 };
    stage.host.speedTest = { ...running, progress };
    stage.host.tell("speedTest");
    await stage.page
      .getByText("Trying 400 Mbps: 310 Mbps came through, loss 0.4%, jitter –.")
      .waitFor();
    const result = {
      targetKbps: 400_000,
      throughputKbps: 380_000,
      lossPct: 0,
      jitterUs: 90,
      recommendedKbps: 240_000,
      limitedBy: "network",
      bursts: 6,
    } as const;
    stage.host.speedTest = { ...running, state: "done", result };
    stage.host.tell("speedTest");
    await stage.page.getByText("The network held it back.").waitFor();
    await stage.button("Use recommended bitrate").click();
    await stage
      .notice("The usual bitrate is 240 Mbps now, and the highest one is raised")
      .waitFor();
    expect(stage.host.settings).toMatchObject({
      bitrateKbpsDefault: 240_000,
      bitrateKbpsMax: 240_000,
    });
    expect(await stage.page.getByRole("spinbutton", { name: "Usual bitrate" }).inputValue()).toBe(
      "240",
    );
  });
});

describe("the log", () => {
  const line = (sequence: number, level: "info" | "error" = "info") =>
    ({ sequence, at: inMs(0), level, text: `line ${sequence}` }) as const;

  test("shows what came before and what comes, by level", async () => {
    stage.host.log = [line(1), line(2, "error")];
    await stage.enter();
    await goTo(stage.page, "Log");
    const lines = stage.page.getByRole("log").getByRole("listitem");
    await stage.page.getByRole("log").getByText("line 2").waitFor();
    stage.host.tell("log", line(3, "error"));
    await stage.page.getByRole("log").getByText("line 3").waitFor();
    expect(await lines.locator(".text").allInnerTexts()).toEqual(["line 1", "line 2", "line 3"]);
    await stage.page.getByLabel("Info").uncheck();
    expect(await lines.locator(".text").allInnerTexts()).toEqual(["line 2", "line 3"]);
    await stage.page.getByText("2 of 3 lines").waitFor();
  });

  test("follows its end, until somebody reads further up", async () => {
    stage.host.log = Array.from({ length: 300 }, (_, index) => line(index + 1));
    await stage.enter();
    await goTo(stage.page, "Log");
    const log = stage.page.getByRole("log");
    await log.getByText("line 300").waitFor();
    const isAtEnd = () =>
      log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 8);
    expect(await isAtEnd()).toBe(true);
    await log.focus();
    await stage.page.keyboard.press("Home");
    const follow = stage.page.getByLabel("Follow new lines");
    await follow.and(stage.page.locator(":not(:checked)")).waitFor();
    // Chromium glides there; what scrolls meanwhile is overruled.
    await stage.until(() => log.evaluate((box) => box.scrollTop === 0));
    stage.host.tell("log", line(301));
    await log.getByText("line 301").waitFor();
    expect(await isAtEnd()).toBe(false);
    expect(await follow.isChecked()).toBe(false);
    await follow.check();
    await stage.until(isAtEnd);
  });

  test("keeps its order when a new line comes before the older ones", async () => {
    const ready = Promise.withResolvers<void>();
    stage.host.log = [line(1), line(2)];
    stage.host.logIsReady = ready.promise;
    await stage.enter();
    await goTo(stage.page, "Log");
    await stage.page.locator(".host").getByText("Study").waitFor();
    stage.host.tell("log", line(3));
    await stage.page.getByRole("log").getByText("line 3").waitFor();
    ready.resolve();
    await stage.page.getByRole("log").getByText("line 1").waitFor();
    const lines = stage.page.getByRole("log").locator(".text");
    expect(await lines.allInnerTexts()).toEqual(["line 1", "line 2", "line 3"]);
  });

  test("begins anew with a host that started again", async () => {
    stage.host.log = [line(1), line(2)];
    await stage.enter();
    await goTo(stage.page, "Log");
    await stage.page.getByRole("log").getByText("line 2").waitFor();
    stage.host.log = [{ ...line(1), text: "the first again" }];
    stage.host.status = { ...stage.host.status, startedAt: inMs(0) };
    stage.host.drop();
    await stage.page.getByRole("log").getByText("the first again").waitFor();
    expect(await stage.page.getByRole("log").getByRole("listitem").count()).toBe(1);
  });

  test("keeps no more lines than the host does", async () => {
    stage.host.log = Array.from({ length: 1000 }, (_, index) => line(index + 1));
    await stage.enter();
    await goTo(stage.page, "Log");
    await stage.page.getByRole("log").getByText("line 1000").waitFor();
    stage.host.tell("log", line(1001));
    await stage.page.getByRole("log").getByText("line 1001").waitFor();
    expect(
      await stage.page
        .getByRole("log")
        .getByText(/^line 1$/)
        .count(),
    ).toBe(0);
    await stage.page.getByText("1,000 lines").waitFor();
  });
});

describe("the connection", () => {
  test("is tried again when it is lost, and what happened meanwhile is shown", async () => {
    await stage.enter();
    stage.host.isDown = true;
    stage.host.drop();
    await stage.page
      .getByText("The connection to the host is lost; what is shown is old.")
      .waitFor();
    stage.host.devices = [deviceSample({ name: "Meanwhile" })];
    stage.host.log = [{ sequence: 1, at: inMs(0), level: "warn", text: "in between" }];
    stage.host.isDown = false;
    await stage.button("Try now").click();
    await stage.page.getByText("The connection to the host is back.").waitFor();
    await stage.page.getByText("what is shown is old").waitFor({ state: "hidden" });
    await goTo(stage.page, "Devices");
    await stage.page.getByRole("listitem", { name: "Meanwhile" }).waitFor();
    await goTo(stage.page, "Log");
    await stage.page.getByRole("log").getByText("in between").waitFor();
  });

  test("comes back by itself", async () => {
    await stage.enter();
    stage.host.drop();
    await stage.page.getByText("what is shown is old").waitFor();
    await stage.page.getByText("what is shown is old").waitFor({ state: "hidden" });
  });

  test("to a host without pairing has a warning on every page", async () => {
    stage.host.status = { ...stage.host.status, pair: "optional" };
    await stage.enter();
    await stage.page.getByText("Anyone in the network may connect").waitFor();
    await goTo(stage.page, "Log");
    expect(await stage.page.getByText("Anyone in the network may connect").isVisible()).toBe(true);
  });
});

test("names that look like markup or turn the writing are shown as they were given", async () => {
  const hostile = `<img src=x onerror="document.title='owned'">'"&lt;<script>alert(1)</script>`;
  stage.host.devices = [deviceSample({ id: "d-1", name: hostile, expiresAt: inMs(hour) })];
  stage.host.pending = [{ ...pendingSample(hostile), address: "<b>1.2.3.4</b>" }];
  stage.host.sessions = [sessionSample({ id: 1, client: hostile })];
  stage.host.log = [{ sequence: 1, at: inMs(0), level: "info", text: hostile }];
  stage.host.status = { ...stage.host.status, name: hostile };
  await stage.enter();
  const shown = stage.page.getByText(hostile, { exact: true });
  await stage.page.getByRole("article", { name: hostile }).waitFor();
  await goTo(stage.page, "Devices");
  expect(await shown.filter({ visible: true }).count()).toBeGreaterThanOrEqual(3);
  await stage.button(`Approve ${hostile}`).click();
  await stage.notice(hostile).waitFor();
  await stage.page.getByRole("button", { name: "Revoke" }).first().click();
  await stage.page.getByRole("dialog", { name: hostile }).waitFor();
  await stage.page.keyboard.press("Escape");
  await goTo(stage.page, "Log");
  await stage.page.getByRole("log").getByText(hostile).waitFor();
  expect(await stage.page.locator("img, #app script, b").count()).toBe(0);
  expect(await stage.page.title()).toContain("punktfunk");
});
