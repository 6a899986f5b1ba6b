// The page in a real browser, against a real server that plays the demo's clip: what issue texts promise, a test a
// promise. One process, one server, one browser, and what mostly waits beside it, so that all of it takes some three minutes
// on two cores.
import { after, afterEach, before } from "node:test";
import { begin, ended } from "./alone.mjs";
import { open, pictures } from "./browser.mjs";
import { Server } from "./server.mjs";
import { shared } from "./shared.mjs";

before(async () => {
  [shared.server, shared.browser] = await Promise.all([Server.start(), open()]);
  shared.moody = await shared.server.addMoody();
  shared.gate = await shared.server.addClip("Gate");
  begin();
});

// A test that goes well closes what it has opened.
afterEach(() => pictures(shared.browser));

after(async () => {
  await ended();
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
await import("./live.mjs");
await import("./drafts.mjs");
await import("./system.mjs");
await import("./drawing.mjs");
await import("./looks.mjs");
await import("./access.mjs");
await import("./trouble.mjs");
// What runs beside the tests is over: this one is about seconds.
await import("./hls.mjs");
