"""Client order ids in the form that a venue takes, and back.

1. Kraken takes free text up to 18 characters, else 32 hex digits (docs.kraken.com, Spot Client
   Order Identifiers). Ours have 160 bits in 32 characters: their first 128 go over the wire.
2. The way back is by the desk's own orders that begin with those bits; what belongs to none of
   them stays as the venue wrote it, a stranger's, and goes out again as it came.
3. An order without a client id goes by the venue's own id: `ID-` and that.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable

from aitrader.kernel.errors import RejectedByVenue

_LONGEST_TEXT = 18
_HEX = re.compile(r"[0-9a-f]{32}")
#: Characters of an id of ours that 128 bits decide.
_HEAD = 25

_UNNAMED = "ID-"

#: Ids of the desk's orders that begin with these characters.
Beginning = Callable[[str], Iterable[str]]


def nobody(head: str) -> Iterable[str]:
    """For a desk that keeps no orders."""
    return ()


def unnamed(order_id: object) -> str:
    """The name of an order that has none."""
    return f"{_UNNAMED}{order_id}"


def venues_id(cl_ord_id: str) -> str:
    """The venue's id, of an order that goes by it; else empty."""
    return cl_ord_id.removeprefix(_UNNAMED) if cl_ord_id.startswith(_UNNAMED) else ""


def _is_theirs(written: str) -> bool:
    return _HEX.fullmatch(written.replace("-", "")) is not None


class ClientIds:
    """`hexed` says whether the venue wants the form of invariant 1; else ids go as they are."""

    def __init__(self, *, hexed: bool, beginning: Beginning = nobody) -> None:
        self._hexed = hexed
        self._beginning = beginning

    def theirs(self, cl_ord_id: str) -> str:
        """An id of ours as it goes over the wire. Raises RejectedByVenue for one that
        would be refused there."""
        if not self._hexed or len(cl_ord_id) <= _LONGEST_TEXT or _is_theirs(cl_ord_id):
            return cl_ord_id
        try:
            digits = base64.b32decode(cl_ord_id)[:16].hex()
        except binascii.Error:
            digits = ""
        if not _HEX.fullmatch(digits):
            raise RejectedByVenue("CLIENT_ORDER_ID", f"{cl_ord_id} cannot be written there")
        return digits

    def ours(self, written: str) -> str:
        """The id of ours that was written so."""
        digits = written.replace("-", "")
        if not self._hexed or not _is_theirs(written):
            return written
        head = base64.b32encode(bytes.fromhex(digits)).decode("ascii")[:_HEAD]
        found = [each for each in self._beginning(head) if self.theirs(each) == digits]
        return found[0] if len(found) == 1 else written
