"""The bundle a live run is held to, or what is wrong with it, which the arming tells with everything else that is missing."""

from __future__ import annotations

from typing import Final

from engine.bundle_carried import BundleDiffers, carried_bundle, named_bundle
from engine.bundle_parts import bundle_of
from engine.inputs import Inputs
from engine.run_config import RunConfig
from lakehouse.bundles import PREFIX, Bundle, known_bundles
from lakehouse.layout import Layout
from orders.errors import ConfigError, InputError
from orders.values import Record

UNKNOWN: Final = "BUNDLE_UNKNOWN"
BUNDLE: Final = "BUNDLE_"  # how the codes of a bundle on disk begin
DIGITS: Final = 16


class HeldBundle(Record, frozen=True, kw_only=True):
    """`bundle`: what the run goes by; where something is wrong its own, which starts nothing. `sha256`: of the bundle that was
    meant. Texts say what is wrong; "" where nothing is: `gone`, it is not there; `altered`, a part of it is not what its hash
    says; `differs`, the run is not what it says, each part named.
    """

    bundle: Bundle
    sha256: str
    gone: str = ""
    altered: str = ""
    differs: str = ""


def held_bundle(config: RunConfig, inputs: Inputs, *, layout: Layout, named: str | None, current: str | None) -> HeldBundle:
    """Return what a run is held to. `named`: by the command line or the record, None: nothing; `current`: the bundle that may
    trade by the record, None: none.

    Raises `ConfigError` BUNDLE_AMBIGUOUS, and BUNDLE_UNKNOWN of a name that the record does not know either; `StorageError`.
    """
    try:
        bundle = carried_bundle(config, inputs, layout=layout, named=named)
        return HeldBundle(bundle=bundle, sha256=bundle.sha256)
    except BundleDiffers as error:
        assert named is not None
        sha256 = named_bundle(config, layout=layout, named=named).sha256
        return HeldBundle(bundle=bundle_of(config, inputs), sha256=sha256, differs=error.found)
    except ConfigError as error:
        if error.code != UNKNOWN or named is None or current is None or not _begins(current, named):
            raise
        found = f"{current[:DIGITS]}, which may trade by this record, is not in {layout.bundles}"
        return HeldBundle(bundle=bundle_of(config, inputs), sha256=current, gone=found)
    except InputError as error:
        if not error.code.startswith(BUNDLE) or named is None:
            raise
        found = f"{error.code}: {error.expected} was expected, found {error.found}"
        return HeldBundle(bundle=bundle_of(config, inputs), sha256=_whole(layout, named), altered=found)


def _begins(sha256: str, named: str) -> bool:
    return PREFIX.fullmatch(named) is not None and sha256.startswith(named)


def _whole(layout: Layout, named: str) -> str:
    """Return the hash a bundle is called by; of one that lies elsewhere the last part of its path."""
    begun = [name for name in known_bundles(layout) if _begins(name, named)]
    return begun[0] if len(begun) == 1 else named.rstrip("/").rpartition("/")[2]
