"""Templates of the reader's: found in their folder, looked over before they are run, and run within limits.

A file of theirs stands at the same place as ours, `prose/en/steps.j2` or `formats/html.j2`, and is read after it: a
macro that it defines again takes the place of ours, wherever that is called. What a template may hold is a list of
what is allowed; how much it may do and say is counted as it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from .dialects import Form
from .errors import ExplainerError, Fault, InputError, suggestion
from .source import decoded, inside, read_bytes, shortened

MOST_FILES, MOST_BYTES = 60, 64 << 10
MOST_WORK = 200_000  # nodes of the templates that one call of a macro may run through
MOST_TEXT = 2_000_000  # characters that it may put together, those of the macros it calls among them


@dataclass(frozen=True)
class OwnFile:
    """A template of the reader's."""

    name: str  # its place among templates: prose/en/steps.j2
    path: str  # as faults call it
    text: str


def own_files(folder: str | PathLike[str]) -> tuple[OwnFile, ...]:
    """Every template in a folder; InputError where there is none, or one that cannot be read."""
    root, called = Path(folder), fspath(folder)
    if not root.is_dir():
        raise refused(called, 1, "there is no such folder", "name the folder that holds your templates")
    found = sorted(
        path.relative_to(root).as_posix() for each in ("prose/*/*.j2", "formats/*") for path in root.glob(each)
    )
    if not found:
        raise refused(called, 1, "there are no templates here", "put macros into prose/en/NAME.j2 or formats/FORMAT.j2")
    if len(found) > MOST_FILES:
        raise refused(called, 1, f"there are {len(found)} templates", f"keep at most {MOST_FILES}")
    return tuple(OwnFile(name, str(root / name), read_own(root, name)) for name in found)


def read_own(root: Path, name: str) -> str:
    called, place = str(root / name), inside(root, name)
    if place is None:
        raise refused(called, 1, "this link leads out of the folder", "put a copy in its place")
    data = read_bytes(place, 1 << 20, called)
    if len(data) > MOST_BYTES:
        raise refused(
            called, 1, f"the file is larger than {MOST_BYTES >> 10} KiB", "keep what you do not change out of it"
        )
    return decoded(data, called).replace("\r\n", "\n").replace("\r", "\n")


def has_slots(text: str) -> bool:
    """Whether there are characters in it that stand for texts to be filled in."""
    return any("\ue000" <= c <= "\uf8ff" for c in text)


def refused(file: str, line: int, found: str, remedy: str) -> InputError:
    return InputError([Fault(file, line, 1, found, remedy)])


# ---- looked over before it is run

ALLOWED: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Macro, nodes.If, nodes.For),
    *(nodes.Assign, nodes.AssignBlock, nodes.Import, nodes.Include),
    *(nodes.Name, nodes.NSRef, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword),
    *(nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Compare, nodes.Operand, nodes.Test, nodes.Filter, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call),
)
FILTERS = frozenset(
    [
        "join",
        "first",
        "last",
        "length",
        "lower",
        "upper",
        "capitalize",
        "trim",
        "default",
        "list",
        "reverse",
        "min",
        "max",
        "replace",
    ]
)
WORDS: Mapping[type[nodes.Node], str] = {  # what is not allowed, as its author calls it
    nodes.Extends: "extends",
    nodes.FromImport: "from ... import",
    nodes.Block: "block",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.With: "with",
    nodes.Mul: "*",
    nodes.Pow: "**",
    nodes.Mod: "%",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
}
OURS = re.compile(r"(?:formats|prose)/[a-z/]*[a-z0-9.]*")  # how the name of a template begins
PLAIN = "use plain text, if, for, set, ~ and the macros of f"


def faults_of(file: OwnFile, tree: nodes.Template) -> Iterator[Fault]:
    """Everything in a template that is not allowed."""
    for node in every_node(tree):
        said = misuse(node)
        if said:
            yield Fault(file.path, node.lineno, 1, *said)
    for node in tree.body if file.name.endswith(".j2") else ():
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                if not isinstance(part, nodes.TemplateData) or part.data.strip():
                    line = first_line(file.text, part)
                    yield Fault(file.path, line, 1, "text outside a macro is never written", "put it into a macro")


