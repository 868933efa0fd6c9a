"""Designs as files: a run in TOML, a table in CSV, a report in HTML.

This file knows which writer makes which file; what is written is the estimate's.
"""

import csv
import io
from collections.abc import Sequence

import accelsim
from accelsim.errors import NoAnswerError
from accelsim.explore.result import Estimate
from accelsim.explorer.answers import Answer, names_of
from accelsim.explorer.design import Design
from accelsim.explorer.knobs import run_of
from accelsim.report.page.page import page_html
from accelsim.report.page.run import page_of
from accelsim.specs.writing import run_toml


def design_toml(design: Design) -> str:
    """Return a design as a run: `accelsim estimate FILE` asks it."""
    heading = f"accelsim {accelsim.__version__} explorer: {design.text}"
    return run_toml(run_of(design), heading)


def designs_csv(answers: Sequence[Answer]) -> str:
    """Return the figures of designs, a row each, their units in the columns' names."""
    names = names_of([one.design for one in answers])
    rows = [
        {"design": name, "address": one.design.text, **_figures(one)}
        for name, one in zip(names, answers, strict=True)
    ]
    columns = dict.fromkeys(key for row in rows for key in row)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _figures(one: Answer) -> dict[str, str | int | float]:
    if one.estimate is None:
        return {"failure": one.failure}
    told = one.estimate.to_dict()
    plain = {k: v for k, v in told.items() if isinstance(v, str | int | float)}
    return plain | {"plan": one.estimate.plan.text()}


def design_html(found: Estimate | None, design: Design) -> str:
    """Return the report of a design.

    Raises
    ------
    NoAnswerError
        It has no answer to report.
    """
    if found is None:
        raise NoAnswerError("the design has no answer, so there is no report")
    return page_html(page_of(found, f"accelsim explore  # /?{design.text}"))
