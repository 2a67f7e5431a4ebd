// Asks in the query language of OData, without writing it: with @odata/client.

import odata from "@odata/client";

const { OData } = odata;
const base = process.env.LIAISON_URL ?? "http://127.0.0.1:8080";

async function signIn(): Promise<string> {
  const form = new URLSearchParams({
    grant_type: "password", scope: "openid", resource: "https://api.partner.microsoft.com",
    client_id: "c0a70002-0000-4000-8000-000000000002", client_secret: "contoso-sandbox-secret",
    username: "alex.admin@contoso.example", password: "sandbox-password",
  });
  const answer = await fetch(`${base}/common/oauth2/token`, { method: "POST", body: form });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).access_token;
}

async function main(): Promise<void> {
  const client = OData.New4({
    serviceEndpoint: `${base}/v1.0/engagements/`,
    commonHeaders: { Authorization: `Bearer ${await signIn()}` },
  });
  const options = client
    .newOptions()
    .filter(client.newFilter().property("status").eq("Active"))
    .orderby("createdDateTime", "desc")
    .select(["id", "name", "status"])
    .top(5);
  const answer: any = await client.newRequest({ collection: "referrals", params: options });
  for (const referral of answer.value) console.log(referral.id, referral.name);

  const wrong = answer.value.filter((it: { status: string }) => it.status !== "Active");
  if (!Array.isArray(answer.value) || wrong.length > 0) throw new Error("the filter was not applied");
  console.log(answer["@odata.count"], "in all");
}

main();
