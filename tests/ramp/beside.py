"""A run on a log in memory that takes moves from another terminal: real signatures, evidence, files, ramp and lines."""

from __future__ import annotations

import time
from pathlib import Path

from lakehouse import records
from lakehouse.move_files import MoveAnswer, read_answer, write_move
from lakehouse.move_request import AskedMove, MoveRequest, PlainMove, SignedMove
from lakehouse.promotion_files import keep_promotion_file
from live.move_desk import MoveDesk
from orders.canonical import canonical_bytes, decimal_text
from orders.capital import Capital
from orders.promotion import Action, Move, evidence_needed, gated_move
from sentinel.promotion_statement import SPAN_NS_MAX, PromotionStatement, sign_statement, sign_statement_again, statement_bytes
from tests.promotion.made import TO_LIVE, A
from tests.promotion.test_statement import KEYS, RULES
from tests.ramp.made import RUN, Ramped

ENVIRONMENT = "live-btc"
CANARY_MOVES = TO_LIVE[:3]


class Beside(Ramped):
    """`raises`: capital that was raised, in order."""

    def __init__(self, root: Path, *moves: Move, governed: bool = True) -> None:
        self.raises: list[Capital] = []
        self.governed = governed
        super().__init__(*(moves or CANARY_MOVES), root=root)
        self.layout.create()

    def start(self) -> None:
        self.now = max(self.now, time.time_ns())
        super().start()
        self.journal.waiters.clear()
        self.desk = MoveDesk(
            ramp=self.ramp if self.governed else None, promotions=self.promotions, bundle_sha256=A,
            gates_sha256=self.gates_sha256, environment=ENVIRONMENT,
            run_id=RUN, rules=RULES, layout=self.layout, writer=self.writer, hold_to=self.hold,
            raise_to=self.raise_to, tell=lambda text, **facts: self.told.append(text), keep=lambda work: work(),
        )  # fmt: skip

    @property
    def gates_sha256(self) -> str:
        return "2" * 64

    def raise_to(self, capital: Capital) -> None:
        self.raises.append(capital)
        self.held = capital

    def tick(self) -> int:
        self.now = max(self.now + 1, time.time_ns())
        return self.now

    def ask(self, asked: AskedMove, *, run_id: str = RUN, age_ns: int = 1) -> str:
        """Leave a request, as the command does; return its sha256."""
        return write_move(self.layout, MoveRequest(run_id=run_id, created_ns=time.time_ns() - age_ns, asked=asked))

    def disk(self) -> None:
        """What was written is on disk."""
        waits, self.journal.waiters[:] = list(self.journal.waiters), []
        for callback in waits:
            callback()

    def answered(self, asked: AskedMove, **more: int | str) -> MoveAnswer | None:
        """Ask, let the run look, and the disk answer."""
        sha256 = self.ask(asked, **more)  # type: ignore[arg-type]
        self.desk.look()
        self.disk()
        return read_answer(self.layout, request_sha256=sha256)

    def evidence(self, move: Move, *, verdict: str = "PASS") -> str:
        document = {
            "bundle_sha256": move.bundle_sha256, "gates_sha256": self.gates_sha256,
            "move": gated_move(move.action, move.to_state), "evaluated_ns": str(time.time_ns() - 5 * 10**9),
            "results": [{"gate": {"name": "drill", "dry_run": False}, "verdict": verdict}],
        }  # fmt: skip
        return keep_promotion_file(self.layout, canonical_bytes(document))

    def statement(self, move: Move, **change: object) -> PromotionStatement:
        """What persons would sign of a move now, with the evidence it needs."""
        at = self.promotions.change(move)
        facts = {
            "environment": ENVIRONMENT, "move": move, "fraction": decimal_text(at.after.fraction), "by": "ann",
            "reason": "a test",
            "evidence_sha256": self.evidence(move) if evidence_needed(at) else None,
            "gates_sha256": self.gates_sha256 if evidence_needed(at) else None,
            "follows": self.promotions.last_sha256, "created_ns": time.time_ns() - 10**9,
            "expires_ns": time.time_ns() + SPAN_NS_MAX - 10**10,
        }  # fmt: skip
        return PromotionStatement(**facts | change)  # type: ignore[arg-type]

    def moves(self) -> list[tuple[str, str]]:
        """Since the run began: action, and who."""
        lines = self.journal.lines(records.PromotionLine)
        return [(line.action, line.by) for line in lines if line.run_id == RUN]


def signed(statement: PromotionStatement, *names: str) -> SignedMove:
    """The request with the signatures of these persons, unsigned by nobody."""
    if not names:
        return SignedMove(statement=statement_bytes(statement) + b"\n")
    first, *others = names
    data = sign_statement(statement, signer=first, key=KEYS[first])
    for name in others:
        data = sign_statement_again(data, rules=RULES, signer=name, key=KEYS[name])
    return SignedMove(statement=data)


def plain(move: Move, *, by: str = "ann", reason: str = "it looks wrong") -> PlainMove:
    return PlainMove(move=move, by=by, reason=reason)


def step_up_of(made: Beside) -> Move:
    current = made.promotions.current
    assert current is not None
    return Move(
        bundle_sha256=current.bundle_sha256,
        action=Action.STEP_UP,
        to_state=current.state,
        to_step=current.step + 1,
        steps=current.steps,
    )
