"""A project of Sphinx, in reST and MyST, built by the real sphinx-build: right numbers, and faults at their lines."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import explainer

pytest.importorskip("sphinx")
pytest.importorskip("myst_parser")

PROJECT = Path(__file__).parent / "hosts" / "sphinx"
VALUES = explainer.explain(explainer.read_problem(PROJECT / "net.yaml")).values


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLAINER_CACHE", str(cache))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


def sphinx(project: Path, builder: str = "html", *more: str) -> subprocess.CompletedProcess[str]:
    """What `sphinx-build` says; warnings are errors."""
    line = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-b", builder, *more]
    folders = ["-d", str(project / "_build" / "doctrees"), str(project), str(project / "_build" / builder)]
    return subprocess.run([*line, *folders], capture_output=True, text=True, check=False)


def built(project: Path, builder: str = "html", *more: str) -> Path:
    done = sphinx(project, builder, *more)
    assert done.returncode == 0, done.stderr
    return project / "_build" / builder


def test_a_project_builds_in_html_with_the_right_numbers(project: Path) -> None:
    folder = built(project)
    for page, gradient in (("index.html", r"\frac{\partial E}{\partial W_{36}}"), ("myst.html", "w^{3}_{11}")):
        text = (folder / page).read_text("utf-8").replace("&amp;", "&")
        assert gradient in text
        assert f"{VALUES['dE/dW[3,6]']:.5g}" in text
        assert f"{VALUES['Y[6]']:.5f}" in text
        assert "mathjax" in text
    assert "前向传播" in (folder / "chinese.html").read_text("utf-8")


def test_a_parallel_build_writes_the_same_pages(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sphinx reads in parallel from six documents on; both builds begin with nothing in the cache."""
    text = "Page\n====\n\n.. explainer:: net.yaml\n   :label: {0}\n   :figures: yes\n\nSee :eq:`{0}-s17` and :eq:`pa-s1`.\n"
    for name in "abcdefgh":
        (project / f"{name}.rst").write_text(text.format(f"p{name}"), "utf-8")
    index = project / "index.rst"
    index.write_text(
        index.read_text("utf-8").replace("   myst\n", "   myst\n   a\n   b\n   c\n   d\n   e\n   f\n   g\n   h\n")
    )
    pages = []
    for jobs in ("1", "2"):
        monkeypatch.setenv("EXPLAINER_CACHE", str(tmp_path / jobs))
        shutil.rmtree(project / "_build", ignore_errors=True)
        folder = built(project, "html", "-j", jobs)
        pages.append({path.name: path.read_text("utf-8") for path in folder.glob("*.html") if path.stem != "search"})
    assert pages[0] == pages[1]
    assert len(pages[0]) > 10


def test_equations_can_be_referred_to_from_any_page(project: Path) -> None:
    folder = built(project)
    target = re.search(r'id="equation-w36-s17"', (folder / "index.html").read_text("utf-8"))
    assert target
    for page, link in (("index.html", "#equation-w36-s17"), ("myst.html", "index.html#equation-w36-s17")):
        number = re.search(rf'href="{link}">\((\d+)\)<', (folder / page).read_text("utf-8"))
        assert number, page
    assert 'href="#equation-one-s1"' in (folder / "myst.html").read_text("utf-8")


def test_equations_are_numbered_by_section_where_the_project_wants_it(project: Path) -> None:
    with (project / "conf.py").open("a") as conf:
        conf.write("numfig = True\n")
    index = project / "index.rst"
    index.write_text(index.read_text("utf-8").replace(".. toctree::", ".. toctree::\n   :numbered:"), "utf-8")
    folder = built(project)
    target = re.search(
        r'\((1\.\d+)\)<a class="headerlink" href="#equation-one-s1"', (folder / "myst.html").read_text("utf-8")
    )
    assert target
    assert f'href="#equation-one-s1">({target[1]})<' in (folder / "myst.html").read_text("utf-8")


