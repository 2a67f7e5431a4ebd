"""A mail server that other people wrote (`aiosmtpd`), and a reader of mails that other people wrote (Python's `email`).

It prints the port that it listens on, waits for a file that says where the exchange is and with which tokens it is called,
makes things happen there, and reads what is mailed of them: both forms of each mail, its headers, the languages, what is
tried again, what nobody wants, the link that stops mails, and the digest. As controls, mails that are wrong have to be
refused.

usage: mails.py EXCHANGE_FILE CREATE_REQUEST
"""

import email
import email.policy
import email.utils
import html.parser
import json
import pathlib
import queue
import socket
import sys
import time
import urllib.error
import urllib.request

from aiosmtpd.controller import Controller

PATIENCE_SECS = 60
SENDER = "referrals@exchange.example"
ALEX, FAY = "alex.admin@contoso.example", "fay.admin@fabrikam.example"
FABRIKAMS = "fab00001-0000-4000-8000-000000000001"
NAME = "Überraschung „Größe“ <script>alert(1)</script> & Söhne\r\nBcc: everybody@contoso.example"


class Handler:
    """Takes every mail, but asks for the first one to be sent again."""

    def __init__(self):
        self.mails = queue.Queue()
        self.refused = None

    async def handle_DATA(self, server, session, envelope):
        if self.refused is None:
            self.refused = envelope.content
            return "451 try again later"
        self.mails.put(envelope)
        return "250 taken"


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name == "href"]

    def handle_data(self, data):
        self.text += data


