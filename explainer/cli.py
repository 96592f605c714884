"""The commands. What they need is imported when it is used, so that `--help` answers at once."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .errors import ExplainerError, InputError, printable
from .lazy import Lazy

if TYPE_CHECKING:
    from . import derivation, differentiation, problem, spec
else:
    derivation, differentiation, problem, spec = (
        Lazy(f"explainer.{name}") for name in ("derivation", "differentiation", "problem", "spec")
    )

EXAMPLES = Path(__file__).parent / "examples"
DEMO = "2-2-3-1"
FORMAT_NAMES = {
    "markdown": "markdown",
    "md": "markdown",
    "latex": "latex",
    "tex": "latex",
    "html": "html",
    "json": "json",
}

WRITING: list[tuple[str, dict[str, Any]]] = [
    ("--language", {"type": click.Choice(["en", "zh"]), "help": "Language of the page."}),
    (
        "--notation",
        {"metavar": "NAME", "help": "Symbols on the page: numbered, theta, nielsen, rashid, mazur or layered."},
    ),
    ("--digits", {"type": int, "metavar": "D", "help": "Decimals of each number."}),
    ("--significant", {"type": int, "metavar": "S", "help": "Significant digits of each number (default 5)."}),
    (
        "--carry",
        {"type": click.Choice(["full", "rounded"]), "help": "Compute on with all digits, or with those shown."},
    ),
    ("--detail", {"type": click.Choice(["brief", "normal", "full"]), "help": "How much is written."}),
    ("--view", {"type": click.Choice(["scalar", "matrix", "both"]), "help": "Single numbers, matrices, or both."}),
    ("--only", {"metavar": "NAME,...", "help": "Only these weights."}),
    ("--steps", {"type": int, "metavar": "N", "help": "How many updates are worked."}),
]


def writing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `derive` shares with the spec; on the command line they win."""
    for name, settings in reversed(WRITING):
        command = click.option(name, **settings)(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="explainer")
def main() -> None:
    """Worked derivations of back-propagation: every weight, every step, every number.

    Start with `explainer demo`, or with `explainer examples 2-2-3-1 > my.yaml`.
    """


@main.command()
@click.argument("folder", metavar="[DIR]", default="explainer-demo", type=click.Path(path_type=Path))
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", help="Language of the page.")
def demo(folder: Path, language: str) -> None:
    """Work the 2-2-3-1 network into DIR (default explainer-demo/)."""
    with refusals(str(folder)):
        found = derivation.explain(problem.read_problem(EXAMPLES / f"{DEMO}.yaml", language=language))
        make_folder(folder)
        outputs = [(folder / f"derivation{ending}", to) for ending, to in derivation.FORMATS.items()]
        derivation.save(outputs, found, "github")
    for path, _ in outputs:
        click.echo(path)
    click.echo(headline(found))
    click.echo(f"For a PDF, run pdflatex{' (here: xelatex)' if language == 'zh' else ''} on derivation.tex.")


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="FILE",
    help="Where to write; once for each format. - is standard output.",
)
@click.option("--to", type=click.Choice(list(FORMAT_NAMES)), help="The format, where FILE's ending does not say.")
@click.option(
    "--flavour",
    type=click.Choice(["github", "myst", "mkdocs", "jupyter"]),
    default="github",
    help="How mathematics is marked in Markdown.",
)
@writing_options
def derive(spec_file: str, outputs: tuple[str, ...], to: str | None, flavour: str, **options: Any) -> None:
    """Write the worked derivation of SPEC.

    The format follows FILE's ending: .md, .tex, .html, .json.
    """
    named = FORMAT_NAMES[to] if to else None
    options["only"] = tuple(options["only"].split(",")) if options["only"] else None
    with refusals(spec_file):
        files = [(Path(name), named or derivation.format_of(name)) for name in outputs if name != "-"]
        found = derivation.explain(problem.read_problem(spec_file, **options))
        derivation.save(files, found, flavour)
        if not outputs or "-" in outputs:
            for chunk in found.text(named or "markdown", flavour):
                click.echo(chunk, nl=False)
    written = f"wrote {', '.join(str(path) for path, _ in files)}: " if files else ""
    click.echo(printable(written + headline(found)), err=True)


class FormulaCommand(click.Command):
    """A command whose arguments may begin with a minus, as formulas do: -x^2 is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = ("-o", "-h")
        return super().parse_args(
            ctx, [f" {a}" if re.match("-[^-]", a) and not a.startswith(known) else a for a in args]
        )


@main.command(cls=FormulaCommand)
@click.argument("formula", metavar="EXPR")
@click.argument("variable", metavar="VAR")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", help="Where to write; once for each format.")
@click.option("--to", type=click.Choice(list(FORMAT_NAMES)), help="The format, where FILE's ending does not say.")
@click.option(
    "--flavour",
    type=click.Choice(["github", "myst", "mkdocs", "jupyter"]),
    default="github",
    help="How mathematics is marked in Markdown.",
)
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", help="Language of the page.")
def differentiate(
    formula: str, variable: str, outputs: tuple[str, ...], to: str | None, flavour: str, language: str
) -> None:
    """Write the derivative of the formula EXPR with respect to VAR, rule by rule.

    For example: explainer differentiate "1/(1+exp(-x))" x
    """
    named = FORMAT_NAMES[to] if to else None
    with refusals("EXPR"):
        files = {Path(name): named or derivation.format_of(name) for name in outputs if name != "-"}
        found = differentiation.differentiate(formula.removeprefix(" "), variable)
        differentiation.save(files, found, flavour, language)
        if not outputs or "-" in outputs:
            for chunk in found.text(named or "markdown", flavour, language):
                click.echo(chunk, nl=False)
    written = f"wrote {', '.join(map(str, files))}: " if files else ""
    click.echo(printable(f"{written}{found.derivative}; {found.verdict}"), err=True)


@main.command()
@click.argument("name", required=False)
def examples(name: str | None) -> None:
    """List the shipped examples, or print the one called NAME."""
    found = {path.stem: path for path in sorted(EXAMPLES.glob("*.yaml"))}
    if name is None:
        for stem, path in found.items():
            click.echo(f"{stem:<16} {title_of(path)}")
    elif name in found:
        click.echo(found[name].read_text(encoding="utf-8"), nl=False)
    else:
        raise click.UsageError(f"there is no example {printable(name)!r}; there are {', '.join(found)}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of the spec, for editors."""
    click.echo(json.dumps(spec.json_schema(), indent=2, ensure_ascii=False))


# ---- small things


@contextmanager
def refusals(file: str) -> Iterator[None]:
    """What cannot be used is said in lines of FILE:LINE:COLUMN, with exit code 2."""
    try:
        yield
    except InputError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except ExplainerError as error:
        click.echo(f"{printable(file)}:1:1: {error}", err=True)
        sys.exit(2)


def make_folder(folder: Path) -> None:
    from .errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror}; choose another folder") from None


def headline(found: Any) -> str:
    """The numbers that one looks at first."""
    before, after = found.losses
    if before is None:
        return "forward pass only: no loss was given"
    parts = [f"E = {before:.5g}" + ("" if after is None else f" before the update, {after:.5g} after")]
    if found.check is not None:
        worst = found.check.worst_relative_error
        parts.append(f"{found.parameters} gradients checked by {found.check.method}, worst relative error {worst:.1e}")
    return "; ".join(parts)


def title_of(path: Path) -> str:
    """The title line of a shipped example."""
    return (
        next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("title:"))
        .removeprefix("title:")
        .strip()
    )