def test_every_link_between_steps_leads_to_its_step(project: Path) -> None:
    folder = built(project)
    for page in ("index.html", "myst.html"):
        text = (folder / page).read_text("utf-8")
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        links = set(re.findall(r'href="#([^"]+)"', text))
        assert len(links) > 20
        assert links - {""} <= set(ids)


def test_our_own_pages_are_built_with_our_own_directive(tmp_path: Path) -> None:
    docs = Path(__file__).parent.parent / "docs"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(docs), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "how-to" / "embed.html").read_text("utf-8")
    assert "0.46212" in page  # tanh(0.5), in the derivation alone
    assert '<g class="weight" data-name="W[X1,1]"' in page
    assert "$`" not in (tmp_path / "examples" / "001-update-w36.html").read_text("utf-8")


def test_the_examples_of_our_own_page_are_built_as_they_stand(project: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "how-to" / "embed.md").read_text("utf-8")
    (rst,) = re.findall(r"^```rst\n(.*?)^```$", page, re.M | re.S)
    (md,) = re.findall(r"^````md\n(```\{explainer\}.*?)^````$", page, re.M | re.S)
    (project / "chinese.rst").write_text(f"Own\n===\n\n{rst}", "utf-8")
    (project / "myst.md").write_text("# Own\n\n" + md.replace("w36", "own"), "utf-8")
    (project / "index.rst").write_text("Notes\n=====\n\n.. toctree::\n\n   myst\n   chinese\n", "utf-8")
    folder = built(project)
    assert 'href="#equation-w36-s17"' in (folder / "chinese.html").read_text("utf-8")
    assert 'href="#equation-own-s17"' in (folder / "myst.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("builder", "page", "wanted"),
    [
        ("html", "index.html", '<g class="weight" data-name="W[3,6]"'),
        ("epub", "index.xhtml", '<g class="weight" data-name="W[3,6]"'),
        ("latex", "coursenotes.tex", r"\begin{tikzpicture}"),
        ("text", "index.txt", "2 inputs, then layers of 2, 3, 1 neuron"),
    ],
)
def test_a_figure_is_drawn_where_it_can_be_and_told_elsewhere(
    project: Path, builder: str, page: str, wanted: str
) -> None:
    path = project / "index.rst"
    path.write_text(path.read_text("utf-8").replace(":label: w36", ":label: w36\n   :figures: yes"), "utf-8")
    text = (built(project, builder) / page).read_text("utf-8")
    assert wanted in text
    if builder == "latex":
        assert text.count(r"\usepackage{tikz}") == 1


@pytest.mark.parametrize("builder", ["latex", "epub", "text"])
def test_a_project_builds_in_other_formats(project: Path, builder: str) -> None:
    folder = built(project, builder)
    if builder == "latex":
        (text,) = (path.read_text("utf-8") for path in folder.glob("*.tex"))
        assert r"\label{equation:index:w36-s17}" in text
        assert f"{VALUES['dE/dW[3,6]']:.5g}" in text
        assert "WARNING" not in text
    elif builder == "epub":
        assert [*folder.glob("*.epub")]
    else:
        assert "Step 17" in (folder / "index.txt").read_text("utf-8")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs TeX")
def test_the_latex_of_a_project_is_a_pdf(project: Path) -> None:
    (project / "chinese.rst").write_text(":orphan:\n\nNothing\n=======\n", "utf-8")  # Chinese needs another engine
    index = project / "index.rst"
    index.write_text(index.read_text("utf-8").replace(":label: w36", ":label: w36\n   :figures: yes"), "utf-8")
    folder = built(project, "latex")
    (name,) = (path.name for path in folder.glob("*.tex"))
    for _ in range(2):
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", name],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if "not found" in done.stdout and ".sty'" in done.stdout:
            pytest.skip("a package of LaTeX is missing")
        assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("page", ["index.rst", "myst.md"])
