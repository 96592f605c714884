"""Writes the generated parts of the pages in this folder: python docs/examples/build.py

A page is written by hand, but for what stands between `<!-- begin: NAME -->` and `<!-- end -->`. That is made here, by the
function NAME of the table PARTS, from a shipped spec or one of this folder. Nothing else in a page is touched. The drawing
in `004-slope.svg` is made here too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import explainer

HERE = Path(__file__).parent
SHIPPED = Path(explainer.__file__).parent / "examples"
MARKED = re.compile(r"(?P<begin><!-- begin: (?P<name>[a-z0-9-]+) -->\n).*?(?P<end><!-- end -->)", re.S)
EPOCHS = range(0, 60_001, 10_000)


# ---- derivations


def spec_path(name: str) -> Path:
    return next(path for folder in (SHIPPED, HERE) if (path := folder / f"{name}.yaml").is_file())


@lru_cache
def derivation(name: str) -> explainer.Derivation:
    return explainer.explain(explainer.read_problem(spec_path(name)))


def changed(name: str, change: Callable[[dict[str, Any]], None]) -> explainer.Derivation:
    """The derivation of a spec with something in it changed."""
    spec = yaml.safe_load(spec_path(name).read_text("utf-8"))
    change(spec)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "changed.json"
        path.write_text(json.dumps(spec), "utf-8")
        return explainer.explain(explainer.read_problem(path))


@lru_cache
def training(name: str) -> dict[int, dict[str, float]]:
    """What `explainer train` finds at each of EPOCHS."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training.json"
        options = ["--epochs", str(EPOCHS[-1]), "--show", ",".join(map(str, EPOCHS)), "-o", str(path)]
        command = [sys.executable, "-m", "explainer", "train", str(spec_path(name)), *options]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        record = json.loads(path.read_text("utf-8"))
    return {each["epoch"]: each["values"] for each in record["iterations"]}


# ---- pieces of a page


def plain(text: str) -> str:
    """A piece of a page without its anchors and links; headings become bold lines."""
    text = re.sub(r'<a id="[^"]*"></a>\n?', "", text)
    text = re.sub(r"\[([^\]\n$`]*)\]\(#[a-z0-9-]+\)", r"\1", text)
    text = re.sub(r"^#+ (Step \d+\.)(.*)$", r"**\1**\2", text, flags=re.M)
    return re.sub(r"^#+ (.*)$", r"**\1**", text, flags=re.M).strip() + "\n"


def section(name: str, anchor: str) -> str:
    """One section of a page, without its heading."""
    page = "".join(derivation(name).text("markdown"))
    text = page.partition(f'<a id="{anchor}"></a>\n## ')[2].partition("\n")[2]
    return plain(re.split(r'^<a id="[a-z0-9-]+"></a>\n## ', text, maxsplit=1, flags=re.M)[0])


def steps(name: str, *quantities: str) -> str:
    """The steps of a page that find these quantities."""
    found = derivation(name)
    numbers: dict[str, str] = {}
    for step in json.loads("".join(found.text("json")))["iterations"][0]["steps"]:
        numbers.setdefault(step["name"], step["id"].lower())
    page = "".join(found.text("markdown"))
    blocks = re.split(r'^(?=[^\n]*<a id="s\d+"></a>|#|<a id=)', page, flags=re.M)
    by_number = {match[1]: block for block in blocks if (match := re.search(r'<a id="(s\d+)"></a>', block))}
    return "\n".join(plain(by_number[numbers[each]]) for each in quantities)


def shown(number: float) -> str:
    """Five significant digits, zeros at the end kept where the number goes on, never with an exponent."""
    short = f"{number + 0.0:.5g}"
    exact = abs(float(short) - number) <= 1e-12 * abs(number)
    return format(Decimal(short if exact else f"{number:#.5g}"), "f").removesuffix(".")


def table(heads: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        f"| {' | '.join(each if isinstance(each, str) else shown(each) for each in line)} |\n" for line in lines
    )


def weights_of(values: Mapping[str, float]) -> list[str]:
    return [name for name in values if re.fullmatch(r"W\[[^\]#]+\]", name)]


# ---- 000