def read(content, to):
    """Returns headers, text and HTML of a mail, which has to be in order."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert not mail.defects, mail.defects
    assert mail.get_content_type() == "multipart/alternative", mail.get_content_type()
    parts = list(mail.iter_parts())
    assert [it.get_content_type() for it in parts] == ["text/plain", "text/html"], parts
    assert all(not it.defects for it in parts)
    assert mail["From"].addresses[0].addr_spec == SENDER
    assert [it.addr_spec for it in mail["To"].addresses] == [to], mail["To"]
    for name in ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"):
        assert len(mail.get_all(name, [])) == 1, name
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Bcc"] is None and mail["Cc"] is None
    assert email.utils.parsedate_to_datetime(str(mail["Date"])).tzinfo is not None
    return mail, parts[0].get_content(), Links(parts[1].get_content())


def refuses(content, to):
    try:
        read(content, to)
    except AssertionError:
        return True
    return False


class Exchange:
    def __init__(self, file):
        deadline = time.monotonic() + PATIENCE_SECS
        while not file.exists():
            assert time.monotonic() < deadline, "nobody says where the exchange is"
            time.sleep(0.05)
        said = json.loads(file.read_text())
        self.base_url, self.tokens = said["base_url"], said["tokens"]

    def ask(self, method, path, body=None, by=None):
        request = urllib.request.Request(f"{self.base_url}{path}", method=method)
        if by:
            request.add_header("authorization", f"Bearer {self.tokens[by]}")
        data = None
        if body is not None:
            request.add_header("content-type", "application/json")
            data = json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def invite(self, document, name, team):
        target = [{"type": "BusinessProfileLocation", "id": FABRIKAMS}]
        deal = {**document, "name": name, "target": target, "team": team}
        return self.ask("POST", "/v1.0/engagements/referrals", deal, "contoso")["id"]

    def accept(self, id):
        self.ask("POST", f"/v1.0/engagements/referrals/{id}/accept", {}, "fabrikam")

    def prefer(self, by, preferences):
        return self.ask("PUT", "/v1.0/engagements/notices/preferences", preferences, by)


def member(locale, disable_notifications):
    preference = {"locale": locale, "disableNotifications": disable_notifications}
    return {"firstName": "A", "lastName": "B", "phoneNumber": "1", "email": ALEX, "contactPreference": preference}


def main():
    exchange_file, request_file = map(pathlib.Path, sys.argv[1:])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = Handler()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    print(port, flush=True)
    exchange = Exchange(exchange_file)
    document = json.loads(request_file.read_text())

    def arrived(count):
        """Returns so many mails by whom they are to and what they are called."""
        found = []
        for _ in range(count):
            envelope = handler.mails.get(timeout=PATIENCE_SECS)
            assert envelope.mail_from == SENDER, envelope.mail_from
            (to,) = envelope.rcpt_tos
            found.append((to, *read(envelope.content, to)))
        found.sort(key=lambda it: (it[0], str(it[1]["Subject"])))
        return found

    # What came in, and that it was sent: the first of both is tried again.
    first = exchange.invite(document, NAME, [member("nl-NL", False)])
    to_alex, to_fay = arrived(2)
    assert (to_alex[0], to_fay[0]) == (ALEX, FAY)
    _, mail, text, page = to_fay
    assert str(mail["Subject"]).startswith("Contoso Company sent you “Überraschung „Größe“ <script>"), mail["Subject"]
    assert "Söhne Bcc: everybody@contoso.example”." in text and f"referrals/{first}" in text, text
    assert "script" not in page.tags and "<script>alert(1)</script> & Söhne" in page.text, page.text
    assert any(it.endswith(f"/referrals/{first}") for it in page.links), page.links
    assert "is naar Fabrikam gestuurd" in to_alex[2] and "Geen mails meer" in to_alex[3].text
    again = email.message_from_bytes(handler.refused, policy=email.policy.default)["Message-ID"]
    ids = [str(it[1]["Message-ID"]) for it in (to_alex, to_fay)]
    assert str(again) in ids and len(set(ids)) == 2, (again, ids)

    # Controls: mails that are wrong are noticed.
    good = handler.refused
    for wrong in (
        good.replace(b"multipart/alternative", b"multipart/mixed"),
        good.replace(b"List-Unsubscribe-Post", b"X-List-Unsubscribe"),
        good.replace(b"Auto-Submitted:", b"Bcc: everybody@contoso.example\r\nAuto-Submitted:"),
    ):
        assert wrong != good and refuses(wrong, str(email.message_from_bytes(good)["To"]))

    # Whoever is in the team and wants no notices gets none; the other one hears of both.
    silent = exchange.invite(document, "Silent", [member("nl", True)])
    assert [it[0] for it in arrived(1)] == [FAY]
    exchange.accept(silent)
    exchange.accept(first)
    ((to, mail, text, _),) = arrived(1)
    assert to == ALEX and "Fabrikam heeft ‘Überraschung" in text and "Active/Accepted" in text, text

    # The link of a mail asks when it is looked at, and stops when it is clicked.
    link = str(to_fay[1]["List-Unsubscribe"]).strip("<>")
    assert link.startswith(f"{exchange.base_url}/unsubscribe/"), link
    path = link.removeprefix(exchange.base_url)
    assert "<form" in exchange.ask("GET", path)
    assert exchange.prefer("fabrikam", {})["email"] is True
    with urllib.request.urlopen(link, b"List-Unsubscribe=One-Click", timeout=30) as answer:
        assert answer.status == 200
    assert exchange.prefer("fabrikam", {})["email"] is False
    exchange.invite(document, "Quiet", [member("en-US", False)])
    ((to, mail, _, _),) = arrived(1)
    assert (to, str(mail["Subject"])) == (ALEX, "“Quiet” was sent to Fabrikam"), mail["Subject"]

    # One mail a day, when the day is over.
    exchange.prefer("fabrikam", {"email": True, "digest": "always"})
    exchange.prefer("contoso", {"email": False})
    for number in range(3):
        exchange.invite(document, f"Daily {number}", [member(None, False)])
    deadline = time.monotonic() + PATIENCE_SECS
    while exchange.ask("GET", "/v1.0/engagements/notices", by="fabrikam")["unreadCount"] < 6:
        assert time.monotonic() < deadline, "the notices do not come"
        time.sleep(0.05)
    assert handler.mails.empty()
    exchange.ask("POST", "/sandbox/clock", {"advance": "1 day"})
    ((to, mail, text, page),) = arrived(1)
    assert (to, str(mail["Subject"])) == (FAY, "3 notices about referrals"), mail["Subject"]
    assert all(f"sent you “Daily {number}”" in text and f"“Daily {number}”" in page.text for number in range(3))
    assert handler.mails.empty()
    controller.stop()
    print("6 mails are in order, one was sent again, and none was sent to who wants none")


main()
