"""Text to files, whole or not at all; and text of a reader's, harmless in every format."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import explainer
from explainer.errors import OutputError
from explainer.finish import html_escaped, latex_escaped, markdown_escaped, with_mathml, with_structure
from explainer.problem import problem_from_text
from explainer.publish import write
from explainer.render import templates_folder

HOSTILE = (
    r"""<script>alert(1)</script> \input{/etc/passwd} $x$ | [a](javascript:b) _c_ `d` ~e ^f #g %h &amp; "i" 'j' """
)
HOSTILE += r"{{ 7*7 }} {% set k %} $$l$$ <img src=x onerror=m> ![n](http://o) \end{document}**p**"
POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


def pieces(*texts: str) -> Iterator[str]:
    yield from texts


def broken(*texts: str) -> Iterator[str]:
    """Some text, and then what can go wrong while a page is made."""
    yield from texts
    raise RuntimeError("half way")


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.is_file()}


# ---- files


def test_a_file_holds_all_the_pieces_of_its_text(tmp_path: Path) -> None:
    write({tmp_path / "a": pieces("ein ", "Stück: 反\n"), tmp_path / "b": pieces()})
    assert content(tmp_path) == {"a": "ein Stück: 反\n", "b": ""}
    assert (tmp_path / "a").read_bytes().endswith(b"\n")


