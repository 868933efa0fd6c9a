"""A channel judged by a parameter sheet: every package case, and what else is asked.

This file knows which figures a judgement holds; the rest of the room computes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.errors import InputError, nearest
from accelsim.link.channel import Channel
from accelsim.link.channel_files import warnings_of
from accelsim.link.com import Com
from accelsim.link.com_search import best_com
from accelsim.link.erl import Erl, effective_return_loss
from accelsim.link.noise import icn
from accelsim.link.responses import Responses, responses
from accelsim.link.sheet import Sheet
from accelsim.link.spec_sheet import sheet_of_spec
from accelsim.specs.com import ComSpec


@dataclass(frozen=True, slots=True, eq=False)
class CaseResult:
    """The margin between the packages of one case."""

    name: str
    com: Com
    paths: Responses


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A channel between the packages of a sheet.

    Attributes
    ----------
    loss_db : float
        Insertion loss at half the symbol rate, without packages.
    icn : float
        Integrated crosstalk noise [V].
    warnings : tuple of str
        What is doubtful of the channel.
    """

    channel: Channel
    sheet: Sheet
    spec: ComSpec
    loss_db: float
    cases: tuple[CaseResult, ...]
    erl: Erl | None
    icn: float
    warnings: tuple[str, ...]

    @property
    def worst(self) -> CaseResult:
        """Return the case with the least margin."""
        return min(self.cases, key=lambda case: case.com.com_db)

    @property
    def passes(self) -> bool:
        """Return whether every margin is what the sheet asks, and the return loss.

        A module's eye is judged by its closure, not by its margin.
        """
        least = self.spec.erl.least if self.spec.erl else None
        loud = self.erl and least and self.erl.erl_db < float(least)
        window = self.spec.window
        if window is not None:
            closed = max(case.com.vec_db for case in self.cases)
            return closed <= float(window.closure) and not loud
        return self.worst.com.com_db >= self.sheet.margin_db and not loud


def judge(channel: Channel, spec: ComSpec, cases: Sequence[str] = ()) -> Judgement:
    """Return a channel's margins, every equalizer setting tried.

    Parameters
    ----------
    cases : sequence of str
        Names of the sheet's package cases; none for all of them.

    Raises
    ------
    InputError
        A case is unknown, the channel's band is too narrow, or an aggressor has other
        frequencies.
    NoAnswerError
        No setting opens the eye.
    """
    sheet = sheet_of_spec(spec)
    for port in (*channel.fext, *channel.next):
        if not np.array_equal(port.frequency, channel.thru.frequency):
            raise InputError(
                f"{port.name}: its frequencies are not those of {channel.thru.name}"
            )
    warnings = warnings_of(channel, sheet.symbol_rate)
    names = [case.name for case in spec.cases]
    for name in cases:
        if name not in names:
            hint = nearest(name, names)
            raise InputError(f"{spec.name}: unknown case {name!r}; {hint}")
    found = []
    for name, packages in zip(names, sheet.cases, strict=True):
        if not cases or name in cases:
            paths = responses(channel, sheet, packages)
            found.append(CaseResult(name, best_com(paths, sheet), paths))
    return Judgement(
        channel=channel,
        sheet=sheet,
        spec=spec,
        loss_db=channel.thru.loss_db(sheet.symbol_rate / 2.0),
        cases=tuple(found),
        erl=effective_return_loss(channel.thru, sheet) if sheet.erl else None,
        icn=icn(channel, sheet),
        warnings=tuple(warnings),
    )
