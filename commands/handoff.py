"""`sluice promote handoff CONFIG --shadow DIR`: a shadow's book, taken over into an account that already holds something.

It shows what the shadow holds, what the account holds, and the transition: what the bundle would trade of what the account holds,
at its part of capital. On a person's word it leaves a handoff; the first `sluice live` on that record books what the account has,
as it was seen, begins from it, and plans to the shadow's targets through the same guard and gate. Nothing is traded here.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from commands.halt import require_words
from commands.output import Exit, print_json
from commands.plan_preview import Snapshots, read_snapshots
from commands.promote_record import fold_of
from commands.transition import Transition, transition_document, transition_lines, transition_of
from engine.inputs import Inputs, read_inputs
from engine.run_config import RunConfig, load_config
from lakehouse.examine import Examination, examine
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.person_file import write_statement
from lakehouse.rebuild import LogFold
from lakehouse.segments import has_file
from live.handoff import book_has_moved, traded_codes
from live.promotion_signing import require_person, rules_of
from live.signing_keys import load_key
from live.venue_link import look_at
from orders.book import Book
from orders.canonical import decimal_text
from orders.capital import WHOLE
from orders.capital_granted import granted
from orders.errors import ConfigError, NotAsked
from orders.reconcile import asset_code, tolerances
from sentinel.handoff_statement import LIFE_NS, Handoff, handoff_bytes, sign_handoff
from venues.secrets import Redactor

WORD: Final = "handoff"
ZERO: Final = Decimal(0)


def run(
    config_path: Path, *, shadow: Path, by: str, reason: str, signer: str | None, keys: Path, yes: bool, as_json: bool
) -> int:
    """Show, ask, and leave the handoff, signed where a key is named. Exit 0: left; 3: refused, or the person said no.

    `keys`: where the venue's key lies, and the signer's. Raises `NotAsked` HANDOFF_LATE, HANDOFF_SHADOW, HANDOFF_ACCOUNT,
    HANDOFF_UNSIGNED, PROMOTION_PAUSED, ACCOUNT_MISMATCH; `LockHeld` while a run goes on here; `VenueUnavailable`; `ConfigError`
    and what reading the records raises.
    """
    require_words(by=by, reason=reason)
    config = load_config(config_path)
    layout, venue = Layout(config.lakehouse.directory), _venue(config)
    key = None if signer is None else _signing(config, signer, keys=keys)
    with DataDirectoryLock(layout, run_id=f"handoff-{os.getpid()}"):
        fold, of_shadow = fold_of(layout), _examined(shadow)
        _require_early(fold, signed=key is not None)
        bundle = _shadow_bundle(config, fold, of_shadow.fold, shadow=shadow)
        inputs = read_inputs(config)
        held = asyncio.run(_holdings(config, inputs, venue=venue, keys=keys))
        snapshots = _as_if(read_snapshots(config.recorded_in(shadow)), held, inputs, venue=venue)
        transition = transition_of(config, granted(fold.promotions) or WHOLE, snapshots=snapshots)
        if not as_json:
            print("\n".join(_books(of_shadow.fold, held, inputs, venue=venue)))
            print("\n".join(transition_lines(transition, drift_check_s=1)), flush=True)
        if not yes and not _confirmed(as_json=as_json):
            print("refused  NOT_CONFIRMED  nothing was left for the next start", file=sys.stderr)
            return Exit.REFUSED
        assert config.live is not None
        now_ns = time.time_ns()
        handoff = Handoff(
            environment=config.environment,
            venue=venue,
            account_id=config.live.venues[venue].account_id,
            bundle_sha256=bundle,
            shadow=str(shadow),
            shadow_lines=of_shadow.fold.log_line,
            shadow_head=of_shadow.ledger_head,
            follows=fold.promotions.last_sha256,
            by=by,
            reason=reason,
            created_ns=now_ns,
            expires_ns=now_ns + LIFE_NS,
            holdings=held,
        )
        data = handoff_bytes(handoff) if signer is None or key is None else sign_handoff(handoff, signer=signer, key=key)
        write_statement(layout.handoff, data)
    return _tell(handoff, transition, layout, signer=signer, as_json=as_json)


def _tell(handoff: Handoff, transition: Transition, layout: Layout, *, signer: str | None, as_json: bool) -> int:
    if as_json:
        document: dict[str, Any] = {"handoff": str(layout.handoff), "holdings": dict(handoff.holdings), "signer": signer}
        print_json(document | {"bundle_sha256": handoff.bundle_sha256, "transition": transition_document(transition)})
    else:
        signed = "unsigned: for a rehearsal without promotions" if signer is None else f"signed by {signer}"
        print(f"handoff  {layout.handoff}, {signed}; for an hour: the next `sluice live` books what was seen, and begins from it")
    return Exit.DONE


def _signing(config: RunConfig, signer: str, *, keys: Path) -> Ed25519PrivateKey:
    """Return a person's key. Raises `ConfigError` PROMOTE_NOBODY, PROMOTE_PERSON and as `load_key`."""
    rules, key = rules_of(config), load_key(signer, directory=keys)
    require_person(rules, signer=signer, key=key)
    return key


def _examined(shadow: Path) -> Examination:
    """Return what is in the shadow's record. Raises `NotAsked` HANDOFF_SHADOW where there is none, `RecordCorrupt`."""
    layout = Layout(shadow)
    if not has_file(layout.log):
        raise _no("HANDOFF_SHADOW", f"a shadow run under a bundle in {shadow}", "no log", "Name the shadow's directory.")
    return examine(layout)


