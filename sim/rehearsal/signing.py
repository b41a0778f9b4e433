"""Who asks, and is it they: API key, HMAC signature and clock of a signed request, judged as Binance judges them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from orders.values import Record
from sim.rehearsal.values import Refusal

RECV_WINDOW_MS: Final = 5_000
RECV_WINDOW_MS_MAX: Final = 60_000
AHEAD_MS_MAX: Final = 1_000

KEY_MISSING: Final = Refusal(code=-2014, message="API-key format invalid.", status=401)
KEY_WRONG: Final = Refusal(code=-2015, message="Invalid API-key, IP, or permissions for action.", status=401)
SIGNATURE_WRONG: Final = Refusal(code=-1022, message="Signature for this request is not valid.")
OUTSIDE_WINDOW: Final = Refusal(code=-1021, message="Timestamp for this request is outside of the recvWindow.")
AHEAD: Final = Refusal(code=-1021, message="Timestamp for this request was 1000ms ahead of the server's time.")
WINDOW_TOO_LONG: Final = Refusal(code=-1131, message="recvWindow must be less than 60000")


def missing(name: str) -> Refusal:
    """The refusal of a request without a parameter it must have."""
    return Refusal(code=-1102, message=f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


class ApiKey(Record, frozen=True, kw_only=True):
    """A key of one account, for rehearsals only: neither part is a secret of anybody."""

    key: str
    secret: str
    account: str


def signature(secret: str, payload: str) -> str:
    """Return the HMAC-SHA256 of a payload in hex."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def check_signed(
    payload: str, parameters: Mapping[str, str], *, key: str | None, keys: Mapping[str, ApiKey], now_ms: int
) -> ApiKey | Refusal:
    """Return whose request it is. `payload` is what was signed: the parameters as they were sent, without the signature.

    The order of the questions is the venue's: key, signature, then clock.
    """
    if not key:
        return KEY_MISSING
    known = keys.get(key)
    if known is None:
        return KEY_WRONG if key.isalnum() and len(key) >= 16 else KEY_MISSING
    given = parameters.get("signature")
    if not given:
        return missing("signature")
    stamp, window = parameters.get("timestamp", ""), parameters.get("recvWindow", str(RECV_WINDOW_MS))
    if not stamp.isascii() or not stamp.isdigit():
        return missing("timestamp")
    if not hmac.compare_digest(given, signature(known.secret, payload)):
        return SIGNATURE_WRONG
    if not window.isascii() or not window.replace(".", "", 1).isdigit():
        return missing("recvWindow")
    if float(window) > RECV_WINDOW_MS_MAX:
        return WINDOW_TOO_LONG
    if int(stamp) >= now_ms + AHEAD_MS_MAX:
        return AHEAD
    return OUTSIDE_WINDOW if now_ms - int(stamp) > float(window) else known


# Fixed, so that a config and a key file can be written before the exchange starts. They open nothing but a rehearsal.
REHEARSAL_KEY: Final = ApiKey(
    key="sluicerehearsalkey00000000000000000000000000000000000000000000ab",
    secret="sluicerehearsalsecret0000000000000000000000000000000000000000000",  # of the rehearsal exchange alone  # nosec B106
    account="main",
)
