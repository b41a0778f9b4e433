"""What a sweep of a venue saw: every working order of ours cancelled until the venue itself says that none works."""

from __future__ import annotations

from orders.values import Record


class Swept(Record, frozen=True, kw_only=True):
    """What was seen. `asked`: our ids a cancel was sent for; `strangers`: working orders that are not ours; `confirmed`: the
    venue said that none of ours works, and said it again after a while. `words`: the last trouble, "" for none.
    """

    asked: tuple[str, ...]
    strangers: int
    confirmed: bool
    words: str

    @property
    def told(self) -> str:
        """Return in words what was seen."""
        strangers = f"; {self.strangers} orders of others work there and were left" if self.strangers else ""
        if self.confirmed:
            return f"no order of ours works, {len(self.asked)} cancelled; seen twice{strangers}"
        return f"NOT confirmed: {self.words}; {len(self.asked)} cancels sent{strangers}"
