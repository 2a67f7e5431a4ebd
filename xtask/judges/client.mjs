// @odata/client against a server with a known set of deals: pages, filters, orders, counts and keys.
//
// usage: node client.mjs BASE_URL COUNT, with LIAISON_TOKEN

import assert from "node:assert/strict";

import odata from "@odata/client";

const { Guid, OData } = odata;
const [baseUrl, count] = [process.argv[2], Number(process.argv[3])];
const authorization = `Bearer ${process.env.LIAISON_TOKEN}`;
const client = OData.New4({
  serviceEndpoint: `${baseUrl}/v1.0/engagements/`,
  commonHeaders: { Authorization: authorization },
});
const referrals = client.getEntitySet("referrals");
const names = (items) => items.map((it) => it.name);
const name = (number) => `Deal ${String(number).padStart(3, "0")}`;
const numbered = Array.from({ length: count }, (_, number) => name(number));

function ensureList(answer) {
  assert.ok(Array.isArray(answer.value), JSON.stringify(answer));
  return answer;
}

/** Follows the links of a list to its end. */
async function all(options) {
  let answer = ensureList(await client.newRequest({ collection: "referrals", params: options }));
  const pages = [answer.value];
  while (answer["@odata.nextLink"]) {
    assert.ok(pages.length < 100, "the list has no end");
    assert.match(answer["@odata.nextLink"], /^http:/);
    answer = ensureList(await client.requestUri(answer["@odata.nextLink"]));
    pages.push(answer.value);
  }
  return pages;
}

const pages = await all(client.newOptions().orderby("name", "asc"));
assert.deepEqual(pages.map((it) => it.length), [100, 100, count - 200]);
assert.deepEqual(names(pages.flat()), numbered);
const newest = (await all(client.newOptions())).flat();
assert.equal(new Set(newest.map((it) => it.id)).size, count);
// Fractions of a second have as many digits as they need.
const padded = (time) => time.replace(/(\.\d+)?Z$/, (_, fraction = ".") => fraction.padEnd(8, "0"));
const newestFirst = newest.map((it) => padded(it.createdDateTime));
assert.deepEqual(newestFirst, [...newestFirst].sort().reverse());

assert.equal(await referrals.count(), count);
assert.equal(await referrals.count(client.newFilter().field("name").lt(name(7))), 7);
const last = client.newOptions().orderby("name", "desc").top(3).skip(2).select(["id", "name"]);
const [first, ...rest] = await referrals.query(last);
assert.deepEqual(names([first, ...rest]), [name(count - 3), name(count - 4), name(count - 5)]);
assert.deepEqual(Object.keys(first).filter((it) => !it.startsWith("@")).sort(), ["id", "name"]);

// The package encodes nothing itself.
const odd = encodeURIComponent("it''s 50%_& +#/é 7");
const quoted = await referrals.query(client.newFilter().field("externalReferenceId").eq(odd));
assert.deepEqual(names(quoted), [name(7)]);
assert.deepEqual(names(await referrals.find({ name: name(3), isSpam: false })), [name(3)]);
const either = client.newFilter().field("name").in([name(1), name(4)]);
assert.deepEqual(names(await referrals.query(client.newOptions().filter(either).orderby("name", "asc"))), [name(1), name(4)]);

assert.equal((await referrals.retrieve(first.id)).name, first.name);
assert.equal((await referrals.retrieve(Guid.from(first.id))).name, first.name);
await assert.rejects(referrals.retrieve("37ef26aa-1d15-4533-9f93-a69bd33ab1e5"));
await assert.rejects(referrals.query(client.newFilter().field("nothing").eq(1)), /nothing/);
// Its updates are plain objects, which are no JSON Patch.
await assert.rejects(referrals.update(first.id, { name: "other" }));
console.log(`@odata/client: ${count} referrals on ${pages.length} pages, filtered, ordered, counted and read by key`);
