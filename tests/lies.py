"""Small lies about a module's source: one comparison turned, one bound moved, one statement left out."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Lie", "lies", "named"]

_WIDTH: Final = 72

_COMPARED: Final[dict[type, type]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COMPUTED: Final[dict[type, type]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # fmt: skip
_TIDYING: Final = frozenset({"lower", "upper", "strip", "rstrip", "lstrip", "removeprefix", "removesuffix", "title"})
# What an error says is for people: a test holds it to its facts, not to its words.
_TELLING: Final = frozenset({"_refuse", "_refusal", "_break", "_cut", "repr"})
_TOLD: Final = frozenset({"expected", "found", "asked", "what", "names", "said", "fault", "where"})


@dataclass(frozen=True, slots=True)
class Lie:
    """One change of one node: what stands *instead* in its place, below the nodes *above* it."""

    names: tuple[str, ...]
    above: tuple[Any, ...]
    field: str
    index: int | None
    instead: ast.AST

    def tell(self) -> ast.AST:
        """Change the tree that the lie is about, and return the truth that stood there."""
        ast.fix_missing_locations(self.instead)
        return _put(self.above[-1], self.field, self.index, self.instead)

    def name(self) -> str:
        """Return where the lie is and what it says: the widest piece of code around it that fits on a line.

        It stays the same when other lines change.
        """
        truth = self.tell()
        lied = _texts(self.instead, self.above)
        _put(self.above[-1], self.field, self.index, truth)
        told = _texts(truth, self.above)
        fits = [pair for pair in zip(told, lied, strict=False) if max(map(len, pair)) <= _WIDTH and pair[0] != pair[1]]
        before, after = fits[-1] if fits else (told[0][:_WIDTH], lied[0][:_WIDTH])
        return f"{'.'.join(self.names) or 'module'}: {before} -> {after}"


def named(tree: ast.Module) -> list[str]:
    """Return the name of every lie about *tree*, each of them once."""
    seen: dict[str, int] = {}
    names = []
    for lie in lies(tree):
        name = lie.name()
        seen[name] = count = seen.get(name, 0) + 1
        names.append(name if count == 1 else f"{name} ({count})")
    return names


def lies(tree: ast.Module) -> Iterator[Lie]:
    """Yield every lie about *tree*, in the order of its text."""
    yield from _within(tree, (), ())


def _within(node: ast.AST, names: tuple[str, ...], above: tuple[ast.AST, ...]) -> Iterator[Lie]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        names = (*names, node.name)
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_passed_over(node, field, child):
                continue
            for instead in _instead(node, field, child):
                yield Lie(names, (*above, node), field, index, instead)
            yield from _within(child, names, (*above, node))


def _is_passed_over(node: ast.AST, field: str, child: ast.AST) -> bool:
    text = isinstance(child, ast.Constant) and isinstance(child.value, str)
    match node:
        case ast.Raise() | ast.Import() | ast.ImportFrom() | ast.MatchValue():
            passed = True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            told = name in _TOLD and isinstance(child, ast.JoinedStr | ast.Constant | ast.IfExp)
            passed = told or name in {"__all__", "__slots__"} or field == "annotation"
        case ast.keyword(arg=str(name)):
            passed = name in _TOLD
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if field != "func":
            passed = name in _TELLING or name.endswith(("Error", "TypeVar", "Mismatch", "Invalid", "Struct"))
        case ast.Call():
            passed = False
        case ast.Expr() | ast.arguments():  # docstrings, and what an error calls its place by default
            passed = text
        case _:
            passed = field in {"decorator_list", "annotation", "returns", "bases", "keywords"}
    return passed


def _instead(node: ast.AST, field: str, child: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of *child*, the *field* of *node*."""
    yield from _operators(child)
    yield from _values(child)
    yield from _statements(child)
    plain = not isinstance(child, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant)
    if (
        isinstance(child, ast.expr)
        and plain
        and (field == "test" or (isinstance(node, ast.comprehension) and field == "ifs"))
    ):
        yield ast.UnaryOp(ast.Not(), child)


def _operators(child: ast.AST) -> Iterator[ast.AST]:
    match child:
        case ast.Compare(left=left, ops=ops, comparators=right):
            for at, op in enumerate(ops):
                yield ast.Compare(left, [*ops[:at], _COMPARED[type(op)](), *ops[at + 1 :]], right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
            yield ast.BinOp(left, _COMPUTED[type(op)](), right)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _COMPUTED:
            yield ast.AugAssign(target, _COMPUTED[type(op)](), value)


def _values(child: ast.AST) -> Iterator[ast.AST]:
    match child:
        case ast.Constant(value=value):
            yield from map(ast.Constant, _other_values(value))
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower is not None:
                yield ast.Slice(None, upper, step)
            if upper is not None:
                yield ast.Slice(lower, None, step)
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _TIDYING:
            yield value


def _statements(child: ast.AST) -> Iterator[ast.AST]:
    match child:
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Continue() | ast.Break() | ast.Expr(value=ast.Call() | ast.YieldFrom()):
            yield ast.Pass()


def _other_values(value: object) -> Iterator[object]:
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
            yield value - 1
        case str():
            yield value + "~"
        case bytes():
            yield value + b"~"


def _put(parent: Any, field: str, index: int | None, node: ast.AST) -> ast.AST:
    """Put *node* in its place and return what stood there."""
    if index is None:
        before: ast.AST = getattr(parent, field)
        setattr(parent, field, node)
    else:
        siblings = getattr(parent, field)
        before, siblings[index] = siblings[index], node
    return before


def _texts(node: ast.AST, above: tuple[ast.AST, ...]) -> list[str]:
    """Return *node* and what is around it as text, as far as one statement goes and fits on a line."""
    texts = [_text(node)]
    for each in reversed(above):
        if len(texts[-1]) > _WIDTH or (hasattr(each, "body") and not isinstance(each, ast.IfExp | ast.Lambda)):
            break
        texts.append(_text(each))
    return texts


def _text(node: ast.AST) -> str:
    try:
        return " ".join(ast.unparse(node).split())
    except (AttributeError, ValueError):  # a part that is no text alone, such as the arguments of a function
        return ""
