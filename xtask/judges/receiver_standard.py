"""A receiver of webhooks that verifies them with the `standardwebhooks` package, and their Ed25519 signatures with
`cryptography`.

It goes by the secret that stands in a file, and by the server's public key from before the server changed it. As
controls, each message is also verified with a changed body, another id, another time and another secret, all of which
have to fail. It prints the port that it listens on, and ends when it has taken COUNT messages.

usage: receiver_standard.py SECRET_FILE PUBLIC_KEY COUNT
"""

import base64
import http.server
import os
import pathlib
import sys
import threading

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

OTHER_SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


def passes(webhook, body, headers):
    try:
        webhook.verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def passes_pair(key, body, headers):
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for it in headers["webhook-signature"].split(" "):
        version, _, signature = it.partition(",")
        if version != "v1a":
            continue
        try:
            key.verify(base64.b64decode(signature, validate=True), content)
            return True
        except exceptions.InvalidSignature:
            pass
    return False


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, secret_file, public_key, count):
        super().__init__(("127.0.0.1", 0), Receiver)
        self.secret_file, self.count = pathlib.Path(secret_file), count
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
        self.ids = set()
        self.is_done = threading.Event()
        self.lock = threading.Lock()

    def take(self, message_id):
        with self.lock:
            self.ids.add(message_id)
            if len(self.ids) >= self.count:
                self.is_done.set()

    def handle_error(self, request, address):
        super().handle_error(request, address)
        os._exit(1)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        webhook, key = Webhook(self.server.secret_file.read_text()), self.server.key
        is_taken = passes(webhook, body, headers) and passes_pair(key, body, headers)
        later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
        for body_now, headers_now in [
            (body + b" ", headers),
            (body, {**headers, "webhook-id": headers["webhook-id"] + "0"}),
            (body, later),
        ]:
            assert not passes(webhook, body_now, headers_now), "a changed message passes"
            assert not passes_pair(key, body_now, headers_now), "a changed message passes"
        assert not passes(Webhook(OTHER_SECRET), body, headers), "another secret passes"
        self.send_response(200 if is_taken else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if is_taken:
            self.server.take(headers["webhook-id"])

    def log_message(self, *_):
        pass


def main(secret_file, public_key, count):
    server = Server(secret_file, public_key, count)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.is_done.wait()
    print(f"{len(server.ids)} messages")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
