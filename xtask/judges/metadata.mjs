// Judges `$metadata` of a server: its XML becomes the same JSON in the hands of odata-csdl, fits the OASIS schema of CSDL
// JSON, and odata2ts makes a typed client of it that compiles. Leaves the XML behind for the next judge.
//
// usage: node metadata.mjs BASE_URL FOLDER

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import Ajv from "ajv";
import csdl from "odata-csdl";

const [baseUrl, folder] = process.argv.slice(2);
const root = `${baseUrl}/v1.0/engagements/`;
const home = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(import.meta.url);

async function get(address, accept) {
  const answer = await fetch(address, { headers: { accept } });
  assert.equal(answer.status, 200, `${address}: ${answer.status}`);
  assert.equal(answer.headers.get("odata-version"), "4.0");
  assert.ok(answer.headers.get("content-type").startsWith(accept), answer.headers.get("content-type"));
  return answer.text();
}

function run(program, ...args) {
  execFileSync(process.execPath, [path.join(home, "node_modules", program), ...args], { cwd: folder, stdio: "inherit" });
}

/** What judges must be able to say no. */
function checkControls(xml, validate) {
  const broken = [
    xml.replace("</EntityType>", ""),
    xml.replace('<Property Name="id"', '<Property Title="id"'),
  ];
  for (const text of broken) {
    const messages = [];
    let converted;
    try {
      converted = csdl.xml2json(text, { messages });
    } catch {
      continue;
    }
    assert.ok(messages.length > 0 || !validate(converted), "a broken schema passes");
  }
  assert.ok(!validate({ $Version: "4.0", Liaison: { Referral: { $Kind: "Nothing" } } }));
}

const xml = await get(`${root}$metadata`, "application/xml");
const json = JSON.parse(await get(`${root}$metadata`, "application/json"));
assert.equal(await get(`${root}%24metadata?$format=xml`, "application/xml"), xml);

const messages = [];
const converted = csdl.xml2json(xml, { messages });
assert.deepEqual(messages, [], "odata-csdl has something against the XML");
assert.deepEqual(converted, json, "the two forms differ");

const schema = require("odata-csdl/schemas/csdl.schema.json");
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: true }).compile(schema);
assert.ok(validate(json), JSON.stringify(validate.errors, null, 2));
checkControls(xml, validate);

// From the address of the context, as a client resolves it.
const service = JSON.parse(await get(root, "application/json"));
const collection = new URL(service.value[0].url, service["@odata.context"]);
assert.equal(collection.pathname, "/v1.0/engagements/referrals");

fs.writeFileSync(path.join(folder, "metadata.xml"), xml);
fs.symlinkSync(path.join(home, "node_modules"), path.join(folder, "node_modules"));
fs.copyFileSync(path.join(home, "generated.ts"), path.join(folder, "generated.ts"));
const compilerOptions = {
  target: "es2022", module: "commonjs", moduleResolution: "node10", strict: true, skipLibCheck: true, types: [],
  lib: ["es2022", "dom", "dom.iterable"], outDir: "built", ignoreDeprecations: "5.0",
};
fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["generated.ts"] }));
run("@odata2ts/odata2ts/lib/run-cli.js", "-s", "metadata.xml", "-o", "client", "-m", "all", "-e", "ts");
run("typescript/bin/tsc", "-p", ".");
console.log(`$metadata: ${Object.keys(json.Liaison).length} types, converted, validated and compiled`);
