"""Loss and drawdown (control 16): equity against the day's start and against its peak; beyond a limit only reducing orders pass.

Equity is realised and unrealised together, in base currency, as the engine values the book. Days are UTC days of market time.
A day starts with the last equity of the day before, so that a gap over night belongs to the new day; the first day of a record
starts with the first equity seen. FIA 2024, best practices for automated trading risk controls.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from orders.canonical import decimal_text
from orders.exact import EXACT, fraction
from orders.plan import Outcome, Verdict
from orders.values import Record
from sentinel.limits import SentinelLimits

LOSS_LIMIT: Final = "LOSS_LIMIT"
DAY_NS: Final = 86_400 * 1_000_000_000
ONE: Final = Decimal(1)


class Baseline(Record, frozen=True, kw_only=True):
    """What equity is held against. Amounts in base currency; `day` counts UTC days of market time since 1970."""

    day: int
    day_start_base: Decimal
    peak_base: Decimal
    equity_base: Decimal


class LossMode(StrEnum):
    """OPEN: all may trade. CLOSE_ONLY: only what reduces. UNKNOWN: likewise, because there is nothing to judge with."""

    OPEN = "OPEN"
    CLOSE_ONLY = "CLOSE_ONLY"
    UNKNOWN = "UNKNOWN"


def observe(known: Baseline | None, *, equity_base: Decimal, market_ns: int) -> Baseline:
    """Return the baseline after equity was seen once more. Market time that runs back stays on the day that was reached."""
    day = market_ns // DAY_NS
    if known is None:
        return Baseline(day=day, day_start_base=equity_base, peak_base=equity_base, equity_base=equity_base)
    return Baseline(
        day=max(day, known.day),
        day_start_base=known.equity_base if day > known.day else known.day_start_base,
        peak_base=max(known.peak_base, equity_base),
        equity_base=equity_base,
    )


def with_capital(known: Baseline, amount_base: Decimal) -> Baseline:
    """Return the baseline after capital came (above 0) or went: start, peak and equity move by it alike."""
    return Baseline(
        day=known.day,
        day_start_base=EXACT.add(known.day_start_base, amount_base),
        peak_base=EXACT.add(known.peak_base, amount_base),
        equity_base=EXACT.add(known.equity_base, amount_base),
    )


def loss_verdicts(baseline: Baseline | None, *, limits: SentinelLimits) -> tuple[LossMode, tuple[Verdict, Verdict]]:
    """Return the mode and the verdicts on day loss and drawdown; both limits are inclusive.

    A baseline that is missing, zero, negative or not finite is UNKNOWN.
    """
    day_words = f"loss of the day {decimal_text(limits.day_loss_max_fraction)} of its start"
    peak_words = f"drawdown {decimal_text(limits.drawdown_max_fraction)} of the peak"
    values = () if baseline is None else (baseline.day_start_base, baseline.peak_base, baseline.equity_base)
    if baseline is None or not all(value.is_finite() and value > 0 for value in values):
        seen = "missing equity" if baseline is None else "equity, start or peak not above 0"
        return LossMode.UNKNOWN, (_verdict(False, seen, day_words), _verdict(False, seen, peak_words))
    day = _judged("loss of the day", baseline.day_start_base, baseline, limits.day_loss_max_fraction, day_words)
    peak = _judged("drawdown", baseline.peak_base, baseline, limits.drawdown_max_fraction, peak_words)
    ok = day.outcome is Outcome.ALLOW and peak.outcome is Outcome.ALLOW
    return LossMode.OPEN if ok else LossMode.CLOSE_ONLY, (day, peak)


def _judged(what: str, start: Decimal, baseline: Baseline, most: Decimal, words: str) -> Verdict:
    least = EXACT.multiply(EXACT.subtract(ONE, most), start)
    lost = max(EXACT.subtract(start, baseline.equity_base), Decimal(0))
    return _verdict(baseline.equity_base >= least, f"{what} {decimal_text(fraction(lost, start))}", words)


def _verdict(ok: bool, observed: str, limit: str) -> Verdict:
    return Verdict(control=LOSS_LIMIT, outcome=Outcome.ALLOW if ok else Outcome.DENY, observed=observed, limit=limit)
