"""A process that runs one command line a fork: Sluice is imported once, each document is read by a process of its own.

Cases come as JSON lines, answers go back as JSON lines. A child has only so much memory and time; what it says goes to a file.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import sys
import traceback
from typing import Any

CRASHED = 97  # the exit code of what came out of the command line itself


def address_space() -> int:
    """Bytes this process has mapped."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def work(case: dict[str, Any]) -> int:
    """The child: bound, and then the command line, or a reader of ours by its name."""
    os.setpgid(0, 0)
    handle = os.open(case["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ.update(case["env"])
    most = address_space() + case["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if case["user"]:
        os.setgroups([])
        os.setgid(case["user"])
        os.setuid(case["user"])
    try:
        name, _, rest = case["words"][0].partition(":")
        if name == "reader":
            code = importlib.import_module("tests.hostile.readers").READERS[rest](*case["words"][1:])
        else:
            code = importlib.import_module("commands.main").run(case["words"])
        sys.stdout.flush()
        sys.stderr.flush()
        return int(code)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        return CRASHED


def judged(case: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait, kill what does not end; `cpu_s` and `peak_kb` of the child alone."""
    pid = os.fork()
    if pid == 0:
        code = CRASHED
        try:
            code = work(case)
        finally:
            os._exit(code)
    watch = os.pidfd_open(pid)
    ended, _, _ = select.select([watch], [], [], case["limit_s"])
    os.close(watch)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "hung": not ended,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_kb": used.ru_maxrss,
    }


def main(modules: list[str]) -> None:
    """Import, say so, and serve until the other end of the pipe is closed."""
    for name in modules:
        importlib.import_module(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(judged(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
