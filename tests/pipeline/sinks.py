"""Sinks of alerts that are real servers on loopback: HTTP, and SMTP with STARTTLS."""

import base64
import email
import socketserver
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.before()
        status = self.server.answers.pop(0) if self.server.answers else 204
        if status < 300:
            self.server.taken.append((dict(self.headers), body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        return


@contextmanager
def webhook(*answers, port=0):
    """A webhook: `taken` are headers and body of what it took; it gives these answers first."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Hook)
    server.answers, server.taken, server.asked = list(answers), [], 0
    with _at_work(server):
        server.before = lambda: None
        server.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield server


class _Post(socketserver.StreamRequestHandler):
    """As much of a mail server as a client needs."""

    def handle(self):
        self._say("220 here")
        while line := self.rfile.readline():
            words = line.decode().split()
            verb = words[0].upper()
            if verb == "EHLO":
                offers = ["250-here", *(["250-STARTTLS"] if self.server.context else [])]
                self._say(*offers, "250 AUTH PLAIN")
            elif verb == "STARTTLS":
                self._say("220 go on")
                if not self._in_tls():
                    return
            elif verb == "AUTH":
                given = base64.b64decode(words[2]).decode().split("\0")[1:]
                self.server.signed_in.append(tuple(given))
                self._say("235 well")
            elif verb == "RCPT" and self.server.refuses:
                self._say(self.server.refuses)
            elif verb == "DATA":
                self._say("354 go on")
                self._take()
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 well")

    def _say(self, *lines):
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def _in_tls(self):
        try:
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return False
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        return True

    def _take(self):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        is_private = isinstance(self.connection, ssl.SSLSocket)
        self.server.taken.append((is_private, email.message_from_bytes(b"".join(lines))))
        self._say("250 taken")


class _PostOffice(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def mail_server(certificate=None, refuses=None):
    """A mail server: `taken` are its messages, each with whether it came by TLS."""
    server = _PostOffice(("127.0.0.1", 0), _Post)
    server.taken, server.signed_in, server.refuses, server.context = [], [], refuses, None
    if certificate is not None:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate)
    with _at_work(server):
        server.port = server.server_address[1]
        yield server


@contextmanager
def _at_work(server):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(path):
    """A certificate of this machine by nobody but itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path