def _require_early(fold: LogFold, *, signed: bool) -> None:
    """Return when the record has traded nothing, and may trade something by who signs."""
    if late := book_has_moved(fold):
        raise _no("HANDOFF_LATE", "a live record that begins", late, "Deposits and withdrawals are booked by themselves.")
    if fold.promotions.lines and not signed:
        raise _no(
            "HANDOFF_UNSIGNED",
            "a signature by a person of [live.persons]: this record is governed by promotions",
            "no --key",
            "Add --key NAME; it lies in --keys.",
        )
    current = fold.promotions.current
    if current is not None and current.paused:
        raise _no(
            "PROMOTION_PAUSED",
            "a bundle that may trade",
            f"bundle {current.bundle_sha256[:16]} is paused: {current.paused}",
            "Resume it first: `sluice promote current --resume`. A handoff is of the record as it is when it is signed.",
        )


def _venue(config: RunConfig) -> str:
    """Return the one venue of a live config. Raises `ConfigError` CONFIG_NOT_LIVE."""
    if config.live is None:
        raise ConfigError("CONFIG_NOT_LIVE", expected="a config with [live]", found=str(config.path), action="Name another.")
    (venue,) = config.live.venues  # prices of one venue: the config's check has seen to it
    return venue


def _shadow_bundle(config: RunConfig, fold: LogFold, of_shadow: LogFold, *, shadow: Path) -> str:
    """Return the bundle of the shadow's last run, which the live record must trade. Raises `NotAsked` HANDOFF_SHADOW."""
    run_id, bundle = next(reversed(of_shadow.bundles.items()), ("", None))
    current = fold.promotions.current
    if bundle is None or of_shadow.run is None or of_shadow.run.kind != "shadow":
        raise _no(
            "HANDOFF_SHADOW", f"a shadow run under a bundle in {shadow}", run_id or "no run", "Name the shadow's directory."
        )
    if of_shadow.environment != config.environment:
        raise _no("HANDOFF_SHADOW", f"environment {config.environment}", str(of_shadow.environment), "Name its own config.")
    if fold.promotions.lines and (current is None or current.bundle_sha256 != bundle):
        found = "none" if current is None else current.bundle_sha256[:16]
        raise _no("HANDOFF_SHADOW", f"the shadow's bundle {bundle[:16]} in canary or live", found, "`sluice promote` it first.")
    return bundle


async def _holdings(config: RunConfig, inputs: Inputs, *, venue: str, keys: Path) -> dict[str, Decimal]:
    assert config.live is not None
    link = await look_at(venue, config.live, inputs=inputs, environ=os.environ, keys=keys, redactor=Redactor())
    try:
        if link.facts.account_id != link.facts.account_expected:
            was = link.facts.account_id or link.facts.credentials or link.facts.unproven or "not known"
            raise _no("ACCOUNT_MISMATCH", f"account {link.facts.account_expected} at {venue}", was, "Look at the key in use.")
        found = await link.holdings()
    finally:
        await link.close()
    held = traded_codes(found, tolerances(venue, listings=inputs.listings, limits=inputs.market_limits))
    if owed := {code: amount for code, amount in held.items() if amount < 0}:
        words = ", ".join(f"{decimal_text(amount)} {code}" for code, amount in owed.items())
        raise _no("HANDOFF_ACCOUNT", "an account that owes nothing", words, "Cover it at the venue, then ask again.")
    return held


def _symbols(inputs: Inputs, *, venue: str) -> dict[str, str]:
    """Return the symbol whose position is held under a code; two of one coin cannot be told apart and are refused."""
    found: dict[str, str] = {}
    for symbol, limit in inputs.market_limits.items():
        code = asset_code(inputs.listings[symbol])
        if limit.venue == venue and found.setdefault(code, symbol) != symbol:
            raise _no("HANDOFF_ACCOUNT", f"one symbol of {code}", "two: whose position it is, is not known", "Allow one alone.")
    return found


def _as_if(snapshots: Snapshots, held: Mapping[str, Decimal], inputs: Inputs, *, venue: str) -> Snapshots:
    """The shadow's prices, and the account's book in place of its own."""
    symbols = _symbols(inputs, venue=venue)
    cash = {code: amount for code, amount in held.items() if code not in symbols}
    positions = {symbols[code]: amount for code, amount in held.items() if code in symbols and amount}
    book = replace(snapshots.book, book=Book(cash={venue: cash}, positions=positions), open_orders=(), withdrawn=())
    return replace(snapshots, book=book)


def _books(of_shadow: LogFold, held: Mapping[str, Decimal], inputs: Inputs, *, venue: str) -> list[str]:
    symbols = _symbols(inputs, venue=venue)
    keeper = of_shadow.keeper
    rows = [("held", "shadow", "account")]
    for code, amount in held.items():
        ours = keeper.positions.get(symbols[code], ZERO) if code in symbols else keeper.cash.get(venue, {}).get(code, ZERO)
        rows.append((symbols.get(code, code), decimal_text(ours), decimal_text(amount)))
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    return ["  ".join((f"{a:<{widths[0]}}", f"{b:>{widths[1]}}", f"{c:>{widths[2]}}")) for a, b, c in rows]


def _no(code: str, expected: str, found: str, action: str) -> NotAsked:
    return NotAsked(code, expected=expected, found=found, action=action)


def _confirmed(*, as_json: bool) -> bool:
    """Ask the person at the terminal. Raises `ConfigError` USAGE where there is none."""
    if as_json or not sys.stdin.isatty():
        found = "--json" if as_json else "no terminal"
        raise ConfigError("USAGE", expected="a person at a terminal, or --yes", found=found, action="Add --yes to mean it.")
    sys.stderr.write(f"type {WORD} to do this, anything else to leave it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == WORD
