"""What a replay found, as one small versioned document: how much is the same, what is not and why, and whether it may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import msgspec

from analysis.replay_cause import Cause
from analysis.replay_course import RunCourse
from analysis.replay_diff import Compared, Difference
from analysis.replay_paper import PaperParity
from lakehouse import records
from orders.assumptions import FillRule
from orders.errors import InputError
from orders.values import Record

RESULT_VERSION: Final = 1
DIFFERENCES_MAX: Final = 1_000  # told in full; the counts have all of them
SHARE_PLACES: Final = Decimal("0.000001")
BPS_PLACES: Final = Decimal("0.0001")
NS_PER_US: Final = 1_000


class Budget(Record, frozen=True, kw_only=True):
    """What may differ: `orders_max_fraction` of the orders, and of the plan lines; prices by `price_max_bps`.

    What is UNEXPLAINED, and a manifest that was judged otherwise, is over any budget.
    """

    orders_max_fraction: Decimal = Decimal(0)
    price_max_bps: Decimal = Decimal(0)


class Manual(Record, frozen=True, kw_only=True):
    """What a person did while the run went on. `replayed`: it was done in the replay too, at its instant."""

    ts_ns: int
    action: str
    by: str
    reason: str
    replayed: bool


class ReplayResult(Record, frozen=True, kw_only=True):
    """A run against its replay. Counts are of the run and its replay together, `fills` of the run.

    `*_share`: fractions, six places, half-even. `*_skew_us`: median and largest distance in real time between what the run did
    and what the replay did, microseconds; None where nothing is in both. `causes`: orders, lines and manifests by cause, all
    names always. `paper`: the run's fills against the books they met, and its profit and loss against the targets'; None: an
    older result, or a run that did not end by itself.
    `bundle_sha256`: of the run; None: an older one.
    `over`: why it is over its budget, in words; empty: within it.
    """

    version: int = RESULT_VERSION
    run_id: str
    environment: str
    sluice_version: str
    from_ns: int
    to_ns: int
    market_speed: int
    finished: bool
    manifests: int
    plans: int
    plans_same: int
    lines: int
    lines_differing: int
    orders: int
    orders_differing: int
    fills: int
    orders_share: Decimal
    lines_share: Decimal
    price_max_bps: Decimal
    planned_skew_us: tuple[int, int] | None
    filled_skew_us: tuple[int, int] | None
    causes: Mapping[str, int]
    differences: tuple[Difference, ...]
    left_out: int
    manual: tuple[Manual, ...]
    remarks: tuple[str, ...]
    changed: Mapping[str, str]
    budget: Budget
    over: tuple[str, ...]
    paper: PaperParity | None = None
    bundle_sha256: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it is within its budget."""
        return not self.over


def result_of(
    recorded: RunCourse,
    compared: Compared,
    *,
    budget: Budget,
    finished: bool,
    changed: Mapping[str, Cause],
    remarks: Sequence[str] = (),
    paper: PaperParity | None = None,
) -> ReplayResult:
    """Return the document of a comparison."""
    differences = compared.differences
    orders = sum(one.stage in ("order", "verdict", "fill") for one in differences)
    lines = sum(one.stage == "plan" for one in differences)
    price = max((one.price_bps for one in differences if one.price_bps is not None), default=Decimal(0))
    causes = Counter(one.cause.value for one in differences)
    start = recorded.start
    shares = _share(orders, compared.orders), _share(lines, compared.lines)
    price = price.quantize(BPS_PLACES, rounding=ROUND_HALF_EVEN)
    return ReplayResult(
        run_id=start.run_id,
        environment=start.environment,
        sluice_version=start.sluice_version,
        from_ns=start.ts_ns,
        to_ns=recorded.last_ns,
        market_speed=start.market_speed,
        finished=finished,
        manifests=len(recorded.manifests),
        plans=compared.plans,
        plans_same=compared.plans_same,
        lines=compared.lines,
        lines_differing=lines,
        orders=compared.orders,
        orders_differing=orders,
        fills=compared.fills,
        orders_share=shares[0],
        lines_share=shares[1],
        price_max_bps=price,
        planned_skew_us=_skew([planned for planned, _ in compared.skews_ns]),
        filled_skew_us=_skew([filled for _, filled in compared.skews_ns]),
        causes={cause.value: causes[cause.value] for cause in Cause},
        differences=tuple(differences[:DIFFERENCES_MAX]),
        left_out=max(0, len(differences) - DIFFERENCES_MAX),
        manual=tuple(_manual(line) for line in recorded.manual),
        remarks=tuple(remarks),
        changed={name: cause.value for name, cause in changed.items()},
        budget=budget,
        over=(*_over(differences, budget=budget, shares=shares, price_bps=price), *_too_easy(recorded, paper)),
        paper=paper,
        bundle_sha256=start.bundle_sha256,
    )


