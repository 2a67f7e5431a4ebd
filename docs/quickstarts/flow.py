"""A flow as Power Automate has it: a webhook comes, a token is taken, the referral is read, the answer is written back
with If-Match. Fabrikam runs the flow; Contoso invites it into a deal, so that there is something to answer.

Only the standard library is needed.
"""

import json
import os
import queue
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

BASE = os.environ.get("LIAISON_URL", "http://127.0.0.1:8080")
REFERRALS = f"{BASE}/v1.0/engagements/referrals"
PARTNER = "https://api.partner.microsoft.com"
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
PEOPLE = {
    "contoso": ("alex.admin@contoso.example", "c0a70002-0000-4000-8000-000000000002", "contoso-sandbox-secret"),
    "fabrikam": ("fay.admin@fabrikam.example", "fab00002-0000-4000-8000-000000000002", "fabrikam-sandbox-secret"),
}
events: queue.Queue = queue.Queue()


class Trigger(BaseHTTPRequestHandler):
    """Takes what is delivered. A receiver in earnest verifies the signature first: see "Signatures of webhooks" in API.md."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        events.put(json.loads(body))

    def log_message(self, *_):
        pass


def call(method, url, token=None, body=None, **headers):
    """Makes a request; returns the answer's JSON, or None where there is none."""
    request = urllib.request.Request(url, method=method, headers=dict(headers))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if isinstance(body, str):
        request.data = body.encode()
    elif body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or "null")


def token(company, resource):
    username, client_id, client_secret = PEOPLE[company]
    form = {"grant_type": "password", "scope": "openid", "resource": resource, "client_id": client_id,
            "client_secret": client_secret, "username": username, "password": "sandbox-password"}
    return call("POST", f"{BASE}/common/oauth2/token", body=urllib.parse.urlencode(form))["access_token"]


def register(url):
    """Makes the one registration, or replaces it, as the connector does."""
    body = {"WebhookUrl": url, "WebhookEvents": ["referral-created"], "SignatureTokenToMsSignatureHeader": "true"}
    registration, bearer = f"{BASE}/webhooks/v1/registration", token("fabrikam", PARTNER_CENTER)
    try:
        call("GET", registration, bearer)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return call("POST", registration, bearer, body)
    return call("PUT", registration, bearer, body)


def invite():
    """Contoso makes a deal, and invites Fabrikam into it."""
    deal = {
        "name": "Made for a flow", "type": "Shared", "qualification": "SalesQualified",
        "customerProfile": {"name": "Contoso Customer Inc", "address": {
            "addressLine1": "One Microsoft Way", "city": "Redmond", "state": "WA", "postalCode": "98052", "country": "US"}},
        "consent": {"consentToToShareInfoWithOthers": True, "consentToContact": True},
        "details": {"dealValue": 50000, "currency": "USD", "closingDateTime": "2030-11-14T00:00:00Z",
                    "requirements": {"solutions": [{"type": "Name", "id": "SOL-34104-EBB"}]}},
        "team": [{"firstName": "John", "lastName": "Doe", "phoneNumber": "1231231234",
                  "email": "john.doe@contoso.example"}],
    }
    bearer = token("contoso", PARTNER)
    own = call("POST", REFERRALS, bearer, deal)
    target = [{"type": "BusinessProfileLocation", "id": "fab00001-0000-4000-8000-000000000001"}]
    return call("POST", REFERRALS, bearer, {**deal, "engagementId": own["engagementId"], "target": target})


receiver = HTTPServer(("127.0.0.1", 0), Trigger)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
register(f"http://127.0.0.1:{receiver.server_port}/trigger")
invitation = invite()

# The flow. Events may come twice, and of other referrals.
while True:
    event = events.get(timeout=30)
    print("told of", event["EventName"])
    if event["EventName"] == "referral-created" and event["ResourceUri"].endswith(invitation["id"]):
        break
bearer = token("fabrikam", PARTNER)
referral = call("GET", event["ResourceUri"], bearer)
if (referral["status"], referral["direction"]) != ("New", "Incoming"):
    raise SystemExit("there is nothing to answer")

# The document goes back as it was read, without links: If-Match keeps the flow from overwriting anybody.
del referral["links"]
referral.update(status="Active", substatus="Accepted", externalReferenceId="CRM-4711")
answer = call("PUT", f"{REFERRALS}/{referral['id']}", bearer, referral, **{"If-Match": referral["eTag"]})
print("written back:", answer["status"], answer["substatus"], answer["externalReferenceId"])
assert (answer["status"], answer["externalReferenceId"]) == ("Active", "CRM-4711")
receiver.shutdown()
