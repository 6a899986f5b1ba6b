// The page in a real browser, against a real server that plays the demo's clip: what issue texts promise, a test a
// promise. One process, one server, one browser, so that all of it takes a minute.
import { after, before } from "node:test";
import { open } from "./browser.mjs";
import { Server } from "./server.mjs";
import { shared } from "./shared.mjs";

before(async () => {
  [shared.server, shared.browser] = await Promise.all([Server.start(), open()]);
  shared.moody = await shared.server.addMoody();
  shared.gate = await shared.server.addClip("Gate");
});

after(async () => {
  await shared.browser?.close();
  await shared.server?.close();
});

await import("./first-use.mjs");
await import("./exports.mjs");
await import("./exporters.mjs");
await import("./panels.mjs");
await import("./drawing.mjs");
await import("./looks.mjs");
await import("./access.mjs");
await import("./trouble.mjs");
