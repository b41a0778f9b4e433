"""A person's signed override, carried out: looked at, handed to the desk for one cycle, used up by a line or turned away.

(1) Read the file; what is no good by itself is turned away: one alarm, and it is out of the way. (2) While nothing is refused
that it could be for, it lies there until it expires. (3) Else the refused manifest is planned anew with it. Where that is what
lets the plan pass, the desk's line before the intents uses it up, durable before any order; then the file is removed. Where the
plan did not need it or did not pass, it is turned away and not used.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import Final

from engine.desk import ManifestDesk
from engine.recorder import Recorder
from lakehouse import records
from lakehouse.layout import Layout, storage_error, sync_directory
from lakehouse.person_file import move_directory_aside, read_person_file
from orders.errors import InputError, StorageError
from orders.plan import Held, Judgement
from sentinel.dsse import ENVELOPE_SIZE_MAX
from sentinel.override import require_covers, require_usable
from sentinel.override_token import open_override
from sentinel.override_values import OverrideRules, SignedOverride
from strategies.manifest_strategy import ManifestStrategy

EARLY: Final = "OVERRIDE_EARLY"


class OverrideDesk:
    """One per live kernel; `poll` on the engine's loop, often. `rules` None: the config names nobody. `used`: ids in the log.

    `on_change(code, message)`: told once an override is used up and durable, code empty, or turned away.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        environment: str,
        rules: OverrideRules | None,
        used: Iterable[str],
        desk: ManifestDesk,
        strategy: ManifestStrategy,
        recorder: Recorder,
        clock_ns: Callable[[], int],
        halt: Callable[[str], None],
    ) -> None:
        self._layout = layout
        self._environment = environment
        self._rules = rules
        self._used = set(used)
        self._desk = desk
        self._strategy = strategy
        self._recorder = recorder
        self._clock_ns = clock_ns
        self._halt = halt
        self._seen: tuple[bytes, SignedOverride] | None = None  # the file as it was last verified
        self._given = False  # handed to the desk, not judged yet
        self._removing: SignedOverride | None = None  # used, on its way to disk
        self.on_change: Callable[[str, str], None] = lambda code, message: None
        desk.on_override = self._judged

    def poll(self) -> None:
        """Look for an override, and hand it to the desk where it holds. Never raises: a disk that fails halts."""
        try:
            if self._removing is None:
                self._look()
        except InputError as error:
            self._turn_away(error.code, str(error))
        except StorageError as error:
            self._halt(str(error))

    def _look(self) -> None:
        if self._given:
            if self._desk.override_waits:
                return
            self._given = False
            self._desk.with_override(None)
        data = read_person_file(self._layout.override, size_max=ENVELOPE_SIZE_MAX, invalid=_invalid)
        if data is None:
            self._seen = None
            return
        if self._rules is None:
            raise InputError(
                "OVERRIDE_NOBODY",
                expected="persons in [override] of the run's config",
                found="none",
                action="Nothing was overridden; name who may in the config, which is reviewed.",
            )
        if self._seen is None or self._seen[0] != data:
            self._seen = data, open_override(data, rules=self._rules)
        signed = self._seen[1]
        try:
            require_usable(signed.token, environment=self._environment, now_ns=self._clock_ns(), used=self._used)
        except InputError as error:
            if error.code == EARLY:
                return
            raise
        refused = self._desk.refused
        if refused is None or not self._strategy.at_rest:
            return
        require_covers(signed.token, plan=refused)
        work = self._desk.with_override(signed)
        if work is not None:
            self._given = True  # before: it may be judged within the next call
            if not self._strategy.take_instead(work):
                self._given = False
                self._desk.with_override(None)

    def _judged(self, signed: SignedOverride, judgement: Judgement | Held) -> None:
        """The desk has judged a plan with it; called from a Nautilus callback, inside what halts on a failing disk."""
        self._given = False
        token_id = signed.token.token_id
        if isinstance(judgement, Judgement) and judgement.override == token_id:
            self._used.add(token_id)
            self._removing = signed
            self._recorder.when_durable(self._remove)
            return
        self._turn_away("OVERRIDE_UNUSED", f"override {token_id} let nothing pass: {judgement.message or 'the plan needs none'}")

    def _remove(self) -> None:
        signed, self._removing = self._removing, None
        assert signed is not None
        try:
            self._layout.override.unlink(missing_ok=True)
            sync_directory(self._layout.directory)
        except OSError as error:
            self._halt(str(storage_error(error, self._layout.override)))
        token = signed.token
        self.on_change("", f"override {token.token_id} by {', '.join(token.approvers)} used: {token.reason}")

    def _turn_away(self, code: str, message: str) -> None:
        """One alarm, and the file is out of the way; a disk that fails halts."""
        path = self._layout.override
        self._seen = None
        try:
            self._recorder.write(records.Alarm, code=code, message=message)
            try:
                if not move_directory_aside(path, name=self._layout.override_refused.name):
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(path, self._layout.override_refused)
                sync_directory(self._layout.directory)
            except OSError as error:
                raise storage_error(error, path) from error
        except StorageError as error:
            self._halt(str(error))
        self.on_change(code, message)


def _invalid(expected: str, found: str) -> InputError:
    return InputError(
        "OVERRIDE_MALFORMED",
        expected=expected,
        found=found,
        action="Nothing was overridden; sign it with `sluice override sign`.",
    )
