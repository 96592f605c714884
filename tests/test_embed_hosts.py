"""MkDocs, notebooks, Pandoc and mystmd with the real tools: right numbers, and a planted fault at its line."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import explainer
from explainer.embed import jupyter, myst, pandoc
from explainer.embed.core import Place, Style, embedded
from explainer.embed.fences import fences

HOSTS = Path(__file__).parent / "hosts"
VALUES = explainer.explain(explainer.read_problem(HOSTS / "pandoc" / "net.yaml")).values
GRADIENT = f"{VALUES['dE/dW[3,6]']:.5g}"
SPEC = """\
inputs: {X1: 2}
targets: {T: 1}
layers:
  - {neurons: [1], activation: tanh, weights: [[0.3]], biases: [-0.1]}
loss: half_squared_error
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_CACHE", str(cache))


def copied(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(HOSTS / name, tmp_path / name))


def planted(path: Path) -> tuple[int, int]:
    """A fault in the spec of a document, and its line and column."""
    lines = path.read_text("utf-8").replace("activation: tanh", "activation: tanhh").splitlines()
    path.write_text("\n".join(lines) + "\n", "utf-8")
    ((line, column),) = [(k, text.index("tanhh") + 1) for k, text in enumerate(lines, 1) if "tanhh" in text]
    return line, column


def ids_and_links(html: str) -> tuple[list[str], set[str]]:
    return re.findall(r'\bid="([^"]+)"', html), set(re.findall(r'href="#([^"]+)"', html))


def run(*line: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False, **more)


def example(beginning: str) -> str:
    """An example of our own page on embedding, from where it begins."""
    page = (Path(__file__).parent.parent / "docs" / "how-to" / "embed.md").read_text("utf-8")
    (found,) = re.findall(rf"^(`{{3,}})\w*\n({re.escape(beginning)}.*?)^\1$", page, re.M | re.S)
    return str(found[1])


# ---- Python-Markdown and MkDocs


def test_the_blocks_of_a_document_are_found_and_those_inside_other_blocks_are_not() -> None:
    text = (HOSTS / "mkdocs" / "docs" / "index.md").read_text("utf-8").splitlines()
    found = list(fences(text))
    assert [(fence.said, fence.indent) for fence in found] == [("net.yaml label=w36", ""), ("digits=4", "    ")]
    assert found[1].body[0] == "title: One neuron"
    assert next(fences(["~~~ {.explainer digits=3}", "a", "~~~"])).said == "digits=3"
    assert list(fences(["```explainers", "```"])) == []