def as_the_program_does(values: Mapping[str, float]) -> tuple[dict[str, float], list[float]]:
    """What the program adds to each weight, in its own lines, and its k2_delta."""
    k0 = np.array([[values[f"x{k}#{s}"] for k in (1, 2, 3)] for s in (1, 2, 3, 4)])
    y = np.array([[values[f"y#{s}"]] for s in (1, 2, 3, 4)])
    syn0 = np.array([[values[f"W[x{k},{j}]"] for j in (1, 2, 3, 4)] for k in (1, 2, 3)])
    syn1 = np.array([[values[f"W[{j},5]"]] for j in (1, 2, 3, 4)])
    k1 = 1 / (1 + np.exp(-np.dot(k0, syn0)))
    k2 = 1 / (1 + np.exp(-np.dot(k1, syn1)))
    k2_error = y - k2
    k2_delta = k2_error * (k2 * (1 - k2))
    k1_error = k2_delta.dot(syn1.T)
    k1_delta = k1_error * (k1 * (1 - k1))
    adds1, adds0 = k1.T.dot(k2_delta), k0.T.dot(k1_delta)
    added = {f"W[x{k + 1},{j + 1}]": float(adds0[k, j]) for k in range(3) for j in range(4)}
    return added | {f"W[{j + 1},5]": float(adds1[j, 0]) for j in range(4)}, k2_delta.ravel().tolist()


def absolute(name: str) -> explainer.Derivation:
    return changed(name, lambda spec: spec.update(loss="absolute_error"))


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    a, b = np.array(first), np.array(second)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def output_deltas() -> str:
    half, sizes = derivation("batch-3-4-1").values, absolute("batch-3-4-1").values
    _, k2_delta = as_the_program_does(half)
    rows = [
        (
            str(s),
            half[f"y#{s}"],
            y := half[f"Y[5]#{s}"],
            y * (1 - y),
            code,
            half[f"delta[5]#{s}"],
            sizes[f"delta[5]#{s}"],
        )
        for s, code in enumerate(k2_delta, 1)
    ]
    heads = [
        "sample",
        "y",
        "k2",
        "slope k2 (1 - k2)",
        "k2_delta of the code",
        "delta, half the squared error",
        "delta, absolute error",
    ]
    return table(heads, rows)


def two_gradients() -> str:
    half, sizes = derivation("batch-3-4-1").values, absolute("batch-3-4-1").values
    added, _ = as_the_program_does(half)
    rows = [(f"`{w}`", added[w], half[f"dE/d{w}"], sizes[f"dE/d{w}"]) for w in weights_of(half)]
    heads = ["weight", "the code adds", "gradient of half the squared error", "gradient of the absolute error"]
    worst = max(abs(added[w] + half[f"dE/d{w}"]) for w in added)
    if worst > 1e-15:
        raise ValueError(f"the code's update is not minus the gradient: {worst}")
    code = list(added.values())
    with_half, with_sizes = (cosine(code, [-found[f"dE/d{w}"] for w in added]) for found in (half, sizes))
    return table(heads, rows) + (
        "\nThe second column is the third with the other sign, for every weight, to 15 decimals. As directions in the space"
        f" of all 16 weights, what the code adds and minus the gradient of half the squared error have the cosine"
        f" {shown(with_half)}; with minus the gradient of the absolute error it is {shown(with_sizes)}.\n"
    )


def losses_part() -> str:
    before = derivation("000-other-weights")
    values = before.values
    sizes = [sum(abs(values[f"y#{s}"] - values[f"{y}#{s}"]) for s in (1, 2, 3, 4)) for y in ("Y[5]", "Y'[5]")]
    rows = [("half the squared error", *before.losses), ("sum of the absolute errors", *sizes)]
    return table(["", "before the update", "after it"], [[what, f"{a:.6g}", f"{b:.6g}"] for what, a, b in rows])


def training_curve() -> str:
    rows = []
    for epoch, values in training("batch-3-4-1").items():
        mean = sum(abs(values[f"y#{s}"] - values[f"Y[5]#{s}"]) for s in (1, 2, 3, 4)) / 4
        rows.append((f"{epoch:,}", values["E"], mean))
    return table(["epoch", "E, half the squared error", "mean absolute error, as the code prints it"], rows)


# ---- 001


def cycle() -> str:
    text = "".join(derivation("2-2-3-1-repeated").text("json"))
    found = [each["values"] for each in json.loads(text)["iterations"]]
    rows = [(str(k), v["E"], v["Y[6]"], v["W[3,6]"], v["dE/dW[3,6]"]) for k, v in enumerate(found)]
    last = found[-1]
    rows.append((str(len(found)), last["E'"], last["Y'[6]"], last["W'[3,6]"], ""))
    return table(["updates made", "E", "Y6", "W36", "gradient of W36"], rows)


def all_new_weights() -> str:
    values = derivation("2-2-3-1").values
    rows = [(f"`{w}`", values[w], values[f"dE/d{w}"], values[w.replace("W", "W'", 1)]) for w in weights_of(values)]
    return table(["weight", "old", "gradient", "new"], rows)


