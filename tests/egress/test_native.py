"""Below the interpreter: every address that a live run and a shadow give the kernel, native sockets included, is this machine's.

An audit hook does not hear uvloop's and Nautilus' own sockets; `strace` hears every thread of every process of a run.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import sluice_audit

from tests.children import END_S, child
from tests.live.ib_world import ib_desk
from tests.live.invariants import reached
from tests.live.world import Desk, desk

CALLS = "connect,sendto,sendmsg,sendmmsg"
ADDRESS = re.compile(
    r"sa_family=AF_INET, sin_port=htons\((\d+)\), sin_addr=inet_addr\(\"([^\"]+)\"\)"
    r"|sa_family=AF_INET6, sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, \"([^\"]+)\""
)
FAMILY = re.compile(r"sa_family=(\w+)")
OF_THIS_MACHINE = {"AF_UNIX", "AF_LOCAL", "AF_NETLINK", "AF_UNSPEC"}  # the last takes a socket's peer away


def traced(trace: Path) -> list[str]:
    """The words of a command that traces another, which gets its signals: a file a thread, so that no line is torn."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run([strace, "-qq", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()[:80]}")
    return [strace, "-D", "-ff", "-qq", "-s", "0", "-e", f"trace={CALLS}", "-o", str(trace)]


def reached_by(trace: Path) -> tuple[set[str], list[str]]:
    """Return the ports of this machine that were reached, and the line of each call that names anything elsewhere."""
    ports, elsewhere = set(), []
    for file in trace.parent.glob(f"{trace.name}.*"):
        for line in file.read_text(errors="replace").splitlines():
            found = [(four, host) if host else (six, wide) for four, host, six, wide in ADDRESS.findall(line)]
            families = [name for name in FAMILY.findall(line) if name not in OF_THIS_MACHINE]
            if len(found) != len(families) or not all(sluice_audit.here(host) for _, host in found):
                elsewhere.append(line)
            ports.update(port for port, _ in found)
    return ports, elsewhere


def run_of(made: Desk, command: str, trace: Path) -> None:
    """Trade the manifest to its end, then stop it."""
    process = made.start(engine=command, prefix=traced(trace))
    made.until(lambda: reached(made), process)
    said = made.end(process)
    assert process.returncode == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("command", ["live", "shadow"])
def test_every_address_of_a_run_is_the_rehearsal_exchange_on_this_machine(command: str, tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        run_of(made, command, tmp_path / "trace")
        ports, elsewhere = reached_by(tmp_path / "trace")
        assert elsewhere == []
        assert made.venue.endpoint.rpartition(":")[2] in ports


@pytest.mark.slow
def test_every_address_of_a_run_at_interactive_brokers_is_the_fake_tws_on_this_machine(tmp_path: Path) -> None:
    with ib_desk(tmp_path) as made:
        run_of(made, "live", tmp_path / "trace")
        ports, elsewhere = reached_by(tmp_path / "trace")
        assert elsewhere == []
        assert str(made.venue.port) in ports


NATIVE = {
    "a datagram socket of the C library": """
import ctypes, socket, struct
libc, sock = ctypes.CDLL(None), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9), socket.inet_aton("203.0.113.7"))
libc.connect(sock.fileno(), peer, len(peer))
""",
    "version 6 of it": """
import ctypes, socket, struct
libc, sock = ctypes.CDLL(None), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
peer = struct.pack("=HHI16sI", socket.AF_INET6, socket.htons(9), 0, socket.inet_pton(socket.AF_INET6, "2001:db8::7"), 0)
libc.connect(sock.fileno(), peer, len(peer))
""",
    "a link below addresses": """
import ctypes, socket, struct
libc, sock = ctypes.CDLL(None), socket.socket(socket.AF_UNIX)
peer = struct.pack("=H", socket.AF_PACKET) + bytes(18)
libc.connect(sock.fileno(), peer, len(peer))
""",
    "a connection that uvloop makes": """
import asyncio, uvloop
async def go():
    try:
        async with asyncio.timeout(0.2):
            await asyncio.get_running_loop().create_connection(asyncio.Protocol, "203.0.113.7", 443)
    except OSError: pass
uvloop.run(go())
""",
}


@pytest.mark.parametrize("code", NATIVE.values(), ids=list(NATIVE))
def test_what_no_audit_hook_hears_is_seen_here(code: str, tmp_path: Path) -> None:
    """The bad twins: each tries an address of documents, from a thread of a child of the traced process."""
    wrapped = f"import threading\nthread = threading.Thread(target=exec, args=({code!r}, {{}}))\nthread.start(); thread.join()"
    outer = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {wrapped!r}]))"
    with child([*traced(tmp_path / "trace"), sys.executable, "-c", outer]) as process:
        said = process.communicate(timeout=END_S)[0]
    assert process.returncode == 0, said
    _, elsewhere = reached_by(tmp_path / "trace")
    assert len(elsewhere) == 1, elsewhere


def test_loopback_of_both_versions_passes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('localhost', {port})).close()"
        with child([*traced(tmp_path / "trace"), sys.executable, "-c", code]) as process:
            assert process.wait(END_S) == 0
    ports, elsewhere = reached_by(tmp_path / "trace")
    assert (str(port) in ports, elsewhere) == (True, [])
