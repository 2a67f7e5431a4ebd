"""A second opinion on PATCH: random patches, applied by the package jsonpatch and by a running server.

Usage: LIAISON_TOKEN=… patches.py BASE_URL FIXTURE

What the package refuses, the server refuses; what the package makes of the document, the server's GET shows, in the
canonical form that API.md documents. What a value may be is decided here a second time, by `canonical`.
"""

import copy
import http.client
import json
import os
import random
import re
import sys
import urllib.parse
from decimal import Decimal, InvalidOperation

import jsonpatch

SEED = 6902
REFERRALS = 8
PATCHES = 400

TEXTS = ["/name", "/statusReason", "/campaignId", "/externalReferenceId", "/referralProgram", "/salesStage",
         "/details/notes"]
FLAG = "/consent/consentToShareReferralWithMicrosoftSellers"
VALUES = TEXTS + [FLAG, "/details/closingDateTime", "/details/currency", "/details/dealValue"]
PEOPLE = ["/team", "/customerProfile/team"]
SOLUTIONS = "/details/requirements/solutions"
ATTRIBUTES = "/details/requirements/additionalRequirements/attributes"
LISTS = PEOPLE + [SOLUTIONS, ATTRIBUTES]
REQUIRED = ["/name", "/details/dealValue", "/details/currency", "/details/closingDateTime", "/team", SOLUTIONS]
FORBIDDEN = ["", "/", "/id", "/eTag", "/engagementId", "/details", "/customerProfile/name", "/brandNew", "/details/notes/x",
             "details/notes", "/details/requirements", "/target/0/id", "/teams", "/team~0"]

CURRENCIES = {"USD", "EUR", "CHF"}


class Invalid(Exception):
    """A value that the contract does not accept."""


def text(value, chars_max=256):
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{value!r} is no text")
    if value is not None and len(value) > chars_max:
        raise Invalid("too long")
    # Null and empty text mean the same.
    return value or None


def text_or_number(value):
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return text(str(value) if is_number else value)


