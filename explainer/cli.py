"""The commands. What they need is imported when it is used, so that `--help` answers at once."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .errors import ExplainerError, InputError, NotBuilt, OutputError, printable
from .lazy import Lazy

if TYPE_CHECKING:
    from . import derivation, differentiation, pdf, problem, publish, render, spec
    from .embed import core, preview, regions
    from .marking import commands as marking
    from .models import imported
else:
    derivation, differentiation, pdf, problem, publish, render, spec, marking = (
        Lazy(f"explainer.{name}")
        for name in (
            "derivation",
            "differentiation",
            "pdf",
            "problem",
            "publish",
            "render",
            "spec",
            "marking.commands",
        )
    )
    imported, regions = Lazy("explainer.models.imported"), Lazy("explainer.embed.regions")
    core, preview = Lazy("explainer.embed.core"), Lazy("explainer.embed.preview")

EXAMPLES = Path(__file__).parent / "examples"
DEMO = "2-2-3-1"
DEMO_ENDINGS = (".md", ".tex", ".html", ".json")  # beside the PDF
FORMAT_NAMES = {
    "markdown": "markdown",
    "md": "markdown",
    "latex": "latex",
    "tex": "latex",
    "html": "html",
    "notebook": "notebook",
    "ipynb": "notebook",
    "json": "json",
    "typst": "typst",
    "typ": "typst",
    "pdf": "pdf",
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
    ("--only", {"metavar": "NAME,...", "help": "Only these weights and biases, and what they rest on."}),
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
    (
        ("--class", "document_class"),
        {
            "type": click.Choice(["article", "beamer"]),
            "default": "article",
            "help": "Of LaTeX: a handout, or a talk with a step on each frame.",
        },
    ),
    (
        ("--fragment",),
        {"is_flag": True, "help": "LaTeX without a preamble, to be read in by a document of yours."},
    ),
    (
        ("--pdf-engine",),
        {
            "type": click.Choice(["typst", "latexmk"]),
            "default": "typst",
            "help": "What sets a PDF: the typst wheel, or TeX where it is installed.",
        },
    ),
    (("--templates",), {"metavar": "DIR", "help": "A folder of templates of your own, which win over ours."}),
]


def figures_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--figures", is_flag=True, help="Write the figures of a page in Markdown beside it, as SVG files."
    )(command)


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
        files = [folder / f"derivation{ending}" for ending in DEMO_ENDINGS]
        found.save(*files)
        missing = ""
        try:
            found.save(folder / "derivation.pdf")
            files.append(folder / "derivation.pdf")
        except OutputError as error:
            missing = str(error).partition(":1:1: ")[2]
    for path in files:
        click.echo(path)
    click.echo(headline(found))
    if missing:
        click.echo(printable(f"There is no PDF beside them: {missing}"))


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@output_options
@figures_option
@writing_options
def derive(spec_file: str, outputs: tuple[str, ...], to: str | None, **options: Any) -> None:
    """Write the worked derivation of SPEC.

    The format follows FILE's ending: .md, .tex, .html, .pdf, .typ, .ipynb, .json.
    """
    writing, setting = divided(options)
    with refusals(spec_file):
        places = settings_of(outputs, to, setting)
        found = derivation.explain(problem.read_problem(spec_file, **writing))
        deliver(found.written, places, figures_of(found, places))
    click.echo(printable(written_to(places) + headline(found)), err=True)


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option("--epochs", type=click.IntRange(1, 1_000_000), required=True, metavar="N", help="How many updates.")
@click.option("--show", default="0", metavar="K,...", help="Work in full what starts after so many updates (0).")
@output_options
@figures_option
@writing_options
def train(spec_file: str, epochs: int, show: str, outputs: tuple[str, ...], to: str | None, **options: Any) -> None:
    """Train the network of SPEC, and work the chosen epochs in full.

    An epoch is one update over all samples.
    """
    writing, setting = divided(options)
    chosen = epochs_of(show, epochs)
    report = progress(epochs) if sys.stderr.isatty() else lambda epoch: None
    with refusals(spec_file):
        places = settings_of(outputs, to, setting)
        found = derivation.train(problem.read_problem(spec_file, **writing), epochs, chosen, report)
        deliver(found.written, places, figures_of(found, places))
    losses = f"E = {found.curve[0][1]:.5g} at first, {found.curve[-1][1]:.5g} after {epochs} epochs"
    click.echo(printable(written_to(places) + losses), err=True)


def some_writing_options(*wanted: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Those of the shared options that a command has a use for."""

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, settings in reversed(WRITING):
            command = click.option(name, **settings)(command) if name in wanted else command
        return command

    return decorated


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write: .svg, or .tex for TikZ.")
@click.option("--path", "weight", metavar="NAME", help="The ways from this weight to the loss.")
@click.option("--values", is_flag=True, help="The numbers after both passes.")
@some_writing_options("--language", "--notation", "--digits", "--significant", "--carry")
def diagram(spec_file: str, output: str, weight: str | None, values: bool, **options: Any) -> None:
    """Draw the network or the graph of SPEC.

    A .svg stands in any page; a .tex holds one tikzpicture, for \\input.
    """
    target = Path(output)
    if weight and values:
        raise click.UsageError("--path and --values are two drawings; choose one")
    with refusals(spec_file):
        if target.suffix.lower() not in (".svg", ".tex"):
            raise NotBuilt(f"{printable(output)}:1:1: no drawing has this ending; write to .svg, .tex")
        found = derivation.explain(problem.read_problem(spec_file, **options))
        figure = found.figure("path" if weight else "values" if values else "network", weight or "")
        derivation.save_figure(figure, target)
    click.echo(printable(f"wrote {output}: {figure.title}"), err=True)


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write: .svg, .png or .pdf.")
@click.option("--weight", metavar="NAME", help="The loss along this weight, with the step that is taken.")
@click.option("--epochs", type=click.IntRange(1, 1_000_000), metavar="N", help="The loss over so many updates.")
@some_writing_options("--language", "--notation")
def plot(spec_file: str, output: str, weight: str | None, epochs: int | None, **options: Any) -> None:
    """Plot the loss of SPEC along one weight, or over the epochs of a training.

    Needs matplotlib: pip install "explainer[plot]".
    """
    if (weight is None) == (epochs is None):
        raise click.UsageError("give either --weight NAME or --epochs N")
    with refusals(spec_file):
        derivation.plot_path(output)
        given = problem.read_problem(spec_file, **options)
        found = derivation.train(given, epochs, {0}) if epochs else derivation.explain(given)
        found.plot(output, weight or "")
    click.echo(printable(f"wrote {output}"), err=True)


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.argument("working", metavar="[WORKING]", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", "outputs", multiple=True, metavar="FILE", help="Where to write. - is standard output.")
@click.option("--to", type=click.Choice(["text", "json", "md", "html", "tex"]), help="The format of the report.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Language of the report.")
@click.option(
    "--scheme", metavar="NAME=N,...", help="What a line is worth: method=1,accuracy=1,follow-through=yes,digits=0."
)
@click.option("--digits", metavar="4dp|4sf", help="The decimals, or significant figures, that a line must have.")
@click.option("--page", metavar="PAGE", help="The derivation, a file or an address: the report links to its steps.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Processes that mark a folder.")
@click.option("--blank", is_flag=True, help="Write the empty sheet of SPEC to fill in: .csv, .md or .xlsx.")
def check(
    spec_file: str,
    working: Path | None,
    outputs: tuple[str, ...],
    to: str | None,
    language: str | None,
    scheme: str | None,
    digits: str | None,
    page: str | None,
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
        worth = marking.scheme_of(scheme, digits)
        shown = marking.Shown(to, has_colours(), page or "", spec_file)
        if working is None:
            text, code = marking.blank_sheets(found, outputs), 0
        elif working.is_dir():
            with stopped_cleanly():
                text, code = marking.checked_class(found, working, outputs, worth, shown, jobs, marked_so_far)
        else:
            text, code = marking.checked(found, working, outputs, worth, shown)
        show(iter([text]))
    sys.exit(code)


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option("--to", type=click.Choice(["text", "json"]), default="text", help="The format of the report.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Language of the report.")
def lint(spec_file: str, to: str, language: str | None) -> None:
    """Say which mistakes the numbers of SPEC can show, and how many digits that takes."""
    with refusals(spec_file):
        show(iter([marking.linted(problem.read_problem(spec_file, language=language), to)]))


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
    formula: str, variable: str, outputs: tuple[str, ...], to: str | None, language: str, **setting: Any
) -> None:
    """Write the derivative of the formula EXPR with respect to VAR, rule by rule.

    For example: explainer differentiate "1/(1+exp(-x))" x
    """
    with refusals("EXPR"):
        places = settings_of(outputs, to, setting)
        found = differentiation.differentiate(formula.removeprefix(" "), variable)
        deliver(partial(found.written, language=language), places)
    click.echo(printable(f"{written_to(places)}{found.derivative}; {found.verdict}"), err=True)


@main.command()
@click.argument("files", metavar="FILES...", nargs=-1, required=True, type=click.Path())
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a derivation is out of date.")
def embed(files: tuple[str, ...], check: bool) -> None:
    """Rewrite the marked regions of Markdown FILES in place.

    A region is <!-- explainer:begin net.yaml --> ... <!-- explainer:end -->.
    """
    with refusals(files[0]):
        said, stale = regions.embed(files, check)
    if said:
        click.echo(printable(said) if not check else said, err=True)
    sys.exit(1 if check and stale else 0)


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


@main.command("import")
@click.argument("model", metavar="MODEL", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="The spec; large weights beside it."
)
@click.option("--inputs", required=True, metavar="X,...|FILE", help="One sample, or a .csv or .npy file of samples.")
@click.option("--targets", metavar="T,...|FILE", help="The targets of the samples, or their classes.")
@click.option(
    "--loss", metavar="NAME", help="The loss, where the model does not know it: as in a spec, or as in PyTorch."
)
@click.option("--activations", metavar="NAME,...", help="One for each layer, where the file does not say.")
@click.option("--order", metavar="NAME,...", help="The layers in order, where their shapes do not say.")
@click.option("--decimals", type=click.IntRange(0, 15), metavar="D", help="Round the weights.")
@click.option("--title", default="", help="The heading of the page.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", help="Language of the page.")
def import_(model: str, output: Path | None, **given: Any) -> None:
    """Write the spec of a MODEL from elsewhere: a .safetensors, .keras or .onnx file."""
    with refusals(model):
        text = imported.import_model(model, output, **given)
    click.echo(text if output is None else printable(text), nl=output is not None, err=output is not None)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the spec, for editors."""
    click.echo(json.dumps(spec.json_schema(), indent=2, ensure_ascii=False))


@main.command()
@click.argument("spec_file", metavar="SPEC", type=click.Path())
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, help="Where it listens (8765); 0 takes a free one."
)
@click.option("--templates", default="", metavar="DIR", help="A folder of templates of your own, which win over ours.")
@writing_options
def serve(spec_file: str, port: int, templates: str, **options: Any) -> None:
    """Show the page of SPEC in the browser, and show it anew whenever SPEC changes.

    On this machine alone. Ctrl-C ends it.
    """
    writing = {name: value for name, value in divided(options)[0].items() if value is not None}
    with refusals(spec_file):
        preview.serve(Path(spec_file), writing, port, lambda line: click.echo(printable(line), err=True), templates)


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


@contextmanager
def stopped_cleanly() -> Iterator[None]:
    """Ctrl-C ends the command as shells expect, and not as if something were wrong with what is checked."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nstopped; nothing was written", err=True)
        sys.exit(130)


