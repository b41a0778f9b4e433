"""Every mutant of a module: one small change of its syntax tree that a test of the rule should notice.

The operators are the usual ones (Offutt's relational, logical and arithmetic replacements, statement deletion, constants, loops,
handlers) and swaps of our own outcomes, sides and modes. Not changed: texts for people and what stands inside them, docstrings,
annotations, `assert` (our own mistakes, which no input reaches).
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

CODE = re.compile(r"[A-Z][A-Z0-9_]*( [A-Z][A-Z0-9_]*)*")
QUANTIFIER = re.compile(r"\{(\d+)(?:,(\d+))?\}")
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift,
}  # fmt: skip
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
METHODS = {"add": "subtract", "subtract": "add", "multiply": "divide", "popleft": "pop"}
MEMBERS = {
    "Outcome": {"ALLOW": "DENY", "DENY": "ALLOW", "RESIZE": "ALLOW", "NEEDS_OVERRIDE": "ALLOW"},
    "Side": {"BUY": "SELL", "SELL": "BUY"},
    "LossMode": {"OPEN": "CLOSE_ONLY", "CLOSE_ONLY": "OPEN", "UNKNOWN": "OPEN"},
    "Decision": {"PLAN": "REFUSED", "REFUSED": "PLAN"},
    "Regime": {"QUIET": "CRISIS", "NORMAL": "CRISIS", "TURBULENT": "NORMAL", "CRISIS": "NORMAL"},
    "OrderKind": {"MARKET": "LIMIT", "LIMIT": "MARKET"},
}
LEFT_OUT = frozenset({"annotation", "returns", "type_params", "type_comment", "bound"})


@dataclass(frozen=True)
class Mutant:
    """`number`: its place among the mutants of its module. `function`: dotted, "" at module level, where `in_function` is false
    too for class bodies, defaults and decorators. `lines`: where a test must have been to notice it.
    """

    module: str
    number: int
    function: str
    in_function: bool
    operator: str
    line: int
    lines: tuple[int, ...]
    before: str
    after: str
    nth: int = 1

    @property
    def name(self) -> str:
        """The same as long as the code it changes is the same, wherever that stands in its file."""
        again = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.module}.{self.function or '<module>'}: {self.before} -> {self.after}{again}"


@dataclass(frozen=True)
class _Site:
    """`new`: put in the place of `node`, a child of `parent`."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    new: ast.AST
    operator: str
    trail: tuple[ast.AST, ...]

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants(source: str, *, module: str) -> list[Mutant]:
    """Return the mutants of a module, in the order of its tree; no two of one function read alike."""
    found: list[Mutant] = []
    seen: dict[str, int] = {}
    for number, site in enumerate(_sites(ast.parse(source))):
        statement = next(node for node in reversed((*site.trail, site.node)) if isinstance(node, ast.stmt))
        shown = _shown(site)
        before = _text(shown)
        site.put(site.new)
        after = _text(site.new if shown is site.node else shown)
        site.put(site.node)
        function, inside = _function(site)
        last = getattr(site.node, "end_lineno", statement.lineno)
        made = Mutant(
            module=module, number=number, function=function, in_function=inside, operator=site.operator,
            line=getattr(site.node, "lineno", statement.lineno),
            lines=tuple(sorted({statement.lineno, *range(getattr(site.node, "lineno", statement.lineno), last + 1)})),
            before=before, after=after,
        )  # fmt: skip
        nth = seen[made.name] = seen.get(made.name, 0) + 1
        found.append(Mutant(**{**made.__dict__, "nth": nth}))
    return found


def mutated(source: str, *, number: int) -> ast.Module:
    """Return the tree of one mutant, ready to compile."""
    tree = ast.parse(source)
    for place, site in enumerate(_sites(tree)):
        if place == number:
            site.put(ast.copy_location(site.new, site.node))
            return ast.fix_missing_locations(tree)
    raise LookupError(f"mutant {number} was expected, there are fewer")


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _below(tree, (tree,))


def _below(node: ast.AST, trail: tuple[ast.AST, ...]) -> Iterator[_Site]:
    for field, value in ast.iter_fields(node):
        if field in LEFT_OUT:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or isinstance(child, ast.Assert | ast.JoinedStr | ast.TypeAlias | ast.Import):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring
            for operator, new in _changes(child, field, node):
                yield _Site(node, field, index, child, new, operator, trail)
            yield from _below(child, (*trail, child))