def test_a_site_of_mkdocs_has_the_right_numbers_and_links(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    project = copied("mkdocs", tmp_path)
    done = run(sys.executable, "-m", "mkdocs", "build", "--strict", cwd=project)
    assert done.returncode == 0, done.stderr
    page = (project / "site" / "index.html").read_text("utf-8")
    assert f"<mn>{GRADIENT.removeprefix('-')}</mn>" in page
    assert page.count("<math") > 200
    assert "this block only shows one" in page
    assert "wzxhzdk" not in page
    ids, links = ids_and_links(page)
    assert len(ids) == len(set(ids))
    assert "w36-s17" in links
    assert {link for link in links if re.match(r"w36-|explainer", link)} <= set(ids)


def test_the_example_for_mkdocs_is_built_as_it_stands(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    project = copied("mkdocs", tmp_path)
    (project / "mkdocs.yml").write_text("site_name: own\n" + example("markdown_extensions:"), "utf-8")
    (project / "docs" / "index.md").write_text(example("```explainer net.yaml"), "utf-8")
    done = run(sys.executable, "-m", "mkdocs", "build", "--strict", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "site" / "index.html").read_text("utf-8").count('<div class="explainer">') == 2


def test_figures_are_drawn_in_a_site_of_mkdocs(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    project = copied("mkdocs", tmp_path)
    config = project / "mkdocs.yml"
    config.write_text(config.read_text("utf-8").replace("significant: 5", "figures: yes"), "utf-8")
    done = run(sys.executable, "-m", "mkdocs", "build", "--strict", cwd=project)
    assert done.returncode == 0, done.stderr
    page = (project / "site" / "index.html").read_text("utf-8")
    assert '<g class="weight" data-name="W[3,6]"' in page
    assert '<figure id="w36-figure-network"' in page


def test_a_planted_fault_ends_a_strict_build_of_mkdocs_at_its_line(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    project = copied("mkdocs", tmp_path)
    path = project / "docs" / "index.md"
    line, column = planted(path)
    done = run(sys.executable, "-m", "mkdocs", "build", "--strict", cwd=project)
    assert done.returncode != 0
    assert f"{path}:{line}:{column}: unknown activation 'tanhh'" in done.stderr
    done = run(sys.executable, "-m", "mkdocs", "build", cwd=project)
    assert done.returncode == 0
    page = (project / "site" / "index.html").read_text("utf-8")
    assert f"index.md:{line}:{column}: unknown activation &#x27;tanhh&#x27;" in page


def test_a_fault_in_mkdocs_is_told_where_it_is_and_not_where_the_same_is_shown(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    project = copied("mkdocs", tmp_path)
    page, shown = project / "docs" / "index.md", "```explainer\nlayer: 3\n```\n"
    page.write_text(
        f"---\ntitle: a\n---\n\n````md\n{shown}````\n\n{shown}\n```explainer net.yaml digit=3\n```\n", "utf-8"
    )
    errors = run(sys.executable, "-m", "mkdocs", "build", cwd=project).stderr
    assert f"{page}:12:1: unknown key 'layer'" in errors
    assert f"{page}:15:1: there is no option 'digit'" in errors


def test_zensical_builds_the_same_documents_and_fails_at_the_same_line(tmp_path: Path) -> None:
    pytest.importorskip("zensical")
    project = copied("mkdocs", tmp_path)
    (project / "mkdocs.yml").unlink()
    extensions = "[project.markdown_extensions.admonition]\n[project.markdown_extensions.explainer]\nstrict = true\n"
    (project / "zensical.toml").write_text(f'[project]\nsite_name = "Course notes"\n{extensions}', "utf-8")
    line = [str(Path(sys.executable).with_name("zensical")), "build", "--clean"]
    done = run(*line, cwd=project)
    assert done.returncode == 0, done.stderr
    assert f"<mn>{GRADIENT.removeprefix('-')}</mn>" in (project / "site" / "index.html").read_text("utf-8")
    at, column = planted(project / "docs" / "index.md")
    done = run(*line, cwd=project)
    assert done.returncode != 0
    assert f"index.md:{at}:{column}: unknown activation 'tanhh'" in done.stdout + done.stderr


def test_python_markdown_alone_tells_lines_of_the_text(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    markdown = pytest.importorskip("markdown")
    (tmp_path / "net.yaml").write_text(SPEC, "utf-8")
    config = {"explainer": {"folder": str(tmp_path), "math": "arithmatex", "defaults": {"language": "zh"}}}
    html = markdown.markdown("Text\n\n```explainer net.yaml\n```\n", extensions=["explainer"], extension_configs=config)
    assert "前向传播" in html
    assert '<span class="arithmatex">\\(' in html
    with caplog.at_level(logging.WARNING):
        html = markdown.markdown("```explainer\nlayer: 3\n```\n\n```explainer a=1\n```\n", extensions=["explainer"])
    assert [record.getMessage().partition("; ")[0] for record in caplog.records][1:] == [
        "<document>:2:1: unknown key 'layer'",
        "<document>:5:1: there is no option 'a'",
    ]
    assert html.count("admonition danger") == 2
    strict = {"explainer": {"strict": True}}
    with pytest.raises(explainer.InputError):
        markdown.markdown("```explainer\nlayer: 3\n```", extensions=["explainer"], extension_configs=strict)
    with pytest.raises(ValueError, match="math is 'tex'; write mathml or arithmatex"):
        markdown.markdown("", extensions=["explainer"], extension_configs={"explainer": {"math": "tex"}})


# ---- Jupyter


def test_the_magic_returns_the_derivation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC, "utf-8")
    inline, named = jupyter.magic("digits=3", SPEC), jupyter.magic("net.yaml")
    assert inline.problem.writing.digits == 3
    assert named.values["E"] == inline.values["E"]
    assert set(named._repr_mimebundle_()) == {"text/markdown", "text/plain"}


def test_a_fault_in_a_cell_is_a_syntax_error_with_its_place() -> None:
    with pytest.raises(SyntaxError) as caught:
        jupyter.magic("", SPEC.replace("tanh", "tanhh").replace("half_", "hlf_"))
    error = caught.value
    assert (error.filename, error.lineno, error.offset) == ("<explainer cell>", 5, 32)
    assert error.text is not None
    assert error.text[31:36] == "tanhh"
    assert "line 5, column 7: unknown loss" in str(error.msg)
    for line, cell in (("digit=3", SPEC), ("templates=own", SPEC), ("", ""), ("notation=no", SPEC), ("no.yaml", None)):
        with pytest.raises(SyntaxError):
            jupyter.magic(line, cell)


def test_marks_are_shown_as_markdown_as_derivations_are() -> None:
    """A page of HTML would take the place of Markdown in nbconvert, and its styles would hold for the whole notebook."""
    marks = explainer.check(explainer.read_problem(HOSTS / "pandoc" / "net.yaml"), "Y6 = 0.6")
    assert set(marks._repr_mimebundle_()) == {"text/markdown", "text/plain"}


def notebook(*cells: str) -> str:
    nbformat = pytest.importorskip("nbformat")
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=made, metadata=metadata)))


def executed(tmp_path: Path, *cells: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("nbconvert")
    pytest.importorskip("ipykernel")
    (tmp_path / "in.ipynb").write_text(notebook(*cells), "utf-8")
    line = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--output", "out.ipynb", "in.ipynb"]
    return run(*line, cwd=tmp_path, env={**os.environ, "JUPYTER_PLATFORM_DIRS": "1"})


def test_a_notebook_executed_by_nbconvert_shows_the_derivation(tmp_path: Path) -> None:
    shutil.copy(HOSTS / "pandoc" / "net.yaml", tmp_path)
    done = executed(
        tmp_path, "%load_ext explainer", f"%%explainer digits=4\n{SPEC}", "d = %explainer net.yaml\nd.values['E']"
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "out.ipynb").read_text("utf-8"))["cells"]
    (output,) = cells[1]["outputs"]
    assert "".join(output["data"]["text/markdown"]).count("$$") > 10
    assert "text/html" not in output["data"]
    assert "".join(output["data"]["text/markdown"]).count('src="data:image/svg+xml;base64,') == 3
    assert float(cells[2]["outputs"][0]["data"]["text/plain"][0]) == pytest.approx(VALUES["E"])
    line = [sys.executable, "-m", "nbconvert", "--to", "html", "out.ipynb"]
    assert run(*line, cwd=tmp_path).returncode == 0
    assert r"\frac{\partial E}{\partial W" in (tmp_path / "out.html").read_text("utf-8")


def test_a_planted_fault_ends_the_execution_of_a_notebook_at_its_line(tmp_path: Path) -> None:
    done = executed(tmp_path, "%load_ext explainer", f"%%explainer\n{SPEC.replace('tanh', 'tanhh')}")
    assert done.returncode != 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr)
    assert "unknown activation 'tanhh'; did you mean 'tanh'?" in plain
    assert re.search(r"<explainer cell>.*5", plain)


# ---- Pandoc


PANDOC = pytest.mark.skipif(shutil.which("pandoc") is None, reason="needs pandoc")
FILTER = Path(sys.executable).with_name("explainer-pandoc")


def converted(project: Path, to: str) -> subprocess.CompletedProcess[str]:
    line = ["pandoc", "--fail-if-warnings", "--filter", str(FILTER), "doc.md", "--mathml", "-s", "-o", f"doc.{to}"]
    return run(*line, cwd=project)


@PANDOC
@pytest.mark.parametrize("to", ["html", "tex", "docx", "epub"])
def test_pandoc_writes_the_derivation_in_every_format(tmp_path: Path, to: str) -> None:
    project = copied("pandoc", tmp_path)
    done = converted(project, to)
    assert done.returncode == 0, done.stderr
    data = (project / f"doc.{to}").read_bytes()
    if to in ("docx", "epub"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if re.search(r"document\.xml$|ch\d+\.xhtml$", name)]
            text = "".join(archive.read(name).decode() for name in names)
        assert len(re.findall(r"<m:oMath>|<math ", text)) > 200
    else:
        text = data.decode()
    assert GRADIENT.removeprefix("-") in text
    if to == "html":
        ids, links = ids_and_links(text)
        assert "w36-s17" in links
        assert links <= set(ids)
        assert len(ids) == len(set(ids))


@PANDOC
@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("html", '<g class="weight" data-name="W[3,6]"'),
        ("tex", r"\begin{tikzpicture}"),
        ("txt", "2 inputs, then layers of 2, 3, 1 neuron"),
    ],
)
def test_pandoc_draws_a_figure_where_it_can_and_tells_it_elsewhere(tmp_path: Path, to: str, wanted: str) -> None:
    project = copied("pandoc", tmp_path)
    path = project / "doc.md"
    text = path.read_text("utf-8").replace("label=w36", "label=w36 figures=yes")
    path.write_text(text.replace("title:", "header-includes: '<!-- mine -->'\ntitle:", 1), "utf-8")
    done = converted(project, to)
    assert done.returncode == 0, done.stderr
    found = (project / f"doc.{to}").read_text("utf-8")
    assert wanted in found.replace("\n", " ")
    assert (r"\usepackage{tikz}" in found) == (to == "tex")
    assert ("<!-- mine -->" in found) == (to != "tex")


