"""Client order ids in the form that a venue takes, and back.

1. Kraken takes free text up to 18 characters, else 32 hex digits (docs.kraken.com, Spot Client
   Order Identifiers). Ours have 160 bits in 32 characters: their first 128 go over the wire.
2. The way back is by the desk's own orders that begin with those bits; what belongs to none of
   them stays as the venue wrote it, a stranger's.
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

#: Ids of the desk's orders that begin with these characters.
Beginning = Callable[[str], Iterable[str]]


def nobody(head: str) -> Iterable[str]:
    """For a desk that keeps no orders."""
    return ()


class ClientIds:
    """`hexed` says whether the venue wants the form of invariant 1; else ids go as they are."""

    def __init__(self, *, hexed: bool, beginning: Beginning = nobody) -> None:
        self._hexed = hexed
        self._beginning = beginning

    def theirs(self, cl_ord_id: str) -> str:
        """An id of ours as it goes over the wire. Raises RejectedByVenue for one that
        would be refused there."""
        if not self._hexed or len(cl_ord_id) <= _LONGEST_TEXT:
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
        digits = written.replace("-", "").lower()
        if not self._hexed or not _HEX.fullmatch(digits):
            return written
        head = base64.b32encode(bytes.fromhex(digits)).decode("ascii")[:_HEAD]
        found = [each for each in self._beginning(head) if self.theirs(each) == digits]
        return found[0] if len(found) == 1 else written
