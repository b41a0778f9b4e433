"""The files a run config names, kept when a run begins and put back for a replay: config, symbol map, limits, hours, volumes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout, storage_error
from lakehouse.plain_file import read_plain
from lakehouse.run_inputs import InputFile, InputLine, InputsWriter
from orders.canonical import sha256_hex
from orders.errors import ConfigError, InputError

CONFIG: Final = "config"
INPUT_SIZE_MAX: Final = 100_000_000  # bytes of one file


def files_of(config: RunConfig) -> Iterator[tuple[str, str, Path]]:
    """Yield kind, name and path of each file that the config names and a run reads once, when it begins."""
    yield CONFIG, "", config.path
    yield "symbols", "", config.symbols.map
    for venue, section in sorted(config.venues.items()):
        yield "market_limits", venue, section.market_limits
        if section.hours is not None:
            yield "hours", venue, section.hours
        if section.volumes is not None:
            yield "volumes", venue, section.volumes
    for symbol, terms in sorted(config.assumptions_section.financing.funding.items()):
        if terms.series is not None:
            yield "funding", symbol, terms.series


def keep_inputs(config: RunConfig, layout: Layout, *, run_id: str) -> InputsWriter:
    """Keep every file of the config before it is used; return the writer, to which manifests and quotes are added.

    Raises `StorageError`, and `ConfigError` CONFIG_CHANGED when the config is not what it was when it was read.
    """
    inputs = InputsWriter(layout, run_id=run_id)
    for kind, name, path in files_of(config):
        try:
            data = read_plain(path, size_max=INPUT_SIZE_MAX)
        except OSError as error:
            raise storage_error(error, path) from error
        if (kind == CONFIG and sha256_hex(data) != config.sha256) or len(data) > INPUT_SIZE_MAX:
            raise ConfigError(
                "CONFIG_CHANGED",
                expected=f"{path} as it was read, at most {INPUT_SIZE_MAX} bytes",
                found="another one",
                action="Start again.",
            )
        inputs.file(data, kind=kind, name=name, path=str(path))
    return inputs


def kept_config(layout: Layout, lines: Iterable[InputLine]) -> RunConfig:
    """Return the config of a run as it was kept, its files the kept ones; `lines` and their bytes are proven already.

    Raises `InputError` INPUT_MISSING where the config is not among them.
    """
    kept: dict[tuple[str, str], InputFile] = {(one.kind, one.name): one for one in lines if isinstance(one, InputFile)}
    if (CONFIG, "") not in kept:
        raise InputError(
            "INPUT_MISSING",
            expected="the run config among the kept inputs",
            found="none",
            action="A run that did not keep its inputs cannot be replayed.",
        )
    config = load_config(layout.inputs / kept[CONFIG, ""].sha256)
    return with_files(config, {key: layout.inputs / one.sha256 for key, one in kept.items()})


def with_files(config: RunConfig, paths: Mapping[tuple[str, str], Path]) -> RunConfig:
    """Return the config with these files instead of those it names; a file that is not given stays."""
    venues = {
        name: section.model_copy(
            update={
                "market_limits": paths.get(("market_limits", name), section.market_limits),
                "hours": paths.get(("hours", name), section.hours),
                "volumes": paths.get(("volumes", name), section.volumes),
            }
        )
        for name, section in config.venues.items()
    }
    assumptions = config.assumptions_section
    funding = {
        symbol: terms.model_copy(update={"series": paths.get(("funding", symbol), terms.series)})
        for symbol, terms in assumptions.financing.funding.items()
    }
    financing = assumptions.financing.model_copy(update={"funding": funding})
    return config.model_copy(
        update={
            "symbols": config.symbols.model_copy(update={"map": paths.get(("symbols", ""), config.symbols.map)}),
            "venues": venues,
            "assumptions_section": assumptions.model_copy(update={"financing": financing}),
        }
    )
