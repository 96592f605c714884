r"""What formulas are put together from, in each dialect: TeX, and the mathematics of Typst.

A dialect is data: a text for each sign, and for each way of joining a form with a %s in the place of each part. The
printers know no other signs, so that a formula is written once for all dialects.

form     TEX.fraction("1", "2") is \frac{1}{2}, TYPST.fraction("1", "2") is frac(1, 2)
group    what is held together without being shown: {...} in TeX, (...) in Typst
script   what stands below or above a symbol
word     letters that are set upright, as one
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

GREEK = frozenset(
    re.findall(
        r"\w+",
        """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi
        omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega""",
    )
)
FUNCTIONS = frozenset(
    ["ln", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "exp", "max", "min"]
)  # known by name


class Form(str):
    """A text with %s in the place of each part. Where thousands are filled, `form % parts` is faster than the call."""

    __slots__ = ()

    def __call__(self, *parts: object) -> str:
        return self % parts


@dataclass(frozen=True, eq=False)
class Dialect:
    """How mathematics is written in one dialect. Data, and what follows from it in a line or two."""

    # scripts
    sub: Form
    sup: Form
    script_gap: str  # between the parts of a script
    script_signs: Mapping[str, str]  # signs of a script that are written otherwise
    # symbols
    label: Callable[[str], str]  # letters, digits and _ as a script
    word: Callable[[str], str]
    word_begins: str
    greek: Form
    bold: Form
    bold_greek: Form
    bold_word: Form
    hat: Form
    text: Form  # words of the page's language
    function: Form  # one of FUNCTIONS
    operator: Form  # any other function
    # formulas from formulas
    fraction: Form
    partial: Form  # of one thing by another, with round d
    ratio: Form  # the same with straight d
    root: Form
    brackets_low: Form
    brackets_tall: Form
    square: Form
    bars_low: Form
    bars_tall: Form
    power_of_ten: Form
    underbrace: Form
    cases: Form
    case: Form  # a value and its condition
    matrix: Form
    sum_over: Form
    sum_to: Form
    transposed: str
    # signs, with the room around them
    times: str
    dot: str
    odot: str
    oslash: str
    beside: str  # between matrices that are multiplied
    thin: str
    wide: str
    wider: str
    comma: str  # one that separates no parts of a form
    case_break: str
    cell_break: str
    row_break: str
    line_break: str  # a new line in a long sum
    stack: Form  # a sum in lines of its own, under a fraction bar
    stack_break: str  # a new line of it
    to: str
    le: str
    ge: str
    ne: str
    partial_sign: str
    odot_sign: str
    oslash_sign: str
    transposed_sign: str
    anything: str  # in the place of a name
    pi: str
    dots: str
    cdots: str
    vdots: str
    ddots: str
    # what printers look for in a text
    tall: tuple[str, ...]  # what needs tall brackets; first the fraction
    signed: tuple[str, ...]  # a bracket with a minus sign in it begins so
    tall_ends: str  # tall brackets end so
    groups: tuple[str, ...]  # a group or the first part of a form begins so
    # how wide it is printed
    bare: Callable[[str], str]  # the characters that are printed, roughly
    term_width: Callable[[str], int]  # of a term of symbols, in characters, roughly

    @property
    def forms(self) -> dict[str, str]:
        """The texts and forms by name, for templates."""
        return {each: text for each, text in vars(self).items() if isinstance(text, str)}

    def base(self, text: str) -> str:
        """A letter in italics, a Greek letter, or a word upright."""
        if text in GREEK:
            return self.greek % text
        return text if len(text) == 1 else self.word(text)

    def bold_base(self, text: str) -> str:
        if text in GREEK:
            return self.bold_greek % text
        return (self.bold if len(text) == 1 else self.bold_word) % text

    def called(self, function: str) -> str:
        """The name of a function, as it stands before its brackets."""
        return (self.function if function in FUNCTIONS else self.operator) % function

    def in_one_line(self, text: str) -> str:
        """The same without the line breaks of long sums."""
        for sign in (*self.stack.split("%s"), self.stack_break):
            text = text.replace(sign, "")
        return text.replace(self.line_break, " ")

    def brackets(self, text: str) -> str:
        """In brackets that are as tall as what they hold."""
        return (self.brackets_tall if any(mark in text for mark in self.tall) else self.brackets_low) % text


# ---- TeX


WIDE = re.compile(r"\\(?:times|odot|oslash|cdots|ddots|cdot|partial|sum)")
UNSEEN = re.compile(r"\\[,;]|[{}_^\\& ]")


def tex_label(text: str) -> str:
    return text.replace("_", r"\_")


def tex_bare(text: str) -> str:
    return UNSEEN.sub("", re.sub(r"\\[a-zA-Z]+", "o", WIDE.sub("oo", text)))


def tex_term_width(text: str) -> int:
    """Scripts above each other take the room of one."""
    plain = re.sub(r"\\(?:mathrm|frac|partial|,)|[_{} ]", "", text)
    return len(re.sub(r"\\[a-zA-Z]+", "x", plain)) - 2 * plain.count("^")


TEX = Dialect(
    sub=Form("_{%s}"),
    sup=Form("^{%s}"),
    script_gap="",
    script_signs={},
    label=tex_label,
    word=lambda text: rf"\mathrm{{{tex_label(text)}}}",
    word_begins=r"\mathrm",
    greek=Form(r"\%s"),
    bold=Form(r"\mathbf{%s}"),
    bold_greek=Form(r"\boldsymbol{\%s}"),
    bold_word=Form(r"\mathbf{%s}"),
    hat=Form(r"\hat{%s}"),
    text=Form(r"\text{%s}"),
    function=Form(r"\%s"),
    operator=Form(r"\operatorname{%s}"),
    fraction=Form(r"\frac{%s}{%s}"),
    partial=Form(r"\frac{\partial %s}{\partial %s}"),
    ratio=Form(r"\frac{d %s}{d %s}"),
    root=Form(r"\sqrt{%s}"),
    brackets_low=Form("(%s)"),
    brackets_tall=Form(r"\left(%s\right)"),
    square=Form(r"\left[ %s \right]"),
    bars_low=Form("|%s|"),
    bars_tall=Form(r"\left|%s\right|"),
    power_of_ten=Form(r"%s \times 10^{%s}"),
    underbrace=Form(r"\underbrace{%s}_{%s}"),
    cases=Form(r"\begin{cases} %s \end{cases}"),
    case=Form("%s, & %s"),
    matrix=Form(r"\begin{bmatrix} %s \end{bmatrix}"),
    sum_over=Form(r"\sum_%s"),
    sum_to=Form(r"\sum_{%s}^{%s}"),
    transposed=r"^{\mathsf{T}}",
    times=r" \times ",
    dot=r" \cdot ",
    odot=r" \odot ",
    oslash=r" \oslash ",
    beside=r" \; ",
    thin=r"\, ",
    wide=r"\quad ",
    wider=r"\;\, ",
    comma=", ",
    case_break=r" \\ ",
    cell_break=" & ",
    row_break=r" \\ ",
    line_break=r" \\ &\quad ",
    stack=Form(r"\begin{gathered} %s \end{gathered}"),
    stack_break=r" \\ {}",
    to=r" \to ",
    le=r" \le ",
    ge=r" \ge ",
    ne=r" \ne ",
    partial_sign=r"\partial",
    odot_sign=r"\odot",
    oslash_sign=r"\oslash",
    transposed_sign=r"\mathsf{T}",
    anything=r"\,\cdot",
    pi=r"\pi",
    dots=r"\dots",
    cdots=r"\cdots",
    vdots=r"\vdots",
    ddots=r"\ddots",
    tall=(r"\frac", r"\begin"),
    signed=("(-", r"\left(-"),
    tall_ends=r"\right)",
    groups=("{",),
    bare=tex_bare,
    term_width=tex_term_width,
)

# ---- Typst: letters side by side are a name there, and a comma or a semicolon separates the parts of a form

LABEL = re.compile(r"[0-9]+|[A-Za-z]|_|[^\W\d_A-Za-z]+|[^\w\s]")


WRAPPED = re.compile(r'\b(?:bold|upright|word|op)\(("\w+"|[^()]*)\)')
SCRIPT = re.compile(r"[_^]\(((?:[^()]|\([^()]*\))*)\)")
WIDE_NAME = re.compile(r"\b(?:times|dot\.o|slash\.o|dots\.c|dots\.down|partial|sum)(?![\w.])")
NAME = re.compile(r'(?<!")\b[A-Za-z][A-Za-z.]+\b(?!")')


def typst_label(text: str) -> str:
    pieces = LABEL.findall(text)
    return " ".join(rf"\{p}" if p == "_" else p if p.isascii() else f'"{p}"' for p in pieces)


def typst_bare(text: str) -> str:
    for _ in range(2):  # one within another
        text = WRAPPED.sub(r"\1", text)
    text = re.sub(r"\b(?:thin|thick)\b", "", SCRIPT.sub(r"\1", text))
    return re.sub(r'["\\& ]', "", NAME.sub("o", WIDE_NAME.sub("oo", text)))


TYPST = Dialect(
    sub=Form("_(%s)"),
    sup=Form("^(%s)"),
    script_gap=" ",
    script_signs={sign: rf"\{sign}" for sign in "()[],;"},
    label=typst_label,
    word=lambda text: f'word("{text}")',
    word_begins="word(",
    greek=Form("%s"),
    bold=Form("bold(upright(%s))"),
    bold_greek=Form("bold(%s)"),
    bold_word=Form('bold(word("%s"))'),
    hat=Form("hat(%s)"),
    text=Form('"%s"'),
    function=Form("%s"),
    operator=Form('op("%s")'),
    fraction=Form("frac(%s, %s)"),
    partial=Form("frac(partial %s, partial %s)"),
    ratio=Form("frac(d %s, d %s)"),
    root=Form("sqrt(%s)"),
    brackets_low=Form("(%s)"),
    brackets_tall=Form("(%s )"),
    square=Form("[%s]"),
    bars_low=Form("abs(%s)"),
    bars_tall=Form("abs(%s)"),
    power_of_ten=Form("%s times 10^(%s)"),
    underbrace=Form("underbrace(%s, %s)"),
    cases=Form("cases(%s)"),
    case=Form(r"%s\, & %s"),
    matrix=Form("mat(%s )"),
    sum_over=Form("sum_%s"),
    sum_to=Form("sum_(%s)^(%s)"),
    transposed="^(sans(T))",
    times=" times ",
    dot=" dot ",
    odot=" dot.o ",
    oslash=" slash.o ",
    beside=" thick ",
    thin="thin ",
    wide="quad ",
    wider="thick thin ",
    comma=r"\, ",
    case_break=", ",
    cell_break=" , ",
    row_break=" ; ",
    line_break=r' \ & quad "" ',
    stack=Form("%s"),
    stack_break=r' \ ""',
    to=" -> ",
    le=" <= ",
    ge=" >= ",
    ne=" != ",
    partial_sign="partial",
    odot_sign="dot.o",
    oslash_sign="slash.o",
    transposed_sign="sans(T)",
    anything="thin dot",
    pi="pi",
    dots="...",
    cdots="dots.c",
    vdots="dots.v",
    ddots="dots.down",
    tall=("frac(", "mat(", "cases("),
    signed=("(-",),
    tall_ends=" )",
    groups=("^(", "_(", "frac(", "sqrt("),
    bare=typst_bare,
    term_width=lambda text: len(typst_bare(text)) - text.count("^"),
)

DIALECTS: Mapping[str, Dialect] = {"typst": TYPST}  # by format; TeX in all others


def dialect_of(format: str) -> Dialect:
    """The dialect in which a format has its mathematics."""
    return DIALECTS.get(format, TEX)


# ---- how wide a formula is printed


def printed_width(text: str, m: Dialect) -> float:
    """How wide a formula is printed, roughly, in digits."""
    begins, ends = m.matrix.split("%s")
    if begins not in text:
        return len(m.bare(text))
    before, _, rest = text.partition(begins)
    inside, _, after = rest.partition(ends)
    columns = zip(*(row.split(m.cell_break) for row in inside.split(m.row_break)), strict=True)
    widest = [max(printed_width(cell, m) for cell in column) for column in columns]
    return printed_width(before, m) + sum(widest) + 1.9 * len(widest) + 0.5 + printed_width(after, m)