def test_an_error_half_way_leaves_every_old_file_and_no_litter(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old a", "utf-8")
    (tmp_path / "b").write_text("old b", "utf-8")
    with pytest.raises(RuntimeError, match="half way"):
        write({tmp_path / "a": pieces("new"), tmp_path / "b": broken("new"), tmp_path / "c": pieces("new")})
    assert content(tmp_path) == {"a": "old a", "b": "old b"}


def test_an_output_that_cannot_be_written_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old", "utf-8")
    (tmp_path / "folder").mkdir()
    for impossible in (tmp_path / "folder", tmp_path / "nowhere" / "b", tmp_path / "a" / "b"):
        with pytest.raises(OutputError, match=re.escape(str(impossible))):
            write({tmp_path / "a": pieces("new"), impossible: pieces("new")})
        assert content(tmp_path) == {"a": "old"}


@POSIX
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old", "utf-8")
    (tmp_path / "a").chmod(0o640)
    write({tmp_path / "a": pieces("new")})
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert content(tmp_path) == {"a": "new"}


@POSIX
def test_a_new_file_has_the_permissions_that_new_files_have(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    write({tmp_path / "a": pieces("new")})
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_reader_of_the_old_file_keeps_reading_the_old_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old", "utf-8")
    if os.name != "posix":
        pytest.skip("an open file cannot be replaced here")
    with open(tmp_path / "a", encoding="utf-8") as reader:
        write({tmp_path / "a": pieces("new")})
        assert reader.read() == "old"


# ---- text of a reader's


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """A page of each format whose title does its worst."""
    spec = {
        "title": HOSTILE,
        "inputs": {"a_1": 1},
        "targets": {"t": 1},
        "layers": [{"neurons": ["h_1"], "activation": "tanh", "weights": [[{"w_1": 0.5}]]}],
        "loss": "half_squared_error",
        "optimizer": {"sgd": {"learning_rate": 0.1}},
    }
    found = explainer.explain(problem_from_text(json.dumps(spec), "net.json"))
    return {to: "".join(found.text(to)) for to in ("markdown", "latex", "html", "json")}


class Page(HTMLParser):
    """The elements of a page, with a complaint where they are not nested."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and "svg" not in self.open:  # a drawing has a title of its own
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def test_the_html_page_shows_the_title_as_it_was_written(pages: dict[str, str]) -> None:
    page = Page(pages["html"])
    assert page.texts["title"] == HOSTILE
    assert page.texts["h1"] == HOSTILE


def test_the_html_page_runs_its_own_script_alone_and_loads_nothing(pages: dict[str, str]) -> None:
    page = Page(pages["html"])
    assert page.texts["script"].strip() == (templates_folder() / "formats/page.js").read_text("utf-8").strip()
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert {tag for tag, _ in page.elements} & {"img", "iframe", "object", "embed", "link", "base"} == set()
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "src"], tag
        assert "url(" not in (attributes.get("style") or ""), tag
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in page.texts["style"]
    assert "url(" not in page.texts["style"]


def test_every_formula_of_the_html_page_is_mathml(pages: dict[str, str]) -> None:
    assert pages["html"].count("<math") == pages["html"].count("</math>") > 20
    assert not re.search("[\x00-\x08\ue000-\uf8ff]", pages["html"])


def test_the_latex_page_has_the_title_without_a_bare_special(pages: dict[str, str]) -> None:
    (title,) = re.findall(r"^\\title\{(.*)\}$", pages["latex"], re.MULTILINE)
    assert title == latex_escaped(HOSTILE)
    plain = re.sub(r"\\text(?:backslash|asciitilde|asciicircum)\{\}|\\[#$%&_{}]", "", title)
    assert not set("\\{}$&#^_~%") & set(plain)
    assert pages["latex"].count(r"\begin{document}") == pages["latex"].count(r"\end{document}") == 1
    for command in (r"\input{", r"\write", r"\include"):
        assert command not in pages["latex"]


def test_the_latex_page_closes_every_group_and_environment_that_it_opens(pages: dict[str, str]) -> None:
    opened: list[str] = []
    for which, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", pages["latex"]):
        if which == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    braces = re.sub(r"\\[{}]", "", pages["latex"])
    assert braces.count("{") == braces.count("}")


def test_the_markdown_page_has_the_title_without_a_bare_special(pages: dict[str, str]) -> None:
    first = pages["markdown"].partition("\n")[0].removeprefix("# ")
    assert re.sub(r"\\([!-/:-@[-`{-~])", r"\1", first) == HOSTILE
    assert not set("<>[]`*_$|&{}#~") & set(re.sub(r"\\.", "", first))


def test_the_json_page_has_the_title_as_it_was_written(pages: dict[str, str]) -> None:
    assert json.loads(pages["json"])["title"] == HOSTILE


@pytest.mark.parametrize("escaped", [markdown_escaped, latex_escaped, html_escaped])
def test_plain_words_stay_as_they_are(escaped: object) -> None:
    assert callable(escaped)
    assert escaped("Neuron 3, Übung, 反向传播") == "Neuron 3, Übung, 反向传播"


def test_sections_end_where_the_next_begins_and_headings_have_the_level_at_which_they_stand() -> None:
    marked = [
        "\x052<section><h\x06>\x054<section><h\x06>",
        "\x053<section><h\x06>\x054<section><h\x06>\x052<section><h\x06>\x050end",
    ]
    ended = "</section>\n"
    assert "".join(with_structure(iter(marked))) == (
        f"<section><h2><section><h3>{ended}<section><h3><section><h4>{ended}{ended}{ended}<section><h2>{ended}end"
    )


def test_a_long_table_goes_on_in_another_with_the_same_head() -> None:
    for rows, tables in ((1, 1), (100, 1), (101, 2), (250, 3)):
        page = "".join(
            with_structure(iter(["<table>\n<thead>h</thead>\n<tbody>\n", "\x07<tr>" * rows, "</tbody></table>"]))
        )
        assert page.count("<tr>") == rows
        assert page.count("<table>") == page.count("</table>") == page.count("<thead>h</thead>") == tables
        assert max(map(len, re.findall("(?:<tr>)+", page))) <= 100 * len("<tr>")


def test_marked_mathematics_becomes_mathml_and_the_rest_stays() -> None:
    page = "".join(with_mathml(iter(["a \x02x_{1}\x03 b \x04y\x03", "c"])))
    assert page.startswith("a <math")
    assert "whole" not in page
    assert re.sub("<math>.*?</math>", "M", "".join(with_mathml(iter(["(\x02x\x03), y（\x02x\x03）。"])))) == (
        '<span class="whole">(M),</span> y<span class="whole">（M）。</span>'
    )
    assert page.endswith("c")
    assert page.count("<math") == 2
