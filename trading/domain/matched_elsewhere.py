"""The market side of a venue that matches by itself: bars move nothing there."""

from collections.abc import Mapping

from trading.domain.bar import Bar


class MatchedElsewhere:
    """Implements `MatchingEngine` for a venue whose fills come from the venue."""

    def prime(self, instrument: str, bar: Bar) -> None:
        """Nothing to prepare."""

    def open_phase(self, bars: Mapping[str, Bar]) -> int:
        return 0

    def match_arrivals(self) -> int:
        return 0

    def run_on(self, bars: Mapping[str, Bar]) -> None:
        """What runs on does so at the venue."""

    def range_phase(self, bars: Mapping[str, Bar]) -> int:
        return 0

    def fills_nothing(self, bars: Mapping[str, Bar]) -> bool:
        """Only the venue knows: every close is looked at."""
        return False

    def pass_by(self, bars: Mapping[str, Bar]) -> None:
        """Nothing to remember."""

    def keep_trailed(self) -> None:
        """Nothing to keep."""
