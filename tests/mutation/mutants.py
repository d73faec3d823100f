"""Small changes of a module's meaning, one at a time, in an order that never varies.

1. A mutant is a number: the same source and number give the same change.
2. What no test can see is left alone: text, types, logs, crash points, module names.
3. A number with a name of its own is a setting: one more or less of it is no fault.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FLIPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_SWAPS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_METHOD_SWAPS = {"add": "subtract", "subtract": "add"}
_UNSEEN = ("crash.point", "log.")
_REMOVED = (ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)

#: Changes a node of a copied tree in place.
_Change = Callable[[ast.AST], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`says` is the change, `line` where it is in the unchanged source."""

    number: int
    line: int
    says: str


def listed(source: str) -> list[Mutant]:
    """Every change of this source."""
    tree = ast.parse(source)
    return [
        Mutant(number, getattr(node, "lineno", 0), says)
        for number, (node, says, _) in enumerate(_changes(tree))
    ]


def applied(source: str, number: int) -> ast.Module:
    """The source with that one change."""
    tree = copy.deepcopy(ast.parse(source))
    for at, (node, _, change) in enumerate(_changes(tree)):
        if at == number:
            change(node)
            return ast.fix_missing_locations(tree)
    raise LookupError(f"there is no mutant {number}")


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, _Change]]:
    for node in _walk(tree):
        yield from _of_node(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list) and not isinstance(node, ast.ClassDef | ast.Module):
                yield from _of_statements(node, name, statements)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Depth first, without annotations, imports, and what nobody can see."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Import | ast.ImportFrom) or not isinstance(child, ast.AST):
                continue
            if (isinstance(child, ast.Expr) and _is_unseen(child)) or _is_setting(child):
                continue
            yield child
            yield from _walk(child)


def _of_node(node: ast.AST) -> Iterator[tuple[ast.AST, str, _Change]]:
    match node:
        case ast.Compare(ops=[op]):
            for other in _FLIPS[type(op)]:
                yield node, f"{type(op).__name__} -> {other.__name__}", _set("ops", [other()])
        case ast.BoolOp(op=ast.And()):
            yield node, "and -> or", _set("op", ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield node, "or -> and", _set("op", ast.And())
        case ast.If() | ast.IfExp() | ast.While():
            yield node, "condition negated", _negate
        case ast.Constant(value=bool() as value):
            yield node, f"{value} -> {not value}", _set("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield node, f"{value} -> {value + 1}", _set("value", value + 1)
            yield node, f"{value} -> {value - 1}", _set("value", value - 1)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield node, "return None", _set("value", ast.Constant(None))
        case ast.Call():
            yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[tuple[ast.AST, str, _Change]]:
    match node.func:
        case ast.Name(id=name) if name in _SWAPS:
            yield node, f"{name} -> {_SWAPS[name]}", _rename(_SWAPS[name])
        case ast.Attribute(attr=name) if name in _METHOD_SWAPS:
            yield node, f"{name} -> {_METHOD_SWAPS[name]}", _rename_method(_METHOD_SWAPS[name])


def _of_statements(
    node: ast.AST, name: str, statements: list[ast.stmt]
) -> Iterator[tuple[ast.AST, str, _Change]]:
    for place, statement in enumerate(statements):
        if _is_removable(statement):
            said = ast.unparse(statement).splitlines()[0][:60]
            yield statement, f"without: {said}", _nothing_at(node, name, place)


def _is_removable(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call) and not _is_unseen(statement)
    if isinstance(statement, ast.Assign):
        # Without a plain name the next line fails, which any test sees.
        return all(
            isinstance(each, ast.Attribute | ast.Subscript | ast.Tuple)
            and not (isinstance(each, ast.Tuple) and isinstance(each.elts[0], ast.Name))
            for each in statement.targets
        )
    return isinstance(statement, _REMOVED)


def _is_unseen(statement: ast.Expr) -> bool:
    return isinstance(statement.value, ast.Constant) or ast.unparse(statement).startswith(_UNSEEN)


def _is_setting(node: ast.AST) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(isinstance(each, ast.Name) and each.id.isupper() for each in targets)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _set(name: str, value: object) -> _Change:
    return lambda node: setattr(node, name, value)


def _negate(node: ast.AST) -> None:
    test: ast.expr = node.test  # type: ignore[attr-defined]  # if, while and its expression
    node.test = ast.UnaryOp(ast.Not(), test)  # type: ignore[attr-defined]  # as above


def _rename(name: str) -> _Change:
    return lambda node: setattr(node, "func", ast.Name(name, ast.Load()))


def _rename_method(name: str) -> _Change:
    def change(node: ast.AST) -> None:
        node.func.attr = name  # type: ignore[attr-defined]  # a call of a method

    return change


def _nothing_at(node: ast.AST, name: str, place: int) -> _Change:
    def change(_: ast.AST) -> None:
        getattr(node, name)[place] = ast.Pass()

    return change
