// What is typed into a dialog and not saved: it is there again after the dialog was closed and after a reload. That a session
// which ends loses nothing either is in sessions.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";

const storage = (page) => page.evaluate(() => JSON.stringify({ ...sessionStorage }) + JSON.stringify({ ...localStorage }));

test("a half-filled \"Add instance\" outlives its dialog and a reload, without the password; Discard drops it", async () => {
  const page = await visit(shared.browser, shared.server.url);
  const open = page.getByRole("button", { name: /^\+ Add instance/ });
  const dialog = page.getByRole("dialog", { name: "Add instance" });
  const field = (name) => dialog.getByLabel(name, { exact: true });
  await open.click();
  await field("Address or file").fill("rtsp://me:hush-hush@192.0.2.7/stream1");
  await field("Name").fill("Half done");
  await dialog.getByLabel("Start it now").uncheck();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.match(await open.innerText(), /not saved yet/, "the button says that something is there");
  await open.click();
  await dialog.getByText("not saved yet").waitFor();
  assert.equal(await field("Address or file").inputValue(), "rtsp://me:hush-hush@192.0.2.7/stream1");
  assert.equal(await field("Name").inputValue(), "Half done");

  assert.ok(!(await storage(page)).includes("hush"), "passwords are in memory alone");
  await page.reload();
  // It was open, so it is open.
  await dialog.getByText("type them again").waitFor();
  assert.equal(await field("Address or file").inputValue(), "rtsp://me:***@192.0.2.7/stream1");
  assert.equal(await field("Name").inputValue(), "Half done");
  assert.equal(await dialog.getByLabel("Start it now").isChecked(), false);
  // Three stars are nobody's password.
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByRole("alert").getByText("write the password itself").waitFor();

  // Also while it is being typed; and what is no password stays.
  for (const [typed, stored] of [
    ["rtsp://me:hush", "rtsp://me:***"], ["rtsp://me:hu:sh@camera:554/1", "rtsp://me:***@camera:554/1"],
    ["rtsp://camera:554/1", "rtsp://camera:554/1"], ["rtsp://[fe80::1]:554/1", "rtsp://[fe80::1]:554/1"],
  ]) {
    await field("Address or file").fill(typed);
    assert.equal(await page.evaluate(() => JSON.parse(sessionStorage.getItem("watchpost/unsaved/1/add")).value.uri), stored);
  }

  await dialog.getByRole("button", { name: "Discard" }).click();
  await dialog.waitFor({ state: "detached" });
  await open.click();
  assert.equal(await field("Address or file").inputValue(), "");
  assert.ok(await dialog.getByLabel("Start it now").isChecked());
  assert.equal(await dialog.getByText("not saved yet").count(), 0);
  assert.ok(!(await storage(page)).includes("192.0.2.7"), "nothing of it is left");
  page.assertFine();
  await page.context().close();
});

test("a pasted instance file outlives its dialog and a reload, and what is imported is not offered again", async () => {
  const page = await visit(shared.browser, shared.server.url);
  const open = page.getByRole("button", { name: /^Import/ });
  const dialog = page.getByRole("dialog", { name: "Import an instance file" });
  const text = dialog.getByLabel("Instance file (JSON)");
  const document = (password) => JSON.stringify({
    DisplayName: "Pasted", Solution: "securt", AutoStart: false, Input: { uri: "vtest.avi" },
    Output: { preprocess_version: 2, handlers: { far: { uri: "mqtt://127.0.0.1:2/x", sink: "", enabled: false, config: { schema_events: ["event-area-enter:2"], username: "me", password } } } },
  }, null, 1);
  await open.click();
  await text.fill(document("hush-hush"));
  await dialog.getByRole("button", { name: "Close" }).click();
  assert.ok(!(await storage(page)).includes("hush"));
  await page.reload();
  await page.locator('[data-instance="Gate"]').waitFor();
  assert.equal(await dialog.count(), 0, "it was closed, so it is closed");
  await open.click();
  assert.equal(await text.inputValue(), document("***"));
  await text.fill(document("hush-hush"));
  await dialog.getByRole("button", { name: "Check" }).click();
  await dialog.getByRole("button", { name: /^Import/ }).click();
  await page.getByRole("heading", { name: "Pasted" }).waitFor();
  await page.goto(`${shared.server.url}#/instances`);
  await page.locator('[data-instance="Pasted"]').waitFor();
  assert.equal(await open.innerText(), "Import");
  const { instances } = await shared.server.api("GET", "/api/v1/instances");
  await shared.server.api("DELETE", `/api/v1/instances/${instances.find(({ name }) => name === "Pasted").id}`);
  page.assertFine();
  await page.context().close();
});

test("an export option that is made, and one that is edited, outlive the dialog and a reload, each by itself", async () => {
  const { server, gate } = shared;
  await server.api("PUT", `/api/v1/instances/${gate.id}/exports/kept`, { uri: "json:///kept.jsonl", sink: "output-tracks", switch: "off", config: { append_only: true } });
  const page = await visit(shared.browser, `${server.url}#/instances/${gate.id}/export`);
  const row = page.locator('[data-export="kept"]');
  const dialog = page.getByRole("dialog");
  const add = page.getByRole("button", { name: /^\+ Add custom export option/ });
  await row.getByRole("button", { name: "Edit kept" }).click();
  await dialog.getByLabel("Address").fill("json:///elsewhere.jsonl");
  await page.keyboard.press("Escape");
  await row.getByText("changes not saved").waitFor();
  await add.click();
  assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "", "what is edited is not what is made");
  await dialog.getByLabel("Name", { exact: true }).fill("new one");
  await dialog.getByRole("radio", { name: /^Tracks/ }).check();
  await until(5000, "it is kept", async () => (await storage(page)).includes("new one"));
  await page.reload();
  await dialog.getByText("not saved yet").waitFor();
  assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "new one");
  assert.ok(await dialog.getByRole("radio", { name: /^Tracks/ }).isChecked());
  await dialog.getByRole("button", { name: "Discard" }).click();
  await row.getByText("changes not saved").waitFor();
  await row.getByRole("button", { name: "Edit kept" }).click();
  assert.equal(await dialog.getByLabel("Address").inputValue(), "json:///elsewhere.jsonl");
  await dialog.getByRole("button", { name: "Discard" }).click();
  await row.getByText("changes not saved").waitFor({ state: "detached" });
  await row.getByRole("button", { name: "Edit kept" }).click();
  assert.equal(await dialog.getByLabel("Address").inputValue(), "json:///kept.jsonl");
  await server.api("DELETE", `/api/v1/instances/${gate.id}/exports/kept`);
  page.assertFine();
  await page.context().close();
});
