// A real `watchpost serve` on a free port with a data folder of its own, and the demo's clip.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("./", import.meta.url));
export const root = resolve(here, "../..");
const program = process.env.WATCHPOST ?? join(root, "target/debug/watchpost");
export const clip = join(root, ".cache/vtest.avi");
/** What it is called in the data folder of a server. */
export const CLIP = "vtest.avi";

for (const [what, path, fix] of [
  ["the program", program, "cargo build, or say where it is with WATCHPOST"],
  ["the demo's clip", clip, "scripts/clip.sh"],
  ["the page", join(root, "page/dist/index.html"), "scripts/page.sh"],
]) if (!existsSync(path)) throw new Error(`${what} is missing (${path}): ${fix}`);

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Longer than a debug build takes to begin on a busy machine. */
const START_MS = 30_000;

export class Server {
  static async start() {
    const server = new Server();
    server.data = await mkdtemp(join(tmpdir(), "watchpost-page-"));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}/`;
    await mkdir(join(server.data, "exporters"), { recursive: true });
    // By a name that is the same on every machine, for pictures.
    await symlink(clip, join(server.data, CLIP));
    await server.begin();
    return server;
  }

  async begin() {
    this.said = "";
    this.child = spawn(program, ["serve", "--data", this.data, "--listen", `127.0.0.1:${this.port}`, "--exporters", join(root, "exporters"), "--page", join(root, "page/dist")],
      { stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr.on("data", (text) => { this.said = (this.said + text).slice(-20_000); });
    const ended = new Promise((_, fail) => this.child.once("exit", (code) => fail(new Error(`watchpost serve ended with ${code}:\n${this.said}`))));
    ended.catch(() => {});
    await Promise.race([until(START_MS, "the server answers", async () => (await fetch(`${this.url}healthz`)).ok), ended]);
  }

  /** Ends it as a person would. */
  async end() {
    if (this.child.exitCode === null) {
      const gone = new Promise((done) => this.child.once("exit", done));
      this.child.kill("SIGTERM");
      await gone;
    }
  }

  async close() {
    await this.end();
    await rm(this.data, { recursive: true, force: true });
  }

  async api(method, path, body, headers = {}) {
    const response = await fetch(new URL(path, this.url), {
      method, headers: { "Content-Type": "application/json", ...headers }, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text;
  }

  /** An instance that plays the demo's clip again and again, with the demo's areas and line. */
  async addClip(name, more = {}) {
    const { Zone, Tripwire } = JSON.parse(await readText(join(root, "demo/vtest.json")));
    return this.api("POST", "/api/v1/instances", {
      DisplayName: name, Solution: "securt", AutoStart: true, Input: { uri: CLIP, loop: true }, Zone, Tripwire,
      Output: { handlers: {}, preprocess_version: 2 }, ...more,
    });
  }

  /** An exporter that answers for each message: an error while the file `refuse` is in its folder. */
  async addMoody() {
    const folder = join(this.data, "exporters/moody");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "moody.py"), MOODY);
    await writeFile(join(folder, "manifest.json"), JSON.stringify({
      name: "Moody", description: "Refuses while it is told to", command: "python3 moody.py",
      events: { "event-area-enter": [2], "event-line-crossing": [2] }, framing: "newline", acknowledge: true, retries: 0,
    }));
    await writeFile(join(folder, "refuse"), "");
    return { folder, refuses: join(folder, "refuse") };
  }
}

const MOODY = `import os, sys
for line in sys.stdin:
    if os.path.exists("refuse"):
        print("ERROR not in the mood", flush=True)
    else:
        with open("taken.jsonl", "a") as out:
            out.write(line)
        print("OK", flush=True)
`;

export async function readText(path) {
  const { readFile } = await import("node:fs/promises");
  return readFile(path, "utf8");
}

/** So long at least, for machines that do much else. */
const LEAST_MS = 20_000;

/** Waits until `ask` gives something true, and gives it. */
export async function until(ms, what, ask) {
  const most = Math.max(ms, LEAST_MS);
  const end = Date.now() + most;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${most} ms: ${what} (${last instanceof Error ? last.message : JSON.stringify(last)})`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export { cp };
