"""Rows of a price file judged in turn: exact numbers on the tick, plausible, in order, once; everything else counted."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from lakehouse.price_kinds import MAKER_COLUMNS, Kind, Row
from lakehouse.price_policy import LISTED_MAX, BadRows, RowPolicy, Spikes, Tally
from lakehouse.price_spikes import SPIKE_RULE, SpikeWatch
from lakehouse.price_times import Stamps
from orders.errors import InputError

NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
WIDE: Final = Context(prec=80)
FLOAT_NOISE: Final = Decimal("1e-12")  # relative; a binary float this close to a multiple of the tick means that multiple
VALUE_MAX: Final = Decimal(10) ** 13  # the largest power of ten that Nautilus holds as a price
TRADE_IDS_KEPT: Final = 10_000
DAILY_GAP_NS: Final = 4 * 86_400_000_000_000  # days between daily bars that are no gap: a long weekend


class _Bad(Exception):
    """A row that is wrong: why, what was expected, what was found."""

    def __init__(self, reason: str, expected: str, found: str) -> None:
        super().__init__(reason)
        self.reason, self.expected, self.found = reason, expected, found


class RowChecker:
    """`take` each raw row of one file in turn; it returns the row, or None when it is dropped.

    `places` as `price_kinds.places_of` gives them, `floats` the places that hold binary floats. Raises `InputError` ROW_<REASON>
    at a wrong row unless the policy drops them.
    """

    def __init__(
        self,
        policy: RowPolicy,
        *,
        path: object,
        stamps: Stamps,
        places: Mapping[str, int | None],
        header: Sequence[str],
        floats: frozenset[int] = frozenset(),
        instants: Mapping[int, bool] | None = None,
    ) -> None:
        self.tally = Tally()
        self._policy = policy
        self._path = path
        self._stamps = stamps
        time_place = places["time"]
        assert time_place is not None
        self._time = time_place
        self._aware = (instants or {}).get(time_place)
        names = [name for name in places if name not in ("time", "side", "trade_id")]
        sizes = {"volume", "bid_size", "ask_size", "quantity"}
        self._numbers = [(name, places[name], name in sizes, places[name] in floats) for name in names]
        self._side, self._id = places.get("side"), places.get("trade_id")
        self._maker = self._side is not None and header[self._side].strip().lower() in MAKER_COLUMNS
        self._last_ns: int | None = None  # of the row before, or where rows were expected from
        self._same: list[Row] = []  # rows of the newest instant
        self._ids: deque[str] = deque(maxlen=TRADE_IDS_KEPT)
        self._known_ids: set[str] = set()
        self._spikes = SpikeWatch(policy.kind)

    def begin_at(self, ns: int) -> None:
        """Rows are expected from `ns` on: the first one much later is after a gap. Before the first row."""
        assert self._last_ns is None
        self._last_ns = ns

    def end_at(self, ns: int) -> None:
        """Rows were expected up to `ns`: the last one much earlier is before a gap. After the last row."""
        if self._last_ns is not None and ns > self._last_ns:
            self._look_for_gap(self._last_ns, ns)

    def take(self, line: int, fields: Sequence[Any]) -> Row | None:
        """Judge one row."""
        self.tally.read += 1
        try:
            row = self._row(line, fields)
            if row is None:
                self.tally.duplicates += 1
                return None
            spike = self._spikes.sees(row)
        except _Bad as bad:
            self._refuse_or_drop(bad, line, refuse=self._policy.bad_rows is BadRows.REFUSE)
            return None
        if spike:
            self.tally.spikes += 1
            if len(self.tally.spike_lines) < LISTED_MAX:
                self.tally.spike_lines.append(line)
            if self._policy.spikes is not Spikes.KEEP:
                found = _Bad("SPIKE", f"a price that is not {SPIKE_RULE}", str(row.numbers[0]))
                self._refuse_or_drop(found, line, refuse=self._policy.spikes is Spikes.REFUSE)
                return None
        self._accept(row)
        return row

    def _refuse_or_drop(self, bad: _Bad, line: int, *, refuse: bool) -> None:
        if refuse:
            option = "--spikes" if bad.reason == "SPIKE" else "--bad-rows"
            raise InputError(
                f"ROW_{bad.reason}",
                expected=f"{bad.expected} in line {line} of {self._path}",
                found=bad.found,
                action=f"Mend the file, or leave such rows out with {option} drop; the import manifest then counts them.",
            )
        self.tally.drop(bad.reason, line)

    def _row(self, line: int, fields: Sequence[Any]) -> Row | None:
        """Return the row; None for one that is there already, word for word."""
        policy = self._policy
        stamp = fields[self._time]
        if self._aware is not None and isinstance(stamp, int):
            ts_ns = self._stamps.ns_of_instant(stamp, line, aware=self._aware)
        else:
            ts_ns = self._stamps.ns_of(stamp, line)
        if policy.interval_ns and policy.interval_ns < 86_400_000_000_000 and ts_ns % policy.interval_ns:
            raise _Bad("OFF_GRID", "a bar's stamp on the grid of its length", str(fields[self._time]))
        if policy.stamp_open:
            ts_ns += policy.interval_ns
        numbers = tuple(self._number(name, fields, place, size, noisy) for name, place, size, noisy in self._numbers)
        self._plausible(numbers)
        trade_id, side = "", ""
        if policy.kind is Kind.TRADES:
            side = self._side_of(fields)
            trade_id = "" if self._id is None else str(fields[self._id]).strip()
            if self._id is not None and not 1 <= len(trade_id) <= 36:
                raise _Bad("TRADE_ID", "a trade id of 1 to 36 characters", repr(trade_id[:40]))
        return self._in_order(Row(ts_ns, numbers, trade_id, side))

    def _number(self, name: str, fields: Sequence[Any], place: int | None, size: bool, noisy: bool) -> Decimal:
        if place is None:
            return Decimal(0)  # the mapping says that the file has none; the manifest says so too
        text = str(fields[place]).strip()
        if NUMBER.fullmatch(text) is None:
            raise _Bad("NOT_A_NUMBER", f"a number as {name}", repr(text[:40]))
        value = Decimal(text)
        if value < 0:
            raise _Bad("NEGATIVE", f"{name} of 0 or more", text)
        if not value and (not size or name == "quantity"):
            raise _Bad("ZERO", f"{name} above 0", text)
        if value >= VALUE_MAX:
            raise _Bad("TOO_LARGE", f"{name} below {VALUE_MAX}", text)
        increment = self._policy.step_size if size else self._policy.tick_size
        if not WIDE.remainder(value, increment):
            return value
        if noisy:
            near = WIDE.multiply(WIDE.divide(value, increment).to_integral_value(ROUND_HALF_EVEN), increment)
            if abs(near - value) <= FLOAT_NOISE * value:
                self.tally.from_floats += 1
                return near
        word = "step" if size else "tick"
        raise _Bad("OFF_STEP" if size else "OFF_TICK", f"{name} as a multiple of the {word} {increment}", text)

    def _plausible(self, numbers: tuple[Decimal, ...]) -> None:
        if self._policy.kind is Kind.BARS:
            opened, high, low, close = numbers[:4]
            if not low <= min(opened, close) <= max(opened, close) <= high:
                raise _Bad("OHLC", "low <= open, close <= high", f"{opened} {high} {low} {close}")
        elif self._policy.kind is Kind.QUOTES and numbers[0] > numbers[1]:
            raise _Bad("CROSSED", "a bid that is not above the ask", f"{numbers[0]} > {numbers[1]}")

    def _side_of(self, fields: Sequence[Any]) -> str:
        if self._side is None:
            return ""
        text = str(fields[self._side]).strip().lower()
        if self._maker and text in ("true", "false", "1", "0"):
            return "SELL" if text in ("true", "1") else "BUY"
        if not self._maker and text in ("buy", "sell", "buyer", "seller"):
            return "BUY" if text.startswith("buy") else "SELL"
        if text == "no_aggressor":
            return ""
        raise _Bad("SIDE", "true or false" if self._maker else "buy or sell", repr(text[:20]))

    def _in_order(self, row: Row) -> Row | None:
        last = self._last_ns
        if last is not None and row.ts_ns < last:
            raise _Bad("OUT_OF_ORDER", f"a stamp of at least {last} ns", str(row.ts_ns))
        trades = self._policy.kind is Kind.TRADES
        if trades and self._id is not None:
            if row.trade_id not in self._known_ids:
                return row
            if row in self._same:
                return None
            raise _Bad("DUPLICATE_KEY", "each trade id once", row.trade_id)
        if trades:
            return row  # without ids two equal trades are two trades
        if last is None or row.ts_ns > last:
            return row
        if row in self._same:
            return None
        if self._policy.kind is Kind.BARS:
            raise _Bad("DUPLICATE_KEY", "each bar once", f"two different ones at {row.ts_ns} ns")
        return row

    def _accept(self, row: Row) -> None:
        tally, last = self.tally, self._last_ns
        tally.kept += 1
        if tally.first_ns is None:
            tally.first_ns = row.ts_ns
        if last is not None and row.ts_ns > last:
            self._look_for_gap(last, row.ts_ns)
        if last != row.ts_ns:
            self._same.clear()
        self._same.append(row)
        tally.last_ns = self._last_ns = row.ts_ns
        if row.trade_id:
            if len(self._ids) == TRADE_IDS_KEPT:
                self._known_ids.discard(self._ids[0])
            self._ids.append(row.trade_id)
            self._known_ids.add(row.trade_id)

    def _look_for_gap(self, last: int, now: int) -> None:
        interval, tally = self._policy.interval_ns, self.tally
        bars = interval > 0
        longest = DAILY_GAP_NS if interval >= 86_400_000_000_000 else interval if bars else self._policy.quiet_ns
        if now - last <= longest:
            return
        missing = (now - last) // interval - 1 if bars else 0
        tally.gaps += 1
        tally.missing_bars += missing
        if len(tally.gap_list) < LISTED_MAX:
            tally.gap_list.append((last, now, missing))
