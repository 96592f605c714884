"""The pages in docs/examples are what their script makes of them, and what they and the shipped remarks say recomputes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from networks import EXAMPLES

import explainer

FOLDER = Path(__file__).parent.parent / "docs" / "examples"
PAGES = sorted(FOLDER.glob("0*.md"))
DECIMAL = re.compile(r"(?<![\w.])-?\d+\.\d+")


def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("build_example_pages", FOLDER / "build.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


BUILD = script()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_running_the_script_would_change_nothing(page: Path) -> None:
    text = page.read_text("utf-8")
    assert BUILD.built(text) == text


def test_the_drawing_is_the_one_that_the_script_makes() -> None:
    assert (FOLDER / "004-slope.svg").read_text("utf-8") == BUILD.drawing()


def test_every_part_stands_in_one_page() -> None:
    named = [name for page in PAGES for name in re.findall(r"<!-- begin: (\S+) -->", page.read_text("utf-8"))]
    assert sorted(named) == sorted(BUILD.PARTS)


# ---- the same numbers again, without explainer


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


class Xor:
    """The program of document 000, as it was written."""

    x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    y = np.array([[0], [1], [1], [0]])

    def __init__(self, seed: int) -> None:
        rng = np.random.RandomState(seed)
        self.syn0, self.syn1 = 2 * rng.random_sample((3, 4)) - 1, 2 * rng.random_sample((4, 1)) - 1
        self.forward()

    def forward(self) -> None:
        self.k1 = sigmoid(self.x @ self.syn0)
        self.k2 = sigmoid(self.k1 @ self.syn1)
        self.error = self.y - self.k2
        self.slope = self.k2 * (1 - self.k2)
        self.half, self.sizes = float((self.error**2).sum() / 2), float(abs(self.error).sum())

    def added(self, error: Any) -> Any:
        delta = error * self.slope
        hidden = delta @ self.syn1.T * self.k1 * (1 - self.k1)
        return self.x.T @ hidden, self.k1.T @ delta

    def step(self) -> None:
        first, second = self.added(self.error)
        self.syn0, self.syn1 = self.syn0 + first, self.syn1 + second
        self.forward()

    def cosine(self) -> float:
        a, b = (np.concatenate([part.ravel() for part in self.added(e)]) for e in (self.error, np.sign(self.error)))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


XOR, OTHER = Xor(1), Xor(2)
BEFORE = (OTHER.sizes, OTHER.half)
OTHER.step()


def numbered(w36: float = 0.09) -> dict[str, float]:
    """The network of document 001, forward."""
    e = {1: 0.01 * 2 + 0.02 * 4, 2: 0.05 * 2 + 0.08 * 4}
    y = {k: sigmoid(e[k]) for k in e}
    for k, (a, b) in {3: (0.03, 0.04), 4: (0.05, 0.06), 5: (0.07, 0.08)}.items():
        e[k] = a * y[1] + b * y[2]
        y[k] = sigmoid(e[k])
    e[6] = w36 * y[3] + 0.1 * y[4] + 0.15 * y[5]
    y[6] = sigmoid(e[6])
    delta = -(0.9 - y[6]) * y[6] * (1 - y[6])
    found = {f"e{k}": e[k] for k in e} | {f"Y{k}": y[k] for k in y}
    return found | {"E": (0.9 - y[6]) ** 2 / 2, "delta": delta, "gradient": delta * y[3]}


N = numbered()
W36 = 0.09 - 0.1 * N["gradient"]


def repeated(updates: int) -> float:
    """The loss of document 001's network after so many updates of all weights."""
    first, second, last = (
        np.array([[0.01, 0.02], [0.05, 0.08]]),
        np.array([[0.03, 0.04], [0.05, 0.06], [0.07, 0.08]]),
        np.array([[0.09, 0.1, 0.15]]),
    )
    x = np.array([2.0, 4.0])
    for k in range(updates + 1):
        a = sigmoid(first @ x)
        b = sigmoid(second @ a)
        y = sigmoid(last @ b)
        if k == updates:
            break
        d3 = (y - 0.9) * y * (1 - y)
        d2 = last.T @ d3 * b * (1 - b)
        d1 = second.T @ d2 * a * (1 - a)
        first, second, last = (
            first - 0.1 * np.outer(d1, x),
            second - 0.1 * np.outer(d2, a),
            last - 0.1 * np.outer(d3, b),
        )
    return float((0.9 - y[0]) ** 2 / 2)


class Linear:
    """The network of document 002, and its program's dw."""

    x, w, y = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([0.5, 0.4, 0.3, 0.2, 0.1]), 1.0
    p = float(x @ w)
    loss = (p - y) ** 2
    program, right = x * (loss - p), x * 2 * (p - y)

    @classmethod
    def after(cls, dw: Any) -> float:
        return float((cls.x @ (cls.w - 0.1 * dw) - cls.y) ** 2)


