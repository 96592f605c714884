"""The promises of the layout: what may import what, what is public, what is written down, what is never called."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import explainer
from explainer.cli import main

ROOT = Path(__file__).parent.parent
PACKAGE = Path(explainer.__file__).parent
COMMANDS = (ROOT / "docs/reference/commands.md").read_text("utf-8")

ARCHITECTURE = (ROOT / "docs/architecture.md").read_text("utf-8")
ORDER = [*re.findall(r"^\| `([a-z_.]+)` \| ", ARCHITECTURE, re.MULTILINE), "__main__"]  # of imports
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)
NEVER_CALLED = {"eval", "exec", "compile", "sympify", "parse_expr", "lambdify", "literal_eval", "__import__"}


def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text("utf-8"))


class Imports(ast.NodeVisitor):
    """The modules of the package that a module imports, wherever it does; what only a type checker sees left out."""

    def __init__(self, module: str) -> None:
        self.package = module.split(".")[:-1]
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)
        for statement in node.orelse if ast.unparse(node.test) == "TYPE_CHECKING" else ():
            self.visit(statement)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if not node.level:
            return
        base = self.package[: len(self.package) - (node.level - 1)] + (node.module.split(".") if node.module else [])
        whole = ".".join(base)
        self.found |= {whole} if whole in MODULES else {".".join([*base, name.name]) for name in node.names}


def imports(module: str) -> set[str]:
    visitor = Imports(module)
    visitor.visit(tree_of(module))
    return visitor.found & set(MODULES)


def calls(module: str) -> Iterator[str]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2] if ast.unparse(node.func) != "re.compile" else "re.compile"


def test_the_architecture_page_gives_every_module_its_place() -> None:
    assert sorted(ORDER) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_those_before_it(module: str) -> None:
    assert imports(module) <= set(ORDER[: ORDER.index(module)])


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_turns_text_into_code_is_ever_called(module: str) -> None:
    assert not NEVER_CALLED & set(calls(module))


# ---- the public face


def test_every_public_name_can_be_had_and_is_at_home_in_the_package() -> None:
    assert sorted(explainer.__all__) == explainer.__all__
    for name in explainer.__all__:
        assert getattr(explainer, name).__module__.startswith("explainer.")


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/python.md").read_text("utf-8")
    assert [name for name in explainer.__all__ if not re.search(rf"^\| `{name}\b", page, re.MULTILINE)] == []


def test_every_public_member_of_a_derivation_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/python.md").read_text("utf-8")
    members = [name for name in vars(explainer.Derivation) if not name.startswith("_")] + ["problem"]
    assert [name for name in members if not re.search(rf"^\| `{name}\b", page, re.MULTILINE)] == []


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = explainer.nonsense


# ---- the commands, and their reference


def test_every_command_is_in_the_reference_and_no_other() -> None:
    assert re.findall(r"^## ([a-z]+)$", COMMANDS, re.MULTILINE) == sorted(main.commands)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_of_a_command_is_in_the_reference_and_no_other(name: str) -> None:
    section = COMMANDS.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`-[^|]+)\|", section, re.MULTILINE)
    listed = {option for row in rows for option in re.findall(r"--[a-z-]+", row)}
    options = [parameter for parameter in main.commands[name].params if isinstance(parameter, click.Option)]
    assert listed == {option.opts[-1] for option in options}
    for option in options:
        if isinstance(option.type, click.Choice):
            assert all(f"`{choice}`" in section or choice in section.split() for choice in option.type.choices)


# ---- the project


def test_the_lock_names_every_dependency_and_only_the_public_index() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "uv.lock").read_text("utf-8")
    lock = tomllib.loads(text)
    (own,) = (package for package in lock["package"] if package["name"] == "explainer")
    wanted = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    locked = own["metadata"]["requires-dist"]
    names = {re.split(r"[<>=\[]", line)[0].lower() for line in wanted} - {"explainer"}  # an extra of our own
    assert names == {each["name"] for each in locked}
    assert set(re.findall(r'registry = "([^"]+)"', text)) == {"https://pypi.org/simple"}
    assert set(re.findall(r'url = "(https?://[^/]+)/', text)) == {"https://files.pythonhosted.org"}
