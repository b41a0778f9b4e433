"""Control 15: the counter's own arithmetic against a second, plainer one, over any order of admissions and answers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orders.plan import Outcome
from sentinel.conservation import Conservation

PARENTS = ("p", "q")
UNITS = st.integers(1, 12).map(lambda units: units * Decimal("0.1"))


class Counting(RuleBasedStateMachine):
    """`children`: id -> [parent, quantity, filled, ended]. Late fills and fills beyond an order are among the answers."""

    @initialize(quantities=st.tuples(UNITS, UNITS))
    def begin(self, quantities):
        self.counter = Conservation()
        self.quantity = dict(zip(PARENTS, quantities, strict=True))
        self.children: dict[str, list] = {}
        self.disabled: set[str] = set()
        for parent, quantity in self.quantity.items():
            self.counter.admit_parent(parent, quantity)

    def committed(self, parent):
        return sum((max(f, q) if not ended else f for p, q, f, ended in self.children.values() if p == parent), Decimal(0))

    @rule(parent=st.sampled_from(PARENTS), quantity=UNITS)
    def ask(self, parent, quantity):
        fits = self.committed(parent) + quantity <= self.quantity[parent]
        allowed = self.counter.ask(parent, quantity).outcome is Outcome.ALLOW
        assert allowed is (fits and parent not in self.disabled)
        if allowed:
            child = f"c{len(self.children)}"
            self.counter.reserve(parent, child, quantity)
            self.children[child] = [parent, quantity, Decimal(0), False]
        else:
            self.disabled.add(parent)
        assert self.counter.may_send(parent) is (parent not in self.disabled)

    @precondition(lambda self: self.children)
    @rule(data=st.data(), quantity=UNITS)
    def fill(self, data, quantity):
        known = self.children[data.draw(st.sampled_from(sorted(self.children)), label="child")]
        child = next(key for key, value in self.children.items() if value is known)
        known[2] += quantity
        kept = self.committed(known[0]) <= self.quantity[known[0]]
        assert self.counter.fill(child, quantity) is kept
        if not kept:
            self.disabled.add(known[0])

    @precondition(lambda self: self.children)
    @rule(data=st.data())
    def end(self, data):
        child = data.draw(st.sampled_from(sorted(self.children)), label="child")
        self.counter.release(child)
        self.children[child][3] = True

    @rule(quantity=UNITS)
    def strangers_change_nothing(self, quantity):
        assert self.counter.fill("stranger", quantity)
        self.counter.release("stranger")
        assert self.counter.ask("no parent", quantity).outcome is Outcome.DENY

    @invariant()
    def both_count_the_same(self):
        for parent in PARENTS:
            assert self.counter.committed(parent) == self.committed(parent)

    @invariant()
    def open_and_filled_stay_within_an_enabled_parent(self):
        for parent in PARENTS:
            assert parent in self.disabled or self.counter.committed(parent) <= self.quantity[parent]


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def counter_of(quantity: str = "1") -> Conservation:
    counter = Conservation()
    counter.admit_parent("p", Decimal(quantity))
    return counter


@pytest.mark.parametrize("quantity", ["1.1", "0", "-1", "NaN", "Infinity"])
def test_a_child_that_is_no_part_of_its_parent_disables_it(quantity):
    counter = counter_of()
    assert counter.ask("p", Decimal(quantity)).outcome is Outcome.DENY
    assert not counter.may_send("p")
    verdict = counter.ask("p", Decimal("0.1"))
    assert verdict.outcome is Outcome.DENY
    assert verdict.observed.endswith("the parent is disabled")


def test_exactly_the_parent_passes_and_one_step_more_does_not():
    counter = counter_of()
    assert counter.ask("p", Decimal(1)).outcome is Outcome.ALLOW
    counter.reserve("p", "c", Decimal(1))
    verdict = counter.ask("p", Decimal("0.00001"))
    assert (verdict.control, verdict.outcome) == ("CONSERVATION", Outcome.DENY)
    assert verdict.observed == "1 open and filled, and 0.00001 more"
    assert verdict.limit == "1 of the parent"


def test_what_a_cancelled_child_left_may_be_asked_for_again():
    counter = counter_of()
    counter.reserve("p", "c", Decimal(1))
    counter.fill("c", Decimal("0.4"))
    counter.release("c")
    assert counter.committed("p") == Decimal("0.4")
    assert counter.ask("p", Decimal("0.6")).outcome is Outcome.ALLOW


def test_a_late_fill_whose_place_was_given_away_is_a_break():
    counter = counter_of()
    counter.reserve("p", "c", Decimal(1))
    counter.release("c")
    counter.reserve("p", "d", Decimal(1))
    assert not counter.fill("c", Decimal("0.1"))
    assert not counter.may_send("p")


def test_a_forgotten_parent_has_no_children():
    counter = counter_of()
    counter.reserve("p", "c", Decimal(1))
    counter.forget("p")
    assert counter.ask("p", Decimal(1)).outcome is Outcome.DENY
    assert counter.fill("c", Decimal(1))


def test_a_child_that_is_not_sent_after_all_gives_its_place_and_its_id_back():
    counter = counter_of()
    counter.reserve("p", "c", Decimal("0.4"))
    counter.reserve("p", "d", Decimal("0.6"))
    counter.undo("d")
    assert counter.committed("p") == Decimal("0.4")
    counter.reserve("p", "d", Decimal("0.6"))
    assert counter.committed("p") == Decimal(1)
    counter.undo("d")
    counter.admit_parent("q", Decimal(1))
    counter.reserve("q", "d", Decimal(1))  # the id is another parent's child now
    counter.forget("p")
    assert counter.committed("q") == Decimal(1)
    assert not counter.fill("d", Decimal(2))
    assert not counter.may_send("q")


def test_an_answer_to_a_child_of_a_forgotten_parent_changes_nothing():
    counter = counter_of()
    counter.reserve("p", "c", Decimal(1))
    counter.forget("p")
    counter.release("c")
    assert counter.fill("c", Decimal(1))
    assert not counter.may_send("p")
    counter.forget("p")


def test_a_parent_nobody_approved_may_not_send():
    assert not Conservation().may_send("p")


def test_words_say_of_an_allowed_child_that_nothing_is_disabled():
    counter = counter_of()
    assert counter.ask("p", Decimal("0.5")).observed == "0 open and filled, and 0.5"
    counter.ask("p", Decimal(2))
    assert counter.ask("p", Decimal("0.5")).observed == "0 open and filled, and 0.5; the parent is disabled"