def decimal(value):
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise Invalid(f"{value!r} is no number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Invalid(f"{value!r} is no number") from None
    if number < 0:
        raise Invalid("below zero")
    return number


def boolean(value):
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value in (None, ""):
        return None
    if not isinstance(value, bool):
        raise Invalid(f"{value!r} is no boolean")
    return value


def currency(value):
    value = text(value)
    if value is not None and value.upper() not in CURRENCIES:
        raise Invalid(f"{value!r} is no currency")
    return value and value.upper()


MOMENTS = {
    "2027-01-31": "2027-01-31T00:00:00Z",
    "2027-01-31T10:00:00": "2027-01-31T10:00:00Z",
    "2027-01-31T10:00:00+02:00": "2027-01-31T08:00:00Z",
    "2027-01-31T10:00:00.1230000Z": "2027-01-31T10:00:00.123Z",
}


def moment(value):
    value = text(value)
    if value is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z", value):
        return value
    if value not in MOMENTS:
        raise Invalid(f"{value!r} is no date")
    return MOMENTS[value]


def email(value):
    value = text(value)
    value = value and value.strip() or None
    if value is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise Invalid(f"{value!r} is no address")
    return value


def word(*words):
    def read(value):
        value = text(value)
        found = [it for it in words if value is not None and it.lower() == value.lower()]
        if value is not None and not found:
            raise Invalid(f"{value!r} is not known")
        return found[0] if found else words[0]
    return read


def record(**members):
    """Returns a reader of objects: every member is written, unknown ones are left out."""
    def read(value):
        if not isinstance(value, dict):
            raise Invalid(f"{value!r} is no object")
        return {name: read(value.get(name)) for name, read in members.items()}
    return read


def preference(value):
    return record(locale=text, disableNotifications=boolean)({} if value in (None, "") else value)


person = record(firstName=text, lastName=text, phoneNumber=text, email=email, title=text, contactPreference=preference)
solution = record(id=text, name=text, type=word("None", "Category", "Name"), price=decimal, quantity=decimal,
                  currency=currency, publisherName=text, solutionType=text, closingDateTime=moment)
attribute = record(type=text, id=text)


def canonical(pointer, value):
    """Returns a member in the form in which the server shows it; raises Invalid for what it refuses."""
    if pointer == "/salesStage":
        return text_or_number(value)
    if pointer in TEXTS:
        return text(value, 10_000 if pointer in ("/details/notes", "/statusReason") else 256)
    if pointer == FLAG:
        return boolean(value) or False
    if pointer == "/details/closingDateTime":
        return moment(value)
    if pointer == "/details/currency":
        return currency(value)
    if pointer == "/details/dealValue":
        return decimal(value)
    if not isinstance(value, list):
        raise Invalid(f"{value!r} is no list")
    read = {SOLUTIONS: solution, ATTRIBUTES: attribute}.get(pointer, person)
    items = [read(it) for it in value]
    if any(name in item and not item["id"] for item in items for name in ("id",)):
        raise Invalid("an item has no id")
    if pointer == ATTRIBUTES and not all(it["type"] for it in items):
        raise Invalid("an attribute has no type")
    return items


def at(document, pointer):
    for name in pointer.split("/")[1:]:
        document = document[name]
    return document


def members(document):
    return {it: canonical(it, at(document, it)) for it in VALUES + LISTS}


def without_members(document):
    """Returns what no patch changes."""
    document = copy.deepcopy(document)
    for pointer in VALUES + LISTS + ["/updatedDateTime", "/eTag", "/lastModifiedVia"]:
        above, name = pointer.rsplit("/", 1)
        at(document, above)[name] = None
    return document


def root_of(path):
    """Returns the member that a path changes; None for one that may not change."""
    for root in VALUES:
        if path.lower() == root.lower():
            return root
    for root in LISTS:
        if path.lower() == root.lower() or path.lower().startswith(root.lower() + "/"):
            return root
    return None


def judge(before, operations):
    """Returns the members after a patch; raises what the package or the contract has against it."""
    for operation in operations:
        if root_of(operation["path"]) is None:
            raise Invalid(f"{operation['path']!r} may not change")
        if operation["path"] in LISTS and not isinstance(operation["value"], list):
            raise Invalid("a list is replaced by a list only")
    patched = jsonpatch.JsonPatch(copy.deepcopy(operations)).apply(copy.deepcopy(before))
    # What was not touched is not read again.
    touched = {root_of(it["path"]) for it in operations}
    old = members(before)
    new = {it: canonical(it, at(patched, it)) if it in touched else old[it] for it in old}
    changed = {it for it in old if old[it] != new[it]}
    for pointer in changed & set(REQUIRED):
        value = new[pointer]
        if value is None or value == [] or (isinstance(value, str) and not value.strip()):
            raise Invalid(f"{pointer} is required")
    if "/team" in changed and not all((it[name] or "").strip() for it in new["/team"]
                                      for name in ("firstName", "lastName", "phoneNumber", "email")):
        raise Invalid("a member of the team lacks something")
    if FLAG in changed and old[FLAG]:
        raise Invalid("the flag is not taken back")
    if "/customerProfile/team" in changed and old[FLAG]:
        raise Invalid("contacts are frozen once the deal is shared")
    return new


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one_in(self, count):
        return self.random.randrange(count) == 0

    def text(self):
        return self.random.choice(["a", "Spring", "zwölf Ämter 🤝", "  padded  ", "", None, "x" * 256, "x" * 257, 7, True])

    def usual(self, wrong, *right):
        return self.random.choice(wrong) if self.one_in(16) else self.random.choice(right)

    def person(self):
        person = {
            "firstName": self.usual(["", None, 1], "Jane", "Ann"), "lastName": self.usual([[], None], "Doe", "Roe"),
            "phoneNumber": self.usual([4, ""], "0000000001", "+41 1"),
            "email": self.usual(["no address", None], "jane@contoso.example", " ann@contoso.example "),
        }
        if self.one_in(2):
            person["title"] = self.usual([3], "Seller", None)
        if self.one_in(3):
            person["contactPreference"] = self.usual(
                [[], 1], {"locale": "de-CH", "disableNotifications": "true"}, {}, None, {"locale": "en-us", "more": 1})
        if self.one_in(4):
            person["hobby"] = {"unknown": ["member"]}
        if self.one_in(12):
            del person["lastName"]
        return person

    def solution(self):
        solution = {"id": self.usual(["", None], "SOL-1", "SOL-2"), "type": self.usual(["Colour"], "Name", "none", None)}
        for name, values in [("name", ["A", None]), ("price", [1, "2.50", Decimal("3.10"), None]),
                             ("quantity", [0, "10"]), ("currency", ["usd", "EUR"]),
                             ("closingDateTime", ["2027-01-31", None]), ("publisherName", [""])]:
            if self.one_in(3):
                solution[name] = self.usual([-1, [], "EURO"], *values)
        return solution

    def item(self, root):
        if self.one_in(12):
            return self.random.choice([None, 1, "text", [], {}])
        if root in PEOPLE:
            return self.person()
        if root == SOLUTIONS:
            return self.solution()
        return {"type": self.usual([None, ""], "Kind", "Other"), "id": self.usual([None, 5], "x", "y")}

    def member_of_item(self, root):
        if root in PEOPLE:
            name = self.random.choice(["firstName", "email", "title", "phoneNumber", "contactPreference",
                                       "contactPreference/locale", "contactPreference/more", "nope", "nope/deeper",
                                       "title/below", "", "e~2"])
            values = {"contactPreference": [{"locale": "fr"}, None, 1], "email": ["b@c.example", "none", None]}
            return name, self.random.choice(values.get(name, ["Ann", "Bo", None, 1]))
        if root == SOLUTIONS:
            name = self.random.choice(["id", "name", "price", "quantity", "currency", "type", "closingDateTime", "nope"])
            values = {"price": ["12.50", 3, -1, "x", None], "quantity": [2, True], "currency": ["CHF", "chf", "Franc"],
                      "type": ["name", "Category", 9], "closingDateTime": list(MOMENTS) + ["tomorrow"]}
            return name, self.random.choice(values.get(name, ["S", None, ""]))
        return self.random.choice([("id", "z"), ("type", "K"), ("id", None), ("nope", 1)])

    def place(self, length):
        if self.one_in(5):
            return self.random.choice(["01", "-1", "1e0", "+1", " 0", "x", "", "99999999999999999999", str(length + 1)])
        return str(self.random.randrange(length + 1))

    def value(self, pointer):
        right = {
            FLAG: [True, "true", False, "False", None], "/details/closingDateTime": list(MOMENTS),
            "/details/currency": ["USD", "eur", "CHF"], "/details/dealValue": [0, 10000, "1234.50", Decimal("7.125"), " 8 "],
            "/salesStage": ["20", 40, "stage of ours"],
        }.get(pointer)
        if right is None:
            return self.text()
        return self.usual([None, "", [], {}, "nonsense", -5], *right)

    def operation(self, lengths):
        if self.one_in(25):
            return {"op": "replace", "path": self.random.choice(FORBIDDEN), "value": "x"}
        op = self.random.choice(["add", "replace"])
        if self.one_in(3):
            pointer = self.random.choice(VALUES)
            return {"op": op, "path": pointer, "value": self.value(pointer)}
        root = self.random.choice(LISTS)
        kind = self.random.randrange(5)
        if kind == 0:
            value = [self.item(root) for _ in range(self.random.randrange(3))]
            lengths[root] = len(value)
            return {"op": op, "path": root, "value": self.usual([None, {}, "text"], value)}
        if kind == 1:
            # The end of a list is a place to add at only.
            op = "replace" if self.one_in(8) else "add"
            lengths[root] += op == "add"
            return {"op": op, "path": root + "/-", "value": self.item(root)}
        place = f"{root}/{self.place(lengths[root])}"
        if kind == 2:
            lengths[root] += op == "add"
            return {"op": op, "path": place, "value": self.item(root)}
        name, value = self.member_of_item(root)
        return {"op": op, "path": f"{place}/{name}", "value": value}

    def patch(self, document):
        lengths = {it: len(at(document, it)) for it in LISTS}
        return [self.operation(lengths) for _ in range(self.random.choice([1, 1, 1, 2, 2, 3, 5]))]

    def as_sent(self, operations):
        """Names of the path are found in any case, which the standard does not know."""
        if not self.one_in(4):
            return operations
        return [{**it, "path": it["path"].upper() if "~" not in it["path"] else it["path"]} for it in operations]


class Server:
    def __init__(self, base_url, token):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(base_url).netloc, timeout=30)
        self.authorization = f"Bearer {token}"

    def ask(self, method, path, body=None, **headers):
        headers = {"Authorization": self.authorization, "Content-Type": "application/json", **headers}
        text = None if body is None else dumps(body).encode()
        self.connection.request(method, "/v1.0/engagements/referrals" + path, text, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content, parse_float=Decimal) if content else None

    def get(self, key):
        status, document = self.ask("GET", "/" + key)
        assert status == 200, (status, document)
        return document