P, Y = np.array([0.9, 0.2]), np.array([1, 0])
HIDDEN = sigmoid(np.array([[0.2, -0.3], [0.4, 0.1]]) @ [1, 0.5] + [0.1, -0.2])
BIASED = float(
    sigmoid(np.array([0.8, -0.4]) @ sigmoid(np.array([[0.5, -0.6], [0.3, 0.7]]) @ HIDDEN + [0.2, 0.1]) - 0.1)
)
SCORES = np.array([[0.6, -0.2], [-0.1, 0.8], [0.3, 0.5]]) @ np.tanh([0.5 - 0.8 + 0.1, 0.2 + 0.6 - 0.1]) + [0, 0.1, -0.1]
SHARES = np.exp(SCORES) / np.exp(SCORES).sum()
THETA = float(
    sigmoid(np.array([0.7, -0.6]) @ sigmoid(np.array([0.1, -0.4])) + 0.2)
)  # a3 of sample 1, whose target is 0
SQUARES = 0.3**2 + 0.5**2 + 0.8**2 + 0.2**2 + 0.7**2 + 0.6**2


class Rashid:
    """A network of document 004: the errors of its hidden nodes in three ways."""

    def __init__(self, first: Any, last: Any, x: Any, t: Any) -> None:
        self.first, self.last, self.x, self.t = (np.array(each) for each in (first, last, x, t))
        self.h = sigmoid(self.first @ self.x)
        self.o = sigmoid(self.last @ self.h)
        self.e = self.t - self.o
        self.loss = float((self.e**2).sum())
        self.split = (self.last / self.last.sum(axis=1, keepdims=True)).T @ self.e
        self.back = self.last.T @ self.e
        self.right = self.last.T @ (self.e * self.o * (1 - self.o))  # minus half the gradient

    def added(self, error: Any) -> Any:
        return np.outer(error * self.h * (1 - self.h), self.x)

    def after(self, error: Any) -> float:
        return Rashid(self.first + 0.1 * self.added(error), self.last, self.x, self.t).loss


BOOK = Rashid(
    [[0.9, 0.3, 0.4], [0.2, 0.8, 0.2], [0.1, 0.5, 0.6]],
    [[0.3, 0.7, 0.5], [0.6, 0.5, 0.2], [0.8, 0.1, 0.9]],
    [0.9, 0.1, 0.8],
    [0.01, 0.99, 0.01],
)
TWO = Rashid([[-0.5, 0.5], [3.0, 1.5]], [[-2.0, 1.0], [3.0, 3.0]], [1, 1], [0.01, 0.01])
LONGER = np.linalg.norm(BOOK.added(BOOK.back)) / np.linalg.norm(BOOK.added(BOOK.right))
THREE_LOSSES = [TWO.loss, TWO.after(TWO.back), TWO.after(TWO.right)]

