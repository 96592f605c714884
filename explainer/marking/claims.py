"""A line of a working as data: what is claimed to equal what.

`e6 = 0.09*0.50997 + 0.1*0.50614 = 0.09651` is one claim of a name, an expression and a value. A line that cannot be
read is kept, with the reason: no line of a working is passed over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..plain import plain
from ..source import is_hidden
from .numerals import NUMERAL, Numeral, numeral

LONGEST = 2000  # characters of a line
MARKER = re.compile(
    r"^\s*(?:>\s*)?(?:[-*+•]\s+|\(?\d{1,3}[.)]\s+|\(?[a-z]\)\s+(?!=)|(?:step|Step|STEP)\s*\d+\s*[:.)]\s*)"
)
CIRCLED = re.compile(r"^\s*[①-⑳]\s*")
ASSIGNED = re.compile(r"<-|-+>|:=|==|\+=(?=\s)")
CHANGED = re.compile(rf"^([^:=]+?)\s*[:=]\s*{NUMERAL.pattern}\s*->\s*({NUMERAL.pattern})$")  # w5: 0.4 -> 0.3589
SAID = re.compile(r"\s*(?::|\bis\b|\bequals\b|等于|约为|为|是|得到|得)\s*(?=[-+]?\.?\d)")  # where there is no =
APART = re.compile(r";|,\s(?=\S+\s*=)|,(?=\s*[^\W\d]\w*\s*=)|\s(?:and|und|以及|和)\s(?=[^=]*=)")
ARRAY = re.compile(r"(?:array|np\.array|tensor)?\s*[\[(][-+\d.eE,;\s\[\]()]+[\])]+\s*(?:\^?\{?T\}?|\.T)?")
LISTS = re.compile(r"[\[(]([^\[\]()=]+(?:,[^\[\]()=]+)+)[\])]\s*=\s*[\[(]([^\[\]=]+)[\])]")
LIST = re.compile(r"[\[(]([^\[\]()=]+(?:,[^\[\]()=]+)+)[\])]")  # of names: (x1, x2)
SURELY_DECIMAL = re.compile(r"(?<!\d)0,\d|\d,(?:\d{1,2}|\d{4,})(?!\d)")
DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
TEXT_AFTER = re.compile(rf"({NUMERAL.pattern})\s*(?:\(?[^\W\d_][^=]*\)?|\(\d+ ?[A-Za-z. ]+\))?[.,;:!]*")


@dataclass(frozen=True)
class Claim:
    """One statement. `fault` says why it cannot be read, as a key of the texts for readers, or is empty."""

    line: int  # of the file, from 1
    text: str  # as it stands there
    name: str = ""  # of the quantity, as written
    expressions: tuple[str, ...] = ()  # between the name and the value, in plain characters
    value: Numeral | None = None
    fault: str = ""
    detail: str = ""  # what the fault speaks of
    array: tuple[tuple[Numeral, ...], ...] = ()  # the rows of an array that is claimed at once, in the place of a value
    sample: str = ""  # of which the heading above or the table speaks; the name may be of none

    @property
    def names(self) -> tuple[str, ...]:
        """What the quantity may be called, first of the sample that is spoken of."""
        return (f"{self.name}#{self.sample}", self.name) if self.sample else (self.name,)


def claims_of_line(text: str, line: int, decimal_comma: bool = False) -> Iterator[Claim]:
    """What a line says: nothing where it is blank or a comment."""
    shown = text.strip()
    if not shown or shown.startswith("#") or re.fullmatch(r"=+|-+|~+|\*+|_+", shown):
        return
    if len(text) > LONGEST:
        yield Claim(line, shown[:80], fault="too_long")
        return
    hidden = None if text.isprintable() else next((c for c in text if is_hidden(c) and c not in "\t\ufeff\u200b"), None)
    if hidden:
        yield Claim(line, shown, fault="hidden", detail=f"U+{ord(hidden):04X}")
        return
    bare = MARKER.sub("", plain(CIRCLED.sub("", without_comment(text)).replace("\ufeff", "").replace("\u200b", "")))
    if "->" in bare:
        bare = CHANGED.sub(r"\1' = \2", bare)
    bare = ASSIGNED.sub("=", bare)
    if "=" not in bare:
        bare = SAID.sub("=", bare, count=1)
    for piece in pieces_of(bare):
        yield claim(piece, line, shown, decimal_comma)


def pieces_of(text: str) -> list[str]:
    """The statements of a line: several side by side, or a list of names and as many values."""
    lists = LISTS.fullmatch(text.strip().rstrip(".;")) if text.lstrip().startswith(("[", "(")) else None
    if lists:
        names, values = (re.split(r",\s*|\s+", each.strip()) for each in lists.groups())
        if len(names) == len(values):
            return [f"{name} = {value}" for name, value in zip(names, values, strict=True)]
    pieces = [piece for piece in APART.split(text) if piece.strip()]
    if len(pieces) < 2 or not all("=" in piece for piece in pieces):
        return [text]
    owner = re.match(r"\s*([^\W\d]\w*)\s*:", pieces[0])  # h1: net = 0.3775, out = 0.5933
    if owner:
        pieces[1:] = [piece if ":" in piece else f"{owner[1]}: {piece}" for piece in pieces[1:]]
    return pieces


def without_comment(text: str) -> str:
    return re.split(r"\s#", text, maxsplit=1)[0]


def claim(text: str, line: int, shown: str, decimal_comma: bool) -> Claim:
    """The statement that a text in plain characters makes."""
    if "\\" in text:
        command = re.search(r"\\\w*", text)
        return Claim(line, shown, fault="command", detail=command[0] if command else "\\")
    text = text.strip().rstrip(".,;:").strip("|").strip()
    if "=" not in text:
        return Claim(line, shown, fault="no_equation")
    name, *rest = [part.strip().strip("*`").strip() for part in text.split("=")]
    if not name:
        return Claim(line, shown, fault="no_name")
    *expressions, last = rest
    array = array_of(last, is_list=LIST.fullmatch(name) is not None)
    if array:
        return Claim(line, shown, name, tuple(expressions), array=array)
    value, fault = value_of(last, decimal_comma)
    if value is None and not last and expressions:  # "Y1 = 0.5 =": what stands before is the value
        *expressions, last = expressions
        value, fault = value_of(last, decimal_comma)
    written = tuple(with_points(each) if decimal_comma else each for each in expressions if each)
    if value is None and fault == "no_number" and numberless(last):
        return Claim(line, shown, name, (*written, last), None, "no_value", last)
    return Claim(line, shown, name, written, value, fault if value is None else "", last if value is None else "")


def array_of(text: str, is_list: bool = False) -> tuple[tuple[Numeral, ...], ...]:
    """The rows of [a, b], (a, b), [[a, b], [c, d]] or [a b; c d]; nothing where the text is no array.

    `is_list`: the name is a list, too, so (0,1) is one and no decimal fraction.
    """
    if text[-1:] not in "])T}" or not ARRAY.fullmatch(text) or not re.search(r"[,;\s]", text):
        return ()
    if not is_list and text.startswith("(") and "." not in text and ", " not in text:  # (0,52498)
        return ()
    rows = [
        tuple(filter(None, (numeral(found) for found in NUMERAL.findall(row)))) for row in re.split(r"[\])]|;", text)
    ]
    found = tuple(row for row in rows if row)
    return found if sum(map(len, found)) > 1 and len(set(map(len, found))) == 1 else ()


def value_of(text: str, decimal_comma: bool) -> tuple[Numeral | None, str]:
    """The number at the end of a statement, or why there is none."""
    if not text:
        return None, "no_number"
    if "," in text:
        if not DECIMAL_COMMA.search(text) or text.count(",") > 1 or "." in text:
            return None, "comma"
        if not decimal_comma and not re.match(r"[+-]?0,", text.strip("( ")):
            return None, "comma"
        text = with_points(text)
    found = numeral(text)
    if found:
        return found, ""
    after = TEXT_AFTER.fullmatch(text.strip())
    if after and not re.match(r"[eE]\w", text.strip()[len(after[1]) :]):
        found = numeral(after[1])
        return found, "" if found else "no_number"
    return None, "no_number"


def with_points(text: str) -> str:
    """Decimal commas as points."""
    return DECIMAL_COMMA.sub(".", text)


def numberless(text: str) -> bool:
    """Whether the text is a formula whose value is not said."""
    return bool(re.search(r"[\w)]\s*[-+*/^(]", text)) or bool(re.fullmatch(r"[^\W\d]\w*", text))


def uses_decimal_commas(texts: list[str]) -> bool:
    """Whether commas in the numbers of a working can mean nothing but the decimal point.

    There is no point in any, and one has other than three digits after its comma: 1,234 alone may be a thousand.
    """
    if not any("," in text or "，" in text for text in texts):
        return False
    values = [plain(text).partition("=")[2] for text in texts]
    return any(SURELY_DECIMAL.search(each) for each in values) and not any(
        re.search(r"\d\.\d", each) for each in values
    )