def dumps(value):
    """Writes JSON; a decimal keeps its digits, which the standard module would turn into a float."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(it)}" for name, it in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value)


def compare(server, key, generator):
    """Sends one patch and returns whether it was accepted; raises AssertionError where the opinions differ."""
    before = server.get(key)
    operations = generator.patch(before)
    sent = generator.as_sent(operations)
    try:
        expected, reason = judge(before, operations), None
    # The package has many ways to say no.
    except (Invalid, jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
        expected, reason = None, f"{type(error).__name__}: {error}"
    status, answer = server.ask("PATCH", "/" + key, sent, Prefer="return=representation")
    after = server.get(key)
    told = f"\noperations {dumps(sent)}\nanswer {status} {dumps(answer)[:1500]}\nopinion {reason}"
    if expected is None:
        assert status == 400, f"the server accepts what the standard or the contract does not{told}"
        assert after == before, f"a refused patch left something{told}"
        return False
    assert status == 200, f"the server refuses what is right{told}"
    shown = members(after)
    differing = {it: (expected[it], shown[it]) for it in expected if expected[it] != shown[it]}
    assert not differing, f"the outcome differs: expected and shown are {differing}{told}"
    assert without_members(before) == without_members(after), f"something else changed{told}"
    return True


def check_controls():
    """What judges must be able to say no."""
    document = {"team": [], "details": {"notes": "a"}}
    patched = jsonpatch.JsonPatch([{"op": "add", "path": "/team/-", "value": 1}]).apply(document)
    assert patched["team"] == [1] and document["team"] == []
    for pointer, value in [("/details/currency", "EURO"), ("/team", {}), ("/details/dealValue", "x"), ("/name", 7)]:
        try:
            canonical(pointer, value)
        except Invalid:
            continue
        raise AssertionError(f"{pointer} accepts {value!r}")
    assert person({"email": " a@b "}) != person({"email": "c@b"})


def main():
    base_url, fixture = sys.argv[1:]
    server = Server(base_url, os.environ["LIAISON_TOKEN"])
    generator = Generator(SEED)
    check_controls()
    with open(fixture, encoding="utf-8") as file:
        deal = {**json.load(file), "type": "Independent", "target": []}
    counts = {True: 0, False: 0}
    for _ in range(REFERRALS):
        status, created = server.ask("POST", "", deal)
        assert status == 200, (status, created)
        for _ in range(PATCHES // REFERRALS):
            counts[compare(server, created["id"], generator)] += 1
    print(f"{counts[True]} patches accepted and {counts[False]} refused, as jsonpatch {jsonpatch.__version__} has it")
    assert min(counts.values()) > PATCHES // 5, "too few of one kind to say anything"


if __name__ == "__main__":
    main()
