"""IB's client library is loaded by whoever trades at IBKR, and by nobody else."""

from __future__ import annotations

import subprocess
import sys


def test_the_command_line_and_a_run_of_another_venue_do_without_ib_s_library():
    names = "commands.main, sim.shadow_run, engine.node_run, venues.ccxt.execution_client"
    script = f"import sys, {names}; sys.exit([name for name in sys.modules if name.split('.')[0] in ('ibapi', 'google')] != [])"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
