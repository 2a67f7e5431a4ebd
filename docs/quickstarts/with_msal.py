"""Signs in with MSAL, Microsoft's own library, and reads audit records as an application.

MSAL insists on https. A sandbox speaks http on this machine only, so the session below carries MSAL's requests for
https://liaison.invalid to it. Against a server behind https, leave the session out and name its address.
"""

import os

import msal
import requests

BASE = os.environ.get("LIAISON_URL", "http://127.0.0.1:8080")
CONTOSO = "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d"


class ToSandbox(requests.adapters.HTTPAdapter):
    """Sends what is meant for https://liaison.invalid to the sandbox."""

    def send(self, request, **options):
        request.url = request.url.replace("https://liaison.invalid", BASE)
        answer = super().send(request, **options)
        if request.url.endswith("/openid-configuration"):
            answer._content = answer.content.replace(BASE.encode(), b"https://liaison.invalid")
        return answer


session = requests.Session()
session.mount("https://liaison.invalid", ToSandbox())

application = msal.ConfidentialClientApplication(
    "c0a70002-0000-4000-8000-000000000002",
    client_credential="contoso-sandbox-secret",
    authority=f"https://liaison.invalid/{CONTOSO}",
    instance_discovery=False,
    http_client=session,
)
token = application.acquire_token_for_client(["https://api.partnercenter.microsoft.com/.default"])
if "access_token" not in token:
    raise SystemExit(f"no token: {token.get('error_description')}")
print("MSAL has a token for", token["expires_in"], "seconds")

records = requests.get(
    f"{BASE}/v1/auditrecords", params={"startDate": "2026-01-01", "size": "5"},
    headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=30,
)
records.raise_for_status()
for record in records.json()["items"]:
    print(record["operationDate"], record["operationType"], record["customerName"])

# The second time it comes from MSAL's cache.
again = application.acquire_token_for_client(["https://api.partnercenter.microsoft.com/.default"])
assert again["access_token"] == token["access_token"]
