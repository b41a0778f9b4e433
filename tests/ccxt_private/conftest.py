"""Nothing leaves loopback here either."""

from tests.ccxt_public.conftest import nothing_leaves_loopback as nothing_leaves_loopback
