"""The HTML page in a real browser: what a reader sees, presses and prints. Skipped where there is no Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from browser import Browser, browser, find
from networks import EXAMPLES, example, layered

import explainer
from explainer.differentiation import differentiate

pytestmark = pytest.mark.skipif(find() is None, reason="no Chromium on the PATH")

DRAWING = """<figure id="figure-network"><svg viewBox="0 0 400 200" width="400" height="200" role="img">
<title>The network</title>
<g class="weight" data-name="W[1,3]" data-from="1" data-to="3"><path stroke="#000" d="M20 20 L150 20"/></g>
<g class="weight" data-name="W[2,3]" data-from="2" data-to="3"><path stroke="#000" d="M20 90 L150 30"/></g>
<g class="weight" data-name="W[3,6]" data-from="3" data-to="6"><path stroke="#000" d="M180 20 L260 20"/></g>
<g class="weight" data-name="W[4,6]" data-from="4" data-to="6"><path stroke="#000" d="M180 90 L260 30"/></g>
<g class="link" data-from="6" data-to="E"><path stroke="#000" d="M300 20 L350 20"/></g>
<g class="neuron" data-name="3"><circle cx="165" cy="20" r="10"/></g>
<g class="neuron" data-name="4"><circle cx="165" cy="90" r="10"/></g>
<g class="neuron" data-name="6"><circle cx="280" cy="20" r="10"/></g>
<g class="loss" data-name="E"><circle cx="365" cy="20" r="10"/></g>
</svg><figcaption>The network</figcaption></figure>
"""
LIT = "[...document.querySelectorAll('#figure-network .lit')].map((e) => e.className.baseVal.split(' ')[0] + ' ' + (e.dataset.name || ''))"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 2-2-3-1, with a small drawing of it before everything else."""
    text = "".join(explainer.explain(example("2-2-3-1")).text("html"))
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(
        re.sub(r'<figure id="figure-network">.*?</figure>', "", text, flags=re.DOTALL).replace(
            "</h1>", f"</h1>{DRAWING}"
        ),
        "utf-8",
    )
    return path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A page of every example, half of them in Chinese, and of a derivative."""
    folder = tmp_path_factory.mktemp("pages")
    found = []
    for k, name in enumerate(sorted(path.stem for path in EXAMPLES.glob("*.yaml"))):
        found.append(folder / f"{name}.html")
        explainer.explain(example(name, language=("en", "zh")[k % 2])).save(found[-1])
    found.append(folder / "derivative.html")
    found[-1].write_text("".join(differentiate("ln(1 + exp(-x^2)) / x", "x").text("html", "zh")), "utf-8")
    return found


def shown(chromium: Browser, selector: str) -> list[str]:
    """The ids of those elements that are seen, folded or left out ones not among them."""
    return list(
        chromium.run(
            f"[...document.querySelectorAll({selector!r})].filter((e) => e.checkVisibility()).map((e) => e.id)"
        )
    )


STEPS = "main [id^=s]"


def numbers(ids: list[str]) -> list[int]:
    return [int(each[1:]) for each in ids if re.fullmatch(r"s\d+", each)]


# ---- every page


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window_or_complains_or_asks_for_anything(
    chromium: Browser, pages: list[Path], width: int
) -> None:
    for path in pages:
        chromium.open(path, width, 400000)  # all of it in sight
        chromium.wait(
            "document.querySelectorAll('.fold').length === document.querySelectorAll('section, .worked:has(> p > [id^=s])').length"
        )
        assert chromium.run("document.documentElement.scrollWidth") <= width, path.name
        assert chromium.errors == [], path.name


def test_headings_follow_one_another_without_a_gap_and_ids_stand_once(chromium: Browser, pages: list[Path]) -> None:
    for path in pages:
        chromium.open(path)
        levels = chromium.run("[...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), path.name
        ids = chromium.run("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert len(ids) == len(set(ids)), path.name
        assert chromium.run("document.querySelectorAll('p p, p > .from').length") == 0
        assert chromium.run("document.documentElement.lang") in ("en", "zh-Hans")


def test_whatever_can_be_used_has_a_name_that_is_spoken(chromium: Browser, page: Path, pages: list[Path]) -> None:
    for path in [page, *pages[:2]]:
        chromium.open(path)
        chromium.wait("document.querySelector('.fold')")
        nodes = chromium.names()
        used = [node for node in nodes if node["role"]["value"] in ("button", "link", "heading", "navigation", "image")]
        assert len(used) > 30
        for node in used:
            assert node["name"]["value"].strip(), (path.name, node)
        assert {"banner", "main", "navigation", "math"} <= {node["role"]["value"] for node in nodes} | {"math"}
        assert [node for node in nodes if node["role"]["value"] in ("math", "MathMLMath")]
    assert chromium.run("[...document.querySelectorAll('th')].every((e) => e.scope)")


CONTRAST = """(() => {
  const numbers = (colour) => { const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    c.fillStyle = colour; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const paper = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } };
  document.querySelector('.worked').classList.add('lit');
  const kinds = 'h1, main p, main a, .from, figcaption, button:not(:disabled), nav a, th, td, .box li, summary, .readout, .worked.lit p, .worked.lit a';
  return [...new Set([...document.querySelectorAll(kinds)])].slice(0, 400).map((e) => {
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(paper(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 60)]; }).filter(([ratio]) => ratio < 4.5);
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("more", ["no-preference", "more"])
def test_text_stands_out_from_its_paper(chromium: Browser, page: Path, scheme: str, more: str) -> None:
    chromium.open(page, prefers_color_scheme=scheme, prefers_contrast=more)
    assert chromium.run(CONTRAST) == []
    paper = chromium.run("getComputedStyle(document.body).backgroundColor")
    chromium.point(".theme", click=True)
    assert chromium.run("getComputedStyle(document.body).backgroundColor") != paper


# ---- without a script, and on paper


def test_the_page_is_complete_without_its_script(chromium: Browser, page: Path) -> None:
    chromium.open(page, scripts=False)
    tree = chromium("DOMSnapshot.captureSnapshot", computedStyles=["display"])
    strings, nodes = tree["strings"], tree["documents"][0]["nodes"]
    drawn = {*tree["documents"][0]["layout"]["nodeIndex"]}
    steps, buttons = [], 0
    for k, attributes in enumerate(nodes["attributes"]):
        said = [strings[a] for a in attributes]
        named = dict(zip(said[::2], said[1::2], strict=True))
        if re.fullmatch(r"s\d+", named.get("id", "")) and k in drawn:
            steps.append(named["id"])
        buttons += k in drawn and strings[nodes["nodeName"][k]] == "BUTTON"
    assert sorted(numbers(steps)) == [*range(1, 60)]
    assert buttons == 0


def test_nothing_is_too_wide_for_the_paper(chromium: Browser, pages: list[Path]) -> None:
    for path in pages:
        chromium.open(path, 680)  # 180 mm: A4 within the margins that the page sets
        chromium.emulate("print")
        wide = chromium.run(
            "[...document.querySelectorAll('.equation, .table, main p, main li, h4, figure')]"
            ".map((e) => [Math.max(...[...e.querySelectorAll('math, table, svg')].map((m) => m.getBoundingClientRect().right)), e.textContent.slice(0, 60)])"
            ".filter(([right]) => right > 681)"
        )
        assert wide == [], path.name


def test_no_line_begins_with_punctuation_after_a_formula(chromium: Browser, pages: list[Path]) -> None:
    apart = """[...document.querySelectorAll('main math')].filter((m) => {
      const after = (m.nextSibling || {}).nodeType === 3 ? m.nextSibling : null;
      if (!after || !/^[,.;:，。；：、）)]/.test(after.data)) return false;
      const range = document.createRange(); range.setStart(after, 0); range.setEnd(after, 1);
      const mark = range.getBoundingClientRect();
      return mark.top > m.getBoundingClientRect().bottom;
    }).map((m) => m.parentElement.textContent.slice(0, 60))"""
    for path in pages:
        chromium.open(path, 390)
        assert chromium.run(apart) == [], path.name


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="no pdftotext on the PATH")
def test_a_print_has_every_step_also_of_a_page_that_is_folded_or_half_shown(
    chromium: Browser, page: Path, tmp_path: Path
) -> None:
    chromium.open(page)
    chromium.point(".fold-all", click=True)
    chromium.point(".teach", click=True)
    assert len(shown(chromium, STEPS)) < 10
    (tmp_path / "page.pdf").write_bytes(chromium.pdf())
    done = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True)
    text = done.stdout.decode()
    assert {int(found) for found in re.findall(r"Step (\d+)\.", text)} >= {*range(1, 58)}
    for number in ("0.045065", "0.094506", "0.06344", "0.062817"):
        assert number in text.replace("\u2212", "-"), number
    for button in ("Step by step", "Fold all", "Show all", "Light or dark"):
        assert button not in text


