// After the build: each page names the scripts in it by hash in its Content-Security-Policy, so that no other inline
// script runs, whoever serves the files; and every text file gets a compressed twin.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const OUT = new URL("../out", import.meta.url).pathname;
const COMPRESSED = /\.(html|js|css|txt|svg|json|map)$/;
const WORTH_BYTES = 1024;

function policy(html) {
  const hashes = new Set();
  for (const [, attributes, body] of html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g))
    if (!/\ssrc=/.test(attributes)) hashes.add(`'sha256-${createHash("sha256").update(body).digest("base64")}'`);
  return [
    "default-src 'none'",
    `script-src 'self' ${[...hashes].join(" ")}`,
    // Sizes and positions are set on elements; styles cannot run anything.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
  ].join("; ");
}

for (const name of readdirSync(OUT, { recursive: true, withFileTypes: true })) {
  if (!name.isFile()) continue;
  const path = join(name.parentPath, name.name);
  if (path.endsWith(".gz")) {
    rmSync(path);
    continue;
  }
  if (path.endsWith(".html")) {
    const html = readFileSync(path, "utf8");
    const first = html.match(/<meta charset="utf-8"\/>/i)?.[0];
    if (!first) throw new Error(`${path} has no head to carry its policy`);
    const meta = `<meta http-equiv="Content-Security-Policy" content="${policy(html)}"/>`;
    writeFileSync(path, html.replace(first, first + meta));
  }
  if (COMPRESSED.test(path)) {
    const bytes = readFileSync(path);
    if (bytes.length >= WORTH_BYTES) writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
}
