"""A venue's key: where it may come from, what refuses it, and that a canary shows up in no text."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import os
import pickle
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from orders.errors import ConfigError
from tests.ccxt_private.venue import KEY, SECRET, Fault
from tests.ccxt_private.world import engine_at
from venues.secrets import HIDDEN, Redactor, VenueSecret, load_secret

CANARY_KEY, CANARY = "canarykey0123456", "canary/secret+with=odd chars"


class NoRing:
    def get_password(self, service: str, name: str) -> str | None:
        return None


class Ring(NoRing):
    def get_password(self, service: str, name: str) -> str | None:
        return f"{CANARY_KEY}\n{CANARY}" if (service, name) == ("sluice", "binance") else None


class BrokenRing(NoRing):
    def get_password(self, service: str, name: str) -> str | None:
        raise RuntimeError(f"no service, {CANARY}")


def keyfile(directory: Path, *, mode: int = 0o400, text: str = f"{CANARY_KEY}\n{CANARY}\n", name: str = "binance") -> Path:
    path = directory / name
    path.write_text(text)
    path.chmod(mode)
    return path


def load(directory: Path, **parts):
    return load_secret("binance", directory=directory, **{"environ": {}, "keyring": NoRing()} | parts)


def code_of(directory: Path, **parts) -> str:
    with pytest.raises(ConfigError) as caught:
        load(directory, **parts)
    assert CANARY not in str(caught.value)
    return caught.value.code


def test_a_0400_file_of_ours_gives_key_and_secret(tmp_path):
    path = keyfile(tmp_path)
    secret = load(tmp_path)
    assert secret.reveal() == (CANARY_KEY, CANARY)
    assert secret.origin == str(path)


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o404, 0o644, 0o500, 0o401])
def test_a_file_of_any_other_mode_is_refused(tmp_path, mode):
    keyfile(tmp_path, mode=mode)
    assert code_of(tmp_path) == "SECRET_FILE"


def test_a_link_a_directory_a_pipe_and_somebody_else_s_file_are_refused(tmp_path):
    for name in ("link", "directory", "pipe", "owner"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / "binance").symlink_to(keyfile(tmp_path))
    (tmp_path / "directory" / "binance").mkdir()
    os.mkfifo(tmp_path / "pipe" / "binance", 0o400)
    keyfile(tmp_path / "owner")
    assert [code_of(tmp_path / name) for name in ("link", "directory", "pipe")] == ["SECRET_FILE"] * 3
    assert code_of(tmp_path / "owner", uid=os.getuid() + 1) == "SECRET_FILE"


@pytest.mark.parametrize(
    "text", ["", "onlyonelinekey01", "short\nshort", f"{CANARY_KEY}\n\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"]
)
def test_a_file_of_another_shape_is_refused(tmp_path, text):
    keyfile(tmp_path, text=text)
    assert code_of(tmp_path) == "SECRET_SHAPE"


def test_a_private_key_of_several_lines_is_kept_whole(tmp_path):
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----"
    keyfile(tmp_path, text=f"{CANARY_KEY}\n{pem}\n")
    assert load(tmp_path).reveal() == (CANARY_KEY, pem)


def test_systemd_s_credentials_come_first_and_a_bad_one_is_not_passed_over(tmp_path):
    systemd = tmp_path / "systemd"
    systemd.mkdir()
    keyfile(tmp_path)
    keyfile(systemd, text=f"systemdkey012345\n{CANARY}\n")
    environ = {"CREDENTIALS_DIRECTORY": str(systemd)}
    assert load(tmp_path, environ=environ).reveal()[0] == "systemdkey012345"
    (systemd / "binance").chmod(0o444)
    assert code_of(tmp_path, environ=environ) == "SECRET_FILE"


def test_the_keyring_comes_last_and_one_that_fails_is_one_that_has_nothing(tmp_path):
    assert load(tmp_path, keyring=Ring()).reveal() == (CANARY_KEY, CANARY)
    assert code_of(tmp_path, keyring=BrokenRing()) == "SECRET_MISSING"
    assert code_of(tmp_path) == "SECRET_MISSING"


@pytest.mark.parametrize("name", ["", "..", "../binance", "a/b", "x" * 65, "\n"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigError) as caught:
        load_secret(name, directory=tmp_path, environ={}, keyring=NoRing())
    assert caught.value.code == "SECRET_NAME"


def test_a_secret_shows_in_no_repr_and_is_not_pickled():
    secret = VenueSecret(key=CANARY_KEY, secret=CANARY, origin="a test")
    assert repr(secret) == f"VenueSecret({HIDDEN}, from a test)"
    assert CANARY not in f"{secret} {secret!r} {[secret]}"
    for copier in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            copier(secret)


@pytest.mark.parametrize("value", [CANARY_KEY, CANARY])
@pytest.mark.parametrize(
    "encoded",
    [str, repr, lambda value: quote(value, safe=""), lambda value: value.encode().hex(), lambda value: json.dumps({"a": value}),
     lambda value: base64.b64encode(value.encode()).decode(), lambda value: base64.urlsafe_b64encode(value.encode()).decode()],
    ids=["plain", "repr", "percent", "hex", "json", "base64", "base64url"],
)  # fmt: skip
def test_every_encoding_of_it_is_taken_out_of_a_text(value, encoded):
    redact = Redactor([VenueSecret(key=CANARY_KEY, secret=CANARY, origin="a test")])
    text = redact(f"GET /order?key={encoded(value)}&x=1")
    assert HIDDEN in text
    assert encoded(value).strip("'\"{}= ") not in text


def test_the_filter_takes_it_out_of_log_records_and_tracebacks(caplog):
    redact = Redactor([VenueSecret(key=CANARY_KEY, secret=CANARY, origin="a test")])
    logger = logging.getLogger("canary")
    logger.addFilter(redact)
    try:
        logger.warning("with %s and %r", CANARY, [CANARY_KEY])
        try:
            raise RuntimeError(CANARY)
        except RuntimeError:
            logger.exception("it failed")
        logger.warning("%d", "no number")
    finally:
        logger.removeFilter(redact)
    assert CANARY not in caplog.text
    assert CANARY_KEY not in caplog.text
    assert caplog.text.count(HIDDEN) == 3


def test_nothing_that_ccxt_says_of_its_requests_has_the_key_or_a_signature_in_it(tmp_path, caplog, capfd):
    async def work():
        async with engine_at(tmp_path) as engine:
            exchange = engine.ccxt.exchange
            exchange.verbose = True
            exchange.enableRateLimit = False
            await exchange.fetch_balance()
            errors = []
            for fault in ("401", "503", "html200", "504html"):
                engine.venue.fault("GET openOrders", Fault(fault, after=False))
                try:
                    await exchange.fetch_open_orders("BTC/USDT")
                except Exception as error:
                    errors.append(engine.client.api.words(error))
            return errors

    with caplog.at_level(logging.DEBUG):
        errors = asyncio.run(work())
    seen = capfd.readouterr()
    said = caplog.text + seen.out + seen.err + "\n".join(errors)
    assert len(errors) == 4
    assert said.count("fetch Request") >= 5
    assert HIDDEN in said
    assert all(value not in said for value in (KEY, SECRET))
    assert not re.search(r"signature=[0-9a-f]{64}", said)


def test_the_canary_is_in_no_line_alarm_log_or_screen_of_a_run_with_errors(tmp_path, caplog, capfd):
    async def work():
        async with engine_at(tmp_path) as engine:
            engine.venue.silent = True
            engine.venue.fault("POST order", Fault("drop"))
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "FILLED")
            engine.venue.fault("POST order", Fault("401", after=False))
            order_id = await engine.order()
            await engine.until(lambda: engine.state(order_id) == "REJECTED")
            return repr((engine.alarms, engine.halts, engine.client, engine.ccxt.exchange))

    with caplog.at_level(logging.DEBUG):
        seen = asyncio.run(work())
    seen += capfd.readouterr().out
    seen += "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    for value in (KEY, SECRET):
        assert value not in seen
