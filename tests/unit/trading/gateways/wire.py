"""Samples of what venues say, which lie beside the repository and are not part of it.

A sample of an endpoint is method, path, whether it is signed, and the answer. One of a stream is
lines that begin with `>` sent, `<` heard, `=` an event. Comments may stand in both.
"""

import gzip
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aitrader.env import REPOSITORY

WIRE = REPOSITORY.parent / "shared/data/wire"
_COMMENT = re.compile(r"(?m)(?:^|(?<=[\s,\[{]))//[^\n\"]*$")
_PART = re.compile(r"(?ms)^([<=>])\s*(.*?)(?=^[<=>]\s|\Z)")
Json = Any


def path(name: str) -> Path:
    """Skips the test, by the name of what is missing."""
    found = WIRE / name
    if not found.exists():
        pytest.skip(f"the wire sample {name} is not at hand")
    return found


def read(name: str) -> Json:
    """A file that is JSON and nothing else; numbers are read as Decimal."""
    found = path(name)
    text = gzip.decompress(found.read_bytes()) if found.suffix == ".gz" else found.read_bytes()
    return json.loads(text, parse_float=Decimal)


def answers(folder: str) -> Iterator[tuple[str, Json]]:
    """What is answered or told by every sample of a folder, with the sample's name."""
    for file in sorted(path(folder).rglob("*.txt")):
        text = _COMMENT.sub("", file.read_text(encoding="utf-8-sig")).replace("|1|", "1")
        if text.lstrip().startswith(">"):
            told = [body for mark, body in _PART.findall(text) if mark != ">" and body.strip()]
        else:
            # Method, path and whether it is signed.
            told = [each for each in text.split("\n", 3)[3:] if each.strip()]
        for each in told:
            yield file.stem, json.loads(each, parse_float=Decimal)


def objects(told: Json) -> Iterator[dict[str, Any]]:
    """Every object within, the outer first."""
    if isinstance(told, dict):
        yield told
        told = list(told.values())
    if isinstance(told, list):
        for each in told:
            yield from objects(each)
