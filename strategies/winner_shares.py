"""From an audited manifest to who wants what: the shares that net to its targets."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Final

from lakehouse.manifest import AuditedManifest

_EXACT: Final = Context(prec=1000)  # as `lakehouse.manifest` nets them: sums of these equal its targets to the digit


def shares_of(manifest: AuditedManifest) -> dict[str, dict[str, Decimal]]:
    """Return symbol -> winner (engine/profile) -> signed fraction of equity, exact, symbols in the order of the targets.

    The shares of a symbol sum to its target. A winner that names a symbol at weight zero has a share of zero.
    """
    shares: dict[str, dict[str, Decimal]] = {symbol: {} for symbol in manifest.targets}
    with localcontext(_EXACT):
        for winner in manifest.winners:
            part = manifest.fractions[winner.key]
            for asset in winner.assets:
                shares[asset.symbol][winner.key] = part * asset.net_weight
    return shares
