"""Plots: the numbers that are drawn, the letters, and what is said where one cannot be drawn."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from networks import EXAMPLES, example, work_of

import explainer
from explainer import plots
from explainer.cli import main
from explainer.derivation import parameter, train
from explainer.render import Setting, Speaker

HEADS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


def along(name: str, weight: str) -> plots.Along:
    work = work_of(example(name))
    return plots.along(work, *parameter(work, weight))


@pytest.mark.parametrize(("name", "weight"), [("2-2-3-1", "W36"), ("shared-weight", "w"), ("theta-2-2-1", "b[3]")])
def test_the_curve_along_a_weight_has_the_gradient_as_its_slope(name: str, weight: str) -> None:
    found = along(name, weight)
    weights, losses = found.near or found.wide
    slope = np.interp(found.weight, weights, np.gradient(losses, weights))
    assert slope == pytest.approx(found.gradient, rel=1e-2)
    assert np.interp(found.weight, weights, losses) == pytest.approx(found.value, rel=1e-3)


def test_the_step_lands_on_the_curve_and_lower() -> None:
    found = along("2-2-3-1", "W36")
    assert found.new is not None
    assert found.new == pytest.approx(explainer.explain(example("2-2-3-1")).values["W'[3,6]"])
    assert found.near is not None
    assert np.interp(found.new, *found.near) == pytest.approx(found.new_value, rel=1e-6)
    assert found.new_value is not None
    assert found.new_value < found.value


def test_a_weight_that_is_not_trained_has_no_plot() -> None:
    with pytest.raises(explainer.ExplainerError, match="not trained"):
        along("2-2-2-named", "b1")


@pytest.mark.parametrize("ending", HEADS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_plots_are_written_in_every_format_and_language(tmp_path: Path, ending: str, language: str) -> None:
    try:
        plots.fonts_for(Speaker(language, Setting()))
    except explainer.ExplainerError:
        pytest.skip("no Chinese font is installed here")
    spec, runner = str(EXAMPLES / "2-2-3-1.yaml"), CliRunner()
    for options in (["--weight", "W36"], ["--epochs", "20"]):
        target = tmp_path / f"plot{ending}"
        run = runner.invoke(main, ["plot", spec, "-o", str(target), "--language", language, *options])
        assert run.exit_code == 0, run.output
        assert target.read_bytes().startswith(HEADS[ending])
        assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_plot_from_python_is_of_the_training_that_was_made(tmp_path: Path) -> None:
    train(example("2-2-3-1"), 5, {0}).plot(tmp_path / "a.svg")
    assert "text" in (tmp_path / "a.svg").read_text("utf-8")
    with pytest.raises(explainer.ExplainerError, match="no training"):
        explainer.explain(example("2-2-3-1")).plot(tmp_path / "b.svg")


def test_letters_that_no_font_has_are_refused_and_never_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    ascii_alone = {chr(code) for code in range(33, 127)}
    monkeypatch.setattr(plots, "letters_of", lambda font: ascii_alone)
    assert plots.fonts_for(Speaker("en", Setting())) == ["DejaVu Serif"]
    with pytest.raises(explainer.ExplainerError, match="fonts-noto-cjk"):
        plots.fonts_for(Speaker("zh", Setting()))


def test_without_matplotlib_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    spec = str(EXAMPLES / "2-2-3-1.yaml")
    run = CliRunner().invoke(main, ["plot", spec, "--weight", "W36", "-o", str(tmp_path / "a.svg")])
    assert run.exit_code == 2
    assert run.output == f'{spec}:1:1: plots need matplotlib; install it with: pip install "explainer[plot]"\n'


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("2-2-3-1", [], "give either --weight NAME or --epochs N"),
        ("2-2-3-1", ["--weight", "W36", "--epochs", "3"], "give either"),
        ("2-2-3-1", ["--weight", "V1"], "is no weight or bias"),
        ("e-a-plus-b", ["--epochs", "3"], "a graph has nothing to train"),
        ("e-a-plus-b", ["--weight", "a"], "a graph has no weights"),
    ],
)
def test_what_cannot_be_plotted_is_refused(tmp_path: Path, name: str, options: list[str], said: str) -> None:
    run = CliRunner().invoke(main, ["plot", str(EXAMPLES / f"{name}.yaml"), "-o", str(tmp_path / "a.svg"), *options])
    assert run.exit_code == 2
    assert said in run.output
    assert not [*tmp_path.iterdir()]
