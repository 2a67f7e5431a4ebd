// The client that odata2ts makes of `$metadata`, in use: the compiler checks every name, the server every query.
//
// usage: node built/generated.js BASE_URL COUNT, with LIAISON_TOKEN

import { FetchClient } from "@odata2ts/http-client-fetch";

import { LiaisonService } from "./client/LiaisonService";

declare const process: { argv: string[]; env: Record<string, string | undefined>; exitCode?: number };

function assertEqual(found: unknown, expected: unknown, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
}

async function main(baseUrl: string, count: number): Promise<void> {
  const client = new FetchClient({ headers: { Authorization: `Bearer ${process.env.LIAISON_TOKEN}` } });
  const service = new LiaisonService(client, `${baseUrl}/v1.0/engagements`);
  const referrals = service.referrals();

  const page = await referrals.query((builder, it) =>
    builder.select("id", "name").orderBy(it.name.asc()).top(3).count());
  assertEqual(page.data.value.map((it) => it.name), ["Deal 000", "Deal 001", "Deal 002"], "the first three");
  assertEqual(page.data["@odata.count"], count, "the number of all");

  const some = await referrals.query((builder, it) =>
    builder.filter(it.name.startsWith("Deal 00"), it.details.props.dealValue.gt(20)).orderBy(it.name.desc()));
  assertEqual(some.data.value.map((it) => it.name).slice(0, 2), ["Deal 009", "Deal 008"], "filtered, last first");
  assertEqual(some.data.value.length, 8, "how many are worth more than 20");

  const id = page.data.value[1]?.id ?? "";
  const one = await service.referrals(id).query();
  assertEqual([one.data.id, one.data.name], [id, "Deal 001"], "one by its key");
  console.log("odata2ts: ordered, filtered, counted and read by key");
}

main(process.argv[2] ?? "", Number(process.argv[3])).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
