"""Signs in, makes a referral, pages through the list, changes it: with requests."""

import os

import requests

BASE = os.environ.get("LIAISON_URL", "http://127.0.0.1:8080")
REFERRALS = f"{BASE}/v1.0/engagements/referrals"


def sign_in(username: str, client_id: str, client_secret: str) -> requests.Session:
    form = {
        "grant_type": "password", "scope": "openid", "resource": "https://api.partner.microsoft.com",
        "client_id": client_id, "client_secret": client_secret,
        "username": username, "password": "sandbox-password",
    }
    answer = requests.post(f"{BASE}/common/oauth2/token", data=form, timeout=30)
    answer.raise_for_status()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def deal(name: str) -> dict:
    return {
        "name": name, "type": "Independent", "qualification": "SalesQualified",
        "customerProfile": {"name": "Contoso Customer Inc", "address": {
            "addressLine1": "One Microsoft Way", "city": "Redmond", "state": "WA", "postalCode": "98052", "country": "US"}},
        "consent": {"consentToToShareInfoWithOthers": True, "consentToContact": True},
        "details": {"dealValue": 50000, "currency": "USD", "closingDateTime": "2030-11-14T00:00:00Z",
                    "requirements": {"solutions": [{"type": "Name", "id": "SOL-34104-EBB"}]}},
        "team": [{"firstName": "John", "lastName": "Doe", "phoneNumber": "1231231234",
                  "email": "john.doe@contoso.example"}],
    }


def everything(session: requests.Session, **options: str):
    """Follows the links to the end."""
    url, params = REFERRALS, {f"${name}": value for name, value in options.items()}
    while url:
        page = session.get(url, params=params, timeout=30)
        page.raise_for_status()
        yield from page.json()["value"]
        url, params = page.json().get("@odata.nextLink"), None


def change(session: requests.Session, referral: dict, *operations: dict) -> dict:
    """Changes a referral, if nobody else did since it was read."""
    answer = session.patch(
        f"{REFERRALS}/{referral['id']}", json=list(operations),
        headers={"If-Match": referral["eTag"], "Prefer": "return=representation"}, timeout=30,
    )
    answer.raise_for_status()
    return answer.json()


contoso = sign_in("alex.admin@contoso.example", "c0a70002-0000-4000-8000-000000000002", "contoso-sandbox-secret")
made = contoso.post(REFERRALS, json=deal("Made with requests"), timeout=30)
made.raise_for_status()
referral = made.json()
print("made", referral["id"], referral["status"], referral["substatus"])

names = [it["name"] for it in everything(contoso, filter="status eq 'Active'", orderby="createdDateTime desc")]
assert "Made with requests" in names, names

changed = change(contoso, referral, {"op": "replace", "path": "/details/dealValue", "value": 75000})
print("changed to", changed["details"]["dealValue"])

# What was read first is old by now, and a second write on it would lose the first: 412.
try:
    change(contoso, referral, {"op": "replace", "path": "/details/notes", "value": "Lost update"})
except requests.HTTPError as error:
    print("refused:", error.response.status_code, error.response.json()["error"]["code"])
    assert error.response.status_code == 412
else:
    raise SystemExit("an old version was overwritten")
