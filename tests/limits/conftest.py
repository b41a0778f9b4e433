"""Nothing these tests do may leave loopback: see `tests.ccxt_public.conftest`."""

from tests.ccxt_public.conftest import nothing_leaves_loopback as nothing_leaves_loopback