def has_colours() -> bool:
    """Whether what is printed goes to a terminal whose owner has not asked for plain text: see no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def marked_so_far(done: int, of: int) -> None:
    """Says on the terminal how far the marking of a folder is."""
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {of} workings", nl=done == of, err=True)


Places = list[tuple[Path | None, "render.Setting"]]  # each file, None for standard output, and how its page is set


def divided(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that say how a derivation is written, and those that say how a page is set."""
    writing = {name.removeprefix("--"): options[name.removeprefix("--")] for name, _ in WRITING}
    if writing["only"] is not None:
        writing["only"] = core.listed(writing["only"])
    return writing, {name: value for name, value in options.items() if name not in writing}


def settings_of(outputs: Sequence[str], to: str | None, setting: dict[str, Any]) -> Places:
    """Where the page goes, and how it is set there: in the format that a file's ending says, else --to."""
    named = FORMAT_NAMES[to or "markdown"]
    found: Places = []
    for name in dict.fromkeys(outputs or ["-"]):
        if name == "-":
            found.append((None, render.Setting(named, **{**setting, "figures": ""})))
        else:
            format = named if to and not has_format(name) else derivation.format_of(name)
            found.append((Path(name), derivation.setting_of(Path(name), format, **setting)))
    return found


def has_format(name: str) -> bool:
    return Path(name).suffix.lower() in derivation.FORMATS


def figures_of(found: derivation.Derivation, places: Places) -> dict[Path, publish.Chunks]:
    """The figures that pages have in files of their own."""
    pages = [derivation.figures_beside(found, path, setting) for path, setting in places if path is not None]
    return {path: text for page in pages for path, text in page.items()}


def deliver(
    page: Callable[[render.Setting], publish.Chunks],
    places: Places,
    beside: Mapping[Path, publish.Chunks] | None = None,
) -> None:
    """Write the page to every place, and the files `beside`; all files are replaced whole or not at all."""
    publish.write({path: page(setting) for path, setting in places if path is not None} | dict(beside or {}))
    for path, setting in places:
        if path is None:
            show(page(setting))


def written_to(places: Places) -> str:
    """The files, for the line that says what was done."""
    files = [str(path) for path, _ in places if path is not None]
    return f"wrote {', '.join(files)}: " if files else ""


def show(chunks: publish.Chunks) -> None:
    """The text, or the bytes, on standard output."""
    try:
        for chunk in chunks:
            click.echo(chunk, nl=False)
    except pdf.Unprintable as error:
        raise OutputError(f"standard output:1:1: {error}") from None
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
