"""The live run of a drill: a real `sluice live` on a desk of its own, which with its watchdog ends when the drill does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands.rehearsal_desk import RehearsalDesk, new_desk, own_place
from engine.run_config import RunConfig
from live.arming import ENVIRONMENT_VARIABLE, LIVE
from orders.errors import ConfigError


def drill_desk(source: Path, directory: Path | None, *, label: str) -> RehearsalDesk:
    """Return a desk with its directory made; `directory` None: a new one below data/rehearsals whose name ends in `label`."""
    desk = new_desk(source, directory=directory or own_place(label))
    desk.make()
    return desk


def require_loopback(config: RunConfig) -> None:
    """Whatever a config says: a drill reaches nothing but the venue it has started itself."""
    assert config.live is not None
    foreign = [name for name, section in config.live.venues.items() if not section.rehearses]
    if foreign:
        raise ConfigError(
            "DRILL_NOT_REHEARSED",
            expected="every venue of the drill's config on this machine",
            found=", ".join(foreign),
            action="data/configs/crypto_rehearsal.toml and ib_rehearsal.toml can be drilled.",
        )


@contextmanager
def drilled_live(desk: RehearsalDesk, *, watchdog: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """`sluice live` on the desk; it is ended with the block, and so is its watchdog unless the next start is to meet it."""
    environ = {**os.environ, ENVIRONMENT_VARIABLE: LIVE}
    with (
        said_file(desk).open("ab") as said,
        subprocess.Popen(
            desk.live_words, env=environ, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,  # our own program  # nosec B603
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            if watchdog:
                desk.end_watchdog()


def said_file(desk: RehearsalDesk) -> Path:
    """Return the file that has what the run says."""
    return desk.directory / "live.log"