def _over(
    differences: Sequence[Difference], *, budget: Budget, shares: tuple[Decimal, Decimal], price_bps: Decimal
) -> Sequence[str]:
    over = []
    for share, name in zip(shares, ("orders", "plan lines"), strict=True):
        if share > budget.orders_max_fraction:
            over.append(f"{share} of the {name} differ, at most {budget.orders_max_fraction} may")
    if price_bps > budget.price_max_bps:
        over.append(f"an order's price differs by {price_bps} bp, at most {budget.price_max_bps} may")
    if count := sum(one.cause is Cause.UNEXPLAINED for one in differences):
        over.append(f"{count} differences are unexplained, none may be")
    if any(one.stage == "manifest" for one in differences):
        over.append("a manifest was judged otherwise, none may be")
    return over


def _too_easy(recorded: RunCourse, paper: PaperParity | None) -> Sequence[str]:
    """Paper must not be easier than the market; with perfect fills it is, by assumption."""
    over = []
    if paper is not None and paper.better and recorded.start.assumptions.get("fill_rule") != FillRule.PERFECT:
        over.append(f"{paper.better} of {paper.judged} fills were better than the book they met allowed, none may be")
    if paper is not None and not paper.adds_up:
        over.append(
            f"the cost tree comes to {paper.shortfall_base}, paper minus real profit to {paper.paper_base - paper.real_base}"
        )
    return over


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(part) / whole).quantize(SHARE_PLACES, rounding=ROUND_HALF_EVEN) if whole else Decimal(0)


def _skew(values_ns: Sequence[int]) -> tuple[int, int] | None:
    if not values_ns:
        return None
    sizes = sorted(abs(value) for value in values_ns)
    return sizes[len(sizes) // 2] // NS_PER_US, sizes[-1] // NS_PER_US


def _manual(line: Any) -> Manual:
    match line:
        case records.HaltLine():
            return Manual(ts_ns=line.ts_ns, action=line.action, by=line.by, reason=line.reason, replayed=True)
        case records.FlattenLine():
            return Manual(ts_ns=line.ts_ns, action=f"flatten {line.stage}", by=line.by, reason=line.reason, replayed=False)
        case records.OverrideUsed():
            by = ", ".join(line.signers)
            return Manual(ts_ns=line.ts_ns, action="override", by=by, reason=line.reason, replayed=False)
        case _:
            return Manual(ts_ns=line.ts_ns, action=line.action, by=line.by, reason=line.reason, replayed=False)


def result_bytes(result: ReplayResult) -> bytes:
    """Return the document as JSON with a newline: fields in their order, amounts as text, `ok` beside them."""
    document = {**msgspec.to_builtins(result), "ok": result.ok}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read_result(data: bytes) -> ReplayResult:
    """Return the result in `data`. Raises `InputError` REPLAY_RESULT."""
    try:
        document = msgspec.json.decode(data)
        document.pop("ok", None)
        result = msgspec.convert(document, ReplayResult, strict=False)
        if result.version != RESULT_VERSION:
            raise msgspec.ValidationError(f"version {result.version}")
    except (msgspec.DecodeError, msgspec.ValidationError, AttributeError, RecursionError) as error:
        raise InputError(
            "REPLAY_RESULT",
            expected=f"a result of `sluice replay`, version {RESULT_VERSION}",
            found=str(error)[:200],
            action="Replay the run again.",
        ) from error
    return result
