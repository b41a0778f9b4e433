"""Start and stop of a live node: configuration that cannot invent outcomes, client factories as closures, signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from nautilus_trader.config import (
    LiveDataClientConfig,
    LiveDataEngineConfig,
    LiveExecClientConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import TraderId

TRADER_ID: Final = "SLUICE-001"
RISK_RATE: Final = "1000000/00:00:01"  # message limits are the Sentinel's; Nautilus' default of 100/s would drop a basket

HALT_SIGNAL: Final = signal.SIGUSR1
CONNECT_S: Final = 10.0
STOPPED_BY_ITSELF: Final = "engine_stopped"

type MakeClient = Callable[[asyncio.AbstractEventLoop, Any, Any, Any], Any]


def node_config(*, data_clients: Iterable[str], exec_clients: Iterable[str], log_level: str, connect_s: float = CONNECT_S) -> Any:
    """Return a node config in which the engine's own in-flight and open-order checks are off: they turn silence into REJECTED.

    `connect_s`: how long the clients may take to connect, before which no strategy starts.
    """
    return TradingNodeConfig(
        trader_id=TraderId(TRADER_ID),
        logging=LoggingConfig(log_level=log_level, log_colors=False),
        data_engine=LiveDataEngineConfig(graceful_shutdown_on_exception=True),
        risk_engine=LiveRiskEngineConfig(
            graceful_shutdown_on_exception=True, max_order_submit_rate=RISK_RATE, max_order_modify_rate=RISK_RATE
        ),
        exec_engine=LiveExecEngineConfig(
            graceful_shutdown_on_exception=True,
            reconciliation=False,
            inflight_check_interval_ms=0,
            open_check_interval_secs=None,
            position_check_interval_secs=None,
        ),
        data_clients={name: LiveDataClientConfig() for name in data_clients},
        exec_clients={name: LiveExecClientConfig() for name in exec_clients},
        timeout_connection=connect_s,
        timeout_reconciliation=5.0,
        timeout_portfolio=5.0,
        timeout_disconnection=3.0,
        timeout_post_stop=0.1,
        timeout_shutdown=2.0,
    )


def make_node(
    *,
    loop: asyncio.AbstractEventLoop,
    data_clients: Iterable[str],
    exec_clients: Iterable[str],
    log_level: str,
    connect_s: float = CONNECT_S,
) -> Any:
    """Return a node that is not built yet: its kernel can be assembled upon, its clients come with `build`."""
    config = node_config(data_clients=data_clients, exec_clients=exec_clients, log_level=log_level, connect_s=connect_s)
    return TradingNode(config=config, loop=loop)


def build(node: Any, *, data_clients: Mapping[str, MakeClient], exec_clients: Mapping[str, MakeClient]) -> None:
    """Build the node's clients, each made by its closure (loop, msgbus, cache, clock)."""
    for name, make in data_clients.items():
        node.add_data_client_factory(name, _factory(LiveDataClientFactory, make))
    for name, make in exec_clients.items():
        node.add_exec_client_factory(name, _factory(LiveExecClientFactory, make))
    node.build()


def _factory(base: Any, make: MakeClient) -> Any:
    """Nautilus takes factory classes whose static `create` gets no portfolio: a class made in a closure has what it needs."""

    class Factory(base):
        @staticmethod
        def create(loop: Any, name: str, config: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            return make(loop, msgbus, cache, clock)

    return Factory


def take_signals(loop: asyncio.AbstractEventLoop, finished: asyncio.Event) -> list[str]:
    """From now on Ctrl-C and SIGTERM set `finished`; return the list their names join, in order of arrival.

    To be called right after a node is made: making one puts Nautilus' own handlers in place.
    """
    causes: list[str] = []

    def on_signal(name: str) -> None:
        causes.append(name)
        finished.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
        loop.add_signal_handler(number, on_signal, number.name)
    return causes


def take_halt_signal(on_halt: Callable[[str], None]) -> None:
    """From now on, until this process ends, SIGUSR1 calls `on_halt(name)`. To be called on the main thread.

    Not by the loop, unlike the two that end a run: Python calls it between two instructions of the main thread, so that a loop
    that hangs in a callback or a wait is blocked too. A process that is stopped (SIGSTOP), or hangs in native code, runs nothing.
    """
    signal.signal(HALT_SIGNAL, lambda number, frame: on_halt(HALT_SIGNAL.name))


async def run_until(
    node: Any,
    finished: asyncio.Event,
    *,
    background: Callable[[], Any],
    causes: Sequence[str],
    before_stop: Callable[[], Awaitable[None]],
) -> str:
    """Run a node until `finished`, then stop it; return what `take_signals` caught first, else "finished".

    `STOPPED_BY_ITSELF` where the node ended before that: Nautilus stops it after an exception in one of its engines.
    `background()` is awaited beside the node once it runs; its failure ends the run and is raised here. `before_stop()` is
    awaited while the clients of a node that has traded are still connected.
    """
    running = asyncio.create_task(node.run_async())
    side = asyncio.create_task(background())
    waiting = asyncio.create_task(finished.wait())
    await asyncio.wait({running, side, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if side.done() and not side.cancelled() and side.exception() is None and not waiting.done():
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    died = running.done() and not finished.is_set()
    for task in (side, waiting):
        task.cancel()
    if node.kernel.trader.is_running:
        await before_stop()
    else:
        running.cancel()  # still connecting, which may take as long as the clients are given
    await node.stop_async()
    await asyncio.gather(running, side, waiting, return_exceptions=True)
    for task in (side, running):
        error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error
    if died:
        return STOPPED_BY_ITSELF
    return causes[0] if causes else "finished"
