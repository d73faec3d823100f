"""Small changes of what decides about orders are noticed by the tests, nine of ten at least."""

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mutation import mutants
from tests.mutation.trial import TARGETS

ROOT = Path(__file__).parents[2]
#: The same change is looked for in every run; another seed looks at others.
SEED, SAMPLE = 7, 190
LEAST_SHARE = 0.9
#: When it is over, what was not tried is told and does not count.
_SECONDS = 840
#: The other core is for the tests that run beside this one.
_WORKERS = 1

SOURCE = """
MOST = 3

def of(found: list[int], most: int = MOST) -> int | None:
    log.info("seen")
    found.sort()
    if most >= 2 and found:
        return max(found)
    return None
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """For a cluster whose files nobody waits for, where the system keeps some in memory."""
    memory = Path("/dev/shm")  # if it is there; any other folder will do
    made = Path(tempfile.mkdtemp(prefix="aitrader-", dir=memory if memory.is_dir() else None))
    yield made
    for _ in range(50):
        shutil.rmtree(made, ignore_errors=True)
        if not made.exists():
            break
        time.sleep(0.2)


def _tried(names: list[str], home: Path) -> dict[str, dict[str, Any]]:
    """What became of each mutant, by its name."""
    shares = [names[start::_WORKERS] for start in range(_WORKERS)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.trial", *share],
            cwd=ROOT,
            env={**os.environ, "AITRADER_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    try:
        deadline = time.monotonic() + _SECONDS
        while any(each.poll() is None for each in processes) and time.monotonic() < deadline:
            time.sleep(0.5)
    finally:
        for each in processes:
            each.kill()
    told = "".join(each.communicate()[0] for each in processes)
    return {row["mutant"]: row for row in _rows(told)}


def _rows(told: str) -> Iterator[dict[str, Any]]:
    for line in told.splitlines():
        if line.startswith("MUTANT "):
            yield json.loads(line.removeprefix("MUTANT "))


def sample() -> dict[str, str]:
    """Mutants by name, drawn with the seed, with what they change."""
    every = {
        f"{target.module}:{each.number}": f"line {each.line}: {each.says}"
        for target in TARGETS.values()
        for each in mutants.listed(target.source)
    }
    names = random.Random(SEED).sample(sorted(every), SAMPLE)
    return {name: every[name] for name in names}


@pytest.mark.prove
@pytest.mark.timeout(1_200)
def test_nine_of_ten_changes_are_noticed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = sample()
    tried = _tried([*TARGETS, *wanted], home)
    spoilt = {name: tried[name]["by"] for name in TARGETS if tried.get(name, {}).get("by")}
    assert spoilt == {}, "without a change everything passes"
    done = [name for name in wanted if name in tried]
    survivors = [name for name in done if not tried[name]["by"]]
    said = "\n".join(f"{name} {wanted[name]}" for name in survivors)
    score = 1 - len(survivors) / len(done)
    with capsys.disabled():
        print(f"mutation score {score:.3f} of {len(done)} tried, {len(wanted)} drawn\n{said}")
    assert len(done) >= len(wanted) / 2
    assert score >= LEAST_SHARE, said


def test_every_kind_of_change_is_made_and_each_is_one() -> None:
    listed = mutants.listed(SOURCE)
    assert [each.says for each in listed] == [
        "without: found.sort()",
        "condition negated",
        "and -> or",
        "GtE -> Gt",
        "GtE -> Lt",
        "2 -> 3",
        "2 -> 1",
        "return None",
        "max -> min",
    ]
    written = {ast.unparse(mutants.applied(SOURCE, each.number)) for each in listed}
    assert len(written) == len(listed)
    assert ast.unparse(ast.parse(SOURCE)) not in written


def test_what_is_drawn_is_the_same_each_time_and_of_every_module() -> None:
    drawn = sample()
    assert drawn == sample()
    assert {name.partition(":")[0] for name in drawn} == set(TARGETS)
