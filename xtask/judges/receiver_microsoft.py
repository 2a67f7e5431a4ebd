"""A receiver of webhooks, written from the steps that Microsoft documents and from nothing else:

1. the three headers are there; 2. the certificate is downloaded from the address in the header; 3. its chain leads to
a root that the receiver trusts; 4. its organisation is the expected one; 5. the body is read as it came; 6. the
signature is verified with RSA and the hash that the algorithm names.

As a control, each message is also verified with one byte of its body changed, which has to fail. It prints the port
that it listens on, and ends when it has taken COUNT messages, which two keys at least must have signed.

usage: receiver_microsoft.py ROOT_URL ORGANIZATION COUNT
"""

import base64
import datetime
import http.server
import os
import sys
import threading
import urllib.request

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import NameOID

HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
# No proxy: everything is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def download(url):
    with OPENER.open(url, timeout=15) as answer:
        assert answer.headers["Content-Type"] == "application/pkix-cert", answer.headers["Content-Type"]
        return x509.load_der_x509_certificate(answer.read())


def check_chain(certificate, root):
    now = datetime.datetime.now(datetime.timezone.utc)
    for it in (certificate, root):
        assert it.not_valid_before_utc <= now <= it.not_valid_after_utc, "out of date"
    certificate.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca, "the root may not sign certificates"
    usage = root.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign, "the root may not sign certificates"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign, "the certificate may not sign messages"
    key = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer.key_identifier == key.digest, "the certificate names another key"


def is_signed(certificate, signature, body, algorithm):
    family, _, name = algorithm.partition("-")
    assert family == "rsa"
    try:
        certificate.public_key().verify(signature, body, padding.PKCS1v15(), HASHES[name]())
    except exceptions.InvalidSignature:
        return False
    return True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, root, organization, count):
        super().__init__(("127.0.0.1", 0), Receiver)
        self.root, self.organization, self.count = root, organization, count
        self.certificates = {}
        self.bodies = set()
        self.is_done = threading.Event()
        self.lock = threading.Lock()

    def certificate(self, url):
        with self.lock:
            if url not in self.certificates:
                certificate = download(url)
                check_chain(certificate, self.root)
                names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
                assert [it.value for it in names] == [self.organization], certificate.subject
                self.certificates[url] = certificate
            return self.certificates[url]

    def take(self, body):
        with self.lock:
            self.bodies.add(body)
            if len(self.bodies) >= self.count:
                self.is_done.set()

    def handle_error(self, request, address):
        super().handle_error(request, address)
        os._exit(1)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        signature = self.headers["x-ms-signature"] or self.headers["Authorization"]
        url = self.headers["X-MS-Certificate-Url"]
        algorithm = self.headers["X-MS-Signature-Algorithm"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not signature or not signature.startswith("Signature "):
            return self.answer(401)
        if not url or not algorithm:
            return self.answer(400)
        certificate = self.server.certificate(url)
        signature = base64.b64decode(signature.removeprefix("Signature "), validate=True)
        if not is_signed(certificate, signature, body, algorithm):
            return self.answer(401)
        changed = bytes([body[0] ^ 1]) + body[1:]
        assert not is_signed(certificate, signature, changed, algorithm), "a changed body passes"
        self.answer(200)
        self.server.take(body)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main(root_url, organization, count):
    server = Server(download(root_url), organization, count)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.is_done.wait()
    keys = {it.public_key().public_numbers().n for it in server.certificates.values()}
    assert len(keys) >= 2, "one key signed everything"
    print(f"{len(server.bodies)} messages, {len(keys)} keys")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
