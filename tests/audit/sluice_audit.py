"""Keeps a Python process on this machine: what it tries elsewhere is refused and written down, below every library.

Beside that it searches arguments and environment of the process, and of what it starts, for the keys of a run: tests/canary.py.

It hears the interpreter's audit events: what Python code and Python libraries do with sockets and names. Sockets of native code
(uvloop, Rust) are seen by tests/egress/test_native.py alone. It stands on the standard library alone: every child of a test loads
it by `sitecustomize`.
"""

import os
import sys

PLACE = "SLUICE_EGRESS_REPORT"  # a directory: `attempts`, one JSON line each, and an empty `watched.PID` of each process
TEST = "PYTEST_CURRENT_TEST"
CANARY = "SLUICE_CANARY"  # a directory: `forms` of what must be seen nowhere, and `leaks`, one JSON line each
STARTS = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"})
UNIX, NETLINK, INTERNET = 1, 16, (2, 10)  # address families of Linux
CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
NAMES = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})

seen = []  # every host this process talked to or asked for, loopback too; a text each
expected = None  # a list while somebody tries elsewhere on purpose
_installed = False
_listening = False
_wanted = {}


class TriedElsewhere(PermissionError):
    """Something in a test tried to reach what is not on this machine."""


def install():
    """Listen from now on, once a process; an audit hook cannot be taken away."""
    global _installed
    if _installed or PLACE not in os.environ:
        return
    _installed = True
    sys.addaudithook(_heard)
    os.close(os.open(os.path.join(os.environ[PLACE], f"watched.{os.getpid()}"), os.O_CREAT | os.O_WRONLY, 0o666))


def forms(marker):
    """Return the bytes by which a text shows, by the name of the encoding."""
    import base64

    raw = marker.encode()
    found = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}
    found["percent"] = "".join(f"%{byte:02x}" for byte in raw).encode()
    found["PERCENT"] = "".join(f"%{byte:02X}" for byte in raw).encode()
    for shift in range(3):  # base64 of a text depends on where it stands; its first and last characters on its neighbours
        encoded = base64.b64encode(bytes(shift) + raw)
        found[f"base64 at {shift}"] = encoded[(0, 2, 3)[shift] : (len(raw) + shift) * 8 // 6]
    return found


def install_canary():
    """Search this process' arguments and environment now, and those of what it starts from now on; again: for other keys."""
    global _listening, _wanted
    if CANARY not in os.environ:
        return
    try:
        with open(os.path.join(os.environ[CANARY], "forms"), "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:  # the run that made it is over
        return
    _wanted = {name.decode(): form for name, _, form in (line.rpartition(b" ") for line in lines)}
    if not _listening:
        _listening = True
        sys.addaudithook(_started)
    search(_bytes(sys.orig_argv), "arguments of a Python process")
    search(_bytes(dict(os.environ)), "environment of a Python process")


def search(data, where):
    """Write down every form that is in bytes."""
    for name, form in _wanted.items():
        if form in data:
            import json

            facts = {"form": name, "where": where, "test": os.environ.get(TEST, ""), "pid": os.getpid()}
            descriptor = os.open(os.path.join(os.environ[CANARY], "leaks"), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666)
            os.write(descriptor, (json.dumps(facts) + "\n").encode())
            os.close(descriptor)


def _started(event, arguments):
    if event in STARTS:
        search(_bytes(arguments), f"what {event} was given")


def _bytes(value):
    return repr(value).encode("utf-8", "backslashreplace")


def _heard(event, arguments):
    if event in CONNECTS:
        host = _peer(arguments[0], arguments[1])
    elif event in NAMES:
        host = arguments[0]
        host = host[0] if isinstance(host, tuple) else host
    else:
        return
    if host is None:
        return
    text = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    seen.append(text)
    if not here(text):
        _tried(event, text)


def _peer(sock, address):
    """Return the host of an internet address, a word for a family that might leave the machine, None for what cannot."""
    if address is None or sock.family in (UNIX, NETLINK):
        return None
    if sock.family in INTERNET:
        return address[0]
    return f"address family {int(sock.family)}: {address!r}"


def here(host):
    """Whether a host is this machine's loopback, as an address or by its one name."""
    if host in ("", "localhost", "127.0.0.1", "::1"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tried(event, host):
    import json

    if expected is not None:
        expected.append(host)
    else:
        facts = {"test": os.environ.get(TEST, ""), "event": event, "host": host, "pid": os.getpid(), "argv": sys.argv[:6]}
        descriptor = os.open(os.path.join(os.environ[PLACE], "attempts"), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666)
        os.write(descriptor, (json.dumps(facts) + "\n").encode())
        os.close(descriptor)
    raise TriedElsewhere(f"{event} {host}: a test stays on this machine")
