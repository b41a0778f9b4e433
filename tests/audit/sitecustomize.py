"""Loaded by every Python process that a test starts, as this directory is on its PYTHONPATH."""

import sluice_audit

sluice_audit.install()
sluice_audit.install_canary()