def first_line(text: str, part: nodes.Node) -> int:
    """The line where a part begins; of text, where its first word stands."""
    word = part.data.split()[0] if isinstance(part, nodes.TemplateData) else ""
    lines = enumerate(text.split("\n")[part.lineno - 1 :], part.lineno)
    return next((number for number, line in lines if word in line), part.lineno)


def every_node(tree: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def misuse(node: nodes.Node) -> tuple[str, str] | None:
    """What is found and what would do, where a node is not allowed."""
    if not isinstance(node, ALLOWED):
        return f"{WORDS.get(type(node), type(node).__name__.lower())} is not allowed in a template", PLAIN
    if isinstance(node, nodes.Const | nodes.TemplateData) and has_slots(
        str(getattr(node, "value", getattr(node, "data", "")))
    ):
        return "a character that cannot be printed", "take it out"
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        return f"the filter {node.name} is not allowed", f"use {', '.join(sorted(FILTERS))}"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"{shortened(node.attr)!r} is not for templates", PLAIN
    if isinstance(node, nodes.Import | nodes.Include) and not OURS.fullmatch(first_text(node.template)):
        return "only our templates and yours can be read in", "begin its name with formats/ or prose/"
    return None


def first_text(node: nodes.Expr) -> str:
    """What the name of a template begins with."""
    first = node.nodes[0] if isinstance(node, nodes.Concat) else node
    return str(first.value) if isinstance(first, nodes.Const) else ""


def macros_of(tree: nodes.Template) -> dict[str, int]:
    """The macros of a template, and their lines."""
    return {node.name: node.lineno for node in tree.body if isinstance(node, nodes.Macro)}


def unknown_macros(
    files: Iterable[tuple[OwnFile, nodes.Template]], known: Mapping[str, Sequence[str]]
) -> Iterator[Fault]:
    """Macros that nobody calls: those that take the place of none, and are used in none. `known`: ours, by folder."""
    files = [*files]
    called = {each.name for _, tree in files for each in tree.find_all(nodes.Name)}
    called |= {each.attr for _, tree in files for each in tree.find_all(nodes.Getattr)}
    for file, tree in files:
        ours = known[folder_of(file.name) if file.name.startswith("prose/") else file.name]
        for name, line in macros_of(tree).items():
            if name not in ours and name not in called:
                yield Fault(
                    file.path, line, 1, f"no macro is called {name!r}, so this one is never used", near_to(name, ours)
                )


def near_to(name: str, known: Sequence[str]) -> str:
    remedy = suggestion(name, known)
    return remedy if remedy.startswith("did you") else "see our templates for their names"


# ---- run within limits


class TooMuch(Exception):
    """A template does or says more than a page can need."""


class Budget:
    """What is left of the work and the text that one call of a macro may make."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.work, self.text = MOST_WORK, MOST_TEXT

    def spent(self, work: int) -> str:
        self.work -= work
        if self.work < 0:
            raise TooMuch("this goes on for too long")
        return ""

    def said(self, value: Any) -> Any:
        """Text that is written: counted, and passed on."""
        self.counted(len(value) if isinstance(value, str | list | tuple) else 1)
        return value

    def counted(self, characters: int) -> None:
        self.text -= characters
        if self.text < 0:
            raise TooMuch("this makes too much text")

    def joined(self, *values: Any) -> str:
        return "".join(str(self.said(value)) for value in values)

    def join(self, items: Iterable[Any], between: str = "") -> str:
        """The filter: as `joined`, with something between."""
        parts = [str(self.said(each)) for each in items]
        self.counted(len(between) * len(parts))
        return between.join(parts)

    def replace(self, text: str, old: str, new: str) -> str:
        """The filter."""
        self.counted(len(text) + len(new) * text.count(old))
        return text.replace(old, new)

    def limited(self, items: Any, work: int) -> Any:
        """What a loop goes over, the work of its body counted for each item."""
        if not isinstance(items, str | list | tuple | dict):
            items = list(items)
        self.spent(1 + work * len(items))
        return items


class Counting(NodeTransformer):
    """Puts calls of the budget into a template: at what is written and joined, at loops, and in each macro."""

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.nodes = [
            each if isinstance(each, nodes.TemplateData) else call("said", node.lineno, each) for each in node.nodes
        ]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return call("joined", node.lineno, *node.nodes)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        work = nodes.Const(size_of(node.body), lineno=node.lineno)
        self.generic_visit(node)
        node.iter = call("limited", node.lineno, node.iter, work)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        work = nodes.Const(size_of(node.body), lineno=node.lineno)
        self.generic_visit(node)
        node.body.insert(0, nodes.Output([call("spent", node.lineno, work)], lineno=node.lineno))
        return node


def call(name: str, line: int, *arguments: nodes.Node) -> nodes.Call:
    return nodes.Call(nodes.Name(name, "load", lineno=line), [*arguments], [], None, None, lineno=line)


def size_of(body: Sequence[nodes.Node]) -> int:
    """How many nodes: what it costs to run through them once."""
    return sum(1 for part in body for _ in every_node(part))


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with a budget."""

    intercepted_binops = frozenset(["+"])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.budget = Budget()
        namespace = self.globals["namespace"]
        self.globals.clear()
        self.globals.update(namespace=namespace, **{each: getattr(self.budget, each) for each in COUNTED})
        self.filters |= {"join": self.budget.join, "replace": self.budget.replace}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = Counting().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        return tree

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, forms of mathematics, and `get` of a table; no method of a text, which may make much of it."""
        owner = getattr(obj, "__self__", None)
        if isinstance(obj, Undefined):
            return True  # which says itself that it is none
        return isinstance(obj, Macro | Form) or obj is Namespace or owner is self.budget or isinstance(owner, dict)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        for side in (left, right):
            self.budget.said(side)
        return super().call_binop(context, operator, left, right)


COUNTED = ("said", "joined", "limited", "spent")


# ---- ours and theirs together


@dataclass(frozen=True)
class Piece:
    """A file that is a part of a longer template."""

    path: str
    lines: int
    own: bool


class OwnTemplates:
    """Our templates with those of the reader put over them."""

    def __init__(
        self, files: Sequence[OwnFile], ours: Mapping[str, str], language: str, setting: Mapping[str, Any]
    ) -> None:
        """`ours`: the text of each template of ours by its name. InputError with every fault of theirs."""
        self.files = files
        self.pieces: dict[str, list[Piece]] = {}
        self.own = checked(files, ours)
        self.environment = LimitedEnvironment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
        self.environment.globals.update(setting)
        folder = f"prose/{language}/"
        theirs = {file.name: file for file in files}
        texts = {folder: self.together(folder, [n for n in (*ours, *theirs) if n.startswith(folder)], ours, theirs)}
        texts |= {name: self.together(name, [name], ours, theirs) for name in ours}
        self.environment.loader = DictLoader(texts)
        self.macros: dict[str, Callable[..., str]] = {}
        with_module = self.tried(None, lambda: vars(self.environment.get_template(folder).module))
        self.macros |= {name: macro for name, macro in with_module.items() if callable(macro)}

    def together(self, name: str, parts: Sequence[str], ours: Mapping[str, str], theirs: Mapping[str, OwnFile]) -> str:
        """One template of several files: ours, then theirs."""
        found = [(each, ours[each], False) for each in dict.fromkeys(parts) if each in ours]
        found += [(theirs[each].path, theirs[each].text, True) for each in dict.fromkeys(parts) if each in theirs]
        texts = [text if text.endswith("\n") else f"{text}\n" for _, text, _ in found]
        self.pieces[name] = [Piece(p, text.count("\n"), own) for (p, _, own), text in zip(found, texts, strict=True)]
        return "".join(texts)

    def say(self, name: str, fields: Mapping[str, Any]) -> str:
        """What a macro says. One of theirs is given what it asks for, and no more."""
        macro = self.macros[name]
        if name in self.own:
            fields = {key: value for key, value in fields.items() if key in macro.arguments}  # type: ignore[attr-defined]
        self.environment.budget.renew()
        text: str = self.tried(name, lambda: str(macro(**fields)))
        return text

    def tried(self, name: str | None, made: Callable[[], Any]) -> Any:
        """What is made, or a fault at the line of theirs where it cannot be."""
        try:
            return made()
        except ExplainerError:
            raise
        except Exception as error:  # whatever a template can raise
            path, line = self.place_of(error) or self.own.get(name or "", (self.files[0].path, 1))
            raise refused(path, line, *in_words(error, self.arguments_at(path, line))) from None

    def arguments_at(self, path: str, line: int) -> Sequence[str]:
        """What the macro of theirs that stands at a line asks for."""
        before = [(at, name) for name, (file, at) in self.own.items() if file == path and at <= line]
        return getattr(self.macros.get(max(before)[1]), "arguments", ()) if before else ()

    def place_of(self, error: Exception) -> tuple[str, int] | None:
        """The innermost line of theirs that was at work."""
        found, trace = None, error.__traceback__
        while trace is not None:
            template = trace.tb_frame.f_globals.get("__jinja_template__")
            if template is not None:
                found = self.in_pieces(template.name, template.get_corresponding_lineno(trace.tb_lineno)) or found
            trace = trace.tb_next
        return found

    def in_pieces(self, name: str | None, line: int) -> tuple[str, int] | None:
        for piece in self.pieces.get(name or "", []):
            if line <= piece.lines:
                return (piece.path, line) if piece.own else None
            line -= piece.lines
        return None


def checked(files: Sequence[OwnFile], ours: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Where each macro of theirs stands; InputError with all faults where a template holds what is not allowed."""
    faults: list[Fault] = []
    trees: list[tuple[OwnFile, nodes.Template]] = []
    environment = ImmutableSandboxedEnvironment(trim_blocks=True)
    for file in files:
        if not file.name.startswith("prose/") and file.name not in ours:
            faults.append(Fault(file.path, 1, 1, "no template of ours has this name", near_to(file.name, [*ours])))
            continue
        if file.name.startswith("prose/") and not any(name.startswith(folder_of(file.name)) for name in ours):
            faults.append(Fault(file.path, 1, 1, "there is no such language", "put it into prose/en or prose/zh"))
            continue
        try:
            trees.append((file, environment.parse(file.text)))
        except TemplateSyntaxError as error:
            faults.append(Fault(file.path, error.lineno, 1, (error.message or "it cannot be read").rstrip("."), PLAIN))
        except RecursionError:
            faults.append(Fault(file.path, 1, 1, "brackets or blocks too deep inside each other", "write it flatter"))
    for file, tree in trees:
        faults += faults_of(file, tree)
    known: dict[str, list[str]] = {}
    for name, text in ours.items():
        if name.endswith(".j2"):
            place = folder_of(name) if name.startswith("prose/") else name
            known.setdefault(place, []).extend(macros_of(environment.parse(text)))
    faults += unknown_macros([(file, tree) for file, tree in trees if file.name.endswith(".j2")], known)
    if faults:
        raise InputError(faults)
    return {name: (file.path, line) for file, tree in trees for name, line in macros_of(tree).items()}


def folder_of(name: str) -> str:
    return name.rpartition("/")[0] + "/"


def in_words(error: Exception, given: Sequence[str]) -> tuple[str, str]:
    """What is found and what would do, where a template fails as it runs; `given` is what its macro asks for."""
    if isinstance(error, UndefinedError):
        return str(error), f"its macro knows {', '.join(given)}" if given else "let its macro ask for it"
    if isinstance(error, SecurityError) and "callable" in str(error):
        return "only macros can be called", PLAIN
    if isinstance(error, TooMuch):
        return str(error), "let the template do less"
    if isinstance(error, RecursionError):
        return "macros that call each other without end", "let the template do less"
    if isinstance(error, TypeError) and str(error).startswith("macro "):
        return str(error), "let it take what ours of this name takes, in the same order"
    return shortened(str(error) or type(error).__name__, 200), PLAIN
