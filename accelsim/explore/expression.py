"""Derived columns: arithmetic on columns by name, and nothing else.

This file knows a small language of numbers, texts, names, operators, comparisons and a
dozen functions; it never runs a text as Python. A text is parsed to Python's syntax
tree, every node of which must be on the list below; the tree is then walked over NumPy
arrays.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, nearest

Column = NDArray[Any]

MAX_LENGTH = 500  # characters; deeper trees than these allow are refused
MAX_DEPTH = 50
LARGEST = 10**300  # whole numbers beyond are no floats

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "ceil": (1, np.ceil),
    "exp": (1, np.exp),
    "floor": (1, np.floor),
    "log": (1, np.log),
    "log10": (1, np.log10),
    "log2": (1, np.log2),
    "max": (2, np.maximum),
    "min": (2, np.minimum),
    "sqrt": (1, np.sqrt),
    "where": (3, np.where),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A text of the language, parsed and checked.

    Attributes
    ----------
    text : str
        As it was written.
    names : tuple of str
        Columns that it reads, each once, in order.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    def over(self, columns: Mapping[str, Column]) -> Column:
        """Return the value row by row.

        Parameters
        ----------
        columns : mapping of name to array
            All of one length; whole numbers count as floats, so that no power or
            product overflows. A division by zero gives inf or nan.

        Raises
        ------
        InputError
            Arithmetic on a text.
        """
        length = len(next(iter(columns.values())))
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(_value(self._tree, columns))
        except TypeError:
            raise InputError(f"{self.text!r} mixes texts and numbers") from None
        if found.dtype.kind in "iu":
            found = found.astype(np.float64)
        return np.broadcast_to(found, (length,)).copy()

    def violation(self, columns: Mapping[str, Column]) -> Column:
        """Return row by row how far the text is from being true; 0 where it is.

        Of a single comparison of numbers, the difference of its sides over the larger
        of them; 1 of anything else that is false.
        """
        tree, length = self._tree, len(next(iter(columns.values())))
        gap = np.ones(length)
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
            sides = (tree.left, tree.comparators[0])
            with np.errstate(all="ignore"):
                left, right = (
                    np.broadcast_to(np.asarray(_value(side, columns)), (length,))
                    for side in sides
                )
                if left.dtype.kind == right.dtype.kind == "f":
                    size = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-300)
                    gap = np.abs(left - right) / size
        told = self.over(columns).astype(np.float64)
        broken = np.where(np.isnan(told), np.nan, np.maximum(gap, 1e-9))
        return np.where((told != 0.0) & ~np.isnan(told), 0.0, broken)


def parse(text: str, known: Iterable[str], where: str) -> Expression:
    """Return an expression over known columns.

    A column whose name has dots, dashes or numbers is written as it is:
    `chip.hbm.stacks * 2`, `link.infiniband-ndr.latency`, `price.offers.0.usd`.

    Raises
    ------
    InputError
        Not of the language, an unknown name (with the nearest), too long or too deep.
    """
    if len(text) > MAX_LENGTH:
        raise InputError(f"{where}: longer than {MAX_LENGTH} characters")
    columns = set(known)
    plain, meant = _stood_in(text.strip(), columns)
    try:
        tree = _Meant(meant).visit(ast.parse(plain, mode="eval")).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error)
        raise InputError(f"{where}: {text!r} cannot be read: {reason}") from None
    names: list[str] = []
    _check(tree, columns, names, where, 0)
    return Expression(text, tuple(dict.fromkeys(names)), tree)


def _stood_in(text: str, known: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Return a text with a word in place of each column that Python could not read."""
    odd = [n for n in known if not all(part.isidentifier() for part in n.split("."))]
    meant: dict[str, str] = {}
    for name in sorted(odd, key=len, reverse=True):
        word = f"column_{len(meant)}_"
        found = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", word, text)
        if found != text:
            text, meant[word] = found, name
    return text, meant


class _Meant(ast.NodeTransformer):
    """Gives columns that stand under another word their names."""

    def __init__(self, meant: Mapping[str, str]) -> None:
        self.meant = meant

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Return the node of the name that is meant."""
        return ast.Name(self.meant.get(node.id, node.id), node.ctx)


def _check(
    node: ast.AST, known: set[str], names: list[str], where: str, depth: int
) -> None:
    if depth > MAX_DEPTH:
        raise InputError(f"{where}: nested deeper than {MAX_DEPTH}")
    name = _dotted(node)
    if name is not None:
        if name not in known:
            message = f"{where}: unknown column {name!r}; {nearest(name, known)}"
            raise InputError(message.rstrip("; "))
        names.append(name)
        return
    for part in _parts(node, where):
        _check(part, known, names, where, depth + 1)


def _dotted(node: ast.AST) -> str | None:
    """Return the column that a name, or names joined by dots, stand for."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
    return None


def _parts(node: ast.AST, where: str) -> list[ast.expr]:
    """Return the operands of a node, or refuse it."""
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        return [node.operand]
    if isinstance(node, ast.Compare) and all(type(o) in _COMPARE for o in node.ops):
        return [node.left, *node.comparators]
    if isinstance(node, ast.BoolOp):
        return list(node.values)
    if isinstance(node, ast.IfExp):
        return [node.test, node.body, node.orelse]
    if isinstance(node, ast.Call):
        return _call_parts(node, where)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bool):
        if isinstance(node.value, int) and abs(node.value) > LARGEST:
            raise InputError(f"{where}: {str(node.value)[:20]}… is too large")
        return []
    raise InputError(
        f"{where}: {ast.unparse(node)!r} is not allowed; columns, numbers, + - * / // "
        "% **, comparisons, and, or, not, x if y else z and functions are"
    )


def _call_parts(node: ast.Call, where: str) -> list[ast.expr]:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in _FUNCTIONS:
        hint = nearest(name, _FUNCTIONS)
        raise InputError(f"{where}: unknown function {name!r}; {hint}".rstrip("; "))
    count = _FUNCTIONS[name][0]
    if node.keywords or len(node.args) != count:
        raise InputError(f"{where}: {name} takes {count} values")
    return list(node.args)


def _value(node: ast.expr, columns: Mapping[str, Column]) -> Any:
    name = _dotted(node)
    if name is not None:
        return _plain(columns[name])
    if isinstance(node, ast.Constant):
        return _plain(np.asarray(node.value))
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, columns), _value(node.right, columns)
        return _BINARY[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, columns)
        return -value if isinstance(node.op, ast.USub) else np.logical_not(value)
    if isinstance(node, ast.Compare):
        return _compared(node, columns)
    if isinstance(node, ast.BoolOp):
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        values = [_value(v, columns) for v in node.values]
        found = values[0]
        for value in values[1:]:
            found = join(found, value)
        return found
    if isinstance(node, ast.IfExp):
        parts = (node.test, node.body, node.orelse)
        return np.where(*(_value(part, columns) for part in parts))
    call = cast("ast.Call", node)  # all else was refused by `_check`
    function = _FUNCTIONS[cast("ast.Name", call.func).id][1]
    return function(*(_value(argument, columns) for argument in call.args))


def _compared(node: ast.Compare, columns: Mapping[str, Column]) -> Any:
    found: Any = True
    left = _value(node.left, columns)
    for sign, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, columns)
        found = np.logical_and(found, _COMPARE[type(sign)](left, right))
        left = right
    return found


def _plain(column: Column) -> Column:
    """Return whole numbers as floats; truth values and texts as they are."""
    return column.astype(np.float64) if column.dtype.kind in "iu" else column
