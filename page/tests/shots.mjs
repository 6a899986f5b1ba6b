// Pictures for docs/: small PNGs, made anew by `SHOTS=1 node --test page/tests/run.mjs`.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./server.mjs";

export async function shot(page, name) {
  if (!process.env.SHOTS) return;
  const folder = process.env.SHOTS === "1" ? join(root, "docs/pictures") : process.env.SHOTS;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
