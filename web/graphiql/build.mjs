// Bundles the page into hub/static/graphiql. The output is a function of the sources and the lock file alone.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ?? join(here, "../../hub/static/graphiql");

const ownFonts = {
  name: "own-fonts",
  setup(bundle) {
    // 400 kB of embedded Latin fonts that hold no Chinese; the machine's own fonts serve.
    bundle.onLoad({ filter: /graphiql[\\/]dist[\\/]style\.css$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      return { contents: text.replace(/@font-face\s*\{[^}]*\}/g, ""), loader: "css" };
    });
  },
};

async function licences(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) folders.add(found[1]);
  }
  const texts = [];
  for (const folder of [...folders].sort()) {
    const about = JSON.parse(await readFile(join(here, folder, "package.json"), "utf8"));
    const file = (await readdir(join(here, folder))).find((name) => /^licen[cs]e/i.test(name));
    const text = file ? await readFile(join(here, folder, file), "utf8") : `Licence: ${about.license}`;
    texts.push(`${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function fingerprint() {
  const sources = (await readdir(join(here, "src"))).map((name) => `src/${name}`);
  sources.push("build.mjs", "index.html", "package.json", "package-lock.json", "tsconfig.json");
  const hash = createHash("sha256");
  for (const name of sources.sort()) hash.update(name).update(await readFile(join(here, name)));
  return hash.digest("hex");
}

await mkdir(out, { recursive: true });
for (const name of await readdir(out)) {
  if (/^page-\w+\.(js|css)$/.test(name)) await rm(join(out, name));
}
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { page: "src/main.tsx" },
  outdir: out,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  minify: true,
  metafile: true,
  charset: "utf8",
  legalComments: "none",
  target: ["chrome87", "firefox78", "safari15"], // what still runs on an office's Windows 7
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [ownFonts],
});
const names = Object.keys(metafile.outputs).map((name) => basename(name));
const html = (await readFile(join(here, "index.html"), "utf8"))
  .replace("{{style}}", names.find((name) => name.endsWith(".css")))
  .replace("{{script}}", names.find((name) => name.endsWith(".js")));
await writeFile(join(out, "index.html"), html);
await writeFile(join(out, "licences.txt"), await licences(Object.keys(metafile.inputs)));
await writeFile(join(out, "sources.sha256"), `${await fingerprint()}\n`);
