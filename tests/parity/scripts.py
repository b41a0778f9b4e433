"""The scripts that a simulated and a rehearsed run are compared on; nothing in one depends on how fast the engine is."""

from __future__ import annotations

from tests.gate.world import BTC, ETH, SOL
from tests.parity.rehearsed import SETTLED_S, Play, Script, wait

DEEP = {"BTCUSDT": ("100000.00", "100000.02", "50"), "ETHUSDT": ("4000.00", "4000.02", "100")}


def _sells_pay_for_buys(play: Play) -> None:
    """Buys, one of them larger than the touch; sells whose proceeds buy; a plan that is denied; everything sold."""
    play.install()
    play.decided(1)
    play.touch("BTCUSDT", "100010.37", "100010.39", "50")
    play.touch("SOLUSDT", "201.03", "201.05", "1000")
    play.install()
    play.decided(2)
    play.install()
    play.decided(3)
    play.touch("ETHUSDT", "4020.13", "4020.15", "100")
    play.install()
    play.decided(4)


def _patience(play: Play) -> None:
    """Limit orders: one filled in part and crossed after its time, one filled whole; then one that a new manifest finds."""
    play.install()
    play.until("ack", 2)
    wait(SETTLED_S)
    play.once("BTCUSDT", "99999.00", "100000.00", "0.1")
    play.once("ETHUSDT", "3999.00", "4000.00", "100")
    play.decided(1)
    play.touch("BTCUSDT", "100100.00", "100101.00", "50")
    play.install()
    play.until("ack", 4)
    play.install()
    play.decided(3)


def _two_manifests(play: Play) -> None:
    play.install()
    play.decided(1)
    play.touch("BTCUSDT", "100010.00", "100010.02", "50")
    play.install()
    play.decided(2)


def _one_manifest(play: Play) -> None:
    play.install()
    play.decided(1)


SCRIPTS = (
    Script(
        name="sells pay for buys",
        touches={
            "BTCUSDT": ("100000.00", "100000.02", "0.3"),
            "ETHUSDT": ("4000.00", "4000.02", "100"),
            "SOLUSDT": ("200.00", "200.02", "1000"),
        },
        weights=[
            {BTC.symbol: "0.45", ETH.symbol: "0.4"},
            {BTC.symbol: "0.1", ETH.symbol: "0.4", SOL.symbol: "0.4"},
            {BTC.symbol: "0.1", ETH.symbol: "0.55", SOL.symbol: "0.2"},
            {BTC.symbol: "0.2", ETH.symbol: "0.3"},
        ],
        act=_sells_pay_for_buys,
    ),
    Script(
        name="patience",
        touches={"BTCUSDT": ("100000.00", "100001.00", "50"), "ETHUSDT": ("4000.00", "4001.00", "100")},
        weights=[
            {BTC.symbol: "0.3", ETH.symbol: "0.3"},
            {BTC.symbol: "0.4", ETH.symbol: "0.3"},
            {BTC.symbol: "0.25", ETH.symbol: "0.3"},
        ],
        act=_patience,
        policy='schedule = "patient"\n',
        tables='[schedules.patient]\nkind = "passive_then_cross"\ntimeout_s = 5\n',
    ),
    Script(
        name="slices",
        touches=DEEP,
        weights=[{BTC.symbol: "0.3", ETH.symbol: "0.2"}, {BTC.symbol: "0.1", ETH.symbol: "0.4"}],
        act=_two_manifests,
        policy='schedule = "slow"\n',
        tables='[schedules.slow]\nkind = "twap"\nduration_s = 3\nslices = 3\nrandomize = true\n',
    ),
    Script(
        name="a thin book",
        touches={**DEEP, "BTCUSDT": ("100000.00", "100000.02", "0.1")},
        weights=[{BTC.symbol: "0.45", ETH.symbol: "0.2"}],
        act=_one_manifest,
    ),
)
