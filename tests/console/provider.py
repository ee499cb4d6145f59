"""An OpenID provider on loopback: discovery, keys, and the code flow with PKCE."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "edi834"


class IdentityProvider:
    """Vouches for whom it is told to; `claims` are laid over those of its tokens."""

    def __init__(self):
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.codes = {}
        self.claims = {}
        self.state = None  # in place of the one that was asked with
        self.asked, self.answered = {}, None  # the last sign-in of a browser
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Stops to answer."""
        self.server.shutdown()
        self.server.server_close()

    def sign_in(self, url):
        """The address at which the browser comes back, as if somebody had signed in."""
        asked = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = urlencode({"code": code, "state": self.state or asked["state"]})
        self.asked, self.answered = asked, f"{asked['redirect_uri']}?{answer}"
        return self.answered

    def discovery(self):
        """Where everything is."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def token(self, form):
        """The token for a code, which is good once and for whom it was begun; None otherwise."""
        asked = self.codes.pop(form.get("code"), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "person-7", "iat": now, "exp": now + 60}
        claims |= {"nonce": asked["nonce"], "email": "rosa@example.com", "groups": ["stewards"]}
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims | self.claims, self.key)
        return {"access_token": "none", "token_type": "Bearer", "id_token": signed}


def _handler(provider):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/authorize?"):
                self.send_response(302)
                self.send_header("location", provider.sign_in(self.path))
                self.end_headers()
                return
            known = {
                "/.well-known/openid-configuration": provider.discovery(),
                "/keys": {"keys": [provider.key.as_dict(private=False)]},
            }
            self._answer(known.get(self.path))

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: value for name, (value,) in parse_qs(body).items()}
            self._answer(provider.token(form))

        def _answer(self, content):
            self.send_response(200 if content else 400)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content or {"error": "invalid_grant"}).encode())

        def log_message(self, *_):
            """Says nothing."""

    return Handler
