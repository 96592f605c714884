"""What people write, in plain characters: Unicode and LaTeX as the ASCII that formulas are read in.

LaTeX is read as mathematics and never compiled: a command that is not in the table here is left standing, and the line
that has it is not read.
"""

from __future__ import annotations

import re
import unicodedata

GREEK = {
    "δ": "delta", "Δ": "Delta", "η": "eta", "σ": "sigma", "θ": "theta", "Θ": "Theta", "β": "beta", "α": "alpha",
    "λ": "lambda", "ε": "epsilon", "ϵ": "epsilon", "π": "pi", "φ": "phi", "ϕ": "phi",
}  # fmt: skip
SIGNS = {
    "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "∗": "*", "⋅": "*", "•": "*", "÷": "/", "∕": "/", "′": "'",
    "’": "'", "‘": "'", "´": "'", "∂": "d", "𝜕": "d", "∇": "grad ", "，": ",", "：": ":", "；": ";", "。": ".",
    "、": ",", "≈": "=", "≃": "=", "≅": "=", "≐": "=", "≒": "=", "（": "(", "）": ")", "【": "(", "】": ")",
    "→": "->", "←": "<-", "⟵": "<-", "½": "1/2", "\u00a0": " ", "\u3000": " ",
}  # fmt: skip
BEFORE, LETTERS = str.maketrans(SIGNS), str.maketrans({**SIGNS, **GREEK})  # before and after NFKC
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾", "0123456789+-()")
RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾]+")
COMMANDS = {
    **{name: f" {name} " for name in ("sigma", "exp", "ln", "log", "tanh", "sin", "cos", "max", "min", "sqrt")},
    **{name: name for name in (*dict.fromkeys(GREEK.values()), "varepsilon")},
    "partial": "d", "nabla": "grad ", "cdot": "*", "times": "*", "ast": "*", "div": "/", "approx": "=", "simeq": "=",
    "doteq": "=", "prime": "'", "left": "", "right": "", "big": "", "Big": "", "bigl": "", "bigr": "", "quad": " ",
    "qquad": " ", "displaystyle": "", "lvert": "|", "rvert": "|", "to": "->", "rightarrow": "->", "dots": "...",
    "varepsilon": "epsilon", "sum": " sum ", "prod": " prod ", "gets": "<-", "leftarrow": "<-", "ldots": "...",
    "cdots": "...", "odot": "*", "therefore": "", "Rightarrow": "", "implies": "", "limits": "",
}  # fmt: skip
WRAPPERS = re.compile(
    r"\\(?:mathrm|mathit|mathbf|boldsymbol|text|textbf|textrm|operatorname|mbox|boxed)\s*\{([^{}]*)\}"
)
ACCENTS = re.compile(r"\\(?:wide)?hat\s*(?:\{([A-Za-z])\}|([A-Za-z]))")
INNER = r"[^{}]*(?:\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}[^{}]*)*"  # braces in braces, three deep
FRACTION = re.compile(rf"\\[dt]?frac\s*(?:\{{({INNER})\}}|(\d))\s*(?:\{{({INNER})\}}|(\d))")
ROOT = re.compile(rf"\\sqrt\s*\{{({INNER})\}}")
COMMAND = re.compile(r"\\([A-Za-z]+)")
SPACING = re.compile(
    r"\\(?:tag|label|hspace|vspace|phantom)\*?\{[^{}]*\}|\\[,;:! ]|~|&|\\\\(?:\[[^\]]*\])?|\\(?:nonumber|notag)\b|\\(?:begin|end)\{[a-z*]+\}"
)
MATRIX = re.compile(r"\\begin\{[pbvB]?matrix\}(.*?)\\end\{[pbvB]?matrix\}")
EMPHASIS = re.compile(r"\*\*([^*]+)\*\*(?=\s|$|[:=|])")
POWER_OF_TEN = re.compile(r"(?<=\d)\s*(?:\*|[xX](?=\s*10\s*\^))\s*10\s*(?:\^|\*\*)\s*[{(]?\s*([+-]?\d{1,3})\s*[)}]?")


def plain(text: str) -> str:
    """The text in plain ASCII, as far as it is mathematics."""
    if not text.isascii():
        text = text.replace("ŷ", "y_hat")
        text = RAISED_RUN.sub(lambda run: f"^{{{run[0].translate(RAISED)}}}", text)
        text = unicodedata.normalize("NFKC", text.translate(BEFORE)).translate(LETTERS)
    if "\\" in text or "&" in text:
        text = without_latex(text)
    text = EMPHASIS.sub(r"\1", text.replace("$", "").replace("`", "")).replace("**", "^")
    return re.sub(r"[ \t]+", " ", POWER_OF_TEN.sub(r"e\1", text)).strip()


DERIVATIVE = re.compile(r"\(d ?((?:[^()\s]|\([^()]*\))+)\)/\(d ?((?:[^()\s]|\([^()]*\))+)\)")
SMALL = re.compile(r"\((\w+)\)/\((\w+)\)")


def typed_out(formula: str) -> str:
    """A formula of a page as somebody types it: dE/dY_h1 for its fraction."""
    return re.sub(r"[{}]", "", SMALL.sub(r"\1/\2", DERIVATIVE.sub(r"d\1/d\2", plain(formula))))


def without_matrices(text: str) -> str:
    r"""The text with \begin{pmatrix} a & b \\ c & d \end{pmatrix} as [[a, b], [c, d]]."""

    def rows(found: re.Match[str]) -> str:
        cells = [[cell.strip() for cell in row.split("&")] for row in re.split(r"\\\\", found[1]) if row.strip()]
        return "[" + ", ".join(f"[{', '.join(row)}]" for row in cells) + "]"

    return MATRIX.sub(rows, text) if "matrix}" in text else text


def without_latex(text: str) -> str:
    text = without_matrices(text)
    text = text.replace(r"\(", "").replace(r"\)", "").replace(r"\[", "").replace(r"\]", "").replace(r"\_", "_")
    text = SPACING.sub(" ", text)
    for _ in range(8):
        before = text
        text = WRAPPERS.sub(r"\1", text)
        text = ACCENTS.sub(lambda found: f"{found[1] or found[2]}_hat", text)
        text = ROOT.sub(r" sqrt(\1)", text)
        text = FRACTION.sub(lambda f: f"({f[1] or f[2]})/({f[3] or f[4]})", text)
        if text == before:
            break
    text = COMMAND.sub(lambda found: COMMANDS.get(found[1], found[0]), text)
    return re.sub(r"\{\}", "", text)
