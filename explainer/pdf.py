"""PDF: a page of ours in Typst set by the `typst` wheel, or one in LaTeX by latexmk, where TeX is installed.

Nothing is set with a character that no font has. The same page gives the same bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from .errors import CheckFailed, printable

EXTRA = 'a PDF needs the typst wheel; run pip install "explainer[pdf]"'
CHINESE = (  # families with Chinese, the better ones for a book first
    "Noto Serif CJK SC",
    "Noto Serif SC",
    "Source Han Serif SC",
    "Source Han Serif CN",
    "Songti SC",
    "STSong",
    "FandolSong",
    "SimSun",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "AR PL UMing CN",
    "Droid Sans Fallback",
)
INSTALL = (
    "install a font that has it: fonts-noto-cjk on Debian and Ubuntu, google-noto-serif-cjk-fonts on Fedora; "
    "on macOS and Windows, Noto Serif CJK SC (macOS has Songti SC, Windows SimSun)"
)
IDEOGRAPH = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
NO_GLYPH = re.compile(r'the text `"(.*?)"` could not be displayed')
ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
PLACE = re.compile(r"┌─ .*?:(\d+):(\d+)")
TIME = 0  # of making: the same for all, so that the same page is the same file


class Unprintable(Exception):
    """What keeps a page from becoming a PDF, and what would do; whoever writes the file says which one it is."""


def typst_is_there() -> bool:
    return find_spec("typst") is not None


def by_typst(page: Iterator[str], chinese: bool) -> Iterator[bytes]:
    """The page in Typst as a PDF that screen readers can read (PDF/UA-1)."""
    if not typst_is_there():
        raise Unprintable(EXTRA)
    import typst

    text = "".join(page)
    families = {info.family for info in typst.Fonts().fonts()}
    fonts = [family for family in CHINESE if family in families]
    if not fonts and (found := IDEOGRAPH.search(text)):
        raise Unprintable(f"no font here has Chinese, such as {found[0]} (U+{ord(found[0]):04X}); {INSTALL}")
    compiler = typst.Compiler(text.encode(), sys_inputs={"cjk": ",".join(fonts)})
    try:
        made, warnings = compiler.compile_with_warnings(format="pdf", pdf_standards="ua-1", timestamp=TIME)
    except typst.TypstError as error:
        raise refusal(error.message, error.diagnostic) from None
    if warnings:
        raise refusal(warnings[0].message, warnings[0].diagnostic)
    assert isinstance(made, bytes)  # one file, not a picture of each page
    yield made


def refusal(message: str, diagnostic: str) -> Exception:
    """What Typst will not set: a character without a font is for the reader to mend, anything else for us."""
    texts = "".join(NO_GLYPH.findall(diagnostic))
    missing = dict.fromkeys(ESCAPED.sub(lambda found: chr(int(found[1], 16)), texts))
    if missing:
        named = ", ".join(f"{printable(c)} (U+{ord(c):04X})" for c in [*missing][:5])
        return Unprintable(f"no font here has {named}; {INSTALL}, or leave it out")
    place = PLACE.search(diagnostic)
    where = f" on line {place[1]}, column {int(place[2]) + 1} of the page in Typst" if place else ""
    return CheckFailed(f"Typst found{where}: {printable(message)}; please report this")


# ---- by TeX

TEX_MISSING = "there is no {program}; install TeX Live (on Debian: {packages}), or leave out --pdf-engine latexmk"
PACKAGES = "latexmk texlive-latex-extra lmodern"
CHINESE_PACKAGES = "latexmk texlive-xetex texlive-lang-chinese"
TEX_ERROR = re.compile(r"^! (.+)$(?:(?s:.*?)^l\.(\d+))?", re.MULTILINE)


def by_latexmk(page: Iterator[str], chinese: bool) -> Iterator[bytes]:
    """The page in LaTeX as a PDF: by pdflatex, or where it is Chinese by xelatex."""
    for program in ("latexmk", "xelatex" if chinese else "pdflatex"):
        if shutil.which(program) is None:
            packages = CHINESE_PACKAGES if chinese else PACKAGES
            raise Unprintable(TEX_MISSING.format(program=program, packages=packages))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with (place / "page.tex").open("w", encoding="utf-8") as file:
            file.writelines(page)
        command = ["latexmk", "-norc", "-xelatex" if chinese else "-pdf", "-interaction=nonstopmode", "-halt-on-error"]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(TIME), "FORCE_SOURCE_DATE": "1"}
        done = subprocess.run(  # noqa: S603  # no shell, and no word of it is the reader's
            [*command, "-no-shell-escape", "page.tex"], cwd=place, env=environment, capture_output=True, check=False
        )
        if done.returncode or not (place / "page.pdf").exists():
            raise CheckFailed(tex_fault((place / "page.log").read_text("utf-8", "replace")))
        yield (place / "page.pdf").read_bytes()


def tex_fault(log: str) -> str:
    found = TEX_ERROR.search(log)
    said, line = (found[1], found[2]) if found else ("no page was made", None)
    where = f" on line {line} of the page in LaTeX" if line else ""
    return f"LaTeX found{where}: {printable(said)}; please report this"


ENGINES = {"typst": ("typst", by_typst), "latexmk": ("latex", by_latexmk)}  # the format that each one takes
