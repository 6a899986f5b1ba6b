// What comes over a connection that stays open: that it does, what is said when it is lost, that nothing is missed, and that
// a page which is left open does not grow.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { cable } from "./cable.mjs";
import { shared } from "./shared.mjs";
import { until } from "./server.mjs";

const LISTS = /\/api\/v1\/events\?/;
const STREAM = /\/api\/v1\/events\/live/;
const newest = async () => (await shared.server.api("GET", "/api/v1/events?limit=1")).events[0]?.cursor ?? 0;

test("events come over one connection; lost, it is said, and afterwards it goes on where it was", async () => {
  const way = await cable(shared.server.port);
  const page = await visit(shared.browser, `${way.url}#/events`);
  const state = page.locator("[data-live]");
  const is = (kind) => until(30_000, `the connection is ${kind}`, async () => (await state.getAttribute("data-live")) === kind);
  const first = async () => Number(await page.locator("[data-event]").first().getAttribute("data-event"));
  await is("live");
  await until(45_000, "an event", async () => (await page.locator("[data-event]").count()) > 0);
  // From here on nothing can be asked for: what comes, comes over the connection.
  await page.route(LISTS, (route) => route.abort());
  const before = await first();
  await until(45_000, "a newer one is shown by itself", async () => (await first()) > before);

  const begins = [];
  page.on("request", (request) => { if (STREAM.test(request.url())) begins.push(Number(request.headers()["last-event-id"])); });
  way.cut();
  await is("lost");
  assert.match(await state.innerText(), /Connection lost .* ago\. .*[Tt]r(ied|ying) again/);
  const last = await first();
  const missed = await until(45_000, "something happens meanwhile", async () => { const cursor = await newest(); return cursor > last && cursor; });
  assert.equal(await first(), last, "nothing of it is known here");
  way.mend();
  await is("live");
  await page.locator(`[data-event="${missed}"]`).waitFor();
  assert.ok(begins.length > 0 && begins.every((id) => id >= before), `behind what was seen: ${begins.join(", ")}`);
  page.assertFine();
  await page.context().close();
  way.close();
});

test("the Data panel says when its connection is lost, and goes on by itself", async () => {
  const way = await cable(shared.server.port);
  const page = await visit(shared.browser, `${way.url}#/instances/${shared.gate.id}/source`);
  const panel = page.getByRole("region", { name: "Data panel" });
  const seen = async () => Number(/([\d\u2009]+) seen/.exec(await panel.innerText())?.[1].replace(/\D/g, ""));
  await panel.getByLabel("Stream").selectOption({ label: "Tracks" });
  await until(20_000, "rows", async () => (await seen()) > 2);
  way.cut();
  await panel.locator('[data-live="lost"]').waitFor();
  const before = await seen();
  way.mend();
  await panel.locator('[data-live="live"]').waitFor({ timeout: 30_000 });
  await until(20_000, "more rows", async () => (await seen()) > before);
  page.assertFine();
  await page.context().close();
  way.close();
});

test("after a flood of events the newest hundred are there, and who reads is not disturbed", async () => {
  const entry = (n) => ({ cursor: n, instance_id: shared.gate.id, instance_name: "Gate", record: { $id: "event-area-enter", system_timestamp: n }, delivered: [] });
  const flood = (from, to) => Array.from({ length: to - from }, (_, n) => `id: ${from + n}\nevent: record\ndata: ${JSON.stringify(entry(from + n))}\n\n`).join("");
  const page = await visit(shared.browser, shared.server.url);
  await page.route(LISTS, (route) => route.fulfill({ json: { events: [] } }));
  // The second connection begins when the test says so.
  let more;
  const wanted = new Promise((done) => { more = done; });
  let turn = 0;
  await page.route(STREAM, async (route) => {
    if (turn++ === 0) return route.fulfill({ contentType: "text/event-stream", body: flood(1, 3001) });
    await wanted;
    await route.fulfill({ contentType: "text/event-stream", body: flood(3001, 3021) }).catch(() => {});
  });
  await page.goto(`${shared.server.url}#/events`);
  const entries = page.locator("[data-event]");
  await page.locator('[data-event="3000"]').waitFor();
  assert.equal(await entries.count(), 100);
  assert.equal(await entries.last().getAttribute("data-event"), "2901");
  await page.getByRole("button", { name: "Freeze" }).click();
  more();
  await page.getByText("20 newer ones are kept").waitFor();
  assert.equal(await entries.first().getAttribute("data-event"), "3000", "frozen");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator('[data-event="3020"]').waitFor();
  assert.equal(await entries.count(), 100);
  page.assertFine();
  await page.context().close();
});

test("while all events have arrived where they should, the list is not asked for any more", async () => {
  const page = await visit(shared.browser, shared.server.url);
  const entry = { cursor: 5, instance_id: shared.gate.id, instance_name: "Gate", record: { $id: "event-area-enter", system_timestamp: 5 } };
  const waiting = [{ receiver: "to disk", state: "waiting" }];
  const arrived = [{ receiver: "to disk", state: "delivered", at_ms: 7 }];
  let asked = 0;
  await page.route(LISTS, (route) => { asked++; return route.fulfill({ json: { events: [{ ...entry, delivered: asked < 3 ? waiting : arrived }] } }); });
  // Opened, and silent.
  await page.route(STREAM, () => {});
  await page.goto(`${shared.server.url}#/events`);
  await page.locator('[data-delivered="waiting"]').waitFor();
  await page.locator('[data-delivered="delivered"]').waitFor({ timeout: 30_000 });
  const then = asked;
  // Some seconds of the page's own: the list of instances is asked for each second.
  for (let n = 0; n < 6; n++) await page.waitForResponse((response) => new URL(response.url()).pathname === "/api/v1/instances", { timeout: 30_000 });
  assert.equal(asked, then, "nothing is left to ask for");
  page.assertFine();
  await page.context().close();
});

test("what nobody looks at rests: a hidden tab holds no connection for events or for pictures", async () => {
  const page = await visit(shared.browser, shared.server.url);
  await page.addInitScript(() => {
    globalThis.away = true;
    Object.defineProperty(document, "hidden", { get: () => globalThis.away });
  });
  let asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const comeBack = () => page.evaluate(() => {
    globalThis.away = false;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  const open = async (screen) => {
    await page.goto(`${shared.server.url}#/${screen}`);
    asked = [];
    await page.reload();
  };
  await open("events");
  await page.locator('[data-live="resting"]').waitFor();
  assert.ok(!asked.some((path) => path.endsWith("/events/live")), asked.join(" "));
  await comeBack();
  await page.locator('[data-live="live"]').waitFor();
  await open(`instances/${shared.gate.id}/source`);
  await page.locator('[data-live="live"]').waitFor();
  await page.getByText("Waiting for the first picture").waitFor();
  assert.ok(!asked.some((path) => path.endsWith("/view")), asked.join(" "));
  await comeBack();
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  page.assertFine();
  await page.context().close();
});
