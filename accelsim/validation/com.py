"""`validate com`: our channel operating margins beside those of a reference tool.

This file knows how such results are kept: a summary with a row a test case, a JSON file
a run that says sheet, channel and the setting that the tool ended at, channels in a
folder, and the tool's keywords in one JSON file. The margin is computed at the tool's
own setting, so that the difference is one of computing and not of searching. The naive
baseline is a channel that passes with nothing to spare, 3 dB.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, NoAnswerError
from accelsim.validation import table
from accelsim.validation.contract import Pair, Validation, validation
from accelsim.validation.left_out import LeftOutError
from accelsim.validation.table import Row

if TYPE_CHECKING:
    from accelsim.link.com import Com, Setting
    from accelsim.link.responses import Responses
    from accelsim.link.sheet import Sheet

JOB, CASE, COM = "job", "case", "COM_dB"
REQUIRED = (JOB, CASE, COM)
PASS_DB = 3.0
ROUNDING = 1e-9  # dB of the figure of merit
DECIBELS = {"COM_dB": "com_db", "VEC_dB": "vec_db", "FOM_dB": "fom_db"}

NO_NUMBER = "case or COM is blank or no number"
NO_REFERENCE = "the reference of the job is missing or says too little"
NO_CHANNEL = "a channel of the job is missing"
NO_SHEET = "the sheet of the job is missing"
NO_MARGIN = "the equalized pulse has no sampling instant"


@dataclass(frozen=True)
class Inputs:
    """Where references, channels and keywords are; runs stay read."""

    reference: Path
    channels: Path
    configs: Mapping[str, Any]
    searched: bool = False
    jobs: dict[str, "Job"] = field(default_factory=dict)

    def job(self, name: str) -> "Job":
        """Return a run by its name."""
        if name not in self.jobs:
            self.jobs[name] = Job(self, name)
        return self.jobs[name]


@dataclass(frozen=True)
class Job:
    """One run of the reference tool: a sheet on a channel."""

    inputs: Inputs
    name: str

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """Return what the tool said."""
        path = self.inputs.reference / f"{self.name}.json"
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise LeftOutError(NO_REFERENCE) from None
        if not isinstance(said, dict):
            raise LeftOutError(NO_REFERENCE)
        return said

    @cached_property
    def sheet(self) -> "Sheet":
        """Return its sheet."""
        return self.sheet_of(1)

    def sheet_of(self, case: int) -> "Sheet":
        """Return its sheet, as it stands for a package case, from 1."""
        from accelsim.link.keywords import sheet_of

        name = self.said.get("config")
        keywords = self.inputs.configs.get(name) if isinstance(name, str) else None
        if not isinstance(keywords, dict):
            raise LeftOutError(NO_SHEET)
        try:
            return sheet_of(str(name), keywords, case)
        except InputError as error:
            raise LeftOutError(str(error)) from None

    @cached_property
    def channel(self) -> Any:
        """Return its channel, with the aggressors that the run had."""
        from accelsim.link.channel_files import find_channel

        said = self.said
        try:
            name, thru = str(said["channel"]), str(said["thru"])
            found = find_channel(
                self.inputs.channels,
                name,
                thru,
                [str(file) for file in said.get("fext", ())],
                [str(file) for file in said.get("next", ())],
            )
        except (KeyError, TypeError):
            raise LeftOutError(NO_REFERENCE) from None
        except InputError:
            raise LeftOutError(NO_CHANNEL) from None
        return found if said.get("crosstalk", True) else found.alone()

    @cached_property
    def erl_db(self) -> float | None:
        """Return the effective return loss, where the sheet asks for it."""
        from accelsim.link.erl import effective_return_loss

        if self.sheet.erl is None:
            return None
        return effective_return_loss(self.channel.thru, self.sheet).erl_db

    def case(self, number: int) -> Mapping[str, Any]:
        """Return what the tool said of a package case, counted from 1."""
        cases = self.said.get("cases")
        if not isinstance(cases, list) or not 1 <= number <= len(cases):
            raise LeftOutError(NO_REFERENCE)
        found = cases[number - 1]
        if not isinstance(found, dict) or number > len(self.sheet.cases):
            raise LeftOutError(NO_REFERENCE)
        return found


def validate_com(
    path: Path | str,
    reference: Path | str,
    channels: Path | str,
    configs: Path | str,
    *,
    searched: bool = False,
) -> Validation:
    """Return how far our margins are from those of a reference tool.

    Parameters
    ----------
    searched : bool
        Also search every setting, and say whether the best is at least as good.

    Raises
    ------
    InputError
        A file or folder is not what it should be.
    """
    folders = (Path(reference), Path(channels))
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
    inputs = Inputs(*folders, _configs(Path(configs)), searched)
    left_out: Counter[str] = Counter()
    pairs: list[Pair] = []
    details: list[dict[str, Any]] = []
    for row in table.read(Path(path), REQUIRED):
        name = f"{row[JOB]} case {row[CASE]}"
        try:
            pair, detail = _score(name, row, inputs)
        except LeftOutError as reason:
            left_out[str(reason)] += 1
            detail = {"id": name, "left_out": str(reason)}
        else:
            pairs.append(pair)
        details.append(detail)
    return validation("com", str(path), pairs, left_out, details=details)


def _configs(path: Path) -> Mapping[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: is no JSON: {error}") from None
    found = raw.get("configs", raw) if isinstance(raw, dict) else None
    if not isinstance(found, dict) or not found:
        raise InputError(f"{path}: must hold sheets by name, each with its keywords")
    return found


def _score(name: str, row: Row, inputs: Inputs) -> tuple[Pair, dict[str, Any]]:
    try:
        case, margin = int(float(row[CASE])), float(row[COM])
    except (ValueError, OverflowError):
        raise LeftOutError(NO_NUMBER) from None
    if not math.isfinite(margin):
        raise LeftOutError(NO_NUMBER)
    job = inputs.job(row[JOB])
    said, sheet = job.case(case), job.sheet_of(case)
    from accelsim.link.com import com_at
    from accelsim.link.responses import responses

    paths = responses(job.channel, sheet, sheet.cases[case - 1])
    try:
        found = com_at(paths, sheet, setting_of(said))
    except NoAnswerError:
        raise LeftOutError(NO_MARGIN) from None
    pair = Pair(
        id=name,
        source=str(job.said["config"]),
        chip=str(job.said["channel"]),
        subset="Annex 178A" if sheet.forward else "Annex 93A",
        # amplitudes: a margin may be less than nothing in decibels
        measured=_ratio(margin),
        predicted=_ratio(found.com_db),
        naive=_ratio(PASS_DB),
        off=abs(found.com_db - margin),
        naive_off=abs(PASS_DB - margin),
    )
    detail = {"id": name, "left_out": "", **_beside(row, found), **_taps(said, found)}
    if job.erl_db is not None and row.get("ERL_dB"):
        detail |= {"ERL_dB": row["ERL_dB"], "predicted_ERL_dB": job.erl_db}
    if inputs.searched:
        detail |= _searched(paths, sheet, found)
    return pair, detail


def _ratio(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))


def _beside(row: Row, found: "Com") -> dict[str, Any]:
    beside: dict[str, Any] = {}
    for column, name in DECIBELS.items():
        beside |= {
            column: row.get(column, ""),
            f"predicted_{column}": getattr(found, name),
        }
    for column, value in (("A_s_mV", found.signal), ("A_ni_mV", found.interference)):
        beside |= {column: row.get(column, ""), f"predicted_{column}": value * 1e3}
    return beside


def _taps(said: Mapping[str, Any], found: "Com") -> dict[str, Any]:
    """Return the largest differences of taps."""
    columns = {"DFE_taps": found.feedback, "RxFFE": found.forward}
    off = {}
    for key, ours in columns.items():
        theirs = said.get(key)
        if theirs is None or ours is None:
            continue
        values = theirs if isinstance(theirs, list) else [theirs]
        pairs = zip(values, ours, strict=False)
        off[f"{key}_off"] = max((abs(a - float(b)) for a, b in pairs), default=0.0)
    return off


def _searched(paths: "Responses", sheet: "Sheet", found: "Com") -> dict[str, Any]:
    from accelsim.link.com_search import best_com

    best = best_com(paths, sheet)
    gain = best.fom_db - found.fom_db
    word = "same" if abs(gain) < ROUNDING else "better" if gain > 0.0 else "worse"
    return {
        "searched_FOM_dB": best.fom_db,
        "searched_COM_dB": best.com_db,
        "searched": word,
    }


def setting_of(said: Mapping[str, Any]) -> "Setting":
    """Return the equalizer setting that the tool ended at.

    Raises
    ------
    LeftOutError
        It does not say.
    """
    from accelsim.link.com import Setting

    try:
        taps = said["TXLE_taps"]
        values = [float(tap) for tap in (taps if isinstance(taps, list) else [taps])]
        return Setting(
            gain_db=float(said["CTLE_DC_gain_dB"]),
            low_gain_db=float(said.get("g_DC_HP") or 0.0),
            tx_taps=tuple(values),
            tx_cursor=values.index(max(values)),
            phase=int(said.get("itick") or 0),
        )
    except (KeyError, TypeError, ValueError):
        raise LeftOutError(NO_REFERENCE) from None
