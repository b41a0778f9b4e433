"""What promotions make of a live run: the bundle and the gates file it is held to, what its arming must know of both, and what
watches its capital while it trades.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.assemble import Assembly
from engine.gates_file import load_gates
from engine.inputs import Inputs
from engine.run_config import RunConfig
from lakehouse.bundles import Bundle
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold
from live.arming import Promoted
from live.held_bundle import HeldBundle, held_bundle
from live.move_desk import MoveDesk
from live.promoted import other_gates, promoted_facts
from live.promotion_signing import rules_of
from live.ramp import Ramp, RunningGates
from orders.metrics import CANARY


class Governed:
    """One per live run. `gates_path`: the gates file of the command line; `sources`: directories of evidence over those it names;
    `current`: the bundle that may trade by the record, None: none. `held` is there once `hold` was called, `gates` once
    `read_gates` was; None: no promotion governs the run.
    """

    held: HeldBundle

    def __init__(
        self, config: RunConfig, *, layout: Layout, gates_path: Path, sources: Mapping[str, Path], current: str | None
    ) -> None:
        self.gates: RunningGates | None = None
        self._config = config
        self._layout = layout
        self._gates_path = gates_path
        self._sources = sources
        self._current = current

    def hold(self, inputs: Inputs, *, named: str | None) -> Bundle:
        """Return the bundle the run goes by; where that it is held to is not sound its own, and the arming refuses. Raises as
        `held_bundle`.
        """
        self.held = held_bundle(self._config, inputs, layout=self._layout, named=named, current=self._current)
        return self.held.bundle

    def read_gates(self, fold: LogFold) -> None:
        """Read the gates file where the record has promotions. Raises `ConfigError` of one that cannot be used."""
        if not fold.promotions.lines:
            return
        gates = load_gates(self._gates_path)
        code = self.held.bundle.parts["code"].document()["source_sha256"]
        sources = {**self._sources, CANARY: self._layout.directory}
        self.gates = RunningGates(gates, path=self._gates_path, sources=sources, code_sha256=code)

    def promoted(self, fold: LogFold) -> Promoted:
        """Return what the arming must know of promotions, bundle and gates file."""
        held, live = self.held, self._config.live
        assert live is not None
        known = promoted_facts(fold, bundle_sha256=held.sha256, layout=self._layout, live=live)
        passed = fold.promotions.passed.get(held.sha256)
        other = "" if self.gates is None else other_gates(passed, gates_sha256=self.gates.gates.sha256, path=self._gates_path)
        return replace(known, gone=held.gone, altered=held.altered, differs=held.differs, gates=other)

    def watches(
        self,
        fold: LogFold,
        *,
        assembly: Assembly,
        run_id: str,
        tell: Callable[..., None],
        keep: Callable[[Callable[[], None]], None],
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what watches the capital of a promoted run, and what persons ask of any by `sluice promote`; `tell` and `keep`
        as `MoveDesk` has them.
        """
        ramp = None
        if self.gates is not None:
            ramp = Ramp(
                promotions=fold.promotions,
                marks=fold.ramp_marks,
                environment=self._config.environment,
                layout=self._layout,
                writer=assembly.recorder,
                hold_to=assembly.hold_to,
                tell=tell,
                halt=assembly.halt,
                gates=self.gates,
            )
        desk = MoveDesk(
            ramp=ramp,
            promotions=fold.promotions,
            bundle_sha256=self.held.sha256,
            gates_sha256=None if self.gates is None else self.gates.gates.sha256,
            environment=self._config.environment,
            run_id=run_id,
            rules=rules_of(self._config),
            layout=self._layout,
            writer=assembly.recorder,
            hold_to=assembly.hold_to,
            raise_to=assembly.raise_to,
            tell=tell,
            keep=keep,
        )
        return (*(() if ramp is None else (ramp.watch(), ramp.watch_gates())), desk.watch())
