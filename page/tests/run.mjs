// The page in a real browser, against a real server that plays the demo's clip: what issue texts promise, a test a
// promise. One process, one server, one browser, so that all of it takes a minute.
import { join } from "node:path";
import { after, afterEach, before } from "node:test";
import { open } from "./browser.mjs";
import { root, Server } from "./server.mjs";
import { shared } from "./shared.mjs";

before(async () => {
  [shared.server, shared.browser] = await Promise.all([Server.start(), open()]);
  shared.moody = await shared.server.addMoody();
  shared.gate = await shared.server.addClip("Gate");
});

// A test that goes well closes what it has opened: what is open shows how another one ended.
let failures = 0;
afterEach(async () => {
  for (const context of shared.browser?.contexts() ?? []) {
    for (const page of context.pages()) {
      const path = join(root, `.cache/page-failure-${++failures}.png`);
      await page.screenshot({ path, timeout: 3000 }).then(() => console.log(`# what it looked like: ${path}`), () => {});
    }
    await context.close();
  }
});

after(async () => {
  await shared.browser?.close();
  await shared.server?.close();
});

await import("./first-use.mjs");
await import("./adding.mjs");
await import("./exports.mjs");
await import("./exporters.mjs");
await import("./integrations.mjs");
await import("./panels.mjs");
await import("./events.mjs");
await import("./drawing.mjs");
await import("./looks.mjs");
await import("./access.mjs");
await import("./hls.mjs");
await import("./trouble.mjs");
