"""The markets on which processes die: short, thin, over midnight, stops set close."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.factories import candles
from trading.selectors.desk import VOLATILITY_BARS

#: Bars before the first decision.
WARMUP = VOLATILITY_BARS + 1
_QUICK = {
    "sma_cross": {"fast": "2", "slow": "5"},
    "donchian": {"entry": "6", "exit": "3"},
}
_CLOSE_EXITS = {
    "sma_cross": {"trailing_pct": "0.15", "stop_loss_pct": "0.1", "take_profit_pct": "0.3"},
    "donchian": {"trailing_pct": "0.2", "stop_loss_pct": "0.15", "take_profit_pct": "0.3"},
}


@dataclass(frozen=True, slots=True)
class Market:
    """What to trade on, `bars` after the warm-up. Orders need two bars and more to fill; a fifth
    stay unanswered."""

    name: str
    kind: str
    bars: int
    seed: int
    bases: Sequence[str] = ("BTC",)
    unanswered: str = "0.2"
    fee_asset: str = ""
    gaps: bool = False

    def arguments(self, folder: Path) -> list[str]:
        """Options of the command; writes the files."""
        given = ["--kind", self.kind, "--seed", str(self.seed)]
        for base in self.bases:
            given += ["--replay", str(self._file(folder, base))]
        if self.unanswered:
            given += ["--unanswered-rate", self.unanswered]
        if self.fee_asset:
            given += ["--fee-asset", self.fee_asset]
        for strategy, parameters in _QUICK.items():
            for name, value in (parameters | _CLOSE_EXITS[strategy]).items():
                given += ["--set", f"{strategy}.{name}={value}"]
        return given

    def _file(self, folder: Path, base: str) -> Path:
        bars = candles.simulated(WARMUP + self.bars, seed=self.seed, base=base, thin=Decimal(5))
        rows = [candles.row(bar) for bar in bars]
        rows.insert(WARMUP + 10, rows[WARMUP + 9])
        if self.gaps:
            for gap in range(WARMUP + 6, len(rows) - 6, 9):
                rows[gap : gap + 3] = []
        return candles.write(folder / f"{base.lower()}usdt_1m.csv", rows)


SPOT = Market("spot", "SPOT", bars=39, seed=7)
PERP = Market("perp", "PERP", bars=39, seed=7)
#: The live desk's gateway is one that answers always.
LIVE = Market("live", "SPOT", bars=39, seed=7, unanswered="")
#: Three bars missing, again and again.
GAPS = Market("gaps", "PERP", bars=59, seed=7, gaps=True, unanswered="")
LONG_SPOT = Market("long spot", "SPOT", bars=139, seed=3, fee_asset="RECEIVED")
LONG_PERP = Market("long perp", "PERP", bars=99, seed=11, bases=("BTC", "ETH"))
