// Pictures for docs/: small PNGs, made anew by `SHOTS=1 node --test page/tests/run.mjs`.
import { execFileSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./server.mjs";

export async function shot(page, name) {
  if (!process.env.SHOTS) return;
  const folder = process.env.SHOTS === "1" ? join(root, "docs/pictures") : process.env.SHOTS;
  await mkdir(folder, { recursive: true });
  const whole = join(folder, `${name}-whole.png`);
  await page.screenshot({ path: whole });
  // A palette makes a third of it.
  const palette = "split[a][b];[a]palettegen=max_colors=128[p];[b][p]paletteuse=dither=none";
  execFileSync("ffmpeg", ["-v", "error", "-y", "-i", whole, "-vf", palette, join(folder, `${name}.png`)]);
  await rm(whole);
}
