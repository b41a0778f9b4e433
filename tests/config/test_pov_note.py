"""A share of the traded volume is a share of nothing where the data have no trades: `config check` says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config_notes import config_notes
from engine.run_config import load_config
from tests.config.test_config_check import text_of

POV = '[schedules.tenth]\nkind = "pov"\nduration_s = 60\nparticipation_max = "0.1"\n'


@pytest.mark.parametrize(
    ("config", "policy", "noted"),
    [
        ("crypto", 'schedule = "tenth"\n', True),
        ("shadow", 'schedule = "tenth"\n', True),
        ("crypto", "", False),
        ("crypto_live", 'schedule = "tenth"\n', False),
        ("backtest_catalog", 'schedule = "tenth"\n', False),
    ],
    ids=["recorded quotes", "closes", "it is not used", "live data", "bars of a catalog"],
)
def test_a_share_of_volume_is_told_where_there_is_none(
    config: str, policy: str, noted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)
    text = text_of(config)
    place = text.index("drift_check_s")
    end = text.index("\n", place) + 1
    path = tmp_path / "run.toml"
    path.write_text(text[:end] + policy + POV + text[end:])
    assert any("would fill nothing" in note for note in config_notes(load_config(path))) is noted
