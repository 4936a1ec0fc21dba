import { describe, expect, test } from "bun:test";
import { goTo, openPage } from "./browser.testing.ts";
import { deviceSample, ownerToken, pendingSample } from "./host.testing.ts";
import { Stage } from "./stage.testing.ts";

const stage = new Stage();

describe("requests to pair", () => {
  test("are announced, counted, and approved with a level", async () => {
    await stage.enter();
    const television = pendingSample("Living-room TV");
    stage.host.pending = [television];
    stage.host.tell("pending");
    await stage.page.getByRole("status").getByText("Living-room TV asks to pair.").waitFor();
    expect(await stage.page.title()).toBe("(1) Study – punktfunk");
    await stage.page.getByRole("link", { name: "Review" }).click();
    const card = stage.page.getByRole("listitem", { name: "Living-room TV" });
    const groups = ((await card.locator(".fingerprint").textContent()) ?? "").split(" ");
    expect(groups).toHaveLength(16);
    expect(groups.join("")).toBe(television.fingerprint);
    await card.getByLabel("Level").selectOption("view");
    await stage.button("Approve Living-room TV").click();
    await stage.notice("Living-room TV is paired, with the level view.").waitFor();
    expect(stage.lastChange).toEqual({
      route: "approve",
      id: television.id,
      body: { level: "view", expiresAt: null },
    });
    await stage.page
      .getByRole("list", { name: "Paired devices" })
      .getByText("Living-room TV")
      .waitFor();
    await stage.page.getByText("No device waits for approval.").waitFor();
  });

  test("are denied, and one that is over already is said to be", async () => {
    await stage.enter();
    stage.host.pending = [pendingSample("Tablet"), pendingSample("Phone")];
    stage.host.tell("pending");
    await goTo(stage.page, "Devices");
    await stage.button("Deny Tablet").click();
    await stage.notice("Tablet was sent away.").waitFor();
    expect(stage.host.pending.map(({ name }) => name)).toEqual(["Phone"]);
    stage.host.pending = [];
    await stage.button("Deny Phone").click();
    await stage.page.getByRole("alert").getByText("there is no such thing").waitFor();
  });

  test("keep the level that is being chosen while others come and go", async () => {
    await stage.enter();
    const [first, second] = [pendingSample("First"), pendingSample("Second")];
    stage.host.pending = [first, second];
    stage.host.tell("pending");
    await goTo(stage.page, "Devices");
    const level = stage.page.getByRole("listitem", { name: "Second" }).getByLabel("Level");
    await level.selectOption("play");
    await level.focus();
    stage.host.pending = [second, pendingSample("Third")];
    stage.host.tell("pending");
    await stage.page.getByRole("listitem", { name: "Third" }).waitFor();
    expect(await level.inputValue()).toBe("play");
    expect(await level.evaluate((element) => element === document.activeElement)).toBe(true);
  });
});

describe("a pairing window", () => {
  test("shows the PIN in two halves, the time left and a QR code, and can be closed", async () => {
    await stage.enter();
    await goTo(stage.page, "Devices");
    await stage.page.getByLabel("Time", { exact: true }).selectOption("30000");
    await stage.button("Show a PIN").click();
    await stage.button("Withdraw the PIN").waitFor();
    const halves = stage.page.locator(".pin [aria-hidden]");
    expect(await halves.allTextContents()).toEqual(["042", "917"]);
    await stage.page.getByText("PIN: 0 4 2 9 1 7").waitFor();
    expect(await stage.page.getByRole("timer").textContent()).toMatch(/^0:(30|2\d)$/);
    await stage.page.getByRole("img", { name: "QR code" }).waitFor();
    await stage.page.getByText("punktfunk pair Study").waitFor();
    expect(stage.lastChange?.body).toEqual({ level: "full", durationMs: 30_000 });
    await stage.button("Withdraw the PIN").click();
    await stage.page.getByText("The PIN was withdrawn.").waitFor();
    expect(await stage.page.getByText("042").count()).toBe(0);
  });

  test("tells how it ended: used, burnt or expired", async () => {
    await stage.enter();
    await goTo(stage.page, "Devices");
    const sentences = {
      used: "A device gave the right PIN and is paired.",
      burnt: "A device gave a wrong PIN",
      expired: "The time was over",
    } as const;
    for (const [ended, sentence] of Object.entries(sentences)) {
      await stage.button("Show a PIN").click();
      await stage.button("Withdraw the PIN").waitFor();
      stage.host.pairing = { window: null, ended: ended as keyof typeof sentences, uri: null };
      stage.host.tell("pairing");
      await stage.page.getByRole("status").getByText(sentence).waitFor();
    }
  });

  test("says what is left at some marks only, not each second", async () => {
    await using own = await openPage(stage.browser, "about:blank", { token: ownerToken });
    stage.page = own.page;
    await stage.page.clock.install();
    await stage.page.goto(stage.host.url);
    await goTo(stage.page, "Devices");
    await stage.button("Show a PIN").click();
    await stage.button("Withdraw the PIN").waitFor();
    const said: string[] = [];
    await stage.page.exposeFunction("tellSaid", (sentence: string) => said.push(sentence));
    await stage.page.evaluate(`new MutationObserver(() => tellSaid(announcer.textContent))
      .observe(announcer, { childList: true, characterData: true, subtree: true })`);
    for (let step = 1; step <= 7; step += 1) {
      await stage.page.clock.runFor(17_000);
      // A host that is silent for longer is asked whether it is there.
      stage.host.status = { ...stage.host.status, name: `Study ${step}` };
      stage.host.tell("status");
      await stage.page.locator(".host").getByText(stage.host.status.name).waitFor();
    }
    expect(await stage.page.getByRole("timer").textContent()).toMatch(/^0:0[0-3]$/);
    await stage.until(() => said.length >= 3);
    expect(said).toEqual([60, 30, 10].map((seconds) => `${seconds} seconds left for the PIN.`));
  });
});

describe("paired devices", () => {
  test("are renamed, given another level and an expiry", async () => {
    const device = deviceSample({ name: "Laptop" });
    stage.host.devices = [device];
    await stage.enter();
    await goTo(stage.page, "Devices");
    await stage.button("Edit Laptop").click();
    const dialog = stage.page.getByRole("dialog", { name: "Edit Laptop" });
    await dialog.getByLabel("Name").fill("Desk");
    await dialog.getByLabel("Level").selectOption("play");
    await dialog.getByLabel("Expires").fill("2031-05-06T07:08");
    await dialog.getByRole("button", { name: "Save" }).click();
    await stage.notice("Desk is saved.").waitFor();
    expect(stage.lastChange).toEqual({
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
    stage.host.devices = [
      deviceSample({ name: "Laptop", connected: true }),
      deviceSample({ name: "TV" }),
    ];
    await stage.enter();
    await goTo(stage.page, "Devices");
    await stage.button("Revoke Laptop").click();
    await stage.page.getByRole("dialog").getByText("Its session ends at once.").waitFor();
    await stage.page.keyboard.press("Escape");
    expect(stage.host.changes).toEqual([]);
    await stage.button("Revoke Laptop").click();
    await stage.page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await stage.notice("Laptop is revoked.").waitFor();
    expect(stage.host.devices.map(({ name }) => name)).toEqual(["TV"]);
    await stage.page.locator("h3:focus").getByText("Paired devices").waitFor();
  });
});
