// HLS exports in hls.js, on a page of another site: whole pieces, and with low latency their parts.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { shared } from "./shared.mjs";
import { root, until } from "./server.mjs";

/** Somebody else's page, with nothing on it but a video and the player. */
async function site() {
  const script = await readFile(join(root, "page/node_modules/hls.js/dist/hls.light.min.js"));
  const server = createServer((request, response) => {
    const isScript = request.url === "/hls.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><script src="/hls.js"></script><video muted playsinline></video>');
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** What the player says after it has played for a while. */
async function play(page, url, seconds) {
  await page.evaluate((url) => {
    const video = document.querySelector("video");
    // Where a busy machine has let it fall behind, it may catch up.
    const hls = new window.Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5 });
    Object.assign(window, { hls, fatal: [], parts: 0, pieces: 0 });
    hls.on(window.Hls.Events.ERROR, (_, data) => { if (data.fatal) window.fatal.push(`${data.type} ${data.details}`); });
    hls.on(window.Hls.Events.FRAG_LOADED, (_, { part }) => { if (part) window.parts++; else window.pieces++; });
    hls.attachMedia(video);
    hls.loadSource(url);
    video.play().catch((error) => window.fatal.push(String(error)));
  }, url);
  const say = () => page.evaluate(() => {
    const video = document.querySelector("video");
    const { fatal, parts, pieces, hls } = window;
    return {
      fatal, parts, pieces, latency: hls.latency, at: video.currentTime, width: video.videoWidth,
      frames: video.getVideoPlaybackQuality().totalVideoFrames,
    };
  });
  await until(30_000, "it begins", async () => (await say()).frames > 0);
  const before = await say();
  await until(30_000, `it plays for ${seconds} s`, async () => (await say()).at > before.at + seconds);
  return say;
}

/** In the page itself: beside the export, with the player that comes with it. */
async function watch(browser, server, id) {
  const page = await visit(browser, `${server.url}#/instances/${id}/export`);
  await page.locator('[data-export="whole"]').getByRole("button", { name: "Watch whole" }).click();
  const video = page.getByRole("dialog", { name: "Watch whole" }).locator("video");
  const now = () => video.evaluate((element) => ({ at: element.currentTime, frames: element.getVideoPlaybackQuality().totalVideoFrames, width: element.videoWidth }));
  await until(30_000, "the page plays it", async () => (await now()).frames > 0);
  // All of it, its address too.
  const box = await page.getByRole("button", { name: "Copy the address" }).boundingBox();
  assert.ok(box && box.y + box.height <= 800, `the dialog fits the window: ${JSON.stringify(box)}`);
  const { at, width } = await now();
  assert.equal(width, 320);
  await until(30_000, "it goes on", async () => (await now()).at > at + 1);
  assert.equal(await page.getByRole("dialog").getByRole("alert").count(), 0);
  page.assertFine();
  await page.context().close();
}

test("hls.js plays both kinds of HLS on a page of another site, with low latency a second behind, and so does the page", async () => {
  const { server, browser } = shared;
  const handler = (config) => ({ uri: "hls://", sink: "output-image", config: { resolution: { width: 320, height: 240 }, ...config } });
  const made = await server.addClip("HLS", {
    Output: { handlers: { whole: handler({}), parts: handler({ low_latency: true }) }, preprocess_version: 2 },
  });
  const id = made.id ?? made.InstanceId;
  const other = await site();
  const page = await visit(browser, other.url);
  const said = {};
  try {
    for (const name of ["whole", "parts"]) {
      const url = new URL(`hls/${id}/${name}.m3u8`, server.url).href;
      await until(30_000, "there is something to play", async () => (await fetch(url)).ok);
      await page.goto(other.url);
      const say = await play(page, url, 4);
      if (name === "parts") await until(60_000, "it is about a second behind", async () => (await say()).latency < 2);
      const now = (said[name] = await say());
      assert.deepEqual(now.fatal, [], name);
      assert.equal(now.width, 320, name);
      assert.ok(now.frames > 15, `${name}: ${JSON.stringify(now)}`);
    }
    assert.ok(said.whole.pieces > 0 && said.whole.parts === 0, JSON.stringify(said));
    assert.ok(said.parts.parts > 5, JSON.stringify(said));
    await watch(browser, server, id);
    console.log(`# behind: ${said.whole.latency.toFixed(2)} s in pieces, ${said.parts.latency.toFixed(2)} s in parts`);
    page.assertFine();
  } finally {
    other.close();
    await page.context().close();
    await server.api("DELETE", `/api/v1/instances/${id}`);
  }
});
