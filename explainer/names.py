"""What people write -> the canonical name that it can only mean.

`W36`, `w_{3,6}`, `\\frac{\\partial E}{\\partial W_{36}}`, `W36 new`, `δ6`, `net_h1`: the letters say which quantity, the
rest which neuron. Nothing is guessed: what can mean two things is `Ambiguous`, what can mean none is `Unknown`, with
the nearest known names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from functools import cached_property
from itertools import product

from .plain import plain

# How each quantity is called. The first of each is the canonical head; heads are tried without regard to case too.
HEADS: Mapping[str, tuple[str, ...]] = {
    "W": ("W", "w", "weight", "v", "V", "u"),
    "b": ("b", "B", "bias", "theta", "Theta"),
    "z": ("z", "Z", "e", "net", "in", "s", "sum", "a", "netinput", "zin", "I"),
    "Y": ("Y", "y", "out", "output", "o", "a", "h", "A", "O", "yhat", "y_hat", "p"),
    "delta": ("delta", "d", "Delta", "Err"),
    "E": ("E", "Etotal", "Etot", "L", "J", "C", "Loss", "loss", "cost", "error", "Error"),
}
AFTER = (
    "new", "New", "neu", "updated", "after", "plus", "+", "t+1", "k+1", "n+1", "更新后的", "新的", "新", "更新后", "更新",
)  # fmt: skip
# Words before a name that say nothing of which quantity it is, and phrases for one.
BEFORE = re.compile(
    r"^(?:(?:so|because|since|therefore|thus|hence|then|now|next|we|get|have|obtain|the|and|finally|similarly|with|for"
    r"|value|of|hidden|at"
    r"|output(?= (?:layer|unit|node|neuron))|layer|neuron|unit|node)\b"
    r"|因此|所以|则|得|其中|同理|即|故|最终|计算|可得|隐藏层|输出层|神经元|(?:(?!误差|净输入|加权|输出)[^\x00-\x7f梯导变增改新旧])+(?=[A-Za-z(]))[,:]?\s*"
)
PHRASES = (
    (re.compile(r"^\((.+)\)$"), r"\1"),
    (re.compile(r"^(.+?)\s*的?梯度$|^梯度\s*(.+)$"), r"grad_\1\2"),
    (re.compile(r"^(.+?)\s*的\s*(?:净|总|加权)?输入(?:值|和)?$"), r"net_\1"),
    (re.compile(r"^(?:(?:净|总|加权)输入|加权和)\s*(\w+)$"), r"net_\1"),
    (re.compile(r"^(.+?)\s*的?\s*输出值?$"), r"out_\1"),
    (re.compile(r"^(.+?)\s*的?\s*(?:误差项|误差信号|delta)$"), r"delta_\1"),
    (re.compile(r"^[^\x00-\x7f]*输出值?\s*(\w+)$"), r"out_\1"),
    (re.compile(r"^[^\x00-\x7f]*输出值?\s*(\w+)$"), r"\1"),
    (re.compile(r"^[^\x00-\x7f]*(?:误差项|误差信号)\s*(\w+)$"), r"delta_\1"),
    (re.compile(r"^(.+?)\s*的?\s*(?:新值|新权重|新权值|新偏置|更新值|更新后的?值)$"), r"\1'"),
    (re.compile(r"^(.+?)\s*的?\s*(?:更新量|变化量|改变量|增量)$"), r"Delta \1"),
    (re.compile(r"^(?:总误差|总损失|损失函数|损失|误差)(?:值)?$"), "E"),
    (re.compile(r"^(?:total|overall)\s+(?:error|loss|cost)$", re.IGNORECASE), "E"),
    (re.compile(r"^(?:net |total |weighted )?input (?:to|of|into|for) (.+)$", re.IGNORECASE), r"net_\1"),
    (re.compile(r"^(?:output|activation) (?:of|from) (.+)$", re.IGNORECASE), r"out_\1"),
    (re.compile(r"^([^\W\d]\w*)\s*:\s*(.+)$"), r"\2_\1"),
    (re.compile(r"^.*[:,]\s*(.+)$"), r"\1"),
)
USUAL = {"z": "net", "Y": "out", "delta": "delta", "E": "E"}  # heads in a suggestion, where the text has none
INDEXED = re.compile(r"\b(W|b|z|Y|delta|E)('?)\[([^\[\]]+)\]")
MOST_COMPARED = 5000  # names, beyond which none is looked for that looks like a text
FUNCTION = "sigma|sigmoid|sigm|f|g|phi|tanh|relu|ReLU|act"
NEAR = 3
AS_NEAR = 0.1  # how much less a name may look like the text than the nearest does

# Which sample a name is of, as it is said before the name and after it; and the last, where nothing else can be meant.
SAMPLE = r"(?:(?:training |data )?(?:sample|example|pattern|case)|样本|样例)"
IN_WORDS = {
    word: str(n)
    for words in ("一二三四五六七八九", ["first", "second", "third", "fourth", "fifth", "sixth"])
    for n, word in enumerate(words, 1)
}
ITS_NUMBER = (
    rf"(?:{SAMPLE}\s*(?:no\.?\s*)?#?(\d+|[一二三四五六七八九](?![一-九十个]))|第\s*(\d+|[一二三四五六七八九])\s*[个组条]?\s*(?:样本|样例|数据)"
    rf"|(?:the )?(first|second|third|fourth|fifth|sixth) {SAMPLE})"
)
SAID_BEFORE = re.compile(
    rf"^(?:for |in |of |对于?|在)?{ITS_NUMBER}\s*(?:的|[:,.]|中的?|下的?)?\s*(?=\S)", re.IGNORECASE
)
SAID_AFTER = re.compile(rf"\s*,?\s*[(\[]?\s*(?:for |of |in |at |on )?{ITS_NUMBER}\s*[)\]]?$", re.IGNORECASE)
WORD = re.compile(rf"{SAMPLE}|数据", re.IGNORECASE)
OF_SAMPLE = re.compile(r"#\d+$")
SHORT_AFTER = re.compile(r"(?:\((\d+)\)|\[(\d+)\]|,(\d+))$")


class Names:
    """The names of one problem. `other_names`: names that are understood in the place of a canonical one.

    `layers`: the labels of the neurons, for names by place (a_1^{[2]}) and names that need none (delta, of one output).
    `targets`: the outputs by what their targets are called, for y_dog.
    """

    def __init__(
        self,
        known: Collection[str],
        other_names: Mapping[str, str] | None = None,
        layers: Sequence[Sequence[str]] = (),
        targets: Mapping[str, str] | None = None,
    ) -> None:
        self.known, self.layers = known, layers
        self.targets = dict(targets or {})
        self.others = dict(other_names or {})
        self._turned = False  # whether indices are read the other way round

    def find(self, text: str) -> str | None:
        """The canonical name; None where there is no such quantity, or where it could be several."""
        found = self.all(text)
        return found[0] if len(found) == 1 else None

    def all(self, text: str) -> list[str]:
        """Every canonical name that the text can mean, by the strictest reading that finds any."""
        text = plain(text).strip()
        if text in self.known:
            return [text]
        if text in self.others:
            return [self.others[text]]
        bare, sample = without_sample(text)
        if sample:
            return self.all(f"{bare}#{sample}" if self.has_samples else bare if sample == "1" else "")
        return (
            self.read(text, turned=False)
            or self.read(text, turned=True)
            or self.said(text)
            or self.of_short_sample(text)
        )

    def of_short_sample(self, text: str) -> list[str]:
        """What net_h1(2) and net_h1,2 mean in an exercise with several samples."""
        bare, end = off(tidy(text), SHORT_AFTER) if self.has_samples else (text, "")
        return self.all(f"{bare}#{end.strip('()[],')}") if end and bare else []

    def of_samples(self, text: str) -> list[str]:
        """What a name means that leaves out of which sample it is: net_h1 in an exercise with several."""
        return [name for s in range(1, NEAR + 1) for name in self.all(f"{text}#{s}")] if self.has_samples else []

    def said(self, text: str) -> list[str]:
        """What a phrase means: the output of h1, 总误差, so net h1, h1: net."""
        text, sample = off(text, OF_SAMPLE)
        bare = BEFORE.sub("", text)
        if bare and bare != text:
            return self.all(bare + sample)
        for phrase, meant in PHRASES:
            if phrase.match(text):
                found = self.all(phrase.sub(meant, text) + sample)
                if found:
                    return found
        return []

    def is_turned(self, text: str) -> bool:
        """Whether the text is a name only with the indices of a weight the other way round: W63 for the weight from 3 to 6."""
        return (
            text not in self.known
            and text not in self.others
            and not self.read(text, False)
            and bool(self.read(text, True))
        )

    def read(self, text: str, turned: bool) -> list[str]:
        compact = tidy(plain(text).strip())
        self._turned = turned
        for strict in (True, False):
            found = {name for name in self.spelled(compact, strict) if name in self.known}
            if found:
                return sorted(found)
        return []

    def near(self, text: str) -> list[str]:
        """Names that it can mean, or else that look like it."""
        several = self.all(text)
        if several or len(self.known) > MOST_COMPARED:
            return several[:NEAR]
        table = {re.sub(r"[\[\],_()]", "", name).lower(): name for name in self.known}
        return [table[each] for each in get_close_matches(tidy(plain(text)).lower(), table, NEAR, 0.5)]

    def suggested(self, text: str) -> list[str]:
        """Names that it can mean, with a sample or without, or else that look like it, as people write them."""
        several = self.all(text) or self.of_samples(text)
        return several[:NEAR] if several else [self.understood(*each) for each in self.alike(text).items()]

    def alike(self, text: str) -> dict[str, str]:
        """What looks like the text when it is written as people do, and the canonical names."""
        if len(self.known) > MOST_COMPARED:
            return {}
        compact = off(tidy(plain(without_sample(text)[0])), OF_SAMPLE)[0]
        new = "'" in compact
        table = {self.written(name, compact): name for name in self._without_samples if new or "'" not in name}
        lower = {re.sub(r"[\[\],()]", "", each).lower(): each for each in table}
        close = get_close_matches(compact.lower(), lower, NEAR, 0.5)
        like = {each: SequenceMatcher(None, each, compact.lower()).ratio() for each in close}
        found = [lower[each] for each in lower if like.get(each, 0) >= max(like.values()) - AS_NEAR] if like else []
        found.sort(key=lambda each: -begun_alike(each.lower(), compact.lower()))
        return {each: table[each] if table[each] in self.known else f"{table[each]}#1" for each in found}

    def written(self, name: str, text: str) -> str:
        """A canonical name as somebody writes it who writes this text: out_h1 for Y[h1] beside out_hl."""

        def short(found: re.Match[str]) -> str:
            quantity, prime, label = found.groups()
            if quantity in "Wb":
                joined = label.replace(",", "")
                return f"{quantity}{joined}{prime}" if joined.isdigit() and len(joined) < 3 else found[0]
            begun = [head for head in HEADS[quantity] if re.match(rf"{head}(?![a-z]{{2}})", text)]
            return f"{max(begun, key=len) if begun else USUAL[quantity]}_{label}{prime}"

        return INDEXED.sub(short, name)

    def understood(self, written: str, name: str) -> str:
        """The name as it is written, if it can be read so; with a sample where there are several."""
        shown = f"{written} (sample 1)" if name.endswith("#1") else written
        return shown if self.all(shown) == [name] else name

    # ---- spelling out

    def spelled(self, text: str, strict: bool) -> Iterator[str]:
        """Names, known or not, that the text may be spelled for."""
        text, mark = off(text, r"@\d+$")
        mark = "" if mark == "@1" else mark  # the first iteration is not marked
        text, sample = off(text, OF_SAMPLE)
        if not sample:
            text, raised = off(text, r"\^\(\d+\)$")
            sample = f"#{raised[2:-1]}" if raised else ""
            if raised:  # or the number of a layer
                yield from (f"{name}{mark}" for name in self.derived(f"{text}{raised}", strict))
        for name in self.derived(text, strict):
            yield f"{name}{sample}{mark}"
            if sample and "/" in name:  # dY[h1]#1/dz[h1]#1
                yield f"{name.replace('/', f'{sample}/')}{sample}{mark}"

    def derived(self, text: str, strict: bool) -> Iterator[str]:
        """Quantities, their derivatives, gradients, steps and states of the optimizer."""
        ratio = re.fullmatch(r"\(?d(.+?)\)?/\(?d(.+?)\)?", text) or re.fullmatch(r"d_?(.+?)_?/?d_?([^d].*)", text)
        if ratio:
            above = list(self.atoms(ratio[1].strip("_()"), strict))
            below = list(self.atoms(ratio[2].strip("_()"), strict))
            for a, b in product(above, below):
                yield f"d{a}/d{b}"
                if a == "E" and b.startswith("z["):
                    yield f"delta{b[1:]}"
        exponential = re.fullmatch(r"(?:exp|e\^)[_(\[]*(.+?)[)\]]*", text)
        if exponential:
            yield from (f"exp{name[1:]}" for name in self.atoms(exponential[1], strict) if name.startswith("z"))
            yield from (f"exp[{label}]" for label in self.label(exponential[1]))
        slope = re.fullmatch(rf"(?:{FUNCTION})'\(?(.+?)\)?", text)
        applied = re.fullmatch(rf"(?:{FUNCTION})\((.+)\)", text)
        if slope or applied:
            inner = (slope or applied)[1]  # type: ignore[index]
            at = [name[1:] for name in self.derived(inner, strict) if name.startswith("z")]
            yield from (f"dY{each}/dz{each}" if slope else f"Y{each}" for each in at)
        of_code = re.fullmatch(r"d_?(.+)", text)
        if of_code and of_code[1].startswith(("z", "Z", "net")):
            yield from (f"delta{name[1:]}" for name in self.atoms(of_code[1], strict) if name.startswith("z["))
        if of_code:  # a gradient to a program, a step to some books
            yield from (
                f"{kind}{name}{end}"
                for name in self.parameters(of_code[1], strict)
                for kind, end in (("dE/d", ""), ("step[", "]"))
            )
        into = re.fullmatch(
            r"([A-Za-z]+)_?in_?(\d*)", text
        )  # z_in1, what goes into z1; delta_in1, what comes back to it
        if into and into[1].lower() == "delta":
            yield from (f"dE/dY[{label}]" for label in self.label(into[2]))
        elif into:
            yield from (f"z[{label}]" for label in self.label(into[1] + into[2]))
        attribute = re.fullmatch(r"(.+)\.grad", text)
        if attribute:
            yield from (f"dE/d{name}" for name in self.atoms(attribute[1], strict))
        gradient = re.fullmatch(r"(?:gradient|grad|g)(?:of)?_?(.+)", text, re.IGNORECASE)
        if gradient:
            yield from (f"dE/d{name}" for name in self.atoms(gradient[1].strip("()"), strict))
        step = re.fullmatch(r"(?:Delta|delta|step|change)_?[\[(]?(.+?)[\])]?", text)
        if step:
            yield from (f"step[{name}]" for name in self.parameters(step[1], strict))
        state = re.fullmatch(r"(m_hat|v_hat|mhat|vhat|m|v|s)(?:\[(.+)\]|_?(.+))", text)
        if state:
            head = state[1] if "_" in state[1] or len(state[1]) == 1 else f"{state[1][0]}_hat"
            rest = state[2] or state[3]
            yield from (f"{head}[{name}]" for name in (*self.parameters(rest, strict), *self.labelled("W", rest)))
        new, changed = without_prime(text)
        if changed:
            yield from (primed(name) for name in self.atoms(new, strict))
        yield from self.atoms(text, strict)

    def parameters(self, text: str, strict: bool) -> Iterator[str]:
        yield from (name for name in self.atoms(text, strict) if name[0] in "Wb" or not name.startswith(("z[", "Y[")))

    def atoms(self, text: str, strict: bool) -> Iterator[str]:
        """W[3,6] from W36, Y[6] from out_6, E from Etotal; a name that the author gave from itself."""
        key = text.replace("_", "")
        yield from self._own.get(text, ())
        alone = re.fullmatch(r"(.+?)_?(\d*)", text)
        if alone and alone[1] in self._alone:  # of the one neuron, perhaps with the number of a sample
            yield self._alone[alone[1]] + (f"#{alone[2]}" if alone[2] else "")
        if not strict:
            yield from self._own_lower.get(key.lower(), ())
        for quantity, heads in HEADS.items():
            for head in heads:
                same = text.startswith(head) if strict else text.lower().startswith(head.lower())
                if not same:
                    continue
                rest = text[len(head) :]
                if quantity == "E" and not rest:
                    yield "E"
                yield from self.outputs(rest) if head == "p" and self.layers else self.labelled(quantity, rest)
        if key.lower() in self._labels and not key.isdigit():
            yield from (f"Y[{label}]" for label in self._labels[key.lower()])

    def labelled(self, quantity: str, rest: str) -> Iterator[str]:
        """The quantity with what the rest of the text says of neurons."""
        if quantity not in "WE":
            at_place = (f"{quantity}[{label}]" for label in self.at_place(rest))
            yield from (self.others.get(name, name) for name in at_place)
            if rest[:1] == "_" and rest[1:] in self.targets:
                yield f"{quantity}[{self.targets[rest[1:]]}]"
        rest = rest.strip("_()[]{}")
        if not rest:
            return
        if quantity == "W":
            for sender, receiver in self.ends(rest):
                sender, receiver = (receiver, sender) if self._turned else (sender, receiver)
                for name in (f"W[{i},{j}]" for i in self.sender(sender) for j in self.label(receiver)):
                    yield self.others.get(name, name)
            return
        for name in (f"{quantity}[{label}]" for label in self.label(rest)):
            yield self.others.get(name, name)

    def outputs(self, rest: str) -> Iterator[str]:
        """Of the outputs alone, which are probabilities: by label, else by place from 1."""
        labels = self.layers[-1]
        said = [label for label in self.label(rest.strip("_()[]{}")) if label in labels]
        place = re.fullmatch(r"[_\[({]*([1-9]\d*)[\])}]*", rest)
        if not said and place and int(place[1]) <= len(labels):
            said = [labels[int(place[1]) - 1]]
        if rest[1:] in self.targets:
            said = [self.targets[rest[1:]]]
        yield from (f"Y[{label}]" for label in said)

    def ends(self, rest: str) -> Iterator[tuple[str, str]]:
        """Where a weight comes from and leads to: 3,6 or 3->6 or X1)1 as it is said, 36 cut anywhere."""
        pieces = [piece.strip("_()[]{} ") for piece in re.split(r",|->|\)|\(|-|\|", rest) if piece.strip("_()[]{} ")]
        if len(pieces) == 1 and rest.count("_") == 1:
            pieces = rest.split("_")
        if len(pieces) == 2:
            yield pieces[0], pieces[1]
        elif len(pieces) == 1:
            joined = pieces[0].replace("_", "")
            yield from ((joined[:k], joined[k:]) for k in range(1, len(joined)))

    def label(self, text: str) -> list[str]:
        bare = text.replace("_", "").lower()
        return self._labels.get(bare, []) or self._numbered.get(bare, [])

    def at_place(self, text: str) -> Iterator[str]:
        """The neuron at ^{[2]}_1 or _1^{(2)}: hidden layers are counted from 1, or with the inputs as the first."""
        place = re.fullmatch(r"\^?[\[(](\d+)[\])]_?[\[(]?(\d*)[\])]?", text)
        turned = re.fullmatch(r"_?(\d+)\^?[\[(](\d+)[\])]", text)
        if not place and not turned:
            return
        layer, row = (place[1], place[2]) if place else (turned[2], turned[1])  # type: ignore[index]
        for labels in (self.layers[k] for k in (int(layer) - 1, int(layer) - 2) if 0 <= k < len(self.layers)):
            if row and 0 < int(row) <= len(labels):
                yield labels[int(row) - 1]
            elif not row and len(labels) == 1:
                yield labels[0]

    def sender(self, text: str) -> list[str]:
        """Where a weight comes from; 1 is also the input x1."""
        return [*dict.fromkeys([*self.label(text), *self._numbered.get(text, [])])]

    # ---- tables

    @cached_property
    def _numbered(self) -> dict[str, list[str]]:
        """Labels by their digits alone: 1 for x1, h1 and o1."""
        found: dict[str, list[str]] = {}
        if not self.layers:  # a spec has to be exact
            return found
        for label in sorted({each for labels in self._labels.values() for each in labels}):
            digits = re.fullmatch(r"[^\W\d_]+_?(\d+)", label)
            if digits:
                found.setdefault(digits[1], []).append(label)
        return found

    @cached_property
    def _alone(self) -> dict[str, str]:
        """What needs no index: quantities of the only output, and z of the only neuron."""
        if not self.layers or len(self.layers[-1]) != 1:
            return {}
        (output,) = self.layers[-1]
        found = dict.fromkeys(("y", "yhat", "y_hat", "output", "out", "p", "a", "o"), f"Y[{output}]")
        found |= dict.fromkeys(("delta", "dz"), f"delta[{output}]") | dict.fromkeys(("E", "L", "Loss", "loss"), "E")
        return found | (dict.fromkeys(("z", "net", "s"), f"z[{output}]") if len(self.layers) == 1 else {})

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        """Labels of neurons and names of inputs, by how they look without case and _."""
        found: dict[str, list[str]] = {}
        labels = dict.fromkeys(
            label
            for name in (*self.known, *self.others)
            for inner in re.findall(r"\[([^\[\]]+)\]", name)
            for label in inner.split(",")
        )
        for label in labels:
            found.setdefault(label.replace("_", "").lower(), []).append(label)
        return found

    @cached_property
    def _own(self) -> dict[str, list[str]]:
        """Names that somebody gave: w5, X1, c; with _ and without."""
        found: dict[str, list[str]] = {}
        for name in self._own_names:
            for spelling in dict.fromkeys((name, name.replace("_", ""))):
                found.setdefault(spelling, []).append(name)
        return found

    @cached_property
    def _own_lower(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self._own_names:
            found.setdefault(name.replace("_", "").lower(), []).append(name)
        return found

    @cached_property
    def _own_names(self) -> dict[str, None]:
        return dict.fromkeys(own_names(self._without_samples))

    @cached_property
    def _without_samples(self) -> dict[str, None]:
        return dict.fromkeys(re.sub(r"#\d+", "", name) for name in self.known)

    @cached_property
    def has_samples(self) -> bool:
        return any("#" in name for name in self.known)


def own_names(known: Iterable[str]) -> Iterator[str]:
    """Names without brackets, and those that derivatives speak of."""
    for name in known:
        if re.fullmatch(r"\w+", name):
            yield name
        for part in re.findall(r"(?<=/d)\w+$|^d(\w+)(?=/d)", name):
            if part and re.fullmatch(r"\w+", part):
                yield part


def tidy(text: str) -> str:
    """Without what only sets the text: braces, spaces, emphasis; primes and "new" made one mark."""
    text = re.sub(r"^[*`_]+|[*`:]+$", "", text.strip())
    text = re.sub(r"\^\s*\{?\s*\(\s*(\d+)\s*\)\s*\}?", r"^(\1)", text)
    text = re.sub(r"[{}\s\\]", "", text)
    return re.sub(r"[(]?[tT]otal[)]?", "", text, count=1) if re.match(r"\(?d?[EL][_(]?[tT]otal", text) else text


def without_prime(text: str) -> tuple[str, bool]:
    """The text without what says "after the update", and whether it said so."""
    bare = re.sub(r"\^?'+", "'", text)
    words = "|".join(re.escape(word) for word in AFTER)
    bare = re.sub(rf"\^?[(_]*(?:{words})\)?$", "'", bare)
    bare = re.sub(rf"^(?:{words})_?", "'", bare)
    bare = re.sub(rf"(?:_|(?<=^\w))(?:{words})(?=[_\d])", "'", bare)
    return bare.replace("'", "").replace("^", ""), "'" in bare


def primed(name: str) -> str:
    """W'[3,6] from W[3,6], w5' from w5."""
    head, bracket, rest = name.partition("[")
    return f"{head}'{bracket}{rest}"


def begun_alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return max(k for k in range(len(one) + 1) if other.startswith(one[:k]))


def has_sample_word(text: str) -> bool:
    return bool(WORD.search(text))


def without_sample(text: str) -> tuple[str, str]:
    """A name without the words that say of which sample it is, and that sample's number: net_h1 (sample 2)."""
    for said in (SAID_AFTER, SAID_BEFORE) if has_sample_word(text) else ():
        found = said.search(text)
        if found:
            number = (found[1] or found[2] or found[3]).lower()
            return text[: found.start()] + text[found.end() :], IN_WORDS.get(number, number)
    return text, ""


def off(text: str, ending: str | re.Pattern[str]) -> tuple[str, str]:
    """The text cut before an ending of this form."""
    found = re.search(ending, text)
    return (text[: found.start()], found[0]) if found else (text, "")
