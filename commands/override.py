"""`sluice override request|sign|show`: a refused plan passes once where persons sign for it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from commands.output import Exit, print_json
from commands.sentinel_view import instant_text
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from lakehouse.person_file import write_statement
from live.overriding import read_file, refused_plan, rules_of, sign, token_of, used_overrides
from live.signing_keys import load_key
from orders.canonical import decimal_text
from orders.errors import InputError
from sentinel.override import require_usable
from sentinel.override_token import open_override, token_bytes
from sentinel.override_values import OverrideToken

MINUTE_NS: Final = 60 * 1_000_000_000


def run_request(
    config_path: Path,
    *,
    cycle: int | None,
    controls: Sequence[str],
    notional: Decimal,
    minutes: int,
    reason: str,
    requester: str,
    approvers: Sequence[str],
    output: Path | None,
    token_id: str,
    now_ns: int,
    as_json: bool,
) -> int:
    """Write the unsigned request for a refused plan. Raises what `refused_plan` and `token_of` raise."""
    config = load_config(config_path)
    layout = Layout(config.lakehouse.directory)
    plan = refused_plan(layout, cycle=cycle)
    token = token_of(
        plan,
        config=config,
        token_id=token_id,
        controls=controls,
        notional_max=notional,
        now_ns=now_ns,
        span_ns=minutes * MINUTE_NS,
        reason=reason,
        requester=requester,
        approvers=approvers,
    )
    path = output or layout.override_request
    write_statement(path, token_bytes(token) + b"\n")
    opens = decimal_text(plan.opens_base)
    if as_json:
        print_json(document(token) | {"cycle": plan.cycle, "opens": opens, "denied": list(plan.denied), "file": str(path)})
        return Exit.DONE
    print(f"request  override {token.token_id} of the plan of cycle {plan.cycle}, which opens {opens} {plan.base_currency}")
    print("\n".join([*(f"         {text}" for text in plan.seen), *words(token), f"         {path}"]))
    for text in plan.denied:
        print(f"denied   {text}; no override changes that")
    return Exit.DONE


def run_sign(
    config_path: Path,
    *,
    file: Path | None,
    signer: str,
    directory: Path,
    output: Path | None,
    now_ns: int,
    as_json: bool,
) -> int:
    """Sign, and say what was signed. Raises what `live.overriding.sign` and `load_key` raise."""
    config = load_config(config_path)
    key = load_key(signer, directory=directory)
    path = file or Layout(config.lakehouse.directory).override_request
    token, signers, place, whole = sign(path, config=config, signer=signer, key=key, now_ns=now_ns, output=output)
    missing = sorted(set(token.approvers) - set(signers))
    if as_json:
        print_json(document(token) | {"signed": list(signers), "missing": missing, "whole": whole, "file": str(place)})
        return Exit.DONE
    print(f"signed   override {token.token_id} by {signer}")
    print("\n".join([*words(token), f"         {place}"]))
    print("         whole: it is used once, when a run of this config looks" if whole else f"missing  {', '.join(missing)}")
    return Exit.DONE


def run_show(config_path: Path, *, file: Path | None, now_ns: int, as_json: bool) -> int:
    """Print a request or a signed file. Exit code 3 where it does not hold now. Raises `InputError` where it is neither."""
    config = load_config(config_path)
    layout = Layout(config.lakehouse.directory)
    path = file or (layout.override if layout.override.exists() else layout.override_request)
    _, token, signers = read_file(path, rules=rules_of(config))
    used = token.token_id in used_overrides(layout)
    fault = _fault(path, config=config, layout=layout, now_ns=now_ns, token=token)
    if as_json:
        print_json(document(token) | {"signed": list(signers), "holds": not fault, "why": fault, "used": used, "file": str(path)})
    else:
        print(f"override {token.token_id}")
        print("\n".join(words(token)))
        print(f"signed   {', '.join(signers) or 'by nobody'}")
        print(f"holds    {'now' if not fault else f'not now: {fault}'}")
        print(f"used     {'yes' if used else 'no'}")
    return Exit.REFUSED if fault else Exit.DONE


def _fault(path: Path, *, config: RunConfig, layout: Layout, now_ns: int, token: OverrideToken) -> str:
    """Return why a run of the config would not take the file now; "" where it would."""
    rules = rules_of(config)
    try:
        data, _, signers = read_file(path, rules=rules)
        if not signers:
            return "OVERRIDE_UNSIGNED: nobody has signed it"
        open_override(data, rules=rules)
        require_usable(token, environment=config.environment, now_ns=now_ns, used=used_overrides(layout))
    except InputError as error:
        return str(error)
    return ""


def document(token: OverrideToken) -> dict[str, Any]:
    """Return a token as plain JSON types; times as text."""
    fields = {name: getattr(token, name) for name in token.__struct_fields__}
    return fields | {
        "not_before_ns": str(token.not_before_ns),
        "expires_ns": str(token.expires_ns),
        "lines": [{"line": one.line, "side": one.side.value, "symbol": one.symbol} for one in token.lines],
    }


def words(token: OverrideToken) -> list[str]:
    """Return what a token allows, for a person to read."""
    most = f"{decimal_text(token.notional_max)} {token.base_currency}"
    return [
        f"         {', '.join(token.controls)} for manifest {token.manifest_sha256[:12]}… in {token.environment}",
        *(f"         line {one.line}: {one.side.value} {one.symbol}" for one in token.lines),
        f"         at {', '.join(token.venues)}, opening at most {most}",
        f"         from {instant_text(token.not_before_ns)} until {instant_text(token.expires_ns)}",
        f"         asked by {token.requester}: {token.reason}",
        f"         to be signed by {', '.join(token.approvers)}",
    ]
