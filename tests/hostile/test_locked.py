"""What is installed is what was locked: every package has a hash, and a wrong one is refused by what `make` runs."""

from __future__ import annotations

import ensurepip
import hashlib
import os
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.children import END_S, child

ROOT = Path(__file__).parents[2]
NAME = "made_for_a_test-1.0-py3-none-any.whl"
ANOTHER = "sha256:" + "0" * 64


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A package of one module."""
    path = tmp_path / "wheels" / NAME
    path.parent.mkdir()
    info = "made_for_a_test-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("made_for_a_test.py", "")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: made-for-a-test\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return path


def said_by(*words: object, **options: object) -> tuple[int, str]:
    with child([str(word) for word in words], **options) as process:
        said = process.communicate(timeout=END_S)[0]
    return process.returncode, said


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_every_package_of_the_lock_has_the_hash_of_every_file() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    files = [file for package in packages for file in [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]]
    assert len(packages) > 80
    assert [file for file in files if not file["hash"].startswith("sha256:")] == []
    foreign = [package["name"] for package in packages if "registry" not in package["source"]]
    assert foreign == ["sluice"]  # nothing comes from an address or a directory, where a lock has no hash


def test_make_installs_by_the_lock_alone_and_uv_by_its_hash() -> None:
    text = (ROOT / "Makefile").read_text()
    installs = [line for line in text.splitlines() if " sync " in line or "pip install" in line]
    assert len(installs) == 3
    assert all("--frozen" in line or "--require-hashes --requirement .ci/uv.txt" in line for line in installs)
    pinned = [line for line in (ROOT / ".ci/uv.txt").read_text().splitlines() if not line.startswith(("#", "    --hash=sha256:"))]
    assert [line.split("==")[0] for line in pinned] == ["uv"]


@pytest.mark.parametrize(("given", "code"), [(None, 0), (ANOTHER, 1)], ids=["the right hash", "another hash"])
def test_pip_as_make_runs_it_installs_by_the_right_hash_alone(given: str | None, code: int, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "wanted.txt").write_text(f"made-for-a-test==1.0 --hash={given or sha256(wheel)}\n")
    (pip,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    found = said_by(
        sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-index", "--find-links", wheel.parent,
        "--target", tmp_path / "installed", "--require-hashes", "--requirement", tmp_path / "wanted.txt",
        env={**os.environ, "PYTHONPATH": str(pip), "PIP_CONFIG_FILE": os.devnull},
    )  # fmt: skip
    assert found[0] == code, found
    assert (tmp_path / "installed/made_for_a_test.py").exists() is (code == 0)
    assert code == 0 or "DO NOT MATCH THE HASHES" in found[1]


@pytest.mark.parametrize("altered", [False, True], ids=["as it was locked", "another file under its name"])
def test_uv_as_make_runs_it_installs_what_was_locked_alone(altered: bool, wheel: Path, tmp_path: Path) -> None:
    uv = shutil.which("uv") or next((str(path) for path in (ROOT / ".uv/bin/uv",) if path.exists()), None)
    if uv is None:
        pytest.skip("no uv on the path nor in .uv")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.13"\ndependencies = ["made-for-a-test"]\n'
        f'[tool.uv]\npackage = false\n[tool.uv.sources]\nmade-for-a-test = {{ path = "{wheel}" }}\n'
    )
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("UV_", "VIRTUAL_ENV"))}
    env = {**kept, "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_PYTHON_DOWNLOADS": "never"}
    options = {"cwd": project, "env": env}
    words = ("--offline", "--quiet", "--python", sys.executable)
    assert said_by(uv, "lock", *words, **options) == (0, "")
    assert sha256(wheel) in (project / "uv.lock").read_text()
    if altered:
        with zipfile.ZipFile(wheel, "a") as file:
            file.writestr("evil.py", "")
    code, said = said_by(uv, "sync", "--frozen", *words, **options)
    assert (code != 0) is altered, said
    assert ("hash mismatch" in said.lower()) is altered, said
