// "Add custom export option": from the cog to a file that grows, paused, copied, deleted.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { join } from "node:path";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { readText, until } from "./server.mjs";
import { shot } from "./shots.mjs";

const at = (file) => join(shared.server.data, "exports", file);
const sent = async (row) => Number((await row.locator("[data-sent]").innerText()).replace(/\D/g, ""));

test("from the cog: name, data, only the formats that fit, only their settings, checked as one types, tested, saved; counters move; pause; delete", async () => {
  const page = await visit(shared.browser, shared.server.url);
  await page.getByRole("button", { name: "Set up Gate" }).click();
  await page.getByRole("tab", { name: "Export" }).click();
  await page.getByRole("button", { name: "+ Add custom export option" }).click();
  const dialog = page.getByRole("dialog", { name: "Add custom export option" });
  await dialog.getByLabel("Name", { exact: true }).fill("tracks to disk");

  // Pictures: no CSV. Tracks: no MP4.
  await dialog.getByRole("radio", { name: /^Output stream/ }).check();
  const formats = dialog.locator("[data-formats] strong");
  assert.ok((await formats.allInnerTexts()).includes("MP4"));
  assert.ok(!(await formats.allInnerTexts()).includes("CSV"), "a picture is no table");
  await dialog.locator("[data-sample]").getByText("the last picture").click();
  await until(10_000, "it is shown", () => dialog.locator("[data-sample] img").evaluate((image) => image.naturalWidth > 0));
  await dialog.getByRole("radio", { name: /^Tracks/ }).check();
  const sample = dialog.locator("details", { hasText: "Sample:" });
  // Nothing exports them yet: it is seen as it comes.
  await sample.getByText("the last one of this instance").click();
  assert.ok(Array.isArray(JSON.parse(await sample.locator("pre").innerText()).tracks), "the last object, as it would be exported");
  const fitting = await formats.allInnerTexts();
  assert.ok(fitting.includes("CSV") && fitting.includes("JSON") && !fitting.includes("MP4"), fitting.join());

  // CSV says which shape it recommends.
  await dialog.getByRole("radio", { name: /^CSV/ }).check();
  await dialog.getByText("Shape, pictures, filter, schedule, limits").click();
  await dialog.getByText("Recommended here: tabular").waitFor();
  await dialog.getByText("Shape, pictures, filter, schedule, limits").click();
  await dialog.getByRole("radio", { name: /^JSON/ }).check();
  await dialog.getByText("JSON settings").waitFor();
  assert.equal(await dialog.getByLabel("QoS").count(), 0, "MQTT's settings are not here");
  await dialog.getByText("One line per object; otherwise indented.").waitFor();
  assert.equal(await dialog.getByLabel("Address").inputValue(), "json:///tracks-to-disk.jsonl");

  // The check is live and at its field.
  const address = dialog.getByLabel("Address");
  await address.fill("json:///tracks-{obj.frame_id.jsonl");
  await until(5000, "the bad address is told", async () => (await address.getAttribute("aria-invalid")) === "true");
  assert.ok(await dialog.getByRole("button", { name: "Save" }).isDisabled());
  await address.fill("json:///site/tracks.jsonl");
  await dialog.locator("[data-preview]").getByText("site/tracks.jsonl").waitFor();
  // As the last object would name it, while one types.
  await address.fill("json:///by-frame/{instance.name}-{obj.frame_id|pad:8}.json");
  await dialog.locator("[data-preview] code").filter({ hasText: /by-frame\/Gate-\d{8}\.json/ }).waitFor();
  await address.fill("json:///site/tracks.jsonl");
  await dialog.locator("[data-preview]").getByText("site/tracks.jsonl").waitFor();
  await dialog.evaluate((element) => element.scrollTo(0, 0));
  await shot(page, "export-option");

  await dialog.getByRole("button", { name: "Send a test" }).click();
  await dialog.locator('[data-outcome="delivered"]').waitFor({ timeout: 30_000 });
  await dialog.getByRole("button", { name: "Save" }).click();

  const row = page.locator('[data-export="tracks to disk"]');
  await until(15_000, "the counter moves", async () => (await sent(row)) > 3);
  const line = JSON.parse((await readText(at("site/tracks.jsonl"))).split("\n")[0]);
  assert.ok(Array.isArray(line.tracks), "tracks are in the file");

  // What was delivered last, and when.
  await row.getByRole("button", { name: "More of tracks to disk" }).click();
  await page.getByRole("menuitem", { name: "Last deliveries and errors" }).click();
  const last = page.getByRole("dialog", { name: "Last deliveries of tracks to disk" });
  await last.locator("tbody tr").first().waitFor();
  assert.match(await last.locator("tbody tr").first().innerText(), /\d\d:\d\d:\d\d\s+delivered\s+\d+ records? or objects?/);
  assert.ok((await last.locator("tbody tr").count()) <= 20);
  await page.keyboard.press("Escape");

  await row.getByRole("button", { name: "Pause tracks to disk" }).click();
  await row.getByRole("button", { name: "Go on with tracks to disk" }).waitFor();
  // What was under way when it was paused may still be counted.
  let still = await sent(row);
  await until(8000, "the counter rests", async () => {
    const before = still;
    still = await sent(row);
    return before === still;
  });
  await row.getByRole("button", { name: "Go on with tracks to disk" }).click();
  await until(10_000, "the counter moves again", async () => (await sent(row)) > still);

  await row.getByRole("button", { name: "Delete tracks to disk" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await row.waitFor({ state: "detached" });
  assert.ok(existsSync(at("site/tracks.jsonl")), "what it has written stays");
  page.assertFine();
  await page.context().close();
});

test("a value out of range is told at its field, with what is expected", async () => {
  const page = await visit(shared.browser, `${shared.server.url}#/instances/${shared.gate.id}/export`);
  await page.getByRole("button", { name: "+ Add custom export option" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("stills");
  await dialog.getByRole("radio", { name: /^Output stream/ }).check();
  await dialog.getByRole("radio", { name: /^JPG/ }).check();
  const quality = dialog.getByLabel("Quality");
  await quality.fill("900");
  await until(5000, "the bad quality is told", async () => (await quality.getAttribute("aria-invalid")) === "true");
  const field = dialog.locator(".field", { has: page.getByLabel("Quality") });
  assert.match(await field.locator(".wrong").innerText(), /100/);
  assert.ok(await dialog.getByRole("button", { name: "Save" }).isDisabled());
  await page.context().close();
});

test("an export option is applied to several instances at once, each into files of its own", async () => {
  const { server } = shared;
  const other = await server.addClip("Door", { AutoStart: false });
  await server.api("PUT", `/api/v1/instances/${shared.gate.id}/exports/all%20events`, {
    uri: "json:///all.jsonl", sink: "", config: { schema_events: ["event-area-enter:2", "event-line-crossing:2"], append_only: true, minify: true },
  });
  const page = await visit(shared.browser, `${server.url}#/instances/${shared.gate.id}/export`);
  const row = page.locator('[data-export="all events"]');
  await row.getByRole("button", { name: "More of all events" }).click();
  await page.getByRole("menuitem", { name: "Apply to other instances…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Door").check();
  await dialog.getByLabel("Yard").check();
  await dialog.getByRole("button", { name: "Apply to 2 instances" }).click();
  await until(8000, "both are done", async () => (await dialog.getByText("done", { exact: true }).count()) === 2);
  const { exports } = await server.api("GET", `/api/v1/instances/${other.id}/exports`);
  assert.equal(exports[0].uri, "json:///{instance.name}/all.jsonl");
  await page.context().close();
});

test("an export is edited in place, copied as JSON, duplicated", async () => {
  const page = await visit(shared.browser, `${shared.server.url}#/instances/${shared.gate.id}/export`);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const row = page.locator('[data-export="all events"]');
  await row.getByRole("button", { name: "Edit all events" }).click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByLabel("Address").inputValue(), "json:///all.jsonl");
  await dialog.getByLabel("Name", { exact: true }).fill("all my events");
  await until(5000, "it may be saved", async () => dialog.getByRole("button", { name: "Save" }).isEnabled());
  await dialog.getByRole("button", { name: "Save" }).click();
  const renamed = page.locator('[data-export="all my events"]');
  await renamed.waitFor();
  await renamed.getByRole("button", { name: "More of all my events" }).click();
  await page.getByRole("menuitem", { name: "Copy as JSON" }).click();
  const text = await until(3000, "the clipboard", () => page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(JSON.parse(text)["all my events"].uri, "json:///all.jsonl");
  await renamed.getByRole("button", { name: "More of all my events" }).click();
  await page.getByRole("menuitem", { name: "Duplicate…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Duplicate", exact: true }).click();
  await page.locator('[data-export="all my events copy"]').waitFor();
  await page.context().close();
});
