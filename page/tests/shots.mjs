// Pictures for docs/: small PNGs, made anew by `SHOTS=1 node --test page/tests/run.mjs`. `SHOTS=FOLDER` keeps all of them
// there, to be looked at.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./server.mjs";

/** Those that a text shows. */
const inDocs = new Set(["README.md", ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)]
  .flatMap((path) => [...readFileSync(join(root, path), "utf8").matchAll(/pictures\/([a-z-]+)\.png/g)].map(([, name]) => name)));

export async function shot(page, name) {
  if (!process.env.SHOTS) return;
  const docs = process.env.SHOTS === "1";
  if (docs && !inDocs.has(name)) return;
  const folder = docs ? join(root, "docs/pictures") : process.env.SHOTS;
  await mkdir(folder, { recursive: true });
  const whole = join(folder, `${name}-whole.png`);
  await page.screenshot({ path: whole });
  // A palette makes a third of it.
  const palette = "split[a][b];[a]palettegen=max_colors=128[p];[b][p]paletteuse=dither=none";
  execFileSync("ffmpeg", ["-v", "error", "-y", "-i", whole, "-vf", palette, join(folder, `${name}.png`)]);
  await rm(whole);
}
