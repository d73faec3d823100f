"""The style of the house, as a test: each rule names what to write instead."""

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 400
LONGEST_FUNCTION = 70
# The product's own rooms; tests and benchmarks follow the sizes, not the banned words.
ROOMS = ("aitrader", "trading", "risk", "compliance", "mlops", "dashboard")
# Where wall time is the subject itself and no clock is handed in.
WALL_CLOCK_PLACES = ("aitrader/kernel/clock.py", "tests/")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root)/|/home/\w+/")
REGISTRIES = re.compile(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host")


@lru_cache(maxsize=1)
def _files() -> tuple[Path, ...]:
    """Every file of the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        skipped = {".venv", "var", ".git", "node_modules"}
        found = (p for p in ROOT.rglob("*") if not skipped.intersection(p.parts))
    else:
        found = (ROOT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return tuple(sorted(path for path in found if path.is_file()))


def _python(*rooms: str) -> list[Path]:
    chosen = [path for path in _files() if path.suffix == ".py"]
    if rooms:
        chosen = [path for path in chosen if path.relative_to(ROOT).parts[0] in rooms]
    return [path for path in chosen if "migrations" not in path.parts]


def _at(path: Path, line: int | ast.AST, advice: str) -> str:
    if isinstance(line, ast.AST):
        line = getattr(line, "lineno", 1)
    return f"{path.relative_to(ROOT)}:{line}: {advice}"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _in(path: Path, *places: str) -> bool:
    return path.relative_to(ROOT).as_posix().startswith(places)


def _report(faults: Iterator[str]) -> None:
    found = sorted(faults)
    assert not found, "\n" + "\n".join(found)


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _long_files() -> Iterator[str]:
    for path in _python():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            yield _at(path, lines, f"longer than {LONGEST_FILE} lines: split it by noun")


def _long_functions() -> Iterator[str]:
    for path in _python():
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                advice = f"{node.name} has {lines} lines: more than {LONGEST_FUNCTION}"
                yield _at(path, node, advice)


def _wall_clock() -> Iterator[str]:
    banned = {"datetime.now", "datetime.utcnow", "timezone.now", "date.today", "datetime.today"}
    for path in _python(*ROOMS):
        if _in(path, *WALL_CLOCK_PLACES):
            continue
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Attribute):
                tail = ".".join(_dotted(node).split(".")[-2:])
                if tail in banned:
                    yield _at(path, node, f"{tail}: take `now`, or a Clock of the kernel")


def _floats() -> Iterator[str]:
    for path in _python(*ROOMS):
        money = path.parent.name == "domain" or _in(path, "aitrader/kernel/")
        for node in ast.walk(_tree(path)):
            if money and isinstance(node, ast.Call) and _dotted(node.func) == "float":
                yield _at(path, node, "float( in a money path: use Decimal")


def _swallowed_exceptions() -> Iterator[str]:
    for path in _python(*ROOMS):
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or _dotted(node.type) in {"Exception", "BaseException"}
            answers = any(isinstance(each, ast.Raise | ast.Call) for each in ast.walk(node))
            if broad and not answers:
                yield _at(path, node, "swallows every error: name it, log it or raise it")


def _environment() -> Iterator[str]:
    for path in _python():
        if _in(path, "aitrader/env.py", "tests/"):
            continue
        for node in ast.walk(_tree(path)):
            if _dotted(node) in {"os.environ", "os.getenv", "os.putenv"}:
                yield _at(path, node, "the environment is read by aitrader/env.py only")


def _prints() -> Iterator[str]:
    for path in _python(*ROOMS):
        if "management" in path.parts:
            continue
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call) and _dotted(node.func) == "print":
                yield _at(path, node, "print(: use structlog")


def _randomness() -> Iterator[str]:
    banned = {"uuid", "random", "secrets"}
    for path in _python(*ROOMS):
        if path.parent.name not in {"domain", "strategies"}:
            continue
        for node in ast.walk(_tree(path)):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            if isinstance(node, ast.ImportFrom):
                names = {node.module or ""}
            if names & banned:
                yield _at(path, node, "ids and randomness come in as arguments")


def _drawers() -> Iterator[str]:
    for path in _python():
        if path.stem in {"utils", "util", "helpers", "helper", "misc", "common"}:
            yield _at(path, 1, "a drawer: name the file by the noun it owns")


def _init_files() -> Iterator[str]:
    for path in _python(*ROOMS):
        if path.name != "__init__.py" or path.parent.name == "models":
            continue
        body = _tree(path).body
        documented = body and isinstance(body[0], ast.Expr) and ast.get_docstring(_tree(path))
        if len(body) > (1 if documented else 0):
            yield _at(path, 1, "an __init__.py is empty or a docstring")


def _docstrings() -> Iterator[str]:
    for path in _python(*ROOMS):
        if path.name != "__init__.py" and not ast.get_docstring(_tree(path)):
            yield _at(path, 1, "no module docstring: say what the file owns")


def _kernel_imports() -> Iterator[str]:
    for path in _python("aitrader"):
        if "kernel" not in path.parts:
            continue
        for node in ast.walk(_tree(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                own = name.startswith("aitrader.kernel")
                if not own and name.split(".")[0] not in sys.stdlib_module_names:
                    yield _at(path, node, "the kernel uses the standard library only")


def _unexplained_exceptions() -> Iterator[str]:
    marker = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?P<codes>[^#]*)(?P<reason>#.*\S)?")
    for path in _python():
        with tokenize.open(path) as file:
            for token in tokenize.generate_tokens(file.readline):
                if token.type != tokenize.COMMENT:
                    continue
                found = marker.match(token.string)
                if found and not found["reason"]:
                    yield _at(path, token.start[0], "say why after a second #")


def _banners() -> Iterator[str]:
    for path in _python():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if re.match(r"\s*#\s*([-=*#~_])\1{3,}", line):
                yield _at(path, number, "a banner: split the file instead")


def _eager_tasks() -> Iterator[str]:
    for path in _python():
        for node in ast.walk(_tree(path)):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "arg", "") or ""
            if name.lower().removeprefix("celery_") == "task_always_eager":
                yield _at(path, node, "eager tasks are forbidden: call the service")


def _locks() -> Iterator[str]:
    for path in _files():
        if path.parent == ROOT / "requirements":
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if REGISTRIES.search(line):
                    yield _at(path, number, "a lock names no registry")


def _machine_paths() -> Iterator[str]:
    for path in _files():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            # A minified line is a vendored file's.
            if len(line) < 2_000 and MACHINE_PATHS.search(line):
                yield _at(path, number, "a path of one machine")


RULES: tuple[Callable[[], Iterator[str]], ...] = (
    _long_files,
    _long_functions,
    _wall_clock,
    _floats,
    _swallowed_exceptions,
    _environment,
    _prints,
    _randomness,
    _drawers,
    _init_files,
    _docstrings,
    _kernel_imports,
    _unexplained_exceptions,
    _banners,
    _eager_tasks,
    _locks,
    _machine_paths,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.strip("_"))
def test_tidy(rule: Callable[[], Iterator[str]]) -> None:
    _report(rule())
