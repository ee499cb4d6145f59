"""Sign-in by OpenID Connect: the code flow with PKCE, state and nonce, through authlib."""

from dataclasses import dataclass
from typing import Any, cast

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from console.accounts import Grant
from pipeline.settings import OpenIdSettings
from schemas.errors import Retryable, Terminal

_SIGNED_BY = ["RS256", "PS256", "ES256", "EdDSA"]
_SECONDS_MAX = 10


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun: where the browser goes, and what it keeps until it is back."""

    url: str
    state: str
    nonce: str
    verifier: str

    @property
    def kept(self) -> str:
        """The secrets, for a cookie."""
        return f"{self.state}.{self.nonce}.{self.verifier}"


@dataclass(frozen=True)
class Vouched:
    """Whom the provider vouches for, and what the groups grant."""

    subject: str
    name: str
    grant: Grant


class Provider:
    """An OpenID provider, as its own discovery document describes it."""

    def __init__(self, settings: OpenIdSettings) -> None:
        self.settings = settings

    def begin(self, redirect_to: str) -> Begun:
        """Where to sign in. Raises Retryable when the provider does not answer."""
        nonce, verifier = generate_token(32), generate_token(64)
        with self._client(redirect_to) as client:
            url, state = client.create_authorization_url(
                self._discovered()["authorization_endpoint"], nonce=nonce, code_verifier=verifier
            )
        return Begun(url, state, nonce, verifier)

    def finish(self, redirect_to: str, kept: str, answer: str) -> Vouched:
        """Who signed in, by the URL at which the browser came back and what it has kept.

        Raises Terminal when anything about the answer is wrong, Retryable without an answer.
        """
        state, _, rest = kept.partition(".")
        nonce, _, verifier = rest.partition(".")
        known = self._discovered()
        try:
            with self._client(redirect_to) as client:
                token = client.fetch_token(
                    known["token_endpoint"],
                    authorization_response=answer,
                    state=state,
                    code_verifier=verifier,
                )
            claims = self._claims(known, token["id_token"], nonce)
        except requests.RequestException:
            raise self._silent() from None
        except Exception as error:  # noqa: BLE001 - a wrong answer of any kind lets nobody in
            raise Terminal(
                f"The sign-in was refused ({type(error).__name__}). Begin it again."
            ) from None
        return self._vouched(claims)

    def _claims(self, known: dict[str, Any], id_token: str, nonce: str) -> dict[str, Any]:
        keys = KeySet.import_key_set(cast("KeySetSerialization", self._get(known["jwks_uri"])))
        token = jwt.decode(id_token, keys, algorithms=_SIGNED_BY)
        jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
        ).validate(token.claims)
        if token.claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise JoseError("The token is for another client.")
        return dict(token.claims)

    def _vouched(self, claims: dict[str, Any]) -> Vouched:
        groups = claims.get(self.settings.groups_claim, [])
        known = [self.settings.grants[g] for g in groups if g in self.settings.grants]
        if not known:
            raise Terminal("No group of yours may use the console. Ask its administrator.")
        grant = Grant(
            sorted({role for one in known for role in one.roles}),
            sorted({partner for one in known for partner in one.partners}),
        )
        name = claims.get("email") or claims.get("preferred_username") or claims["sub"]
        return Vouched(str(claims["sub"]), str(name), grant)

    def _client(self, redirect_to: str) -> OAuth2Session:
        return OAuth2Session(
            client_id=self.settings.client_id,
            client_secret=self.settings.client_secret,
            redirect_uri=redirect_to,
            scope=self.settings.scope,
            code_challenge_method="S256",
            default_timeout=_SECONDS_MAX,
        )

    def _discovered(self) -> dict[str, Any]:
        known = self._get(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if known.get("issuer") != self.settings.issuer:
            raise Terminal("The OpenID provider names another issuer. Correct console.openid.")
        return known

    def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = requests.get(url, timeout=_SECONDS_MAX)
            answer.raise_for_status()
            return dict(answer.json())
        except (requests.RequestException, ValueError):
            raise self._silent() from None

    def _silent(self) -> Retryable:
        return Retryable(f"The OpenID provider {self.settings.issuer} does not answer. Try later.")