def _changes(node: ast.AST, field: str, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                for other in COMPARED[type(op)]:
                    new = copy.copy(node)
                    new.ops = [*ops[:place], other(), *ops[place + 1 :]]
                    yield "comparison", new
        case ast.BoolOp(op=op, values=values):
            yield "and, or", ast.BoolOp(op=ast.Or() if isinstance(op, ast.And) else ast.And(), values=values)
            for place in range(len(values)):
                left = values[:place] + values[place + 1 :]
                yield "condition dropped", left[0] if len(left) == 1 else ast.BoolOp(op=op, values=left)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "not, minus", operand
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            new = copy.copy(node)
            new.op = ARITHMETIC[type(op)]()
            yield "arithmetic", new
        case ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            new = copy.copy(node)
            new.op = ARITHMETIC[type(op)]()
            yield "arithmetic", new
        case ast.Constant(value=value):
            yield from (("constant", ast.Constant(value=other)) for other in _other_values(value, field, parent))
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if name in MEMBERS.get(owner, {}):
            yield "member", ast.Attribute(value=node.value, attr=MEMBERS[owner][name], ctx=node.ctx)
        case ast.Call():
            yield from _other_calls(node)
        case ast.For(target=target, body=body, orelse=orelse):
            yield "no pass", ast.For(target=target, iter=ast.Tuple(elts=[], ctx=ast.Load()), body=body, orelse=orelse)
        case ast.ExceptHandler(name=name, body=body):
            yield "nothing caught", ast.ExceptHandler(type=ast.Tuple(elts=[], ctx=ast.Load()), name=name, body=body)
        case ast.With(body=body):
            yield "context dropped", ast.If(test=ast.Constant(value=True), body=body, orelse=[])
        case ast.Continue():
            yield "break, continue", ast.Break()
        case ast.Break():
            yield "break, continue", ast.Continue()
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Delete():
            yield "statement dropped", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "statement dropped", ast.Pass()
    if field == "test" and isinstance(node, ast.Name | ast.Call | ast.BoolOp | ast.Attribute | ast.NamedExpr):
        yield "condition negated", ast.UnaryOp(op=ast.Not(), operand=node)


def _other_values(value: object, field: str, parent: ast.AST) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str):
        named = parent.func.id if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) else ""
        if named == "Decimal":
            yield str(Decimal(value) + 1)
        elif isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "compile":
            yield from _other_patterns(value)
        elif value == "" or CODE.fullmatch(value) or isinstance(parent, ast.Compare | ast.Dict | ast.Subscript):
            yield f"XX{value}"


def _other_patterns(pattern: str) -> Iterator[str]:
    for found in QUANTIFIER.finditer(pattern):
        for group in (1, 2):
            if found[group] is not None:
                start, end = found.span(group)
                yield pattern[:start] + str(int(found[group]) + 1) + pattern[end:]


def _other_calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    match node.func:
        case ast.Name(id="abs") if len(node.args) == 1:
            yield "call", node.args[0]
        case ast.Name(id=name) if name in CALLED:
            new = copy.copy(node)
            new.func = ast.Name(id=CALLED[name], ctx=ast.Load())
            if not (name == "sorted" and node.keywords):
                yield "call", new
        case ast.Attribute(value=owner, attr="copy_abs"):
            yield "call", owner
        case ast.Attribute(value=owner, attr=name) if name in METHODS and (len(node.args) == 2 or name == "popleft"):
            new = copy.copy(node)
            new.func = ast.Attribute(value=owner, attr=METHODS[name], ctx=ast.Load())
            yield "call", new


def _function(site: _Site) -> tuple[str, bool]:
    """The outermost function around a site, by its dotted name, and whether the site is in its body."""
    names: list[str] = []
    for place, node in enumerate(site.trail):
        if isinstance(node, ast.ClassDef):
            names.append(node.name)
        if isinstance(node, ast.FunctionDef):
            after = site.trail[place + 1] if place + 1 < len(site.trail) else site.node
            return ".".join([*names, node.name]), any(after is one for one in node.body) or site.field == "body"
    return ".".join(names), False


def _shown(site: _Site) -> ast.AST:
    """The smallest thing around a site that reads by itself."""
    whole = site.node
    for node in (site.node, *reversed(site.trail)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.For | ast.With | ast.If | ast.While | ast.Try):
            break
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            return node if len(_text(node)) <= 110 else whole
        if isinstance(node, ast.expr) and len(_text(node)) <= 110:
            whole = node
    return whole


def _text(node: ast.AST) -> str:
    """One line; of what has a body, its head alone."""
    if isinstance(node, ast.For | ast.With | ast.If | ast.While):
        node = copy.copy(node)
        node.body, node.orelse = [ast.Pass()], []  # type: ignore[union-attr]  # a With has none
    if isinstance(node, ast.ExceptHandler):
        return f"except {ast.unparse(node.type) if node.type else ''}".strip()
    if isinstance(node, ast.cmpop | ast.boolop | ast.operator):
        return type(node).__name__
    return " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).removesuffix(":\n    pass").split())