def test_a_planted_fault_fails_the_build_at_its_line(project: Path, page: str) -> None:
    path = project / page
    lines = path.read_text("utf-8").replace("activation: tanh", "activation: tanhh").splitlines()
    path.write_text("\n".join(lines) + "\n", "utf-8")
    ((line, column),) = [(k, text.index("tanhh") + 1) for k, text in enumerate(lines, 1) if "tanhh" in text]
    done = sphinx(project)
    assert done.returncode != 0
    assert f"{path}:{line}:{column}: WARNING: unknown activation 'tanhh'; did you mean 'tanh'?" in done.stderr
    text = (project / "_build" / "html" / page).with_suffix(".html").read_text("utf-8")
    assert "unknown activation" in text


def test_a_fault_in_a_spec_file_or_an_option_is_told_where_it_is(project: Path) -> None:
    (project / "net.yaml").write_text("inputs: {X1: 1}\nlayer: 3\n", "utf-8")
    path = project / "index.rst"
    text = path.read_text("utf-8").replace(":digits: 4", ":digits: four")
    path.write_text(text + "\n.. explainer:: good.yaml\n   :notation: numbred\n", "utf-8")
    (project / "good.yaml").write_text("inputs: {X1: 1}\nlayers: [{neurons: [1], weights: [[1]]}]\n", "utf-8")
    errors = sphinx(project).stderr
    assert f"{project / 'net.yaml'}:2:1: WARNING: unknown key 'layer'" in errors
    assert f"{path}:18:1: WARNING: digits is 'four'; write a whole number" in errors
    line = text.count("\n") + 2
    assert f"{path}:{line}:1: WARNING: notation: unknown value 'numbred'; did you mean 'numbered'?" in errors


def test_a_fault_in_an_included_file_is_told_there(project: Path) -> None:
    index = project / "index.rst"
    index.write_text(index.read_text("utf-8") + "\n.. include:: part.txt\n", "utf-8")
    part = project / "part.txt"
    part.write_text("Text.\n\n.. explainer::\n\n   inputs: {X1: 1}\n   layer: 3\n", "utf-8")
    assert f"{part}:6:4: WARNING: unknown key 'layer'" in sphinx(project).stderr


def test_a_fault_in_a_docstring_is_told_in_its_module(project: Path) -> None:
    spec = "    .. explainer::\n\n       inputs: {X1: 1}\n       layer: 3\n"
    (project / "mod.py").write_text(f'"""A module."""\n\n\ndef f():\n    """Docs.\n\n{spec}    """\n', "utf-8")
    with (project / "conf.py").open("a") as conf:
        conf.write("import sys\nsys.path.insert(0, '.')\nextensions.append('sphinx.ext.autodoc')\n")
    (project / "chinese.rst").write_text("Module\n======\n\n.. automodule:: mod\n   :members:\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", ".", "_build/html"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{project / 'mod.py'}:10:8: WARNING: unknown key 'layer'" in done.stderr


def test_a_changed_spec_rebuilds_its_pages_alone(project: Path) -> None:
    built(project)
    path = project / "net.yaml"
    path.write_text(path.read_text("utf-8").replace("0.09", "0.19"), "utf-8")
    done = sphinx(project)
    assert "0 added, 2 changed, 0 removed" in done.stdout
    assert "W_{36} = 0.19" in (project / "_build" / "html" / "index.html").read_text("utf-8")


def test_a_rebuild_with_nothing_changed_imports_neither_sympy_nor_numpy(project: Path) -> None:
    built(project)
    build = project / "_build"
    line = ["-W", "-b", "html", "-d", str(build / "doctrees"), str(project), str(build / "html")]
    code = (
        f"import sys; from sphinx.cmd.build import build_main; code = build_main({line}); "
        "print(code, sorted({'sympy', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("0 []\n")
    assert "0 added, 0 changed, 0 removed" in done.stdout