@PANDOC
def test_the_example_for_pandoc_is_built_as_it_stands(tmp_path: Path) -> None:
    project = copied("pandoc", tmp_path)
    (project / "doc.md").write_text("---\ntitle: Own\n---\n\n" + example("```{.explainer spec"), "utf-8")
    assert converted(project, "html").returncode == 0
    html = (project / "doc.html").read_text("utf-8")
    assert len(re.findall(r'class="[^"]*\bexplainer"', html)) == 2


@PANDOC
def test_a_planted_fault_ends_pandoc_at_its_line(tmp_path: Path) -> None:
    project = copied("pandoc", tmp_path)
    line, column = planted(project / "doc.md")
    done = converted(project, "html")
    assert done.returncode != 0
    assert f"doc.md:{line}:{column}: unknown activation 'tanhh'" in done.stderr
    assert not (project / "doc.html").exists()


@PANDOC
def test_faults_of_several_blocks_are_told_each_at_its_own(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(SPEC, "utf-8")
    same = "```{.explainer}\nlayer: 3\n```\n"
    (tmp_path / "doc.md").write_text(f"{same}\n{same}\n```{{.explainer spec=net.yaml digit=3}}\n```\n", "utf-8")
    errors = converted(tmp_path, "html").stderr
    assert re.findall(r"doc.md:(\d+):1: unknown key 'layer'", errors) == ["2", "6"]
    assert "doc.md:9:1: there is no option 'digit'" in errors


def test_the_elements_of_pandoc_are_those_that_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    faults: list[Any] = []
    block = {"t": "CodeBlock", "c": [["", ["explainer"], [["digit", "3"]]], SPEC]}
    pandoc.Filter(faults, None).blocks([{"t": "BulletList", "c": [[block]]}])
    assert str(faults[0]).startswith("<document>:1:1: there is no option 'digit'")
    block["c"][0] = ["", ["explainer"], []]  # type: ignore[index]
    (found,) = pandoc.Filter(faults, None).blocks([block])
    assert len(faults) == 1
    assert found["t"] == "Div"


# ---- mystmd


def test_the_plugin_of_mystmd_says_what_it_has() -> None:
    program = Path(sys.executable).with_name("explainer-myst")
    done = run(str(program), cwd=HOSTS)
    (directive,) = json.loads(done.stdout)["directives"]
    assert directive["name"] == "explainer"
    code = "import sys; from explainer.embed import myst; print({'numpy', 'sympy', 'jinja2', 'pydantic'} & set(sys.modules))"
    assert run(sys.executable, "-c", code, cwd=HOSTS).stdout == "set()\n"


def test_the_nodes_of_mystmd_have_the_mathematics_and_links_of_the_page() -> None:
    path = HOSTS / "myst" / "net.yaml"
    (whole,) = myst.nodes_of({"arg": str(path), "options": {"label": "w36", "figures": True}})
    every: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        every.append(node)
        for child in node.get("children", ()):
            walk(child)

    walk(whole)
    page = embedded(Place("", path), {}, Style("parts")).text
    assert sum(node["type"] == "math" for node in every) == page.count("<d>")
    page = embedded(Place("", path), {}, Style("parts", figures=True)).text
    assert sum(node["type"] == "inlineMath" for node in every) == page.count("<m>")
    assert sum(node["type"] == "image" for node in every) == page.count("<fig ") == 5
    targets = {node["identifier"] for node in every if "identifier" in node and node["type"] != "crossReference"}
    assert {node["identifier"] for node in every if node["type"] == "crossReference"} <= targets
    assert "w36-s17-eq" in targets


MYST = pytest.mark.skipif(shutil.which("myst") is None, reason="needs mystmd")


def test_mystmd_finds_a_spec_beside_its_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = "# A\n\n```{explainer} net.yaml\n```\n"
    for folder in ("one", "two", "node_modules"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "doc.md").write_text(page, "utf-8")
    (tmp_path / "two" / "net.yaml").write_text(SPEC, "utf-8")
    file, spot = myst.position(["net.yaml"], [""], 3)
    assert (Path(file), spot.head) == (Path("two/doc.md"), 3)
    assert myst.position(["other.yaml"], [""], 3)[0] == "<document>"
    assert [path.parent.name for path in myst.documents()] == ["one", "two"]


@MYST
def test_mystmd_builds_a_site_and_a_planted_fault_fails_it_at_its_line(tmp_path: Path) -> None:
    """What stands after the content is built, a theme from the network, is not needed here."""
    project = copied("myst", tmp_path)
    shutil.copytree(project, project / "part", ignore=shutil.ignore_patterns("myst.yml"))
    page = (project / "part" / "index.md").read_text("utf-8").replace("w36", "w36b").replace("net.yaml", "part.yaml")
    (project / "part" / "index.md").write_text(page.replace(":label:", ":figures: yes\n:label:", 1), "utf-8")
    (project / "part" / "net.yaml").rename(project / "part" / "part.yaml")
    (project / "explainer-myst").symlink_to(Path(sys.executable).with_name("explainer-myst"))
    environment = {**os.environ, "NO_COLOR": "1"}
    done = run("myst", "build", "--strict", "--site", cwd=project, env=environment)
    output = done.stdout + done.stderr
    assert "Built 2 pages" in output
    assert "index.md:" not in output
    content = (project / "_build" / "site" / "content" / "index.json").read_text("utf-8")
    assert GRADIENT in content
    assert len([*(project / "_build" / "site" / "public").glob("*.svg")]) == 5
    line, column = planted(project / "index.md")
    done = run("myst", "build", "--strict", "--site", cwd=project, env=environment)
    assert done.returncode != 0
    assert f"index.md:{line}:{column}: unknown activation 'tanhh'" in done.stdout + done.stderr
