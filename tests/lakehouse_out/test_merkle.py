"""The tree over the ledger's lines is RFC 6962's: an independent library has the same roots."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from lakehouse.merkle import Frontier, inclusion_proof, root_from_proof


def line(number: int) -> bytes:
    return b'{"seq":%d}' % number


def test_roots_equal_pymerkle_s_for_every_size_to_1024():
    theirs, ours = InmemoryTree(algorithm="sha256"), Frontier()
    assert ours.root() == theirs.get_root()
    for number in range(1, 1025):
        theirs.append_entry(line(number))
        ours.add(line(number))
        assert (ours.size, ours.root()) == (number, theirs.get_root())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33])
def test_proof_of_every_line_equals_pymerkle_s(size):
    theirs = InmemoryTree(algorithm="sha256")
    for number in range(size):
        theirs.append_entry(line(number))
    for index in range(size):
        path = theirs.prove_inclusion(index + 1, size).serialize()["path"][1:]  # theirs begins with the leaf itself
        assert [node.hex() for node in inclusion_proof(map(line, range(size)), index=index, size=size)] == path


@given(size=st.integers(1, 700), data=st.data())
def test_a_proof_leads_to_the_root_from_its_line_and_place_alone(size, data):
    index = data.draw(st.integers(0, size - 1))
    tree = Frontier()
    for number in range(size):
        tree.add(line(number))
    proof = inclusion_proof(map(line, range(size + 3)), index=index, size=size)
    assert root_from_proof(line(index), index=index, size=size, proof=proof) == tree.root()
    assert root_from_proof(line(size), index=index, size=size, proof=proof) != tree.root()
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        with suppress(ValueError):  # another place may have another number of hashes
            assert root_from_proof(line(index), index=other, size=size, proof=proof) != tree.root()