# ---- folding


def test_a_step_is_folded_and_unfolded_by_keys(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run("document.querySelector('#s5').scrollIntoView()")
    chromium.wait("document.querySelector('.worked:has(#s5) .fold')")
    chromium.run("document.querySelector('.worked:has(#s5) .fold').focus()")
    lines = "document.querySelector('.worked:has(#s5) .equation').checkVisibility()"
    for key, expanded in (("Enter", False), ("Space", True), ("Enter", False)):
        chromium.press(key)
        assert chromium.run(lines) is expanded
        assert chromium.run("document.activeElement.getAttribute('aria-expanded')") == str(expanded).lower()
    assert chromium.run("document.activeElement.getAttribute('aria-label')").startswith("Fold: Step 5.")
    assert shown(chromium, "#s5") == ["s5"]


def test_all_steps_fold_to_their_questions_and_a_link_unfolds_what_it_leads_to(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    every = shown(chromium, STEPS)
    chromium.point(".fold-all", click=True)
    assert chromium.run("document.querySelector('.fold-all').textContent") == "Unfold all steps"
    assert shown(chromium, STEPS) == every
    assert (
        chromium.run("[...document.querySelectorAll('.worked .equation')].filter((e) => e.checkVisibility()).length")
        == 0
    )
    chromium.run("location.hash = '#s17'")
    chromium.wait("document.querySelector('#s17 .equation').checkVisibility()")
    chromium.point(".fold-all", click=True)
    assert chromium.run("[...document.querySelectorAll('.worked .equation')].every((e) => e.checkVisibility())")


# ---- step by step


def test_steps_are_shown_one_by_one_by_keys_until_escape(chromium: Browser, page: Path) -> None:
    chromium.open(page, prefers_reduced_motion="reduce")
    every = shown(chromium, STEPS)
    chromium.run("document.querySelector('.teach').focus()")
    chromium.press("Enter")
    assert numbers(shown(chromium, STEPS)) == [1]
    assert chromium.run("document.activeElement.className") == "next"
    for key, last in (("ArrowRight", 2), ("PageDown", 3), ("Enter", 4), ("ArrowLeft", 3), ("PageUp", 2)):
        chromium.press(key)
        assert numbers(shown(chromium, STEPS)) == [*range(1, last + 1)]
        assert chromium.run("document.querySelector('.bar output').textContent").startswith(f"Step {last} of 59")
        box = chromium.run(
            f"(() => {{const b = document.querySelector('#s{last}').getBoundingClientRect(); return [b.top, b.bottom]}})()"
        )
        assert 0 <= box[0] <= box[1] <= 800
    assert chromium.run("document.querySelector('.bar output').getAttribute('aria-live')") == "polite"
    chromium.press(*["ArrowRight"] * 70)
    assert numbers(shown(chromium, STEPS)) == [*range(1, 60)]
    assert chromium.run("document.querySelector('.next').disabled")
    chromium.press("Escape")
    assert shown(chromium, STEPS) == every
    assert chromium.run("document.querySelector('.bar').checkVisibility()") is False
    assert chromium.run("document.activeElement.className") == "teach"
    assert chromium.errors == []


def test_step_by_step_begins_at_what_is_in_sight(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run("document.querySelector('#s20').scrollIntoView({block: 'start', behavior: 'instant'})")
    chromium.run("document.querySelector('.teach').click()")
    assert max(numbers(shown(chromium, STEPS))) == 20


# ---- where numbers come from


def test_a_source_leads_to_its_step_and_back_again(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    source = "#s17 .from a[href='#s6']"
    box = chromium.run(
        f"(() => {{const a = document.querySelector({source!r}).getBoundingClientRect(),"
        "b = document.querySelector('#s17 .worked .equation math').getBoundingClientRect(); return [a.left, b.right, a.top, b.top, b.bottom]})()"
    )
    assert box[0] > box[1], "the source stands beside the lines"
    assert box[3] < box[2] < box[4]
    chromium.point(source)
    assert chromium.run("document.querySelector('.card').checkVisibility()")
    assert "0.50997" in chromium.run("document.querySelector('.card').textContent")
    chromium.press("Escape")
    assert not chromium.run("document.querySelector('.card').checkVisibility()")
    chromium.point(source, click=True)
    chromium.wait("location.hash === '#s6'")
    assert chromium.run("document.querySelector('.worked:has(#s6) .back').textContent") == "back to step 17"
    chromium.point(".worked:has(#s6) .back", click=True)
    chromium.wait("location.hash === '#s17'")
    chromium.run("history.back()")
    chromium.wait("location.hash === '#s6'")


def test_sources_stand_under_the_lines_on_a_phone(chromium: Browser, page: Path) -> None:
    chromium.open(page, 390)
    box = chromium.run(
        "(() => {const a = document.querySelector('#s17 .from a').getBoundingClientRect(),"
        "b = document.querySelector('#s17 .worked .equation').getBoundingClientRect(); return [a.top, b.bottom]})()"
    )
    assert box[0] >= box[1]
    assert chromium.run("document.querySelector('nav details').open") is False


def test_only_what_is_too_wide_can_be_focused_to_be_scrolled(chromium: Browser, page: Path) -> None:
    chromium.open(page, 390)
    chromium.run("document.querySelector('#s38').scrollIntoView()")
    chromium.wait("document.querySelector('[data-scrolls]')")
    found = chromium.run(
        "[...document.querySelectorAll('[data-scrolls]')].map((e) => [e.tabIndex, e.ariaLabel || e.getAttribute('aria-description'), e.scrollWidth > e.clientWidth])"
    )
    assert all(each == [0, "Wide: scrolls sideways", True] for each in found)
    assert chromium.run(
        "[...document.querySelectorAll('.equation:not([data-scrolls])')].every((e) => e.tabIndex === -1)"
    )
    chromium.resize(1280)
    chromium.wait("!document.querySelector('[data-scrolls]')")


# ---- the way of a weight

PATH = ["weight W[1,3]", "weight W[3,6]", "link ", "neuron 3", "neuron 6", "loss E"]


def test_a_weight_lights_its_way_to_the_loss_and_its_steps(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.point("#figure-network [data-name='W[1,3]'] .hit")
    assert chromium.run(LIT) == PATH
    lit = chromium.run(
        "[...document.querySelectorAll('main .lit')].map((e) => e.id || e.querySelector('[id^=s]')?.id || e.dataset.name)"
    )
    assert {"s29", "s49", "W[1,3]"} <= {*lit}
    assert "0.030104" in chromium.run("document.querySelector('.readout').textContent")
    chromium.point("h1")
    assert chromium.run(LIT) == []


def test_a_weight_that_is_pressed_stays_lit_until_escape(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.point("#figure-network [data-name='W[1,3]'] .hit", click=True)
    chromium.point("h1")
    assert chromium.run(LIT) == PATH
    assert chromium.run("document.querySelector('[data-name=\"W[1,3]\"]').getAttribute('aria-pressed')") == "true"
    chromium.press("Escape")
    assert chromium.run(LIT) == []


def test_weights_are_walked_and_pressed_by_keys(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run("document.querySelector('main').focus()")
    chromium.press("Tab")
    assert chromium.run("document.activeElement.dataset.name") == "W[1,3]"
    assert chromium.run(LIT) == PATH
    chromium.press("ArrowRight", "ArrowRight")
    assert chromium.run("document.activeElement.dataset.name") == "W[3,6]"
    assert chromium.run(LIT) == ["weight W[3,6]", "link ", "neuron 6", "loss E"]
    chromium.press("Enter", "Tab")
    assert chromium.run("document.activeElement.closest('.readout') !== null")
    assert chromium.run("document.activeElement.hash") == "#s17"


def test_a_row_of_the_summary_lights_the_way_of_its_weight(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.point("#summary tr[data-name='W[1,3]'] td")
    assert chromium.run(LIT) == PATH


def test_the_skip_link_is_the_first_stop_and_leads_to_the_text(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.press("Tab")
    assert chromium.run("document.activeElement.className") == "skip"
    assert chromium.run("document.activeElement.getBoundingClientRect().top") >= 0
    chromium.press("Enter")
    chromium.wait("document.activeElement.id === 'text'")


def test_a_page_of_many_weights_is_usable(chromium: Browser, tmp_path: Path) -> None:
    explainer.explain(layered(100, 30, 1)).save(tmp_path / "large.html")
    chromium.open(tmp_path / "large.html")
    assert chromium.run("Math.max(...[...document.querySelectorAll('table')].map((e) => e.rows.length))") <= 101
    assert chromium.run("document.querySelectorAll('[id^=s]').length") > 6000
    chromium.run("document.querySelector('.teach').click()")
    chromium.press("ArrowRight")
    assert numbers(shown(chromium, STEPS))[-1] < 100
    assert chromium.errors == []
