"""The fault table: what the answer to one create-order request says of the order. Pure; a golden test holds it to ccxt's release.

The rule (seen against a loopback venue that executes and then misbehaves): a list of definite rejections, a list of what
cannot have reached the matching engine, and everything else is UNKNOWN. A timeout, a cut-off body, 200 with HTML, a 503 and a
cancelled task all left a live order behind.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import aiohttp
from ccxt.base import errors

from venues.ccxt.egress import EgressRefused


class Outcome(StrEnum):
    """What is known of an order after its one request."""

    ACCEPTED = "ACCEPTED"  # the venue answered with an order of its own id
    REJECTED = "REJECTED"  # the venue, or ccxt before sending, said no to exactly this
    NOT_SENT = "NOT_SENT"  # it cannot be live: never on the wire, or turned away before matching
    UNKNOWN = "UNKNOWN"  # it may be live; only asking settles it


# Subclasses count, but for those in `UNKNOWN_ALL_THE_SAME`.
REJECTIONS: Final = (
    errors.InsufficientFunds,
    errors.InvalidOrder,
    errors.BadRequest,
    errors.AuthenticationError,  # PermissionDenied and the account errors among them
    errors.NotSupported,
    errors.OperationRejected,
    errors.ArgumentsRequired,
)
# Another order has the id, or the venue speaks of an order that a create cannot mean: look it up.
UNKNOWN_ALL_THE_SAME: Final = (errors.DuplicateOrderId, errors.OrderNotFound)
TURNED_AWAY: Final = (errors.InvalidNonce, errors.RateLimitExceeded, errors.DDoSProtection)  # exact classes
NEVER_CONNECTED: Final = (aiohttp.ClientConnectorError, socket.gaierror)  # as ccxt's cause


def outcome_of(answer: BaseException | Any, *, duplicate_texts: tuple[str, ...] = ()) -> Outcome:
    """Return the outcome of a create request from what it raised or returned.

    `duplicate_texts`: words by which the venue says, in an error of a rejecting class, that this id is taken already.
    An answer counts as accepted only if it is an order with the venue's id; its status is the caller's to read.
    """
    if not isinstance(answer, BaseException):
        return _outcome_of_order(answer)
    if never_left(answer) or type(answer) in TURNED_AWAY:
        return Outcome.NOT_SENT
    if isinstance(answer, UNKNOWN_ALL_THE_SAME) or not isinstance(answer, REJECTIONS):
        return Outcome.UNKNOWN
    return Outcome.UNKNOWN if any(text in str(answer) for text in duplicate_texts) else Outcome.REJECTED


def never_left(error: BaseException) -> bool:
    """Return whether a request cannot have left this machine: no connection came about."""
    return isinstance(error, EgressRefused) or isinstance(error.__cause__, NEVER_CONNECTED)


def _outcome_of_order(answer: Any) -> Outcome:
    if not isinstance(answer, Mapping):
        return Outcome.UNKNOWN
    order_id = answer.get("id")
    if not isinstance(order_id, str) or not order_id:
        return Outcome.UNKNOWN
    return Outcome.REJECTED if answer.get("status") == "rejected" else Outcome.ACCEPTED
