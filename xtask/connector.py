"""A careful connector, as `liaison conform --client` brings one into situations; and a careless one.

It does the task that the LIAISON_… variables name (docs/connectors.md lists them), as a connector in earnest should. With
`--put` it writes the whole document with PUT instead of a PATCH. With `--careless WHAT` it lacks one virtue, or all that
the situation asks for (`each`): the judge of connectors has to notice each by name.

usage: connector.py [--put] [--careless WHAT|each]
"""

import base64
import json
import os
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

BASE = os.environ["LIAISON_URL"]
REFERRALS = f"{BASE}/v1.0/engagements/referrals"
PUT = "--put" in sys.argv
CARELESS = sys.argv[sys.argv.index("--careless") + 1] if "--careless" in sys.argv else None
TIMEOUT_SECS = int(os.environ.get("LIAISON_TIMEOUT_MS", "10000")) / 1000
TRIES_MAX = 4
STAGES = {None, "StageOfToday"}
# What the judge is shown in each situation by `--careless each`.
VICES = {
    "plain": {"if-match", "user-agent", "correlation"},
    "conflict": {"merge"},
    "unknown": {"erase"},
    "foreign": {"foreign"},
    "token": {"token"},
    "throttled": {"retry-after", "correlation"},
    "unavailable": {"retry-after"},
    "server-error": {"back-off"},
    "outage": {"bound"},
    "cut-answer": {"key"},
    "half-answer": {"key"},
    "slow-answer": {"slow"},
    "bad-request": {"repeat"},
    "pages": {"pages"},
    "missed-webhook": {"missed"},
    "duplicate": {"duplicate"},
    "reordered": {"order"},
    "bad-signature": {"signature"},
    "wrong-certificate": {"certificate"},
    "expiry": {"expiry"},
}


class GaveUp(Exception):
    """The task cannot be done; the message says why."""


def careless(what):
    return what in VICES[os.environ["LIAISON_SITUATION"]] if CARELESS == "each" else what == CARELESS


class Session:
    """Calls the server: with an id for each try, a new token when the old one is refused, and pauses that grow."""

    def __init__(self):
        self.http = requests.Session()
        self.http.trust_env = False
        if not careless("user-agent"):
            self.http.headers["User-Agent"] = "careful-connector/1.0"
        self.token = os.environ.get("LIAISON_TOKEN")
        self.lock = threading.Lock()

    def sign_in(self):
        form = {
            "grant_type": "password", "scope": "openid", "resource": os.environ["LIAISON_RESOURCE"],
            "client_id": os.environ["LIAISON_CLIENT_ID"], "client_secret": os.environ["LIAISON_CLIENT_SECRET"],
            "username": os.environ["LIAISON_USERNAME"], "password": os.environ["LIAISON_PASSWORD"],
        }
        answer = self.http.post(os.environ["LIAISON_TOKEN_URL"], data=form, timeout=30)
        answer.raise_for_status()
        self.token = answer.json()["access_token"]

    def once(self, method, url, headers, body):
        headers = {**headers, "Authorization": f"Bearer {self.token}"}
        if not careless("correlation"):
            headers["client-request-id"] = str(uuid.uuid4())
        return self.http.request(method, url, headers=headers, json=body, timeout=TIMEOUT_SECS)

    def call(self, method, url, body=None, **headers):
        """Makes a call until there is an answer that another try would not change. What is not safe to repeat has to
        be made so by its headers: a key, or the version that it starts from."""
        with self.lock:
            return self.repeat(method, url, body, headers)

    def repeat(self, method, url, body, headers):
        if self.token is None:
            self.sign_in()
        has_signed_in = False
        tries_max = 15 if careless("bound") else TRIES_MAX
        for attempt in range(tries_max):
            pause = 0.15 * 3 ** (0 if careless("bound") else attempt)
            if careless("back-off") or attempt + 1 == tries_max:
                pause = 0
            try:
                answer = self.once(method, url, headers, body)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                if careless("slow"):
                    raise GaveUp("no answer")
                time.sleep(pause)
                continue
            if answer.status_code == 401 and not has_signed_in:
                if not careless("token"):
                    self.sign_in()
                has_signed_in = True
            elif answer.status_code in (429, 503) or answer.status_code == 409 and "Retry-After" in answer.headers:
                time.sleep(0 if careless("retry-after") else float(answer.headers.get("Retry-After", 1)))
            elif answer.status_code in (500, 502, 504):
                time.sleep(pause)
            else:
                return answer
        raise GaveUp(f"{method} {url} failed {tries_max} times")


session = Session()


def reasons(answer):
    error = answer.json().get("error", {})
    return "; ".join(it["message"] for it in error.get("details", [])) or error.get("message", answer.status_code)


def report(*lines):
    """Says what it knows by now."""
    with open(os.environ["LIAISON_RESULT"], "a", encoding="utf-8") as file:
        file.writelines(f"{it}\n" for it in lines)


def read(referral_id):
    answer = session.call("GET", f"{REFERRALS}/{referral_id}")
    if answer.status_code != 200:
        raise GaveUp(f"{referral_id} cannot be read: {reasons(answer)}")
    return answer.json()


def write(referral, changes):
    """Sets members by their pointers, if nobody else has written since the referral was read."""
    headers = {} if careless("if-match") else {"If-Match": referral["eTag"]}
    url = f"{REFERRALS}/{referral['id']}"
    if PUT:
        document = json.loads(json.dumps(referral))
        document.pop("links", None)
        for pointer, value in changes.items():
            *parents, name = pointer.strip("/").split("/")
            place = document
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = value
        return session.call("PUT", url, document, **headers)
    operations = [{"op": "replace", "path": pointer, "value": value} for pointer, value in changes.items()]
    return session.call("PATCH", url, operations, **headers)