# ---- 002


def linear_gradients() -> str:
    found = derivation("linear-1-5")
    values, rate = found.values, 0.1
    x, names = [values[f"x{k}"] for k in range(1, 6)], [f"W[x{k},p]" for k in range(1, 6)]
    program = [each * (values["E"] - values["Y[p]"]) for each in x]
    right = [values[f"dE/d{w}"] for w in names]
    rows = [(f"`{w}`", *each) for w, *each in zip(names, x, program, right, strict=True)]
    after = []
    for sign in (-1, 1):
        new = [[values[w] + sign * rate * g for w, g in zip(names, program, strict=True)]]
        after.append(changed("linear-1-5", lambda spec, new=new: spec["layers"][0].update(weights=new)).losses[0])
    losses = [
        ("minus 0.1 times the program's dw", values["E"], after[0]),
        ("plus 0.1 times the program's dw", values["E"], after[1]),
        ("minus 0.1 times the gradient", *found.losses),
    ]
    return (
        table(["weight", "its input", "dw of the program", "the gradient"], rows)
        + "\n"
        + table(["the step", "loss before", "loss after"], losses)
    )


# ---- 003


def paths() -> str:
    return section("e-a-plus-b", "paths")


def together() -> str:
    return section("e-a-plus-b", "together")


def many_paths() -> str:
    text = section("003-many-paths", "paths")
    (sentence,) = re.findall(r"^Over all paths partials are taken .*$", text, re.M)
    return f"{derivation('003-many-paths').headline.split(';')[0]}. {sentence}\n"  # type: ignore[attr-defined]


# ---- 004


def error_back() -> str:
    values = derivation("rashid-3-3-3").values
    out, hidden = [f"o{k}" for k in (1, 2, 3)], [f"h{k}" for k in (1, 2, 3)]
    o = {k: values[f"Y[{k}]"] for k in out}
    e = {k: values[f"t{k[1]}"] - o[k] for k in out}
    w = {(j, k): values[f"W[{j},{k}]"] for j in hidden for k in out}
    into = {k: sum(w[j, k] for j in hidden) for k in out}
    rows = []
    for j in hidden:
        split = sum(e[k] * w[j, k] / into[k] for k in out)
        back = sum(e[k] * w[j, k] for k in out)
        slopes = sum(e[k] * o[k] * (1 - o[k]) * w[j, k] for k in out)
        rows.append((f"`{j}`", split, back, slopes, -values[f"dE/dY[{j}]"] / 2, values[f"dE/dY[{j}]"]))
    heads = [
        "node",
        "split by the weights",
        "W^T e",
        "W^T (e o (1 - o))",
        "minus half the gradient",
        "the gradient dE/do",
    ]
    return table(heads, rows)


def book_rule_steps(values: Mapping[str, float], size: int) -> dict[str, float]:
    """What the book's rule, with W^T e, adds to each weight of the first matrix, alpha left out."""
    steps = {}
    for j in range(1, size + 1):
        h = values[f"Y[h{j}]"]
        back = sum((values[f"t{k}"] - values[f"Y[o{k}]"]) * values[f"W[h{j},o{k}]"] for k in range(1, size + 1))
        steps |= {f"W[i{i},h{j}]": back * h * (1 - h) * values[f"i{i}"] for i in range(1, size + 1)}
    return steps


def two_steps() -> str:
    found, alpha = derivation("004-two-nodes"), 0.1
    values = found.values
    book = book_rule_steps(values, 2)
    right = {w: -values[f"dE/d{w}"] / 2 for w in book}
    moved = [[values[w] + alpha * book[w] for w in (f"W[i1,h{j}]", f"W[i2,h{j}]")] for j in (1, 2)]
    after = changed("004-two-nodes", lambda spec: spec["layers"][0].update(weights=moved)).losses[0]
    rows = [(f"`{w}`", values[w], book[w], right[w]) for w in book]
    losses = [("the book's rule", values["E"], after), ("minus half the gradient", *found.losses)]
    return (
        table(["weight", "value", "the book's rule", "minus half the gradient"], rows)
        + f"\nThe cosine between the two is {shown(cosine([*book.values()], [*right.values()]))}. A step of 0.1 times each:\n\n"
        + table(["the step follows", "loss before", "loss after"], losses)
    )


def at_weight(value: float) -> explainer.Derivation:
    """The 3-3-3 network with another value for the weight from h1 to o1."""
    return changed("rashid-3-3-3", lambda spec: spec["layers"][1]["weights"][0].__setitem__(0, value))


