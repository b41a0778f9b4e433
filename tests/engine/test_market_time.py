"""Market time is one linear function of shift and speed, exact in integers, and its inverse is never early."""

from hypothesis import given
from hypothesis import strategies as st

from engine.market_time import IDENTITY, MarketTime

instants = st.integers(min_value=0, max_value=4 * 10**18)


@given(real=instants)
def test_identity_changes_nothing(real: int) -> None:
    assert IDENTITY.at(real) == real
    assert IDENTITY.real_of(real) == real


@given(real_epoch=instants, market_epoch=instants, speed=st.integers(1, 31_536_000), market=instants)
def test_inverse_is_the_first_nanosecond_at_or_after(real_epoch: int, market_epoch: int, speed: int, market: int) -> None:
    time = MarketTime(real_epoch_ns=real_epoch, market_epoch_ns=market_epoch, speed=speed)
    real = time.real_of(market)
    assert time.at(real) >= market
    assert time.at(real - 1) < market


def test_a_day_a_second_runs_86400_times_as_fast() -> None:
    time = MarketTime(real_epoch_ns=1_000, market_epoch_ns=5_000, speed=86_400)
    assert time.at(1_000 + 1_000_000_000) - time.at(1_000) == 86_400 * 1_000_000_000
