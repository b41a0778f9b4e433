"""Financing in both kernels: the same lines, the same cash, and an account that agrees with the book."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.financing.made import DAYS, LONG, SHORT, booked, dated, made, watch_account
from tests.gate.world import Ran, run_backtest, run_shadow

WEIGHTS = {LONG.symbol: "0.9", SHORT.symbol: "-0.6"}
DAY_NS = 86_400_000_000_000


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Ran, list[Decimal]]:
    """The backtest, the shadow, and how far the accounts were from the book after each amount."""
    gaps: list[Decimal] = []
    root = tmp_path_factory.mktemp("both")
    world = made(root / "test", WEIGHTS)
    test = run_backtest(world, dated(world), prepare=watch_account(gaps))
    again = made(root / "shadow", WEIGHTS)
    shadow = run_shadow(again, prepare=watch_account(gaps))
    report = verify(again.lakehouse)
    assert report.ok, report.first_bad
    return test, shadow, gaps


def test_a_short_pays_borrow_and_cash_earns_interest_every_day_weekends_too(both):
    lines = booked(both[0].lines)
    assert {line["kind"] for line in lines} == {"borrow", "interest"}
    interest = [line for line in lines if line["kind"] == "interest"]
    assert len(interest) == DAYS - 1
    assert [after["from_ns"] - before["to_ns"] for before, after in itertools.pairwise(interest)] == [0] * (DAYS - 2)
    assert all(line["to_ns"] - line["from_ns"] == DAY_NS for line in lines)


def test_the_backtest_and_the_shadow_book_the_same(both):
    test, shadow, _ = both
    assert booked(shadow.lines) == booked(test.lines)


def test_the_account_of_each_kernel_agrees_with_the_book_to_the_cent(both):
    assert len(both[2]) == 2 * len(booked(both[0].lines))
    assert set(both[2]) == {Decimal(0)}


def test_cash_is_starting_cash_fills_fees_and_financing(both):
    for ran in both[:2]:
        cash = Decimal(100000)
        for fill in ran.of("fill"):
            cash -= (1 if fill["side"] == "BUY" else -1) * Decimal(fill["notional_quote"]) + Decimal(fill["fee"])
        cash += sum(Decimal(line["amount"]) for line in ran.of("financing"))
        assert cash == ran.assembly.recorder.keeper.cash["US"]["USD"]


def test_an_amount_is_its_basis_at_its_rate_for_a_day(both):
    for line in booked(both[0].lines):
        exact = Decimal(line["basis"]) * Decimal(line["rate"]) / 365
        assert 0 <= exact - Decimal(line["amount"]) < Decimal("0.01")


def test_a_short_is_marked_at_the_last_price_before_the_instant_at_its_own_rate(both):
    borrow = [line for line in booked(both[0].lines) if line["kind"] == "borrow"]
    assert {line["symbol"] for line in borrow} == {SHORT.symbol}
    assert {line["rate"] for line in borrow} == {"0.365"}
    assert all(Decimal(line["basis"]) == Decimal(line["quantity"]) * Decimal(line["price"]) < 0 for line in borrow)
    assert [line["price"] for line in borrow] == [f"{100 + (3 * day + 5) % 7}.01" for day in range(1, DAYS - 1)]


def test_cash_below_zero_pays_the_debit_rate(tmp_path: Path) -> None:
    gaps: list[Decimal] = []
    world = made(tmp_path, {LONG.symbol: "0.7", SHORT.symbol: "0.7"})
    ran = run_backtest(world, dated(world), prepare=watch_account(gaps))
    interest = [line for line in booked(ran.lines) if line["kind"] == "interest"]
    assert Decimal(interest[0]["basis"]) == 100000
    assert interest[0]["rate"] == "0.0365"
    assert all(Decimal(line["basis"]) < 0 > Decimal(line["amount"]) for line in interest[2:])
    assert {line["rate"] for line in interest[2:]} == {"0.073"}
    assert set(gaps) == {Decimal(0)}


def test_rates_of_zero_book_nothing_and_stand_in_the_first_line(tmp_path: Path) -> None:
    world = made(tmp_path, WEIGHTS, rates={})
    ran = run_backtest(world, dated(world))
    assert booked(ran.lines) == []
    assert ran.of("run_start")[0]["assumptions"]["financing"]["borrow"] == {"US": "0"}
    assert len(ran.of("fill")) == 2


def test_another_rate_is_another_set_of_assumptions(tmp_path: Path) -> None:
    worlds = [made(tmp_path / "a", WEIGHTS), made(tmp_path / "b", WEIGHTS, rates={})]
    hashes = {run_backtest(world, dated(world)).of("run_start")[0]["assumptions_sha256"] for world in worlds}
    assert len(hashes) == 2