def slope_in_one_weight() -> str:
    here = derivation("rashid-3-3-3").values
    w, slope = here["W[h1,o1]"], here["dE/dW[h1,o1]"]
    rows = []
    for value in (-3.7, -2.7, -1.7, -0.7, 0.2, 0.3, 0.4, 1.3, 2.3):
        found = at_weight(value).values
        line = here["E"] + slope * (value - w)
        rows.append((shown(value), found["E"], found["dE/dW[h1,o1]"], line))
    return table(["w from h1 to o1", "E", "slope dE/dw there", "the straight line through 0.3"], rows)


def drawing() -> str:
    """The loss over one weight, and the straight line that has its slope at 0.3, as SVG."""
    here = derivation("rashid-3-3-3").values
    w, slope = here["W[h1,o1]"], here["dE/dW[h1,o1]"]
    curve = [(k / 4, at_weight(k / 4).values["E"]) for k in range(-20, 25)]
    line = [(v, here["E"] + slope * (v - w)) for v in (-2.7, 3.3)]

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return 60 + 48 * (point[0] + 5), 290 - 150 * (point[1] - 0.4)

    def path(points: Iterable[tuple[float, float]], style: str) -> str:
        where = " ".join("{:.1f},{:.1f}".format(*place(point)) for point in points)
        return f'<polyline points="{where}" fill="none" {style}/>'

    def words(at: tuple[float, float], text: str, where: str = "middle") -> str:
        return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{where}">{text}</text>'

    x, y = place((w, here["E"]))
    below = [words((place((v, 0.4))[0], 306), str(v)) for v in range(-5, 7)]
    beside = [words((54, place((0, v / 10))[1] + 4), f"{v / 10}", "end") for v in range(4, 21, 4)]
    title = "E over the weight from h1 to o1: a rising curve, and the straight line that touches it at 0.3"
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 620 340" role="img" font-family="sans-serif" font-size="12">',
            f"<title>{title}</title>",
            '<rect width="620" height="340" fill="white"/>',
            path([(-5, 2), (-5, 0.4), (6, 0.4)], 'stroke="#555"'),
            path(curve, 'stroke="#1a5fb4" stroke-width="2.5"'),
            path(line, 'stroke="#c01c28" stroke-width="1.5" stroke-dasharray="6 4"'),
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#c01c28"/>',
            words((x + 8, y + 16), f"w = {shown(w)}, E = {shown(here['E'])}, slope {shown(slope)}", "start"),
            *below,
            *beside,
            words((324, 330), "weight from h1 to o1, all others held"),
            words((66, 46), "E", "start"),
            "</svg>\n",
        ]
    )


# ---- all of it

PARTS: dict[str, Callable[[], str]] = {
    "output-deltas": output_deltas,
    "delta-of-sample": lambda: steps("batch-3-4-1", "dE/dY[5]#2", "dY[5]#2/dz[5]#2", "delta[5]#2"),
    "two-gradients": two_gradients,
    "losses-part": losses_part,
    "training-curve": training_curve,
    "batch-matrices": lambda: steps("batch-3-4-1", "dE/dW[layer 2]"),
    "new-w36": lambda: steps("2-2-3-1", "Y[4]", "dE/dW[3,6]", "W'[3,6]"),
    "all-new-weights": all_new_weights,
    "cycle": cycle,
    "linear-forward": lambda: steps("linear-1-5", "z[layer 1]", "dE/dW[layer 1]"),
    "linear-gradients": linear_gradients,
    "bias-forward": lambda: steps("2-2-2-1-bias", "z[layer 2]", "E"),
    "softmax-loss": lambda: steps("softmax-3", "E", "delta[layer 2]"),
    "together": together,
    "paths": paths,
    "many-paths": many_paths,
    "theta-gradient": lambda: steps("theta-2-2-1", "dE/dW[1,3]"),
    "error-back": error_back,
    "rashid-back": lambda: steps("rashid-3-3-3", "dE/dW[layer 2]", "dE/dY[layer 1]"),
    "two-steps": two_steps,
    "slope-in-one-weight": slope_in_one_weight,
}


def built(page: str) -> str:
    """The page with its generated parts as they are now."""
    return MARKED.sub(lambda found: f"{found['begin']}\n{PARTS[found['name']]()}\n{found['end']}", page)


def main() -> None:
    for path in sorted(HERE.glob("*.md")):
        page = path.read_text("utf-8")
        if (new := built(page)) != page:
            path.write_text(new, "utf-8")
            print(f"wrote {path.name}")
    (HERE / "004-slope.svg").write_text(drawing(), "utf-8")


if __name__ == "__main__":
    main()
