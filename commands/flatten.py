"""`sluice flatten`: bring positions to zero, on a named person's word. Shows the plan, asks, and hands the request to the run.

The plan shown is made from the snapshots the run writes; the run makes its own from what is held when it takes the request.
"""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from commands.flatten_wait import Heard, listen
from commands.halt_state import is_halted
from commands.output import Exit, print_json
from commands.plan_preview import Snapshots, inputs_of, read_snapshots, stretched
from commands.preview_standing import standing_of
from engine.run_config import RunConfig, load_config
from lakehouse.flatten_request import LIFE_MAX_NS, FlattenRequest, read_request, write_request
from lakehouse.layout import Layout
from lakehouse.lock import Holder, current_holder
from lakehouse.person_file import BY_LENGTH_MAX, REASON_LENGTH_MAX, text_is_sound
from orders.errors import ConfigError, InputError
from orders.flatten import Scope
from orders.plan import Judgement, Plan, PlanInputs, plan_document, plan_sha256
from orders.values import Grade
from sentinel.facts import Reference, SentinelFacts
from sentinel.guard import judge_plan
from strategies.flatten_plan import plan_flatten

LIFE_NS: Final = 300 * 1_000_000_000  # a run that is alive takes it at once; later it may not be meant any more
NO_MANIFEST: Final = "0" * 64
WORD: Final = "flatten"
ONE: Final = Decimal(1)


def run(
    config_path: Path,
    *,
    by: str,
    reason: str,
    symbols: Sequence[str],
    venue: str | None,
    yes: bool,
    queue: bool,
    as_json: bool,
) -> int:
    """Show, ask, hand over, wait and say how it ended.

    Exit 0: flat, or queued; 1: not all of it is flat, or the run has not taken it yet; 2: usage, or nobody to ask; 3: refused:
    halted, nothing runs, another request waits, the run said no, or the person did.
    """
    for name, text, most in (("--by", by, BY_LENGTH_MAX), ("--reason", reason, REASON_LENGTH_MAX)):
        if not text_is_sound(text, length_max=most):
            raise _usage(f"{name} as 1 to {most} printable characters", repr(text[:80]))
    config = load_config(config_path)
    layout = Layout(config.lakehouse.directory)
    snapshots = read_snapshots(config)
    scope = _scope(config, snapshots, symbols=symbols, venue=venue)
    answer = _Answer(config, scope, by=by, reason=reason, as_json=as_json)
    inputs, plan = _plan(config, snapshots, scope)
    halted = is_halted(layout)
    answer.show(plan, _judge(config, inputs, plan, halted=halted))
    holder = current_holder(layout)
    refused = _obstacle(layout, halted=halted, holder=holder, queue=queue)
    if refused is not None:
        return answer.refuse(*refused)
    if not yes and not _confirmed(as_json=as_json):
        return answer.refuse("NOT_CONFIRMED", "nothing was asked for and nothing was sent")
    now_ns = time.time_ns()
    request = FlattenRequest(
        request_id=os.urandom(16).hex(),
        environment=config.environment,
        by=by,
        reason=reason,
        scope=scope,
        plan_sha256=plan_sha256(plan),
        created_ns=now_ns,
        expires_ns=now_ns + (LIFE_MAX_NS if holder is None else LIFE_NS),
    )
    heard = listen(layout, request, write=lambda: write_request(layout, request), wait=holder is not None)
    return answer.heard(heard, request)


def _scope(config: RunConfig, snapshots: Snapshots, *, symbols: Sequence[str], venue: str | None) -> Scope:
    known = snapshots.listings.keys() | snapshots.book.book.positions.keys()
    for symbol in symbols:
        if symbol not in known:
            near = difflib.get_close_matches(symbol, sorted(known), n=1)
            raise _usage("--symbol as a symbol of the symbol map", repr(symbol[:80]), f"Did you mean {near[0]}?" if near else "")
    if venue is not None and venue not in config.venues:
        raise _usage(f"--venue as one of {', '.join(sorted(config.venues))}", repr(venue[:80]))
    return Scope(symbols=tuple(sorted(set(symbols))), venue=venue)


def _plan(config: RunConfig, snapshots: Snapshots, scope: Scope) -> tuple[PlanInputs, Plan]:
    inputs = inputs_of(config, snapshots, manifest_sha256=NO_MANIFEST, source_run=WORD, targets={}, now_ns=snapshots.newest_ns)
    limits = config.sentinel_limits()
    most = limits.max_order_value_base / (ONE + limits.price_collar_fraction)
    return inputs, plan_flatten(inputs, scope, order_value_max=most)


