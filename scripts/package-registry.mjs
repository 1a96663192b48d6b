// node scripts/package-registry.mjs FOLDER: serves the packed packages in FOLDER as an npm registry does, until its input
// ends. Prints its address. (A process of its own: those who ask it wait for npm, and answer nothing meanwhile.)
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { root } from "./workspace.mjs";

const [folder] = process.argv.slice(2);
const manifests = readdirSync(join(root, "packages")).map((name) =>
  JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")),
);
/** As npm calls what it packs. */
const archiveOf = ({ name, version }) => `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;

const server = createServer((request, response) => {
  const asked = decodeURIComponent(request.url.slice(1));
  const manifest = manifests.find((each) => each.name === asked);
  const packed = manifests.find((each) => archiveOf(each) === asked);
  if (packed) response.end(readFileSync(join(folder, asked)));
  else if (manifest) {
    const archive = archiveOf(manifest);
    const integrity = `sha512-${createHash("sha512")
      .update(readFileSync(join(folder, archive)))
      .digest("base64")}`;
    const { devDependencies: _, ...published } = manifest;
    const tarball = `http://127.0.0.1:${server.address().port}/${archive}`;
    const versions = { [manifest.version]: { ...published, dist: { tarball, integrity } } };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ name: manifest.name, "dist-tags": { latest: manifest.version }, versions }));
  } else response.writeHead(404).end("{}");
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
