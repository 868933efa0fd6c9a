"""The tutorial notebooks run from top to bottom, and show what they promise.

Cells are plain Python, so that no notebook server is needed here: the last expression
of a cell is shown as a notebook would show it.
"""

import ast
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))
TABLES = {
    "from_config_to_answer": 2,
    "design_a_link": 1,
    "codesign_under_a_power_budget": 0,
}
FIGURES = {
    "from_config_to_answer": 2,
    "design_a_link": 2,
    "codesign_under_a_power_budget": 1,
}


def cells(path: Path, kind: str) -> list[str]:
    told = json.loads(path.read_text("utf-8"))
    assert told["nbformat"] == 4
    return ["".join(c["source"]) for c in told["cells"] if c["cell_type"] == kind]


def shown(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; return what its last expression is."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas", reason="the extra `frame` is not installed")
    if path.stem.startswith("codesign"):
        pytest.importorskip("optuna", reason="the extra `design` is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCELSIM_PATH", os.environ.get("ACCELSIM_PATH", ""))
    names: dict[str, Any] = {"__name__": "notebook"}
    outputs = [shown(source, names) for source in cells(path, "code")]
    figures = [one._repr_svg_() for one in outputs if hasattr(one, "_repr_svg_")]
    assert len(figures) == FIGURES[path.stem]
    for text in figures:
        ET.fromstring(text)
    tables = [
        one._repr_html_()
        for one in outputs
        if type(one).__module__.startswith("accelsim") and hasattr(one, "_repr_html_")
    ]
    assert len(tables) == TABLES[path.stem]
    assert all("<table>" in table or "<table " in table for table in tables)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    told = json.loads(path.read_text("utf-8"))
    assert cells(path, "markdown")[0].startswith("# ")
    assert not any(cell.get("outputs") for cell in told["cells"])


def test_every_notebook_is_known() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(TABLES) == set(FIGURES)
