"""Tells an exception left behind inside the venue's client library from one of ours.

ccxt starts tasks of its own (pings, farewells to closed sockets); when a line breaks some end with an exception nobody awaits,
and asyncio hands it to the loop's handler. It means what a lost stream means, and the stream's watchdog says that; it must not
halt trading as a broken callback of ours does.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

CLIENT_PACKAGES: Final = frozenset({"ccxt", "aiohttp", "aiohappyeyeballs"})
LIBRARY: Final = "asyncio"


def is_client_noise(context: dict[str, Any]) -> bool:
    """Return whether a loop's exception context is the client library's alone: no frame of anyone else's is in it.

    Without a traceback the exception's own type decides.
    """
    error = context.get("exception")
    if not isinstance(error, Exception):
        return False
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(PurePath(trace.tb_frame.f_code.co_filename).parts)
        trace = trace.tb_next
    if not frames:
        return type(error).__module__.partition(".")[0] in CLIENT_PACKAGES
    return all(_of(parts, CLIENT_PACKAGES) or LIBRARY in parts for parts in frames) and any(
        _of(parts, CLIENT_PACKAGES) for parts in frames
    )


def _of(parts: tuple[str, ...], packages: frozenset[str]) -> bool:
    return "site-packages" in parts and parts[parts.index("site-packages") + 1] in packages
