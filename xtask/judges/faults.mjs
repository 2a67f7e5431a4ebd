// fetch against faults on demand, and the schema of HTTP Archives against the request log.
//
// usage: node faults.mjs BASE_URL DEAL, with LIAISON_TOKEN

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import Ajv from "ajv";
import schemas from "har-schema";

const require = createRequire(import.meta.url);
const baseUrl = process.argv[2];
const headers = { Authorization: `Bearer ${process.env.LIAISON_TOKEN}`, "Content-Type": "application/json" };
const referrals = `${baseUrl}/v1.0/engagements/referrals`;
const deal = readFileSync(process.argv[3], "utf8");

async function fault(kind, members = {}) {
  const body = JSON.stringify({ kind, count: 1, ...members });
  const answer = await fetch(`${baseUrl}/sandbox/faults`, { method: "POST", headers, body });
  assert.equal(answer.status, 201, await answer.clone().text());
  return `${(await answer.json()).id}; kind=${kind}`;
}

const create = (key) =>
  fetch(referrals, { method: "POST", headers: { ...headers, "Idempotency-Key": key }, body: deal });

const name = await fault("throttled", { retryAfterSecs: 57 });
const throttled = await fetch(referrals, { headers });
assert.deepEqual([throttled.status, throttled.headers.get("retry-after")], [429, "57"]);
assert.equal(throttled.headers.get("liaison-fault"), name);

await fault("cutAnswer", { method: "POST" });
await assert.rejects(create("node one"), (error) => ["ECONNRESET", "UND_ERR_SOCKET"].includes(error.cause?.code));
assert.equal((await create("node one")).headers.get("idempotency-replayed"), "true");
await fault("cutAnswer", { method: "POST", cut: "inBody" });
const cut = await create("node two");
assert.equal(cut.status, 200);
await assert.rejects(cut.json(), TypeError);
assert.equal((await create("node two")).headers.get("idempotency-replayed"), "true");

await fault("delay", { delayMs: 1500 });
await assert.rejects(fetch(referrals, { headers, signal: AbortSignal.timeout(300) }), { name: "TimeoutError" });

// What the log says of all that is an HTTP Archive.
const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addMetaSchema(require("ajv/dist/refs/json-schema-draft-06.json"));
Object.values(schemas).forEach((it) => ajv.addSchema(it));
const isArchive = ajv.getSchema("har.json#");
for (const path of ["/sandbox/requests", "/v1.0/engagements/requests"]) {
  const har = await (await fetch(`${baseUrl}${path}?format=har&limit=1000`, { headers })).json();
  assert.ok(har.log.entries.length > 3, `${path} is empty`);
  assert.ok(isArchive(har), JSON.stringify(isArchive.errors));
  assert.ok(har.log.entries.every((it) => !Number.isNaN(Date.parse(it.startedDateTime))));
  assert.ok(har.log.entries.some((it) => it._fault === name && it.response.status === 429));
  assert.ok(!JSON.stringify(har).includes(process.env.LIAISON_TOKEN));
  // The judge refuses what is none.
  delete har.log.entries[0].request.method;
  assert.ok(!isArchive(har));
}
await fetch(`${baseUrl}/sandbox/faults`, { method: "DELETE", headers });
console.log("fetch has met the faults, and the log is an HTTP Archive");
