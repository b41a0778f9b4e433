"""The search for the keys of a run finds them in every place and spelling, and fails the run that leaks them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import sluice_audit

from tests import canary
from tests.children import END_S, child

ROOT = Path(__file__).parents[2]
CLEAN = """
from tests import canary

def test_uses_the_key(tmp_path):
    (tmp_path / "rehearsal").write_text(canary.key_file().read_text())
    assert len(canary.secret()) > 40
"""
LEAKS = {
    "printed": "print(canary.key())",
    "logged": "logging.getLogger('x').error('with %s', canary.secret())",
    "written, in a traceback that a child printed": """
    code = "import sys; raise RuntimeError(open(sys.argv[1]).read())"
    subprocess.run([sys.executable, "-c", code, str(canary.key_file())], capture_output=True)
    """,
    "in a traceback": "raise RuntimeError(canary.key())",
    "in a file": "(tmp_path / 'x').write_text(canary.key())",
    "in a large file, in hex": "(tmp_path / 'x').write_text(' ' * 20_000_000 + canary.secret().encode().hex())",
    "in base64 of more": "(tmp_path / 'x').write_bytes(base64.b64encode(b'ab:' + canary.key().encode() + b':x'))",
    "in a file of the key's name, with more": "(tmp_path / 'rehearsal').write_text(canary.key_file().read_text() + 'and more')",
    "in the environment of a child": "subprocess.run(['true'], env={'KEY': canary.key()})",
    "in the environment of a child of a child": """
    code = "import os, subprocess; subprocess.run(['true'], env={'KEY': open(os.environ['FILE']).read()})"
    subprocess.run([sys.executable, "-c", code], env=dict(os.environ, FILE=str(canary.key_file())))
    """,
    "in the arguments of a child": "subprocess.run(['true', canary.secret()])",
    "read back from the own output": "print(canary.key()); capsys.readouterr()",
}
HEAD = "import base64, logging, os, subprocess, sys\nfrom tests import canary\n\n"


def said_by(tests: str, root: Path, *, processes: str = "0") -> tuple[int, str]:
    """Run a session of its own with these tests and the plugin."""
    (root / "test_inner.py").write_text(tests)
    (root / "pytest.ini").write_text("[pytest]\n")
    rest = {name: text for name, text in os.environ.items() if name not in (sluice_audit.PLACE, sluice_audit.CANARY)}
    words = ["-p", "tests.no_egress", "-p", "tests.canary", "-p", "no:cacheprovider", "-n", processes, "test_inner.py"]
    env = {**rest, "PYTHONPATH": str(ROOT)}
    with child([sys.executable, "-m", "pytest", *words, "--basetemp", "made"], cwd=root, env=env) as process:
        said = process.communicate(timeout=END_S)[0]
    return process.returncode, said


@pytest.mark.parametrize("processes", ["0", "2"], ids=["one process", "workers"])
def test_every_leak_is_found_and_one_fails_a_run_whose_tests_pass(processes: str, tmp_path: Path) -> None:
    tests = [
        f"def test_{number:02}(tmp_path, capsys):\n    {body.strip()}\n" for number, body in enumerate(LEAKS.values())
    ]  # fmt: skip
    status, said = said_by(HEAD + "\n".join(tests), tmp_path, processes=processes)
    assert status == 1, said
    found = said[said.index("canary:") :]
    missed = [name for number, name in enumerate(LEAKS) if f"test_{number:02}" not in found]
    assert missed == [], said


def test_a_run_that_keeps_its_keys_passes(tmp_path: Path) -> None:
    status, said = said_by(CLEAN, tmp_path)
    assert (status, "were found 0 times" in said) == (0, True), said


def test_passing_tests_that_leak_fail_the_run(tmp_path: Path) -> None:
    status, said = said_by(f"{HEAD}def test_it():\n    print(canary.key())\n", tmp_path)
    assert status == 1, said
    assert "1 passed" in said or "\n." in said, said


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
def test_a_marker_is_recognised_wherever_it_stands_in_what_was_encoded(before: str) -> None:
    marker = "k3y0fth1srun" * 2
    forms = sluice_audit.forms(marker)
    text = f"{before}{marker}!"
    for encoded in (text, text.encode().hex(), text.encode().hex().upper(), quote(text, safe="")):
        assert any(form in encoded.encode() for form in forms.values()), encoded
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert any(form in encode(text.encode()) for form in forms.values()), before


def test_two_runs_have_other_keys() -> None:
    assert canary.key() != canary.secret()
    assert canary.key()[9:27] == canary.secret()[9:27]
    places = [canary._made() for _ in range(2)]
    facts = [json.loads((place / "keys.json").read_text()) for place in places]
    for place in places:
        shutil.rmtree(place)
    assert facts[0].keys() == facts[1].keys()
    assert [name for name in facts[0] if facts[0][name] == facts[1][name]] == []
