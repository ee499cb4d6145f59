"""Telling somebody of an alert: by a signed POST of JSON, or by e-mail. Ids and counts only.

What may pass (no connection, no answer in time, a busy server) is `Retryable`; what a person must
correct first (an address, a password, a refusal) is `Terminal`.
"""

import hashlib
import hmac
import json
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from urllib.parse import urlsplit

import requests

from ledger.alerts import Alert, Event
from pipeline.settings import EmailSettings, WebhookSettings
from schemas.errors import EnrollmentError, Retryable, Terminal
from schemas.watch import Condition

SIGNATURE, MOMENT = "X-EDI834-Signature", "X-EDI834-Timestamp"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SECONDS = 10
_BUSY = (408, 425, 429)
_SERVER = 500  # the status of what is the server's own fault begins here
_OK = 300


def message_of(alert: Alert, event: Event, condition: Condition) -> dict[str, object]:
    """What is told: which condition began or ceased to hold, about what, and what to do."""
    at = alert.opened_at if event == "opened" else alert.closed_at or alert.opened_at
    return {
        "alert": alert.alert_id,
        "event": event,
        "rule": alert.rule,
        "severity": condition.severity,
        "question": condition.question,
        "about": alert.about,
        "value": alert.value,
        "at": at.astimezone(UTC).isoformat(),
        "do": condition.do,
    }


def signature(secret: str, moment: str, body: bytes) -> str:
    """HMAC-SHA-256 of `<moment>.<body>`, as the header has it."""
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def post(settings: WebhookSettings, message: dict[str, object], now: datetime) -> None:
    """Posts the message. Raises Retryable or Terminal, without the address, which may hold a key.

    The receiver verifies the signature over moment and body, and takes no old moment.
    """
    place = urlsplit(settings.url)
    if place.scheme != "https" and (place.scheme != "http" or place.hostname not in LOOPBACK):
        raise Terminal("Setting alerts.webhook.url is not https://…. Correct it.")
    body = json.dumps(message, sort_keys=True).encode()
    moment = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        MOMENT: moment,
        SIGNATURE: signature(settings.secret.get_secret_value(), moment, body),
    }
    try:
        answer = requests.post(
            settings.url, data=body, headers=headers, timeout=_SECONDS, allow_redirects=False
        )
    except requests.exceptions.SSLError:
        raise Terminal(
            f"The certificate of the webhook at {place.hostname} is not trusted. Correct it there."
        ) from None
    except requests.exceptions.InvalidURL:
        raise Terminal("Setting alerts.webhook.url is no address. Correct it.") from None
    except requests.RequestException as error:
        raise Retryable(
            f"The webhook at {place.hostname} does not answer ({type(error).__name__}). It is "
            "tried again with the next `edi834 alerts`."
        ) from None
    _require_taken(answer.status_code, place.hostname or "")


def _require_taken(status: int, host: str) -> None:
    if status < _OK:
        return
    if status in _BUSY or status >= _SERVER:
        raise Retryable(
            f"The webhook at {host} answers {status}. It is tried again with the next "
            "`edi834 alerts`."
        )
    raise Terminal(
        f"The webhook at {host} refuses alerts ({status}). Correct alerts.webhook or what is there."
    )


def send(settings: EmailSettings, message: dict[str, object]) -> None:
    """Sends the message. Raises Retryable or Terminal; neither names recipients or passwords."""
    if not settings.starttls and settings.host not in LOOPBACK:
        raise Terminal("alerts.email.starttls is off for a server elsewhere. Turn it on.")
    try:
        with smtplib.SMTP(settings.host, settings.port, timeout=_SECONDS) as server:
            if settings.starttls:
                server.starttls(context=ssl.create_default_context())
            if settings.username is not None and settings.password is not None:
                server.login(settings.username, settings.password.get_secret_value())
            server.send_message(_mail(settings, message))
    except smtplib.SMTPException as error:
        raise _by_code(error, settings.host) from None
    except ssl.SSLError:
        raise Terminal(
            f"The certificate of the mail server {settings.host} is not trusted. Correct it there."
        ) from None
    except OSError as error:
        raise Retryable(
            f"The mail server {settings.host} does not answer ({type(error).__name__}). It is "
            "tried again with the next `edi834 alerts`."
        ) from None


def _mail(settings: EmailSettings, message: dict[str, object]) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.sender, ", ".join(settings.recipients)
    about = message["about"]
    named = ", ".join(about.values()) if isinstance(about, dict) else ""
    what = "" if message["event"] == "opened" else "over: "
    mail["Subject"] = f"edi834 {message['severity']}: {what}{message['rule']} {named}".rstrip()
    lines = [f"{name}: {message[name]}" for name in ("question", "at", "value", "do", "alert")]
    mail.set_content("\n".join([*lines, *(f"{k}: {v}" for k, v in _pairs(about))]) + "\n")
    return mail


def _pairs(about: object) -> list[tuple[str, str]]:
    return sorted(about.items()) if isinstance(about, dict) else []


def _by_code(error: smtplib.SMTPException, host: str) -> EnrollmentError:
    """An answer of 500 and above, or a server without STARTTLS, wants a person."""
    codes = [getattr(error, "smtp_code", 0)]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    if isinstance(error, smtplib.SMTPNotSupportedError) or max(codes) >= _SERVER:
        return Terminal(
            f"The mail server {host} refuses alerts ({type(error).__name__}). Correct alerts.email."
        )
    return Retryable(
        f"The mail server {host} takes nothing now ({type(error).__name__}). It is tried again "
        "with the next `edi834 alerts`."
    )