def _judge(config: RunConfig, inputs: PlanInputs, plan: Plan, *, halted: bool) -> Judgement:
    standing = standing_of(
        config,
        plan,
        inputs=msgspec.structs.replace(inputs, open_orders=()),  # they are cancelled first
        limits=config.sentinel_limits(),
        generated_ns=0,
        real_now_ns=time.time_ns(),
    )
    facts = SentinelFacts(
        halted=halted,
        grade=Grade.ABSENT,
        regime_name=None,
        regime_quadrant=None,
        weights={},
        quotes=inputs.quotes,
        references={symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in inputs.quotes.items()},
        recent=(),
        open_exposure={},
        now_ns=inputs.now_ns,
        hours=inputs.hours,
        standing=msgspec.structs.replace(standing, automatic=False),
        reductions_only=True,
    )
    return judge_plan(plan, facts=facts, limits=stretched(config.sentinel_limits(), speed=config.data.market_speed))


def _obstacle(layout: Layout, *, halted: bool, holder: Holder | None, queue: bool) -> tuple[str, str] | None:
    """Return code and words of what stands against asking now, None when nothing does."""
    if halted:
        return "HALT", (
            "halted: no order leaves, and a flatten is orders. If they may leave again `sluice resume --by NAME --reason WHY`,"
            " and flatten then."
        )
    try:
        waiting = read_request(layout)
    except InputError as error:
        return "FLATTEN_PENDING", f"{layout.flatten_request} is no request: {error}"
    if waiting is not None and time.time_ns() <= waiting.expires_ns:
        return "FLATTEN_PENDING", (
            f"a request of {waiting.by} ({waiting.scope.words()}) waits already. Wait for it, or remove {layout.flatten_request}."
        )
    if holder is None and not queue:
        return "NO_RUN", (
            f"no run is alive in {layout.directory}: nobody can send orders now. Start it and ask again, or add --queue: the next"
            " start within a day then flattens first."
        )
    return None


def _confirmed(*, as_json: bool) -> bool:
    """Ask the person at the terminal. Raises `ConfigError` USAGE where there is none."""
    if as_json or not sys.stdin.isatty():
        raise _usage("a person at a terminal to ask, or --yes", "--json" if as_json else "no terminal", "Add --yes to mean it.")
    sys.stderr.write(f"type {WORD} to do this, anything else to leave it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == WORD


def _usage(expected: str, found: str, action: str = "Say who, why and what; it goes into the log.") -> ConfigError:
    return ConfigError("USAGE", expected=expected, found=found, action=action)


class _Answer:
    """Says what came out, in words or as the one JSON document."""

    def __init__(self, config: RunConfig, scope: Scope, *, by: str, reason: str, as_json: bool) -> None:
        self._as_json = as_json
        self._what = scope.words()
        self._document: dict[str, Any] = {
            "environment": config.environment,
            "by": by,
            "reason": reason,
            "symbols": list(scope.symbols),
            "venue": scope.venue,
            "request_id": None,
            "cycles": [],
        }

    def show(self, plan: Plan, judgement: Judgement) -> None:
        """What would be done."""
        digest = plan_sha256(plan)
        self._document |= {"plan": plan_document(plan), "plan_sha256": digest, "decision": judgement.decision}
        if not self._as_json:
            from commands.plan_view import print_flatten

            print_flatten(plan, judgement, what=self._what, plan_sha256=digest)
            sys.stdout.flush()

    def refuse(self, code: str, message: str) -> int:
        """Nothing was asked of the run."""
        return self._say("refused", code, message, Exit.REFUSED)

    def heard(self, heard: Heard, request: FlattenRequest) -> int:
        """What became of the request."""
        self._document |= {"request_id": request.request_id, "cycles": list(heard.cycles)}
        codes = {"flat": Exit.DONE, "queued": Exit.DONE, "refused": Exit.REFUSED, "halted": Exit.REFUSED}
        return self._say(heard.outcome, heard.code, heard.message, codes.get(heard.outcome, Exit.FAILED))

    def _say(self, outcome: str, code: str, message: str, exit_code: Exit) -> int:
        if self._as_json:
            print_json(self._document | {"outcome": outcome, "code": code, "message": message})
        else:
            print(f"{outcome:<9}{code + '  ' if code else ''}{message}", file=sys.stderr if exit_code else sys.stdout)
        return exit_code
