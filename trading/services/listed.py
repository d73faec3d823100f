"""What rests at the venue by its own list, asked for once in a look.

A list is of one instant and the books go on: beside it stands what rested or was in doubt here just
before it was asked for, so that nothing which began or ended meanwhile is taken for a difference.
"""

from collections.abc import Collection, Mapping, Sequence

from trading.domain.ports import Gateway, OpenOrder
from trading.selectors.desk import Desk
from trading.services import order_rows


class Listed:
    """Made for one look; asks when it is first needed. Of the whole account, or at least of these
    instruments."""

    def __init__(self, desk: Desk, gateway: Gateway, *, instruments: Collection[str] = ()) -> None:
        self._desk = desk
        self._gateway = gateway
        self._instruments = instruments
        self._found: Sequence[OpenOrder] | None = None
        #: Client ids, as of just before the list was asked for.
        self.resting_before: frozenset[str] = frozenset()
        self.doubtful_before: frozenset[str] = frozenset()

    def orders(self) -> Sequence[OpenOrder]:
        """Raises GatewayError when the venue does not tell."""
        if self._found is None:
            store = order_rows.of(self._desk)
            self.resting_before = frozenset(store.resting_ids())
            self.doubtful_before = frozenset(store.in_doubt())
            self._found = self._gateway.open_orders(
                account=self._desk.account.code, instruments=self._instruments
            )
        return self._found

    def by_client_id(self) -> Mapping[str, OpenOrder]:
        """The same by client order id. Raises GatewayError when the venue does not tell."""
        return {each.cl_ord_id: each for each in self.orders()}
