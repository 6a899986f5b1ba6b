// The Events screen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";
import { shot } from "./shots.mjs";

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
  await page.getByLabel("Instance", { exact: true }).selectOption("Door");
  await page.getByText("No event matches").waitFor();
  page.assertFine();
  await page.context().close();
});
