"""An override from the refused plan to the signed file: what is asked for, and each person's signature under it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.engine_keys import engine_keys
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.person_file import write_statement
from lakehouse.rebuild import OPERATOR
from lakehouse.records import CycleOpened, OverrideUsed, PlanLineRecord
from lakehouse.strict_json import read_bounded
from orders.errors import ConfigError, InputError, NotAsked, NotYet
from orders.plan import TRADING_REASONS, Decision, Outcome
from orders.values import Record, Side
from sentinel.dsse import ENVELOPE_SIZE_MAX, public_text
from sentinel.override import require_usable
from sentinel.override_token import open_override, open_signed, parse_token, sign_again, sign_token, token_bytes
from sentinel.override_values import SPAN_MAX_NS, OverrideLine, OverrideRules, OverrideToken

UNSIGNED: Final = "OVERRIDE_UNSIGNED"


class RefusedPlan(Record, frozen=True, kw_only=True):
    """A plan that was refused and an override could have let pass. `needs`: the controls that asked for one; `denied`: verdicts
    that no override changes; `opens_base`: what its orders open or add, base currency at the prices it was judged on.
    """

    cycle: int
    manifest_sha256: str
    base_currency: str
    lines: tuple[OverrideLine, ...]
    venues: tuple[str, ...]
    needs: tuple[str, ...]
    seen: tuple[str, ...]
    denied: tuple[str, ...]
    opens_base: Decimal


def refused_plan(layout: Layout, *, cycle: int | None) -> RefusedPlan:
    """Return the last plan of the log, or that of a cycle.

    Raises `NotAsked` OVERRIDE_NOTHING where it was not refused by a control that asks for an override; `NotYet` where there is no
    log, `RecordCorrupt`, `StorageError`.
    """
    found, operators = None, set[int]()
    for line in log_lines(layout):
        if isinstance(line, CycleOpened) and line.cause == OPERATOR:
            operators.add(line.cycle)
        if isinstance(line, PlanLineRecord) and line.cycle not in operators and (cycle is None or line.cycle == cycle):
            found = line
    if found is None:
        raise _nothing("no such plan in the log")
    needs = [one for one in found.verdicts if one["outcome"] == Outcome.NEEDS_OVERRIDE.value]
    if found.decision != Decision.REFUSED.value or not needs or found.plan is None:
        raise _nothing(f"{found.decision} {found.code} of cycle {found.cycle}".replace("  ", " "))
    rows: list[Any] = [row for row in found.plan["lines"] if row["reason"] in {reason.value for reason in TRADING_REASONS}]
    denied = [one for one in found.verdicts if one["outcome"] == Outcome.DENY.value]
    return RefusedPlan(
        cycle=found.cycle,
        manifest_sha256=found.manifest_sha256,
        base_currency=found.plan["base_currency"],
        lines=tuple(
            OverrideLine(line=row["line"], side=Side(row["side"]), symbol=row["symbol"])
            for row in sorted(rows, key=lambda row: int(row["line"]))
        ),
        venues=tuple(sorted({row["venue"] for row in rows})),
        needs=tuple(sorted({one["control"] for one in needs})),
        seen=tuple(f"{one['control']}: {one['observed']}; limit {one['limit']}" for one in needs),
        denied=tuple(f"{one['control']}: {one['observed']}; limit {one['limit']}" for one in denied),
        opens_base=sum((Decimal(row["notional_base"]) for row in rows if not _reduces(row)), Decimal(0)),
    )


def token_of(
    plan: RefusedPlan,
    *,
    config: RunConfig,
    token_id: str,
    controls: Sequence[str],
    notional_max: Decimal,
    now_ns: int,
    span_ns: int,
    reason: str,
    requester: str,
    approvers: Sequence[str],
) -> OverrideToken:
    """Return what is to be signed for a refused plan, from now on. `controls` empty: all that asked for it.

    Raises `ConfigError` OVERRIDE_PERSON where the config would not take these approvers' word; `InputError` OVERRIDE_MALFORMED.
    """
    rules = rules_of(config)
    unknown = sorted(name for name in approvers if name not in rules.persons)
    if unknown or len(set(approvers)) < rules.signatures:
        raise ConfigError(
            "OVERRIDE_PERSON",
            expected=f"{rules.signatures} or more approvers out of {', '.join(rules.persons)}",
            found=", ".join(approvers) or "none",
            action="Name them with --approver, once each.",
        )
    token = OverrideToken(
        token_id=token_id,
        environment=config.environment,
        manifest_sha256=plan.manifest_sha256,
        lines=plan.lines,
        controls=tuple(sorted(set(controls))) or plan.needs,
        notional_max=notional_max,
        base_currency=plan.base_currency,
        venues=plan.venues,
        not_before_ns=now_ns,
        expires_ns=now_ns + min(span_ns, SPAN_MAX_NS + 1),
        reason=reason,
        requester=requester,
        approvers=tuple(sorted(set(approvers))),
    )
    token_bytes(token)
    return token


def rules_of(config: RunConfig) -> OverrideRules:
    """Return whose word counts. Raises `ConfigError` OVERRIDE_NOBODY."""
    rules = config.override_rules(engine=engine_keys())
    if rules is None:
        raise ConfigError(
            "OVERRIDE_NOBODY",
            expected="a table [override] with persons in the run config",
            found="none",
            action="Name who may override in the config, which is reviewed.",
        )
    return rules


def used_overrides(layout: Layout) -> frozenset[str]:
    """Return the ids of the overrides the log knows; none where there is no log. Raises `RecordCorrupt`, `StorageError`."""
    try:
        return frozenset(line.token_id for line in log_lines(layout) if isinstance(line, OverrideUsed))
    except NotYet:
        return frozenset()


def read_file(path: Path, *, rules: OverrideRules) -> tuple[bytes, OverrideToken, tuple[str, ...]]:
    """Return the bytes of a request or a signed file, its token, and who signed so far: () of a request.

    Raises `NotYet`, `InputError`: neither a request nor an envelope whose signatures are good.
    """
    data = read_bounded(path, ENVELOPE_SIZE_MAX)
    if b'"payloadType"' in data[:64]:
        token, signers = open_signed(data, rules=rules)
        return data, token, signers
    return data, parse_token(data.removesuffix(b"\n")), ()


def sign(
    path: Path, *, config: RunConfig, signer: str, key: Ed25519PrivateKey, now_ns: int, output: Path | None = None
) -> tuple[OverrideToken, tuple[str, ...], Path, bool]:
    """Sign a request, or once more what others signed; return the token, who signed, where it lies, and whether it is whole.

    Whole, it lies where the run looks, or at `output`; else in the place of what was signed. Raises `ConfigError`
    OVERRIDE_PERSON: nobody of [override], another key, a revoked one, the engine's; `InputError` as a run of the config would,
    `StorageError`.
    """
    rules, layout, public = rules_of(config), Layout(config.lakehouse.directory), public_text(key.public_key())
    if rules.persons.get(signer) != public or public in rules.revoked | rules.engine:
        raise ConfigError(
            "OVERRIDE_PERSON",
            expected=f"{signer} in [override.persons] of the config, with this key, not revoked",
            found="nobody of that name, another key, a revoked one, or the engine's",
            action="Add it to the config, which is reviewed.",
        )
    data, token, signers = read_file(path, rules=rules)
    require_usable(token, environment=config.environment, now_ns=max(now_ns, token.not_before_ns), used=used_overrides(layout))
    first = not signers
    data = sign_token(token, signer=signer, key=key) if first else sign_again(data, rules=rules, signer=signer, key=key)
    whole = True
    try:
        open_override(data, rules=rules)
    except InputError as error:
        if error.code != UNSIGNED:
            raise
        whole = False
    place = output or (layout.override if whole else path)
    write_statement(place, data)
    return token, (*signers, signer), place, whole


def _reduces(row: Any) -> bool:
    held, quantity = Decimal(row["held_quantity"]), Decimal(row["quantity"])
    return held * Side(row["side"]).sign < 0 and quantity <= abs(held)


def _nothing(found: str) -> NotAsked:
    return NotAsked(
        "OVERRIDE_NOTHING",
        expected="a plan that was refused by a control that asks for an override",
        found=found,
        action="What denies cannot be overridden; `--cycle N` names another plan.",
    )
