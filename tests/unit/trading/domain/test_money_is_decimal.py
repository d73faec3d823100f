"""No binary float enters a rule that decides about money."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
FILES = sorted([*(ROOT / "trading/domain").glob("*.py"), ROOT / "aitrader/kernel/money.py"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_money_rules_hold_no_float(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), f"line {node.lineno}: {node.value}"
        if isinstance(node, ast.Name):
            assert node.id != "float", f"line {node.lineno}: float"
