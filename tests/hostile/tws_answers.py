"""TWS on loopback that answers whatever it is told: good until the contract is asked for, then hostile, frame by frame."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

from ibapi.message import IN
from ibapi.protobuf.ContractData_pb2 import ContractData
from ibapi.protobuf.ContractDataEnd_pb2 import ContractDataEnd
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.MarketRule_pb2 import MarketRule

from tests.hostile.documents import NAMES
from tests.hostile.venue_answers import Server
from venues.ibkr.frames import frame, text_frame

ACCOUNT = "REHEARSAL1"
SYMBOL = "NASDAQ:AAPL"
RULE = 26

type Scene = tuple[bytes, ...]  # what is said to the hello, to the start, and to the request for a contract; then the line ends


def hello(text: str = "223\0 20260101 00:00:00 UTC\0") -> bytes:
    return text_frame(text)


def accounts(names: str = ACCOUNT) -> bytes:
    return frame(IN.MANAGED_ACCTS, ManagedAccounts(accountsList=names))


def contract(request: int = 1, **changes: object) -> ContractData:
    """AAPL as IB tells it, with these fields another."""
    message = ContractData(reqId=request)
    given, details = message.contract, message.contractDetails
    given.conId, given.symbol, given.secType, given.currency, given.primaryExch = 265598, "AAPL", "STK", "USD", "NASDAQ"
    details.minTick, details.minSize, details.sizeIncrement, details.priceMagnifier = "0.01", "1", "1", 1
    details.validExchanges, details.marketRuleIds = "SMART,NASDAQ", f"{RULE},{RULE}"
    details.secIdList["ISIN"] = "US0378331005"
    for name, value in changes.items():
        setattr(given if hasattr(given, name) else details, name, value)
    return message


def told(message: ContractData, *, rule: MarketRule | None = None) -> bytes:
    """The contract, the end of the list, and the market rule that will be asked for."""
    made = rule or MarketRule(marketRuleId=RULE)
    if rule is None:
        made.priceIncrements.add(lowEdge=0.0, increment=0.01)
    return frame(IN.CONTRACT_DATA, message) + frame(IN.CONTRACT_DATA_END, ContractDataEnd(reqId=1)) + frame(IN.MARKET_RULE, made)


def rule(*increments: float) -> MarketRule:
    made = MarketRule(marketRuleId=RULE)
    for number, increment in enumerate(increments):
        made.priceIncrements.add(lowEdge=float(number), increment=increment)
    return made


def _length(size: int) -> bytes:
    return size.to_bytes(4)


GOOD: Scene = (hello(), accounts(), told(contract()))


def at_hello(data: bytes) -> Scene:
    return (data,)


def at_start(data: bytes) -> Scene:
    return (hello(), data)


def at_contract(data: bytes) -> Scene:
    return (hello(), accounts(), data)


FRAMES: dict[str, bytes] = {
    "nothing": b"",
    "half a length": b"\0\0",
    "a length of four gigabytes": b"\xff" * 4,
    "a length just beyond the bound": _length((1 << 20) + 1) + bytes(100),
    "a length that is too long by one": _length(9) + bytes(8),
    "a message without a number": _length(0),
    "a message of two bytes": _length(2) + b"\0\1",
    "a message of the old kind": _length(8) + b"15\0" + b"1\0abc",
    "a number that is negative": _length(8) + b"\xff\xff\xff\xff" + bytes(4),
    "a number nobody knows": _length(8) + _length(100_000) + bytes(4),
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "noise": bytes(range(256)) * 40,
    "a message of a megabyte of zeros": _length(1 << 20) + _length(215) + bytes((1 << 20) - 4),
    "groups in one another": _length(100_004) + _length(IN.CONTRACT_DATA + 200) + b"\x0b" * 100_000,
    "tables in one another": _length(30_004) + _length(IN.CONTRACT_DATA + 200) + b"\x12\x7f" * 15_000,
    "a text that is no UTF-8": _length(12) + _length(IN.CONTRACT_DATA + 200) + b"\x12\x06\x12\x04\xff\xfe\xff\xfe",
    "a varint without end": _length(24) + _length(IN.CONTRACT_DATA + 200) + b"\x08" + b"\xff" * 19,
    "an error of a megabyte": frame(IN.ERR_MSG, ErrorMessage(id=1, errorCode=321, errorMsg="A" * 1_000_000)),
    "an error that steers a terminal": frame(
        IN.ERR_MSG, ErrorMessage(id=1, errorCode=321, errorMsg="\x1b[2J\x1b]0;owned\x07\u202e")
    ),
    "an error of another request": frame(IN.ERR_MSG, ErrorMessage(id=2**31 - 1, errorCode=-(2**31), errorMsg="")),
    "contracts without end": frame(IN.CONTRACT_DATA, contract()) * 20_000,
}
NUMBERS: dict[str, str] = {
    "a huge exponent": "1e999999999", "not a number": "NaN", "a signalling not a number": "sNaN", "infinity": "Infinity",
    "minus one": "-1", "negative zero": "-0", "nothing": "", "a million digits": "9" * 900_000, "underscores": "1_0",
    "digits of another script": "１２", "the largest of IB": "1.7976931348623157E308",
}  # fmt: skip


def scenes() -> dict[str, Scene]:
    """Every hostile TWS by name."""
    found: dict[str, Scene] = {}
    for name, data in FRAMES.items():
        found |= {f"{name}, to the hello": at_hello(data), f"{name}, to the start": at_start(data)}
        found[f"{name}, for a contract"] = at_contract(data)
    for text in ("many\0", "-5\0", "100\0", "223"):
        found[f"the version {text!r}"] = at_hello(hello(text))
    found["a version of a million digits"] = at_hello(_length(1_000_000) + b"9" * 1_000_000)
    found |= {f"{name} as account": at_start(accounts(text)) for name, text in NAMES.items() if name != "a surrogate half"}
    found["a hundred thousand accounts"] = at_start(accounts(",".join(["DU1"] * 100_000)))
    for name, text in NUMBERS.items():
        for place in ("minTick", "minSize", "sizeIncrement", "multiplier"):
            found[f"{name} as {place}"] = at_contract(told(contract(**{place: text if place != "multiplier" else _double(text)})))
    for name, text in NAMES.items():
        if name != "a surrogate half":
            found[f"{name} as symbol"] = at_contract(told(contract(symbol=text)))
    for name, value in {"a magnifier of zero": 0, "a negative magnifier": -1, "the largest magnifier": 2**31 - 1}.items():
        found[name] = at_contract(told(contract(priceMagnifier=value)))
    for name, increments in {
        "a tick that is no number": (math.nan,), "an endless tick": (math.inf,), "a negative tick": (-0.01,),
        "a tick of zero": (0.0,),
        "the smallest tick": (5e-324,), "the largest tick": (1.7e308,), "ticks that do not fit": (0.01, 0.015), "no tick": (),
        "ten thousand ticks": tuple(0.01 * (n + 1) for n in range(10_000)),
    }.items():  # fmt: skip
        found[name] = at_contract(told(contract(), rule=rule(*increments)))
    found["market rules of words"] = at_contract(told(contract(marketRuleIds="a,b," + "9" * 5_000)))
    return found


def _double(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def speak_tws(scene: Callable[[], Scene]) -> Callable[[socket.socket, Server], None]:
    """Talk to one connection: each part once the client has said something more; then the line ends."""

    def talk(line: socket.socket, server: Server) -> None:
        for part in scene():
            if not line.recv(65_536):
                return
            line.sendall(part)
        line.shutdown(socket.SHUT_WR)
        while line.recv(65_536):
            pass

    return talk
