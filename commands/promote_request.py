"""`sluice promote show | sign | record`: a promotion that was asked for, read, signed by persons, and recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from commands.output import Exit, print_json
from commands.promote_record import InLog, fold_of, record
from commands.promote_view import change_document, change_lines, recorded_words
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout, storage_error, sync_directory
from lakehouse.move_request import SignedMove
from lakehouse.person_file import write_statement
from live.promotion_signing import (
    Request,
    read_request,
    require_evidence,
    require_possible,
    require_signers,
    rules_of,
    signed,
)
from live.signing_keys import load_key
from orders.errors import InputError, NotAsked
from orders.promotion import persons_needed
from sentinel.promotion_statement import require_recordable, statement_document


def record_request(layout: Layout, request: Request, *, config: RunConfig, now_ns: int, run_id: str) -> InLog:
    """Record a request that enough persons have signed and take the lakehouse's away; return the line.

    Raises what `line_to_record` and `record` raise.
    """
    recorded = record(
        layout,
        SignedMove(statement=request.data),
        rules=rules_of(config),
        environment=config.environment,
        now_ns=now_ns,
        run_id=run_id,
    )
    try:
        layout.promotion_request.unlink(missing_ok=True)
        sync_directory(layout.directory)
    except OSError as error:
        raise storage_error(error, layout.promotion_request) from error
    return recorded


def run_show(file: Path | None, *, config_path: Path, lakehouse: Path | None, now_ns: int, as_json: bool) -> int:
    """Print a request: what it would change, who signed it, whether it may be recorded now. Exit 3 where it may not.

    Raises `InputError` where it is no request.
    """
    config = load_config(config_path)
    layout = Layout(lakehouse or config.lakehouse.directory)
    rules, fold = rules_of(config), fold_of(layout)
    request = read_request(file or layout.promotion_request, rules=rules)
    statement, fault, change = request.statement, "", None
    try:
        require_recordable(statement, environment=config.environment, follows=fold.promotions.last_sha256, now_ns=now_ns)
        require_possible(fold.promotions, statement.move)
        change = fold.promotions.change(statement.move)
        require_evidence(layout, change, statement)
        require_signers(change, request.signers)
    except (InputError, NotAsked) as error:
        fault = f"{error.code}: {error.expected} was expected, found {error.found}"
    move = statement.move
    if as_json:
        document = statement_document(statement) | {"signers": list(request.signers), "holds": not fault, "why": fault}
        print_json(document)
        return Exit.REFUSED if fault else Exit.DONE
    if change is not None:
        print("\n".join(change_lines(change, fold=fold, environment=config.environment)))
    else:
        print(f"move     {move.action.replace('_', '-')} {move.bundle_sha256}   to {move.to_state} step {move.to_step + 1}")
    print(f"asked    by {statement.by}: {statement.reason}")
    print(f"signed   {', '.join(request.signers) or 'by nobody'}")
    print(f"holds    {'now' if not fault else f'not now: {fault}'}")
    return Exit.REFUSED if fault else Exit.DONE


def run_record(file: Path | None, *, config_path: Path, lakehouse: Path | None, now_ns: int, as_json: bool) -> int:
    """Record a request that was signed by enough persons elsewhere. Raises what `line_to_record` raises."""
    config = load_config(config_path)
    layout = Layout(lakehouse or config.lakehouse.directory)
    request, fold = read_request(file or layout.promotion_request, rules=rules_of(config)), fold_of(layout)
    require_recordable(request.statement, environment=config.environment, follows=fold.promotions.last_sha256, now_ns=now_ns)
    require_possible(fold.promotions, request.statement.move)
    change = fold.promotions.change(request.statement.move)
    recorded = record_request(layout, request, config=config, now_ns=now_ns, run_id=f"promote-{now_ns}")
    if as_json:
        facts: dict[str, Any] = {
            "recorded": True,
            "log_line": recorded.line,
            "by_run": recorded.by_run,
            "signers": list(request.signers),
        }
        print_json(change_document(change, evidence=None) | facts)
        return Exit.DONE
    print("\n".join(change_lines(change, fold=fold, environment=config.environment)))
    print(f"signed   {', '.join(request.signers)}")
    print(recorded_words(recorded.line, layout=layout, by_run=recorded.by_run))
    return Exit.DONE


def run_sign(
    file: Path | None,
    *,
    config_path: Path,
    lakehouse: Path | None,
    signer: str,
    keys: Path,
    output: Path | None,
    now_ns: int,
    as_json: bool,
) -> int:
    """Sign a request, show what is signed, and record the move once enough have; with `output` it is only signed.

    Raises what `line_to_record` and `load_key` raise; `InputError` EVIDENCE_MISSING where what it names does not let it pass.
    """
    config = load_config(config_path)
    layout = Layout(lakehouse or config.lakehouse.directory)
    path, rules, fold = file or layout.promotion_request, rules_of(config), fold_of(layout)
    request = read_request(path, rules=rules)
    statement = request.statement
    require_recordable(statement, environment=config.environment, follows=fold.promotions.last_sha256, now_ns=now_ns)
    require_possible(fold.promotions, statement.move)
    change = fold.promotions.change(statement.move)
    require_evidence(layout, change, statement)
    request = signed(request, rules=rules, signer=signer, key=load_key(signer, directory=keys))
    recorded, needed = None, persons_needed(change)
    if len(request.signers) >= needed and output is None:
        recorded = record_request(layout, request, config=config, now_ns=now_ns, run_id=f"promote-{now_ns}")
    else:
        write_statement(output or path, request.data)
    if as_json:
        facts: dict[str, Any] = {
            "recorded": recorded is not None,
            "log_line": None if recorded is None else recorded.line,
            "by_run": None if recorded is None else recorded.by_run,
            "signers": list(request.signers),
        }
        file_words = None if recorded is not None else str(output or path)
        print_json(change_document(change, evidence=None) | facts | {"request": file_words, "reason": statement.reason})
        return Exit.DONE
    print("\n".join(change_lines(change, fold=fold, environment=config.environment)))
    print(f"asked    by {statement.by}: {statement.reason}")
    print(f"signed   {', '.join(request.signers)}; {needed} {'person' if needed == 1 else 'different persons'} must")
    if recorded is not None:
        print(recorded_words(recorded.line, layout=layout, by_run=recorded.by_run))
    else:
        print(f"request  {output or path}   nothing has moved yet")
    return Exit.DONE
