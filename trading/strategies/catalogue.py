"""From names to strategies.

1. A strategy version stores a dotted path, so that other floors can bring strategies of their own.
2. Only modules of a `strategies` package of ours are imported: a stored path is data.
"""

from functools import cache
from importlib import import_module

from aitrader.kernel.errors import UnknownStrategy
from trading.strategies.base import Strategy

#: The strategies that can be asked for by name.
PATHS = {
    "donchian": "trading.strategies.donchian.Donchian",
    "sma_cross": "trading.strategies.sma_cross.SmaCross",
}
_PACKAGES = ("trading.strategies.", "mlops.strategies.")


def names() -> tuple[str, ...]:
    """All known names, in order."""
    return tuple(sorted(PATHS))


def path_of(name: str) -> str:
    """The dotted path of a known name. Raises UnknownStrategy with the known names."""
    if name not in PATHS:
        raise UnknownStrategy(f"unknown strategy {name!r}; known are {', '.join(names())}")
    return PATHS[name]


def by_name(name: str) -> Strategy:
    """The strategy of a known name. Raises UnknownStrategy with the known names."""
    return by_path(path_of(name))


@cache
def by_path(path: str) -> Strategy:
    """The strategy at a dotted path. Raises UnknownStrategy if there is none."""
    module_name, _, class_name = path.rpartition(".")
    found: object = None
    if path.startswith(_PACKAGES):
        try:
            found = getattr(import_module(module_name), class_name, None)
        except ModuleNotFoundError as error:
            # A strategy whose own import is missing is broken, not unknown.
            if error.name is None or not module_name.startswith(error.name):
                raise
    if isinstance(found, type) and issubclass(found, Strategy) and found is not Strategy:
        return found()
    raise UnknownStrategy(f"no strategy at {path!r}; known are {', '.join(PATHS.values())}")