# The decimals of each row, in order. What is only quoted from a document stands as it is quoted; a wrong number of a document
# is recomputed from the mistake that makes it, where that is known.
SLIPS: dict[str, list[list[float]]] = {
    "000-xor-batch": [
        [XOR.sizes / 4],
        [XOR.cosine()],
        [BEFORE[0], OTHER.sizes, BEFORE[1], OTHER.half],
        [-float(XOR.error[0, 0]), float(XOR.error[1, 0])],
        [],
        [-float((XOR.error * XOR.slope)[1, 0])],
        [-float(XOR.slope[1, 0])],
    ],
    "001-update-w36": [
        [sigmoid(0.0246), N["Y4"], 0.0246, N["e4"], N["Y3"]],
        [0.50614, N["Y4"]],
        [0.1748973, 0.09 * 0.50997 + 0.1 * 0.50614 + 0.15 * 0.52124, N["e6"]],
        [0.1748973, N["e6"]],
        [0.17489, 0.1748973, N["e6"]],
        [sigmoid(0.1748973), N["Y6"]],
        [(0.9 - 0.54361) ** 2 / 2, N["E"]],
        [0.9 - 0.54361, -(0.9 - 0.54361), N["Y6"] - 0.9],
        [-(0.9 - 0.54361), N["Y6"] - 0.9],
        [0.50997 * 0.2481 * 0.35639, N["gradient"]],
        [0.09 - 0.1 * 0.0451, W36, 0.08549, N["E"], numbered(0.08549)["E"], W36, numbered(W36)["E"]],
        [1 / (1 + np.exp(-0.09 * 0.50997 + 0.1 * 0.50614 + 0.15 * 0.52124))],
        [N["delta"]],
        [-(0.9 - 0.54361)],
        [],
        [],
        [],
    ],
    "002-losses-and-shapes": [
        [*P, (Y * P + (1 - Y) * P).mean(), -(Y * np.log(P) + (1 - Y) * np.log(1 - P)).mean()],
        [Linear.program[4], Linear.right[4]],
        [Linear.y - Linear.p, 2 * (Linear.p - Linear.y)],
        [-Linear.x[0], -Linear.x[4]],
        *[[]] * 4,
    ],
    "003-graph-and-theta": [
        [0.01, -np.log(0.01), 0.01, np.log(0.01)],
        [0.9, -np.log(1 - 0.9)],
        [],
        [],
        [],
        [THETA * THETA * (1 - THETA), THETA],
        [0.4 / (2 * 4), SQUARES, 0.4 / (2 * 4) * SQUARES, 0.4 / 4],
    ],
    "004-rashid-matrices": [
        [*BOOK.back, *BOOK.right, LONGER, *THREE_LOSSES],
        [*BOOK.split],
        [-BOOK.added(BOOK.back)[0, 0], -BOOK.added(BOOK.right)[0, 0]],
        [0.2, 0.1],
        [BOOK.e[0], BOOK.e[0] ** 2],
        [],
        [],
    ],
}
REMARKS: dict[str, list[list[float]]] = {
    "batch-3-4-1": [
        [
            *(float(each) for each in (XOR.error[1, 0], XOR.k2[1, 0], 1 - XOR.k2[1, 0])),
            float((XOR.error * XOR.slope)[1, 0]),
            -float((XOR.error * XOR.slope)[1, 0]),
        ],
        [XOR.half, XOR.sizes / 4, XOR.cosine()],
        [sigmoid(2) * (1 - sigmoid(2))],
    ],
    "2-2-3-1-repeated": [
        [sigmoid(0.0246), 0.0246, N["e4"], N["Y4"], 0.1748973, N["e6"], sigmoid(0.1748973), N["Y6"], 0.0635, N["E"]],
        [N["gradient"], 0.09 - 0.1 * 0.0451, W36, 0.08549, N["E"], numbered(0.08549)["E"]],
        [repeated(0), repeated(5)],
    ],
    "linear-1-5": [
        [Linear.loss, Linear.p, Linear.loss - Linear.p, *Linear.program],
        [2 * (Linear.p - Linear.y), *Linear.right, -Linear.right[0] / Linear.program[0]],
        [0.1, Linear.loss, Linear.after(Linear.program), Linear.after(Linear.right)],
    ],
    "2-2-2-1-bias": [[], [BIASED, -np.log(BIASED), -np.log(1 - BIASED)]],
    "softmax-3": [[SHARES[1], -np.log(SHARES[1]), SHARES[0], SHARES[1] - 1, SHARES[2]]],
    "theta-2-2-1": [
        [THETA, THETA, THETA, THETA, THETA * THETA * (1 - THETA)],
        [],
        [0.4 / (2 * 4), SQUARES, 0.4 / (2 * 4) * SQUARES, 0.4 / 4],
    ],
    "rashid-3-3-3": [
        [0.2, 0.1],
        [*BOOK.back, *BOOK.right],
        [-0.5, 0.5, 1.5, 0.01, 0.01, 0.1, *THREE_LOSSES],
    ],
}


def assert_says(text: str, numbers: list[float]) -> None:
    """The decimals in the text are these numbers, rounded as printed."""
    printed = DECIMAL.findall(text)
    assert len(printed) == len(numbers), text
    for shown, number in zip(printed, numbers, strict=True):
        unit = 10.0 ** -len(shown.partition(".")[2])
        assert abs(float(shown) - number) <= unit / 2 * (1 + 1e-6), f"{shown} is {number} in {text}"


@pytest.mark.parametrize("name", SLIPS)
def test_every_slip_of_a_page_recomputes(name: str) -> None:
    page = (FOLDER / f"{name}.md").read_text("utf-8")
    rows = re.findall(
        r"^\| (\d+) \| (.*) \| (.*) \|$", page.partition("## What the text gets wrong")[2].partition("\n## ")[0], re.M
    )
    assert [int(number) for number, *_ in rows] == [*range(1, len(SLIPS[name]) + 1)]
    for (_, said, right), numbers in zip(rows, SLIPS[name], strict=True):
        assert_says(f"{said} | {right}", numbers)


def test_every_page_of_a_document_lists_its_slips() -> None:
    assert sorted(SLIPS) == [page.stem for page in PAGES]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_number_in_the_remarks_of_a_shipped_example_recomputes(path: Path) -> None:
    remarks = getattr(explainer.read_problem(path), "remarks", ())
    assert len(remarks) == len(REMARKS.get(path.stem, []))
    for text, numbers in zip(remarks, REMARKS.get(path.stem, []), strict=True):
        assert_says(text, numbers)


PUBLISHED = {  # what the program printed where it was first published
    0: 0.496410031903,
    10_000: 0.00858452565325,
    20_000: 0.00578945986251,
    30_000: 0.00462917677677,
    40_000: 0.00395876528027,
    50_000: 0.00351012256786,
}


def test_the_training_agrees_with_what_was_published() -> None:
    page = (FOLDER / "000-xor-batch.md").read_text("utf-8").partition("<!-- begin: training-curve -->")[2]
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    found = {int(epoch.replace(",", "")): mean for epoch, _, mean in rows}
    assert sorted(found) == [*PUBLISHED, 60_000]
    for epoch, number in PUBLISHED.items():
        assert_says(found[epoch], [number])
