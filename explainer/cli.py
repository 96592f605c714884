"""The commands. What they need is imported when it is used, so that `--help` answers at once."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .errors import ExplainerError, InputError, NotBuilt, OutputError, printable
from .lazy import Lazy

if TYPE_CHECKING:
    from . import derivation, differentiation, problem, spec
    from .marking import commands as marking
else:
    derivation, differentiation, problem, spec, marking = (
        Lazy(f"explainer.{name}") for name in ("derivation", "differentiation", "problem", "spec", "marking.commands")
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


OUTPUTS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (
        ("-o", "--output", "outputs"),
        {"multiple": True, "metavar": "FILE", "help": "Where to write; once for each format. - is standard output."},
    ),
    (("--to",), {"type": click.Choice(list(FORMAT_NAMES)), "help": "The format, where FILE's ending does not say."}),
    (
        ("--flavour",),
        {
            "type": click.Choice(["github", "myst", "mkdocs", "jupyter"]),
            "default": "github",
            "help": "How mathematics is marked in Markdown.",
        },
    ),
]


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where a page goes, and in which format."""
    for names, settings in reversed(OUTPUTS):
        command = click.option(*names, **settings)(command)
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
    click.echo(f"For a PDF, run {'xelatex' if language == 'zh' else 'pdflatex'} on derivation.tex.")


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@output_options
@writing_options
def derive(spec_file: str, outputs: tuple[str, ...], to: str | None, flavour: str, **options: Any) -> None:
    """Write the worked derivation of SPEC.

    The format follows FILE's ending: .md, .tex, .html, .json.
    """
    options["only"] = tuple(options["only"].split(",")) if options["only"] is not None else None
    with refusals(spec_file):
        files = files_of(outputs, to)
        found = derivation.explain(problem.read_problem(spec_file, **options))
        derivation.save(files, found, flavour)
        if not outputs or "-" in outputs:
            show_text(found.text(FORMAT_NAMES[to or "markdown"], flavour))
    written = f"wrote {', '.join(str(path) for path, _ in files)}: " if files else ""
    click.echo(printable(written + headline(found)), err=True)


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option("--epochs", type=click.IntRange(1, 1_000_000), required=True, metavar="N", help="How many updates.")
@click.option("--show", default="0", metavar="K,...", help="Work in full what starts after so many updates (0).")
@output_options
@writing_options
def train(
    spec_file: str, epochs: int, show: str, outputs: tuple[str, ...], to: str | None, flavour: str, **options: Any
) -> None:
    """Train the network of SPEC, and work the chosen epochs in full.

    An epoch is one update over all samples.
    """
    options["only"] = tuple(options["only"].split(",")) if options["only"] is not None else None
    chosen = epochs_of(show, epochs)
    report = progress(epochs) if sys.stderr.isatty() else lambda epoch: None
    with refusals(spec_file):
        files = files_of(outputs, to)
        found = derivation.train(problem.read_problem(spec_file, **options), epochs, chosen, report)
        derivation.save(files, found, flavour)
        if not outputs or "-" in outputs:
            show_text(found.text(FORMAT_NAMES[to or "markdown"], flavour))
    written = f"wrote {', '.join(str(path) for path, _ in files)}: " if files else ""
    click.echo(
        printable(f"{written}E = {found.curve[0][1]:.5g} at first, {found.curve[-1][1]:.5g} after {epochs} epochs"),
        err=True,
    )


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.argument("working", metavar="[WORKING]", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", help="Where to write. - is standard output.")
@click.option("--to", type=click.Choice(["text", "json", "md", "html", "tex"]), help="The format of the report.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Language of the report.")
@click.option("--scheme", metavar="NAME=N,...", help="What a line is worth: method=1,accuracy=1,follow-through=yes.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Processes that mark a folder.")
@click.option("--blank", is_flag=True, help="Write the empty sheet of SPEC to fill in: .csv, .md or .xlsx.")
def check(
    spec_file: str,
    working: Path | None,
    outputs: tuple[str, ...],
    to: str | None,
    language: str | None,
    scheme: str | None,
    jobs: int,
    blank: bool,
) -> None:
    """Mark the hand calculation WORKING of SPEC line by line.

    WORKING is a text, .md, .tex, .csv, .xlsx or .ipynb file, or a folder with one such file for each student.
    """
    if (working is None) != blank:
        raise click.UsageError("give a WORKING to mark, or --blank and a FILE for the empty sheet")
    with refusals(spec_file):
        found = problem.read_problem(spec_file, language=language)
        worth = marking.scheme_of(scheme)
        if working is None:
            text, code = marking.blank_sheets(found, outputs), 0
        elif working.is_dir():
            text, code = marking.checked_class(found, working, outputs, worth, jobs, marked_so_far)
        else:
            text, code = marking.checked(found, working, outputs, to, worth, sys.stdout.isatty())
        show_text(iter([text]))
    sys.exit(code)


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option("--to", type=click.Choice(["text", "json"]), default="text", help="The format of the report.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Language of the report.")
def lint(spec_file: str, to: str, language: str | None) -> None:
    """Say which mistakes the numbers of SPEC can show, and how many digits that takes."""
    with refusals(spec_file):
        show_text(iter([marking.linted(problem.read_problem(spec_file, language=language), to)]))


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
@output_options
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", help="Language of the page.")
def differentiate(
    formula: str, variable: str, outputs: tuple[str, ...], to: str | None, flavour: str, language: str
) -> None:
    """Write the derivative of the formula EXPR with respect to VAR, rule by rule.

    For example: explainer differentiate "1/(1+exp(-x))" x
    """
    with refusals("EXPR"):
        files = dict(files_of(outputs, to))
        found = differentiation.differentiate(formula.removeprefix(" "), variable)
        differentiation.save(files, found, flavour, language)
        if not outputs or "-" in outputs:
            show_text(found.text(FORMAT_NAMES[to or "markdown"], flavour, language))
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


def epochs_of(text: str, last: int) -> set[int]:
    """The epochs that --show names."""
    try:
        found = {int(part) for part in text.split(",")}
    except ValueError:
        raise click.UsageError(f"--show takes whole numbers and commas, not {printable(text)!r}") from None
    wrong = sorted(k for k in found if not 0 <= k <= last)
    if wrong:
        raise click.UsageError(f"--show {wrong[0]}: the training goes from 0 to {last}")
    return found


def progress(epochs: int) -> Callable[[int], None]:
    """Says on the terminal how far the training is."""
    return lambda epoch: click.echo(f"\r{epoch} of {epochs} epochs", nl=epoch == epochs, err=True)


def marked_so_far(done: int, of: int) -> None:
    """Says on the terminal how far the marking of a folder is."""
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {of} workings", nl=done == of, err=True)


def files_of(outputs: Sequence[str], to: str | None) -> list[tuple[Path, str]]:
    """Each file and its format: what its ending says, else what --to says."""
    known = derivation.FORMATS
    return [
        (Path(name), FORMAT_NAMES[to] if to and Path(name).suffix.lower() not in known else derivation.format_of(name))
        for name in dict.fromkeys(outputs)
        if name != "-"
    ]


def show_text(chunks: Iterator[str]) -> None:
    """The text on standard output."""
    try:
        for chunk in chunks:
            click.echo(chunk, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExplainerError(f"standard output: {error.strerror}; write to a file with -o") from None


@contextmanager
def refusals(file: str) -> Iterator[None]:
    """What cannot be used is said in lines of FILE:LINE:COLUMN, with exit code 2."""
    try:
        yield
    except (InputError, OutputError, NotBuilt) as error:  # these say themselves which file they mean
        click.echo(str(error), err=True)
        sys.exit(2)
    except ExplainerError as error:
        click.echo(f"{printable(file)}:1:1: {error}", err=True)
        sys.exit(2)


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}:1:1: {error.strerror}; choose another folder") from None


def headline(found: Any) -> str:
    """The numbers that one looks at first."""
    if isinstance(found, derivation.GraphDerivation):
        return found.headline
    before, after = found.losses
    if before is None:
        return "forward pass only: no loss was given"
    many = found.problem.writing.steps
    when = "the update" if many == 1 else f"{many} updates"
    parts = [f"E = {before:.5g}" + ("" if after is None else f" before {when}, {after:.5g} after")]
    if found.check is not None:
        worst = found.check.worst_relative_error
        count = found.parameters
        parts.append(
            f"{count} gradient{'s' if count > 1 else ''} checked by {found.check.method}, worst relative error {worst:.1e}"
        )
    return "; ".join(parts)


def title_of(path: Path) -> str:
    """The title line of a shipped example."""
    return (
        next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("title:"))
        .removeprefix("title:")
        .strip()
    )
