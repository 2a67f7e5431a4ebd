// Judges the control information of answers: with `full`, every type that an answer names is in `$metadata`, fits its
// value, and every link leads where it says; with `none` and `minimal`, there is none of it.
//
// usage: node formats.mjs BASE_URL, with LIAISON_TOKEN; the server holds deals

import assert from "node:assert/strict";

const root = `${process.argv[2]}/v1.0/engagements/`;
const authorization = `Bearer ${process.env.LIAISON_TOKEN}`;
const schema = await (await fetch(`${root}$metadata?$format=json`)).json();
const primitives = { Guid: /^[0-9a-f-]{36}$/, DateTimeOffset: /^\d{4}-\d\d-\d\dT[0-9:.]+Z$/, Decimal: null };
const seen = new Set();

async function get(address, parameters) {
  const accept = ["application/json", ...parameters].join(";");
  const answer = await fetch(address, { headers: { authorization, accept } });
  assert.equal(answer.status, 200, `${address}: ${await answer.clone().text()}`);
  const told = answer.headers.get("content-type").split(";").slice(1, -1);
  assert.deepEqual(told, parameters, "the Content-Type tells another format");
  return answer.json();
}

/** Returns a type of the schema by its name with the namespace. */
function typed(name) {
  const [namespace, bare] = name.split(".");
  const type = schema[namespace]?.[bare];
  assert.ok(type, `${name} is not in $metadata`);
  seen.add(name);
  return type;
}

/** Compares a value with what its annotation, or else the schema, says of it. */
function checkValue(place, value, property, mark) {
  const isList = property.$Collection === true;
  const expected = (property.$Type ?? "Edm.String").replace(/^Edm\./, "");
  if (value === null) {
    assert.ok(property.$Nullable && mark === undefined, `${place} is null`);
    return;
  }
  const isComplex = schema.Liaison[expected.split(".")[1]]?.$Kind === "ComplexType";
  const isPlain = ["String", "Boolean"].includes(expected) || isComplex;
  assert.equal(mark, isList ? `#Collection(${expected})` : isPlain ? undefined : `#${expected}`, place);
  for (const item of isList ? value : [value]) {
    if (isComplex) {
      if (!isList) {
        assert.equal(item["@odata.type"], `#${expected}`, place);
      }
      checkMembers(place, item, typed(expected));
    } else if (expected in primitives) {
      assert.ok(primitives[expected]?.test(item) ?? typeof item === "number", `${place}: ${item}`);
    } else if (expected.includes(".")) {
      assert.ok(item in typed(expected), `${place}: ${item}`);
    } else {
      assert.equal(typeof item, expected.toLowerCase(), place);
    }
  }
}

function checkMembers(place, object, type) {
  for (const [name, value] of Object.entries(object)) {
    if (!name.includes("@")) {
      assert.ok(type[name], `${place}/${name} is not in $metadata`);
      checkValue(`${place}/${name}`, value, type[name], object[`${name}@odata.type`]);
    }
  }
}

async function checkEntity(entity, context) {
  const type = typed(entity["@odata.type"].slice(1));
  checkMembers("", entity, type);
  const missing = Object.keys(type).filter((it) => !it.startsWith("$") && type[it].$Kind === undefined && !(it in entity));
  assert.deepEqual(missing, [], "members are missing");
  const edited = await get(new URL(entity["@odata.editLink"], context), []);
  const named = await get(entity["@odata.id"], []);
  assert.deepEqual([edited.id, named.id, named.eTag], [entity.id, entity.id, entity["@odata.etag"]]);
  const related = await get(new URL(entity["relatedReferrals@odata.navigationLink"], context), []);
  assert.ok(related.value.some((it) => it.engagementId === entity.engagementId));
}

const controls = (entity) => JSON.stringify(entity).match(/"[^"]*@odata\.[^"]*"/g) ?? [];
const list = `${root}referrals?$top=3&$count=true`;

const full = await get(list, ["odata.metadata=full"]);
assert.equal(full.value.length, 3);
for (const entity of full.value) {
  await checkEntity(entity, full["@odata.context"]);
}
const address = `${root}referrals(${full.value[0].id})`;
const one = await get(address, ["odata.metadata=full"]);
await checkEntity(one, one["@odata.context"]);

for (const metadata of ["minimal", "none"]) {
  const plain = await get(list, [`odata.metadata=${metadata}`]);
  const single = await get(address, [`odata.metadata=${metadata}`]);
  assert.equal("@odata.context" in plain, metadata === "minimal");
  assert.equal("@odata.context" in single, metadata === "minimal");
  assert.deepEqual([plain, single].flatMap(controls).filter((it) => !/"@odata.(context|count|nextLink)"/.test(it)), []);
  assert.equal(plain["@odata.count"], full["@odata.count"]);
}
const spelled = await get(address, ["odata.metadata=minimal", "IEEE754Compatible=true"]);
const usual = await get(address, []);
assert.equal(typeof usual.details.dealValue, "number");
assert.equal(typeof spelled.details.dealValue, "string");
assert.equal(Number(spelled.details.dealValue), usual.details.dealValue);
// What judges must be able to say no.
assert.throws(() => checkMembers("", { nothing: 1 }, schema.Liaison.Referral));
assert.throws(() => checkMembers("", { status: "New" }, schema.Liaison.Referral));
assert.throws(() => checkMembers("", { id: "x", "id@odata.type": "#Guid" }, schema.Liaison.Referral));
console.log(`odata.metadata: ${seen.size} types of full answers are those of $metadata, and links lead where they say`);
