"""The named crash points, as they stand in the source.

1. A name is a literal: given to `crash.point`, or to a function that passes a parameter on to it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from aitrader.env import REPOSITORY

_ROOMS = ("aitrader", "compliance", "dashboard", "mlops", "risk", "trading")


def in_source() -> set[str]:
    """Every name at which the product can be told to die."""
    texts = (path.read_text(encoding="utf-8") for path in _files())
    trees = [ast.parse(text) for text in texts if "crash.point" in text]
    names = {name for tree in trees for name in _literals(tree, {"crash.point"})}
    for tree in trees:
        passing_on = set(_passing_on(tree))
        names |= {name for name in _literals(tree, passing_on) if "." in name}
    return names


def _files() -> Iterator[Path]:
    for room in _ROOMS:
        yield from sorted((REPOSITORY / room).rglob("*.py"))


def _literals(tree: ast.AST, functions: set[str]) -> Iterator[str]:
    """Text given to calls of these functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in functions:
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            yield from (
                value.value
                for value in values
                if isinstance(value, ast.Constant) and isinstance(value.value, str)
            )


def _passing_on(tree: ast.AST) -> Iterator[str]:
    """Functions that call `crash.point` with something that is not a literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(call, ast.Call)
            and ast.unparse(call.func) == "crash.point"
            and not isinstance(call.args[0], ast.Constant)
            for call in ast.walk(node)
        ):
            yield from (node.name, f"self.{node.name}")
