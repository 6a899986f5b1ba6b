// What somebody does first, without reading anything: add a file, see it, start and stop it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { CLIP, until } from "./server.mjs";
import { shot } from "./shots.mjs";

test("an address is tested, its picture is there before saving, and what is added plays at once", async () => {
  const page = await visit(shared.browser, shared.server.url);
  await page.getByRole("button", { name: "+ Add instance" }).click();
  const dialog = page.getByRole("dialog", { name: "Add instance" });
  await dialog.getByLabel("Address or file").fill(CLIP);
  await dialog.getByRole("button", { name: "Test" }).click();
  await dialog.getByText("It works").waitFor();
  const facts = await dialog.locator("[data-tested]").innerText();
  assert.match(facts, /768×576/);
  assert.match(facts, /MPEG-4|mpeg4|XVID|DivX/i, "the codec");
  assert.match(facts, /\b10 fps/, "the rate");
  const took = Number(/opened in ([\d.]+) s/.exec(facts)?.[1]);
  assert.ok(took <= 3, `within 3 s (${took})`);
  const width = await dialog.locator("[data-tested] img").evaluate((image) => image.naturalWidth);
  assert.ok(width > 0, "the first picture is shown");
  assert.deepEqual((await shared.server.api("GET", "/api/v1/instances")).instances.map(({ name }) => name), ["Gate"], "nothing is saved yet");
  await shot(page, "add-instance");
  assert.equal(await dialog.getByLabel("Name").inputValue(), "vtest", "the name comes from the source");
  await dialog.getByLabel("Name").fill("Yard");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  // The set-up opens with the live picture.
  await page.getByRole("heading", { name: "Yard" }).waitFor();
  await page.locator('[data-picture="there"]').waitFor({ timeout: 30_000 });
  const canvas = page.locator("canvas");
  const first = await canvas.getAttribute("data-frame");
  await until(8000, "another frame", async () => (await canvas.getAttribute("data-frame")) !== first);
  page.assertFine();
  await page.context().close();
});

test("a source that cannot be opened says why, and stays in the dialog", async () => {
  const page = await visit(shared.browser, shared.server.url);
  await page.getByRole("button", { name: "+ Add instance" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Address or file").fill("/no/such/film.mp4");
  await dialog.getByRole("button", { name: "Test" }).click();
  const alert = dialog.getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.innerText(), /film\.mp4|no such|not exist|found/i);
  await page.context().close();
});

test("the list shows state, rates and a live picture, and starts and stops without a reload", async () => {
  const page = await visit(shared.browser, shared.server.url);
  const row = page.locator('[data-instance="Gate"]');
  await row.getByText("running", { exact: true }).waitFor({ timeout: 30_000 });
  await row.locator("img").waitFor();
  await until(10_000, "frames per second", async () => /\d fps/.test(await row.innerText()));
  await shot(page, "instances");
  await row.getByRole("button", { name: "Stop Gate" }).click();
  await row.getByText("stopped", { exact: true }).waitFor();
  // A picture that is not renewed says how old it is.
  await row.locator(".thumb").getByText(/^\d+ s old$/).waitFor({ timeout: 30_000 });
  await row.getByRole("button", { name: "Start Gate" }).click();
  await row.getByText("running", { exact: true }).waitFor({ timeout: 30_000 });
  await page.getByLabel("Filter instances").fill("nothing like that");
  await page.getByText("No instance matches").waitFor();
  // One that plays is enough for what follows.
  const { instances } = await shared.server.api("GET", "/api/v1/instances");
  await shared.server.api("POST", `/api/v1/instances/${instances.find(({ name }) => name === "Yard").id}/stop`);
  page.assertFine();
  await page.context().close();
});

test("a camera that is away says so in the list, with what was tried", async () => {
  const { id } = await shared.server.api("POST", "/api/v1/instances", {
    DisplayName: "Away", Solution: "securt", AutoStart: true, Input: { uri: "rtsp://127.0.0.1:2/stream" }, Output: { handlers: {}, preprocess_version: 2 },
  });
  const page = await visit(shared.browser, shared.server.url);
  const row = page.locator('[data-instance="Away"]');
  await row.locator(".state").getByText("restarting").waitFor();
  await row.getByText("trying again").waitFor();
  await page.getByText("1 problem").waitFor();
  await shared.server.api("DELETE", `/api/v1/instances/${id}`);
  page.assertFine();
  await page.context().close();
});

test("an export in trouble says so in the list, with what waits for it", async () => {
  const { server, gate } = shared;
  await server.api("PUT", `/api/v1/instances/${gate.id}/exports/broker`, {
    uri: "mqtt://127.0.0.1:2/gate", sink: "output-tracks", config: {},
  });
  const page = await visit(shared.browser, server.url);
  const row = page.locator('[data-instance="Gate"]');
  const trouble = row.locator(".state.warn", { hasText: "broker:" });
  await trouble.waitFor({ timeout: 30_000 });
  await until(20_000, "the reason and what waits", async () => /broker: waiting.*127\.0\.0\.1:2.*\d+ waiting/s.test(await trouble.innerText()));
  assert.match(await row.innerText(), /exports 1\s+with a problem/);
  await server.api("DELETE", `/api/v1/instances/${gate.id}/exports/broker`);
  await trouble.waitFor({ state: "detached" });
  page.assertFine();
  await page.context().close();
});

test("an action answers within 100 ms, if only with that it works, and a press more does nothing", async () => {
  const page = await visit(shared.browser, shared.server.url);
  let go, asked = 0;
  const held = new Promise((done) => { go = done; });
  await page.route(/\/start$/, async (route) => { asked++; await held; await route.continue(); });
  const button = page.getByRole("button", { name: "Start Yard" });
  await button.waitFor();
  const ms = await button.evaluate((element) => new Promise((resolve) => {
    const began = performance.now();
    new MutationObserver(() => element.getAttribute("aria-busy") === "true" && resolve(performance.now() - began)).observe(element, { attributes: true });
    element.click();
  }));
  assert.ok(ms < 100, `${ms} ms`);
  await button.click({ force: true });
  assert.equal(asked, 1);
  go();
  await page.getByRole("button", { name: "Stop Yard" }).click();
  await button.waitFor();
  page.assertFine();
  await page.context().close();
});
