// Signs in, invites Fabrikam into a deal, accepts for it, reads the answer: with fetch.

const base = process.env.LIAISON_URL ?? "http://127.0.0.1:8080";
const referrals = `${base}/v1.0/engagements/referrals`;

interface Referral {
  id: string;
  engagementId: string;
  eTag: string;
  status: string;
  substatus: string;
  direction: string;
}

async function signIn(username: string, clientId: string, clientSecret: string): Promise<string> {
  const form = new URLSearchParams({
    grant_type: "password", scope: "openid", resource: "https://api.partner.microsoft.com",
    client_id: clientId, client_secret: clientSecret, username, password: "sandbox-password",
  });
  const answer = await fetch(`${base}/common/oauth2/token`, { method: "POST", body: form });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).access_token;
}

/** Makes a request; a refusal becomes an error that says why. */
async function call<T>(token: string, method: string, url: string, body?: unknown, headers = {}): Promise<T> {
  const answer = await fetch(url, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
  });
  const json = answer.status === 204 ? undefined : await answer.json();
  if (!answer.ok) throw new Error(`${answer.status} ${json.error.code}: ${json.error.message}`);
  return json as T;
}

const deal = {
  name: "Made with fetch", type: "Shared", qualification: "SalesQualified",
  customerProfile: {
    name: "Contoso Customer Inc",
    address: { addressLine1: "One Microsoft Way", city: "Redmond", state: "WA", postalCode: "98052", country: "US" },
  },
  consent: { consentToToShareInfoWithOthers: true, consentToContact: true },
  details: {
    dealValue: 50000, currency: "USD", closingDateTime: "2030-11-14T00:00:00Z",
    requirements: { solutions: [{ type: "Name", id: "SOL-34104-EBB" }] },
  },
  team: [{ firstName: "John", lastName: "Doe", phoneNumber: "1231231234", email: "john.doe@contoso.example" }],
};

async function main(): Promise<void> {
  const contoso = await signIn("alex.admin@contoso.example", "c0a70002-0000-4000-8000-000000000002", "contoso-sandbox-secret");
  const fabrikam = await signIn("fay.admin@fabrikam.example", "fab00002-0000-4000-8000-000000000002", "fabrikam-sandbox-secret");

  // Two steps: a deal of one's own, then the same engagement for the partner, who has fourteen days to answer.
  const own = await call<Referral>(contoso, "POST", referrals, deal);
  const invitation = await call<Referral>(contoso, "POST", referrals, {
    ...deal,
    engagementId: own.engagementId,
    target: [{ type: "BusinessProfileLocation", id: "fab00001-0000-4000-8000-000000000001" }],
    inviteContext: { notes: "Can you join?", assistanceRequestCode: "ProofOfConceptOrDemo" },
  });
  console.log("invited", invitation.id, invitation.status, invitation.substatus);

  // The other side: it reads the invitation as Incoming, and accepts the version that it has read.
  const received = await call<Referral>(fabrikam, "GET", `${referrals}/${invitation.id}`);
  const accepted = await call<Referral>(fabrikam, "PATCH", `${referrals}/${invitation.id}`, [
    { op: "replace", path: "/status", value: "Active" },
    { op: "replace", path: "/substatus", value: "Accepted" },
  ], { "If-Match": received.eTag, Prefer: "return=representation" });
  console.log(received.direction, accepted.status, accepted.substatus);

  const filter = new URLSearchParams({ $filter: `engagementId eq '${own.engagementId}'`, $orderby: "createdDateTime asc" });
  const list = await call<{ value: Referral[] }>(contoso, "GET", `${referrals}?${filter}`);
  console.log("both records:", list.value.map((it) => `${it.status}/${it.substatus}`).join(", "));
  if (list.value.length !== 2 || accepted.status !== "Active") throw new Error("this is not the deal that was made");
}

main();
