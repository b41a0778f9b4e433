"""A venue's key: where it may come from, how it is held, and what keeps it out of every text.

Looked for in this order: systemd's credentials directory, a 0400 file of ours, the keyring of the session. Never argv, never
the environment, never a config. A file holds two lines: the key, then the secret.
"""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from lakehouse.private_file import Unfit, read_private
from orders.errors import ConfigError

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
FILE_MAX: Final = 16_384  # bytes; an RSA key in PEM is below 4,000
SECRET_MIN: Final = 8  # characters; anything shorter would redact half of every text
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # set by systemd for LoadCredential=
KEYRING_SERVICE: Final = "sluice"
HIDDEN: Final = "[redacted]"
SIGNATURE: Final = re.compile(r"""(signature["']?\s*[:=]\s*["']?)[A-Za-z0-9%+/=_-]{16,}""", re.IGNORECASE)  # in URL, form or JSON


class VenueSecret:
    """A key and its secret; neither shows in `repr`, `str`, a comparison or a pickle."""

    __slots__ = ("_key", "_secret", "origin")

    def __init__(self, *, key: str, secret: str, origin: str) -> None:
        """`origin`: where it was read, in words that may be shown. Raises `ConfigError` SECRET_SHAPE."""
        if min(len(key), len(secret)) < SECRET_MIN or not (key.isprintable() and key.isascii() and secret.isascii()):
            raise ConfigError(
                "SECRET_SHAPE",
                expected=f"two lines, key and secret, of {SECRET_MIN} plain characters or more each",
                found=f"something else in {origin}",
                action="Write the key on the first line and the secret on the rest.",
            )
        self._key = key
        self._secret = secret
        self.origin = origin

    def reveal(self) -> tuple[str, str]:
        """Return key and secret, for the venue's client and nobody else."""
        return self._key, self._secret

    def __repr__(self) -> str:
        return f"VenueSecret({HIDDEN}, from {self.origin})"

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled")


def load_secret(
    name: str, *, directory: Path, environ: Mapping[str, str] = os.environ, keyring: Any = None, uid: int | None = None
) -> VenueSecret:
    """Return the secret of a name such as a venue's.

    `directory`: where 0400 files lie. `keyring`: an object with `get_password(service, name)`, None: the session's own. Raises
    `ConfigError` SECRET_NAME, SECRET_FILE (one that is there and may not be used refuses; nothing later is tried), SECRET_SHAPE,
    SECRET_MISSING.
    """
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise ConfigError("SECRET_NAME", expected="a name of [A-Za-z0-9._-]", found=repr(name), action="Rename it.")
    owner = os.getuid() if uid is None else uid
    systemd = environ.get(CREDENTIALS)
    places = [] if systemd is None else [(Path(systemd) / name, True)]
    for path, of_systemd in [*places, (directory / name, False)]:
        raw = _read(path, owner=owner, of_systemd=of_systemd)
        if raw is not None:
            return _parsed(raw, origin=str(path))
    stored = _from_keyring(name, keyring)
    if stored is not None:
        return _parsed(stored.encode(), origin=f"keyring {KEYRING_SERVICE}/{name}")
    raise ConfigError(
        "SECRET_MISSING",
        expected=f"the key {name!r} in systemd's credentials, in {directory / name} (0400, yours) or in the keyring",
        found="none",
        action="Write two lines, key and secret, to that file, then chmod 0400 it.",
    )


def _read(path: Path, *, owner: int, of_systemd: bool) -> bytes | None:
    """Return a secret file's bytes, None where there is none."""
    try:
        if of_systemd:  # it grants by an access list, which shows as a group's bit
            return read_private(path, owners=frozenset({owner, 0}), mode_fits=lambda mode: not mode & 0o037, size_max=FILE_MAX)
        return read_private(path, owners=frozenset({owner}), mode_fits=lambda mode: mode == 0o400, size_max=FILE_MAX)
    except Unfit as error:
        raise _refused(path, str(error)) from error


def _refused(path: Path, found: str) -> ConfigError:
    return ConfigError(
        "SECRET_FILE",
        expected=f"{path} to be a plain file of yours with mode 0400",
        found=found,
        action=f"chmod 0400 {path}; if others could read it, make a new key at the venue.",
    )


def _parsed(raw: bytes, *, origin: str) -> VenueSecret:
    try:
        key, _, secret = raw.decode("ascii").strip().partition("\n")
    except UnicodeDecodeError:
        key = secret = ""  # refused below  # nosec B105
    return VenueSecret(key=key.strip(), secret=secret.strip(), origin=origin)


def _from_keyring(name: str, given: Any) -> str | None:
    if given is None:
        import keyring as given  # here: it looks for a desktop's services when it is imported
    try:
        stored = given.get_password(KEYRING_SERVICE, name)
    except Exception as error:  # a back-end's own errors have no common base
        logging.getLogger(__name__).info("keyring: %s", type(error).__name__)
        return None
    return stored if isinstance(stored, str) else None


class Redactor:
    """Takes loaded secrets out of texts: as they are, percent-encoded, in base64 and in hex. Also a filter for `logging`."""

    def __init__(self, secrets: Iterable[VenueSecret] = ()) -> None:
        self._pattern: re.Pattern[str] | None = None
        self._values: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: VenueSecret) -> None:
        """Hide this one too, from now on."""
        for value in secret.reveal():
            raw = value.encode()
            self._values |= {value, quote(value, safe=""), raw.hex(), raw.hex().upper()}
            self._values |= {repr(value)[1:-1], value.replace("\n", "\\n")}
            for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
                self._values.add(encoded.decode().rstrip("="))
        longest_first = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(value) for value in longest_first))

    def __call__(self, text: str) -> str:
        """Return the text without them, and without signatures, which open the venue for some seconds."""
        text = SIGNATURE.sub(rf"\1{HIDDEN}", text)
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a log record in place; nothing is held back. A record that cannot be formatted loses its words."""
        try:
            record.msg = self(record.getMessage())
        except Exception as error:
            record.msg = f"[a record that could not be formatted: {type(error).__name__}]"
        record.args = None
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = self(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True
