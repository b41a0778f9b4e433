"""A real browser without a window, and what a page that it opened asked the network for."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--no-pings", "--disable-features=NetworkTimeServiceQuerying", "--disable-domain-reliability",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
END_S = 120
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")


def opened(page: Path, directory: Path, *flags: str) -> tuple[str, set[str]]:
    """Open a page; return its document after scripts ran, and every address of a network that it asked for."""
    log = directory / "net.json"
    done = subprocess.run(
        [
            str(BROWSER), *FLAGS, *flags, f"--log-net-log={log}", f"--user-data-dir={directory / 'profile'}", "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True, text=True, timeout=END_S, check=True,
    )  # fmt: skip
    asked = filter(None, map(_asked, log.read_text().splitlines()))
    return done.stdout, {url for url in asked if not url.startswith(("file:", "data:"))}


def _asked(line: str) -> str | None:
    """The address that a line of the browser's log of its network says a file asked for: the browser asks by itself too."""
    if '"initiator"' not in line:
        return None
    asked = json.loads(line.rstrip().removesuffix(","))["params"]
    by_a_file = asked["initiator"] == "null" or str(asked.get("network_isolation_key", "")).startswith("file:")
    return str(asked["url"]) if by_a_file else None
