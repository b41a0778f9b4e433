"""The guard of the test run itself: whatever a test or its child tries elsewhere is refused, named, and fails the run."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
import sluice_audit

from tests.children import END_S, child
from tests.no_egress import SEEN, attempts, trying_elsewhere, watched

ROOT = Path(__file__).parents[2]
ELSEWHERE = "203.0.113.7"  # of a block that is kept for documents
NAME = "venue.example"

TRIES = {
    "a connection": lambda: socket.create_connection((ELSEWHERE, 443), timeout=1),
    "a connection by version 6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM).connect(("2001:db8::1", 443)),
    "a connection that nobody waits for": lambda: socket.socket().connect_ex((ELSEWHERE, 443)),
    "a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (ELSEWHERE, 53)),
    "a message": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, (ELSEWHERE, 53)),
    "every address of this machine": lambda: socket.create_connection(("0.0.0.0", 9), timeout=1),
    "a name": lambda: socket.getaddrinfo(NAME, 443),
    "a name as bytes": lambda: socket.getaddrinfo(NAME.encode(), 443),
    "a name, the old way": lambda: socket.gethostbyname(NAME),
    "the name of an address": lambda: socket.gethostbyaddr(ELSEWHERE),
    "the name of an address and a port": lambda: socket.getnameinfo((ELSEWHERE, 443), 0),
    "a link, below addresses": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).sendto(b"x", ("lo", 0)),
}


@pytest.mark.parametrize("act", TRIES.values(), ids=list(TRIES))
@pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_whatever_leaves_this_machine_is_refused_and_named(act):
    with trying_elsewhere() as tried, pytest.raises(PermissionError):
        act()
    assert len(tried) == 1, tried


def test_loopback_and_sockets_of_the_machine_itself_pass(tmp_path):
    with trying_elsewhere() as tried, socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()
        with socket.socket(socket.AF_UNIX) as inner, pytest.raises(FileNotFoundError):
            inner.connect(str(tmp_path / "nobody"))
    assert tried == []
    assert "127.0.0.1" in SEEN


def apart(place: Path | None = None) -> dict[str, str]:
    """This environment for what is watched apart: what it tries is told `place`, or to whom it makes itself."""
    rest = {name: text for name, text in os.environ.items() if name not in (sluice_audit.PLACE, "PYTHONPATH")}
    return {**rest, "PYTHONPATH": str(ROOT)} if place is None else watched({**rest, sluice_audit.PLACE: str(place)})


CHILDREN = {
    "a child": f"import socket; socket.create_connection(({ELSEWHERE!r}, 443))",
    "a child of a child": f"""
import subprocess, sys
sys.exit(subprocess.call([sys.executable, "-c", "import socket; socket.getaddrinfo({NAME!r}, 1)"]))
""",
    "a fork of a child": f"""
import multiprocessing, socket
fork = multiprocessing.get_context("fork").Process(target=socket.getaddrinfo, args=({NAME!r}, 1))
fork.start(); fork.join(); raise SystemExit(fork.exitcode)
""",
}


def said_by(command: list[str | Path], **options: object) -> tuple[int, str]:
    with child(command, **options) as process:
        said = process.communicate(timeout=END_S)[0]
    return process.returncode, said


@pytest.mark.parametrize("code", CHILDREN.values(), ids=list(CHILDREN))
def test_a_child_that_tries_is_refused_and_told_of(code, tmp_path):
    status, said = said_by([sys.executable, "-c", code], env=apart(tmp_path))
    (tried,) = attempts(str(tmp_path))
    assert (status, tried["host"]) in {(1, ELSEWHERE), (1, NAME)}, said
    assert tried["test"].startswith("tests/egress/test_no_egress.py::test_a_child_that_tries")


def test_every_way_to_start_a_child_watches_it(tmp_path):
    """An environment made from nothing included; what is watched leaves an empty file of its number."""
    for number, options in enumerate(({"env": {}}, {"env": {"PYTHONPATH": "nowhere"}}, {})):
        code = f"import sys, os; assert 'sluice_audit' in sys.modules; print(os.environ[{sluice_audit.PLACE!r}], os.getpid())"
        status, said = said_by([sys.executable, "-c", code], **options)
        assert status == 0, (number, said)
        place, pid = said.split()
        assert Path(place, f"watched.{pid}").exists()


INNER = f"""
import socket, subprocess, sys
def test_is_quiet(): socket.socketpair()[0].close()
def test_swallows_what_went_wrong():
    try: socket.create_connection(({ELSEWHERE!r}, 443))
    except OSError: pass
def test_has_a_child_which_swallows_it():
    code = "import socket\\ntry: socket.getaddrinfo({NAME!r}, 1)\\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.mark.parametrize("processes", ["0", "2"], ids=["one process", "workers"])
def test_a_run_fails_with_the_test_that_tried_whatever_the_test_itself_thinks(processes, tmp_path):
    (tmp_path / "test_inner.py").write_text(INNER)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = ["-p", "tests.no_egress", "-p", "no:cacheprovider", "-n", processes, "-rA", "test_inner.py"]
    status, said = said_by([sys.executable, "-m", "pytest", *words], cwd=tmp_path, env=apart())
    found = {name: line.split()[0] for line in said.splitlines() for _, _, name in [line.partition(" test_inner.py::")] if name}
    outcomes = {name.split(" - ")[0]: word for name, word in found.items()}
    assert status == 1, said
    assert outcomes["test_is_quiet"] == "PASSED", said
    assert outcomes["test_swallows_what_went_wrong"] == outcomes["test_has_a_child_which_swallows_it"] == "ERROR", said
    assert "egress: 2 attempts to leave this machine" in said
