"""requests and urllib3 against faults on demand: what a client in Python does when a call fails, comes late or is cut off.

usage: faults.py BASE_URL DEAL, with LIAISON_TOKEN
"""

import json
import os
import sys
import time

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

BASE_URL = sys.argv[1]
REFERRALS = f"{BASE_URL}/v1.0/engagements/referrals"
FAULTS = f"{BASE_URL}/sandbox/faults"


def session(**retries):
    made = requests.Session()
    made.trust_env = False
    made.headers["Authorization"] = f"Bearer {os.environ['LIAISON_TOKEN']}"
    rule = Retry(**retries) if retries else False
    made.mount("http://", HTTPAdapter(max_retries=rule))
    return made


plain = session()
patient = session(total=5, backoff_factor=0, status_forcelist=[429, 503], allowed_methods=None)


def fault(kind, **members):
    answer = plain.post(FAULTS, json={"kind": kind, "count": 1, **members})
    assert answer.status_code == 201, answer.text
    return f"{answer.json()['id']}; kind={kind}"


def timed(call):
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began


def refused(kind, status, **members):
    name = fault(kind, **members)
    answer = plain.get(REFERRALS)
    assert (answer.status_code, answer.headers["Liaison-Fault"]) == (status, name), answer.text
    try:
        answer.raise_for_status()
    except requests.HTTPError:
        return answer
    raise AssertionError(f"{status} is no error")


def raises(expected, call):
    try:
        answer = call()
    except expected:
        return
    raise AssertionError(f"no {expected} but {answer}")


# Without a fault nobody waits, and nobody tries twice.
answer = patient.get(REFERRALS, params={"$top": 1})
assert answer.status_code == 200 and "Liaison-Fault" not in answer.headers
assert answer.raw.retries.history == ()

# urllib3 honours Retry-After: it waits and repeats.
fault("throttled", retryAfterSecs=1)
fault("unavailable", retryAfterSecs=1)
answer, took = timed(lambda: patient.get(REFERRALS, params={"$top": 1}))
assert answer.status_code == 200, answer.text
assert [it.status for it in answer.raw.retries.history] == [429, 503]
assert took >= 2, f"Retry-After was not honoured: {took}"

body = refused("throttled", 429, retryAfterSecs=57).json()
assert (body["statusCode"], body["message"]) == (429, "Rate limit is exceeded. Try again in 57 seconds.")
body = refused("mfaRequired", 401).json()
assert (body["statusCode"], body["error"]["innerError"]["code"]) == (401, "mfaRequired") and "900421" in body["message"]
for kind, status, code in [
    ("accessDenied", 403, "accessDenied"),
    ("preconditionFailed", 412, "preconditionFailed"),
    ("serverError", 500, "generalException"),
    ("unavailable", 503, "serviceNotAvailable"),
]:
    assert refused(kind, status).json()["error"]["code"] == code

# An answer that is cut off after the commit: the client does not know, and a repetition with the same key is harmless.
with open(sys.argv[2], encoding="utf-8") as file:
    DEAL = json.load(file)


def create(by, key):
    return by.post(REFERRALS, json=DEAL, headers={"Idempotency-Key": key})


fault("cutAnswer", method="POST", route="/v1.0/engagements/referrals")
raises(requests.ConnectionError, lambda: create(plain, "one"))
again = create(plain, "one")
assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true"), again.text
fault("cutAnswer", cut="inBody", method="POST")
raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError), lambda: create(plain, "two"))
assert create(plain, "two").headers["Idempotency-Replayed"] == "true"
fault("cutAnswer", method="POST")
itself = create(session(total=3, read=3, allowed_methods=None), "three")
assert itself.headers["Idempotency-Replayed"] == "true", "urllib3 has repeated the call itself"
assert len({create(plain, key).json()["id"] for key in ["one", "two", "three"]}) == 3

fault("delay", delayMs=1500)
raises(requests.ReadTimeout, lambda: plain.get(REFERRALS, timeout=0.5))
fault("slowBody", bytesPerSec=2000)
answer, took = timed(lambda: plain.get(REFERRALS, params={"$top": 1}, timeout=1))
assert answer.json()["value"] and took > 0.5, took

assert all(it["struck"] == 1 for it in plain.get(FAULTS).json()["value"])
assert plain.delete(FAULTS).status_code == 204
print("requests and urllib3 have met every fault")
