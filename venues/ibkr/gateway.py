"""Where TWS or IB Gateway listens, whose account it is, and how long is waited for what. Pure.

The socket has neither password nor encryption, so only this machine is talked to; a TWS elsewhere comes through a tunnel.
"""

from __future__ import annotations

from typing import Final

from orders.errors import ConfigError
from orders.values import Record

HOST: Final = "127.0.0.1"
CLIENT_ID_MAX: Final = 999
REHEARSAL_ACCOUNT: Final = "REHEARSAL"  # how the accounts of a fake TWS begin; a real one is U1234567, DU1234567 for paper


class IbkrGateway(Record, frozen=True, kw_only=True):
    """One TWS on this machine. `client_id` 1 to 999: IB scopes orders by it, so it stays the same while a record lives.

    A loopback port says nothing about real or made: a real TWS listens on loopback too. Only `rehearses` tells.
    """

    port: int
    client_id: int
    account: str

    @property
    def rehearses(self) -> bool:
        """Whether the account is a fake TWS' own; TWS must then hold exactly this account, or nothing starts."""
        return self.account.startswith(REHEARSAL_ACCOUNT)


class IbkrTiming(Record, frozen=True, kw_only=True):
    """Seconds. `connect_s`: for the whole connection. `request_s`: for one answer to a query. `order_s`: silence after which an
    order is UNKNOWN. `look_first_s`, `look_max_s`: first and longest pause between looks, doubling. `absent_s`: see
    `AbsenceEvidence`. `alarm_s`: an order unresolved for so long halts. `absent_age_s`: an older order is never taken for absent,
    because TWS' lists begin at midnight. `cancel_s`: for the answer to one cancel; `cancel_tries`: of those.
    """

    connect_s: int = 20
    request_s: int = 10
    order_s: float = 10.0
    look_first_s: float = 1.0
    look_max_s: float = 30.0
    absent_s: float = 30.0
    alarm_s: float = 300.0
    absent_age_s: float = 6 * 3600.0
    cancel_s: float = 3.0
    cancel_tries: int = 3
    watch_s: float = 0.25


def gateway(*, host: str, port: int, client_id: int, account: str) -> IbkrGateway:
    """Return a checked address. Raises `ConfigError` IBKR_ADDRESS naming what is wrong."""
    wrong = ""
    if host != HOST:
        wrong = f"host {host!r}; TWS' socket is open to whoever reaches it: tunnel to {HOST}"
    elif not 1 <= port <= 65_535:
        wrong = f"port {port}"
    elif not 1 <= client_id <= CLIENT_ID_MAX:
        wrong = f"client id {client_id}; 0 is TWS' own window"
    elif not (account.isascii() and account.isalnum() and account.isupper()):
        wrong = f"account {account!r}"
    if wrong:
        raise ConfigError(
            "IBKR_ADDRESS",
            expected=f"host {HOST}, a port, a client id of 1 to {CLIENT_ID_MAX}, an account such as DU1234567",
            found=wrong,
            action="Mend the config; TWS shows port and account under Global Configuration, API.",
        )
    return IbkrGateway(port=port, client_id=client_id, account=account)
