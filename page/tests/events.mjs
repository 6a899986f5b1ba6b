// The Events screen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";
import { shot } from "./shots.mjs";


test("each event says where it was delivered and when, and what still waits", async () => {
  const { server, gate } = shared;
  const records = { sink: "", config: { schema_events: ["event-line-crossing:2", "event-area-enter:2"], append_only: true, minify: true } };
  await server.api("PUT", `/api/v1/instances/${gate.id}/exports/seen%20there`, { uri: "json:///seen-there.jsonl", ...records });
  await server.api("PUT", `/api/v1/instances/${gate.id}/exports/held%20back`, { uri: "json:///held-back.jsonl", switch: "paused", ...records });
  const page = await visit(shared.browser, `${server.url}#/events`);
  const done = page.locator('[data-delivered="delivered"]').filter({ hasText: "seen there" }).first();
  await done.waitFor({ timeout: 45_000 });
  assert.match(await done.innerText(), /seen there\s+delivered\s+\d\d:\d\d:\d\d/);
  await page.locator('[data-delivered="waiting"]').filter({ hasText: "held back" }).first().waitFor();
  for (const name of ["seen%20there", "held%20back"]) await server.api("DELETE", `/api/v1/instances/${gate.id}/exports/${name}`);
  page.assertFine();
  await page.context().close();
});

test("the latest events of all instances are seen as they happen, with their pictures, and filtered", async () => {
  const page = await visit(shared.browser, `${shared.server.url}#/events`);
  const entries = page.locator(".event");
  await until(30_000, "some events", async () => (await entries.count()) > 3);
  await until(10_000, "a crop", async () => (await page.locator(".event img").count()) > 0);
  assert.ok(await page.locator(".event img").first().evaluate((image) => image.decode().then(() => image.naturalWidth > 0)));
  await shot(page, "events");
  await page.getByLabel("Area or line").fill("walkway");
  await until(10_000, "only the line's", async () => {
    const texts = await entries.allInnerTexts();
    return texts.length > 0 && texts.every((text) => /event-line-crossing|event-tailgating/.test(text));
  });
  await page.getByLabel("Area or line").fill("");
  await page.getByLabel("Kind").selectOption("event-area-enter");
  await until(30_000, "only those of that kind", async () => {
    const texts = await entries.locator("strong").allInnerTexts();
    return texts.length > 0 && texts.every((text) => text === "event-area-enter");
  });
  await page.getByLabel("Class").selectOption("Animal");
  await page.getByText("No event matches").waitFor();
  await page.getByLabel("Class").selectOption("");
  await page.getByLabel("Kind").selectOption("");
  await page.getByLabel("Instance", { exact: true }).selectOption("Door");
  await page.getByText("No event matches").waitFor();
  page.assertFine();
  await page.context().close();
});
