"""The records that are traced, each made once."""

from __future__ import annotations

import pytest

from tests.trace.made import Made, one_order, stale, two_manifests


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return one_order(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return two_manifests(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="session")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return stale(tmp_path_factory.mktemp("stale"))
