// Schemas, and what System shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";

test("a schema is read as a table, as JSON and by its sample, copied, and a pasted record is checked against it", async () => {
  const page = await visit(shared.browser, `${shared.server.url}#/schemas/event-line-crossing`);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const card = page.getByRole("region", { name: "event-line-crossing version 2" });
  const table = await card.locator("table").innerText();
  for (const key of ["$id", "system_timestamp", "line"]) assert.ok(table.includes(key), `${key} stands in the table`);
  const sample = JSON.parse(await card.locator("details", { hasText: "Sample" }).locator("pre").innerText());
  assert.equal(sample.$id, "event-line-crossing");
  await card.getByText("JSON Schema", { exact: true }).click();
  await card.getByRole("button", { name: "Copy" }).click();
  const copied = await until(5000, "the clipboard", () => page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(typeof JSON.parse(copied).properties, "object", "the schema itself");
  await card.getByRole("button", { name: "Version 1" }).click();
  await page.getByRole("region", { name: "event-line-crossing version 1" }).waitFor();

  await page.getByText("Check a record").click();
  const text = page.getByLabel("Record (JSON)");
  await text.fill(JSON.stringify(sample));
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText("It is a valid event-line-crossing, version 2").waitFor();
  await text.fill(JSON.stringify({ ...sample, system_timestamp: "yesterday" }));
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByRole("alert").getByText("/system_timestamp").waitFor();
  // The table of ids walks by arrows.
  await page.getByRole("link", { name: "event-line-crossing", exact: true }).focus();
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("ArrowDown");
  const next = await focused();
  assert.ok(next.length > 0 && next !== "event-line-crossing");
  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(), "event-line-crossing");
  page.assertFine();
  await page.context().close();
});

test("System shows health, disk, journal and addresses; who changed what; and the log, filtered", async () => {
  const { server, gate } = shared;
  const page = await visit(shared.browser, `${server.url}#/system`);
  const main = page.locator("main");
  await page.getByRole("heading", { name: "Watchpost", exact: true }).waitFor();
  const health = await main.innerText();
  assert.match(health, /Free\s+[\d.]+ [kMGT]B/, "the disk");
  assert.match(health, /Journal/i);
  assert.ok(health.includes(`127.0.0.1:${server.port}`), "where it listens");
  assert.match(health, /TLS/);

  await server.api("PATCH", `/api/v1/instances/${gate.id}/document`, { Input: { time_zone: "Europe/Berlin" } }, { "Content-Type": "application/merge-patch+json" });
  await page.getByRole("tab", { name: "Audit log" }).click();
  const row = page.locator("tbody tr").filter({ hasText: "Gate/document" }).first();
  await row.waitFor({ timeout: 20_000 });
  assert.match(await row.innerText(), /this machine\s+admin/);
  await server.api("PATCH", `/api/v1/instances/${gate.id}/document`, { Input: { time_zone: null } }, { "Content-Type": "application/merge-patch+json" });

  await page.getByRole("tab", { name: "Log", exact: true }).click();
  const log = page.getByRole("region", { name: "Log" });
  await until(10_000, "lines", async () => (await log.locator("div").count()) > 0);
  await page.getByLabel("Filter lines").fill("no line says that");
  await log.getByText(/No line of \d+ matches/).waitFor();
  page.assertFine();
  await page.context().close();
});
