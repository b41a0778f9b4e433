"""LakehouseDataClient: polls the manifest files of a live node and publishes what it finds, judged, as `TargetPortfolio`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from nautilus_trader.live.data_client import LiveDataClient

from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused
from strategies.target_portfolio import TargetPortfolio, as_custom, client_id

REJUDGE_POLLS: Final = 50  # an unchanged file is judged again now and then: it may have become stale

type Signature = tuple[tuple[int, int, int] | None, ...]  # mtime, size and inode of each file; None where there is none
type ManifestOutcome = AuditedManifest | ManifestHeld | ManifestRefused


def portfolio_of(outcome: ManifestOutcome, *, now_ns: int) -> TargetPortfolio:
    """Wrap an outcome; it happened now, whatever the manifest says of itself."""
    return TargetPortfolio(outcome=outcome, ts_event=now_ns, ts_init=now_ns)


class LakehouseDataClient(LiveDataClient):
    """`judge()` reads and judges the files once; this client calls it at each change and publishes changed outcomes.

    `on_poll()` is called on the loop before each look: what else is to be looked at in the data directory. `on_publish(outcome,
    now_ns)` is called before an outcome is published: what cannot be kept is not used.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        msgbus: Any,
        cache: Any,
        clock: Any,
        paths: Sequence[Path],
        judge: Callable[[], ManifestOutcome],
        poll_interval_s: float,
        halt: Callable[[str], None],
        on_poll: Callable[[], None] = lambda: None,
        on_publish: Callable[[ManifestOutcome, int], None] = lambda outcome, now_ns: None,
    ) -> None:
        super().__init__(loop=loop, client_id=client_id(), venue=None, msgbus=msgbus, cache=cache, clock=clock)
        self._paths = tuple(paths)
        self._judge = judge
        self._poll_interval_s = poll_interval_s
        self._halt = halt
        self._on_poll = on_poll
        self._on_publish = on_publish
        self._task: asyncio.Task[None] | None = None
        self._published: tuple[str | None, str] | None = None

    async def _connect(self) -> None:
        """Polling begins with the first subscription, so that no outcome is published before someone listens."""

    async def _disconnect(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _subscribe(self, command: Any) -> None:
        if self._task is None:
            self._task = self.create_task(self._poll())

    async def _unsubscribe(self, command: Any) -> None:
        """The node is about to stop; polling ends with the connection."""

    async def _poll(self) -> None:
        seen: Signature | None = None
        unchanged = 0
        settled = False
        while True:
            self._on_poll()
            signature = self._signature()
            if signature != seen or not settled or unchanged >= REJUDGE_POLLS:
                seen, unchanged = signature, 0
                settled = self._look()
            unchanged += 1
            await asyncio.sleep(self._poll_interval_s)

    def _look(self) -> bool:
        """Judge once, publish if it says something new; return whether the file need not be read again until it changes."""
        try:
            outcome = self._judge()
            key = (outcome.manifest_sha256, "ACCEPTED" if isinstance(outcome, AuditedManifest) else outcome.code)
            now = self._clock.timestamp_ns()
            if key != self._published:
                self._on_publish(outcome, now)
        except Exception as error:
            self._halt(f"LAKEHOUSE_FAILED: {type(error).__name__}: {error}")
            return True
        if key != self._published:
            self._published = key
            self._handle_data(as_custom(portfolio_of(outcome, now_ns=now)))
        return not isinstance(outcome, ManifestHeld)

    def _signature(self) -> Signature:
        return tuple(map(_signature_of, self._paths))


def _signature_of(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
