// Builds the page into dist/: hashed names, split where something is loaded later, with a map of sizes for the tests.
//
//   node build.mjs           once
//   node build.mjs --watch   again whenever a file changes; run `watchpost serve --page page/dist` beside it
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import * as esbuild from "esbuild";

const watch = process.argv.includes("--watch");
const dist = new URL("dist/", import.meta.url);

const index = {
  name: "index.html names what was built",
  setup(build) {
    build.onEnd(async (result) => {
      if (result.errors.length > 0) return;
      const outputs = Object.entries(result.metafile.outputs);
      const [script, entry] = outputs.find(([, output]) => output.entryPoint === "src/main.tsx");
      const name = (path) => "/" + path.replace(/^dist\//, "");
      const early = entry.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path);
      const text = (await readFile(new URL("src/index.html", import.meta.url), "utf8"))
        .replace("{style}", name(entry.cssBundle))
        .replace("{script}", name(script))
        .replace("{early}", early.map((path) => `<link rel="modulepreload" href="${name(path)}">`).join(""));
      await writeFile(new URL("index.html", dist), text);
      await writeFile(new URL("../.cache/page-meta.json", import.meta.url), JSON.stringify({ script, early, outputs: result.metafile.outputs }));
    });
  },
};

await mkdir(dist, { recursive: true });
// The folder itself is committed, so that the server can be built without it being filled.
for (const name of await readdir(dist)) if (name !== ".gitignore") await rm(new URL(name, dist), { recursive: true });
await mkdir(new URL("../.cache/", import.meta.url), { recursive: true });

const options = {
  absWorkingDir: new URL("./", import.meta.url).pathname,
  entryPoints: ["src/main.tsx"],
  outdir: "dist",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome111", "firefox113", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  metafile: true,
  legalComments: "linked",
  logLevel: process.argv.includes("--quiet") ? "warning" : "info",
  plugins: [index],
};

if (watch) await (await esbuild.context(options)).watch();
else await esbuild.build(options);