def create():
    """Makes the deal once. Its key makes a repetition harmless: it is the same for every try of this deal."""
    deal = json.loads(os.environ["LIAISON_DEAL"])
    key = f"deal-{deal['externalReferenceId']}"
    for _ in range(5 if careless("repeat") else 1):
        answer = session.call("POST", REFERRALS, deal, **({} if careless("key") else {"Idempotency-Key": key}))
        if answer.status_code in (200, 201):
            return report(answer.json()["id"])
    raise GaveUp(f"refused: {reasons(answer)}")


def update_notes():
    """Adds a line behind whatever the notes are at that moment."""
    referral_id, line = os.environ["LIAISON_REFERRAL_ID"], os.environ["LIAISON_LINE"]
    if careless("foreign"):
        answer = session.call("GET", f"{REFERRALS}/{referral_id}")
        if answer.status_code == 404:
            deal = {"name": "In its place", "type": "Independent", "qualification": "SalesQualified"}
            session.call("POST", REFERRALS, deal)
            raise GaveUp("404")
    referral = read(referral_id)
    if careless("words") and referral["salesStage"] not in STAGES:
        raise GaveUp(f"requested value {referral['salesStage']} was not found")
    for _ in range(TRIES_MAX):
        notes = referral["details"]["notes"] or ""
        if line in notes:
            return
        changes = {"/details/notes": f"{notes}\n{line}"}
        if careless("erase"):
            changes["/salesStage"] = None
            changes["/details/requirements/products"] = []
        answer = write(referral, changes)
        if answer.status_code in (200, 204):
            return
        if answer.status_code != 412:
            raise GaveUp(reasons(answer))
        # Somebody was faster: the line goes on top of what is there by now.
        if careless("merge"):
            referral["eTag"] = read(referral_id)["eTag"]
        else:
            referral = read(referral_id)
    raise GaveUp("somebody is faster each time")


def accept(referral_id):
    """Accepts what can be accepted still. Says whether it did."""
    if careless("order"):
        document = {"id": referral_id, "eTag": "*"}
    else:
        document = read(referral_id)
        if document["status"] != "New" or document["direction"] != "Incoming":
            return False
    changes = {"/status": "Active", "/substatus": "Accepted"}
    for _ in range(5 if careless("expiry") else 1):
        answer = write(document, changes)
        if answer.status_code in (200, 204):
            return True
    # What it was told may be explained by what the referral says by now.
    state = read(referral_id)
    raise GaveUp(f"{reasons(answer)}: {state['status']}/{state['substatus']}")


def everything(**options):
    url = REFERRALS + ("?" + "&".join(f"${name}={value}" for name, value in options.items()) if options else "")
    while url:
        page = session.call("GET", url)
        if page.status_code != 200:
            raise GaveUp(reasons(page))
        yield from page.json()["value"]
        url = None if careless("pages") else page.json().get("@odata.nextLink")


def sync():
    """Accepts what nobody has told it of."""
    if careless("missed"):
        return
    for it in list(everything(filter="status eq 'New' and direction eq 'Incoming'")):
        if accept(it["id"]):
            report(it["id"])


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks: verifies who sent them, answers at once, acts on each referral one at a time."""

    certificates, done, acting = {}, set(), threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_taken = self.is_signed(body)
        self.send_response(200 if is_taken else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if is_taken:
            self.act(json.loads(body))

    def is_signed(self, body):
        if careless("signature"):
            return True
        url = self.headers.get("X-MS-Certificate-Url", "")
        # Certificates come from one place, which is known beforehand; whoever signs names it, and nothing else.
        if not url.startswith(os.environ["LIAISON_WEBHOOK_CERTIFICATES"]) and not careless("certificate"):
            return False
        scheme, _, signature = self.headers.get("x-ms-signature", "").partition(" ")
        if scheme != "Signature" or self.headers.get("X-MS-Signature-Algorithm") != "rsa-sha256":
            return False
        if url not in self.certificates:
            self.certificates[url] = x509.load_der_x509_certificate(requests.get(url, timeout=10).content)
        try:
            key = self.certificates[url].public_key()
            key.verify(base64.b64decode(signature), body, padding.PKCS1v15(), hashes.SHA256())
        except (exceptions.InvalidSignature, ValueError):
            return False
        return True

    def act(self, message):
        referral_id = message["ResourceUri"].rsplit("/", 1)[-1]
        with self.acting:
            try:
                if careless("duplicate"):
                    if message["EventName"] == "referral-created":
                        write({"id": referral_id, "eTag": "*"}, {"/status": "Active", "/substatus": "Accepted"})
                elif not careless("order") or message["EventName"] == "referral-created":
                    # What is true is what the referral says: a message that comes twice, or late, finds nothing to do.
                    accept(referral_id)
            except GaveUp as error:
                print(f"{referral_id}: {error}", flush=True)

    def log_message(self, *_):
        pass


def receive():
    """Listens until its standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["LIAISON_WEBHOOK_PORT"])), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()


TASKS = {
    "create": create,
    "update-notes": update_notes,
    "accept": lambda: accept(os.environ["LIAISON_REFERRAL_ID"]),
    "list": lambda: report(*(it["id"] for it in everything())),
    "sync": sync,
    "receive": receive,
}

try:
    TASKS[os.environ["LIAISON_TASK"]]()
except GaveUp as error:
    print(f"{os.environ['LIAISON_SITUATION']}: {error}", flush=True)
    sys.exit(1)
