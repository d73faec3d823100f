"""The story at Coinbase, where an order in doubt is sent again; and which story is whose."""

from decimal import Decimal

from aitrader.kernel.fix import Side
from tests.integration.trading.at_venue import PX
from tests.simulation.venue_story import Story
from trading.models import Order
from trading.services import pairs


class Repeated(Story):
    """At Coinbase, where an order in doubt is sent again."""

    steps = (
        "fills", "rests", "cancelled", "sent_again", "sent_again_in_vain", "replaced", "paired",
        "paired_and_cancelled",
    )  # fmt: skip

    def sent_again(self, number: int) -> None:
        """It was lost, no list shows it, and a second copy is taken."""
        self._order(number, price=PX + 600)
        self._under("lose_request=1", self._send)
        self._until_certain()

    def sent_again_in_vain(self, number: int) -> None:
        """The second copy is refused, which says nothing of the first: that has to be found."""
        self._order(number, price=PX + 600)
        self._under("lose_request=1", self._send)
        self._under("refuse_filter=1", self._resolve)
        self._until_certain()

    def paired(self, number: int) -> None:
        """A stop and a target, one order there: lost, sent again, and sold at the target."""
        self._pair(number)
        self._under("lose_request=1", self._send)
        self._until_certain()
        self._bid(PX + 800, "0.001")
        self._sweep()

    def paired_and_cancelled(self, number: int) -> None:
        pair = self._pair(number)
        self._send()
        for order in pair:
            self._wish(order)
        self._cancel()
        self._sweep()

    def _pair(self, number: int) -> list[Order]:
        name = f"story pair {number}"
        found = Order.objects.filter(reason=name)
        if not found.exists():
            pair = pairs.Pair(
                self.place.code, Side.SELL, Decimal("0.001"), stop_px=PX - 5000, target_px=PX + 800
            )
            pairs.submit(desk=self.desk, pair=pair, by=self._who(), reason=name, at=self.now())
        return list(found.order_by("pk"))


STORIES = {"BINANCE": Story, "COINBASE": Repeated}
