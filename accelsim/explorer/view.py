"""The page itself: controls to the left, answers to the right, an address that tells.

This file knows NiceGUI; what is shown is made by `shown`, what is asked by `answers`.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from typing import Any

from nicegui import ui

from accelsim import catalog
from accelsim.errors import AccelsimError
from accelsim.explorer import shown
from accelsim.explorer.answers import answer_of, as_it_is
from accelsim.explorer.design import MOST_PINS, Design, address, read_address
from accelsim.explorer.export import design_html, design_toml, designs_csv
from accelsim.explorer.knobs import Knob, base_of, knobs_of, link_name, nodes_of
from accelsim.markup import tag
from accelsim.report.picture.marks import DARK, LIGHT
from accelsim.report.picture.svg import patterns, variables

AREAS = ("tiles", "words", "time", "table", "figures")
REST = 0.02  # s after the numbers, so that they leave alone
OWN = "as it is"  # what a choice says where nothing is changed


class _Slider(ui.slider):
    """A slider that moves at once, and not when its answer comes back."""

    LOOPBACK = False


class Bench:
    """One reader's page: a design under way, the pinned ones, and what shows them."""

    def __init__(self, design: Design, pins: list[Design]) -> None:
        """Build the page and show the first answer."""
        self.design, self.pins = design, pins
        self.due = False
        self.told: dict[str, str] = {}
        self.client = ui.context.client
        with ui.element("div").classes("bench"):
            with ui.column().classes("controls"):
                self.controls()
            with ui.column().classes("results"):
                self.bar()
                for name in AREAS:
                    ui.html("", sanitize=False).classes("w-full").props(f"id={name}")
        self.show()

    @ui.refreshable_method
    def controls(self) -> None:
        """Build choices and knobs for the design as it stands."""
        base = base_of(self.design).question
        ui.html(tag("p", "accelsim explorer", class_="brand"), sanitize=False)
        ui.html(tag("h1", "Turn a design"), sanitize=False)
        self.choice("model", catalog.names("models"), self.design.model)
        self.choice("system", catalog.names("systems"), self.design.system)
        ui.number(
            "chips", value=self.design.chips, min=1, precision=0,
            on_change=lambda event: self.chips(event.value),
        ).classes("pick").props("dense debounce=300")  # fmt: skip
        self.choice("precision", list(base.chip.matrix.peak), self.design.precision)
        nodes = nodes_of(base)
        if nodes:
            self.choice("node", [OWN, *nodes], self.design.node or OWN)
        knobs = {knob.name: knob for knob in knobs_of(self.design, base)}
        ui.html(tag("h2", base.chip.name), sanitize=False)
        for name in ("hbm", "capacity", "array", "units", "power", "price"):
            self.knob(knobs.get(name))
        ui.html(tag("h2", "Link"), sanitize=False)
        self.choice("link", list(base.links), link_name(self.design, base))
        for name in ("rate", "reach", "retimers"):
            self.knob(knobs.get(name))

    def choice(self, name: str, values: list[str], value: str) -> None:
        """Build a choice of one field of the design."""
        ui.select(
            values, label=name, value=value if value in values else None,
            with_input=len(values) > 12,
            on_change=lambda event: self.chosen(name, event.value),
        ).classes("pick").props("dense options-dense")  # fmt: skip

    def knob(self, knob: Knob | None) -> None:
        """Build a slider with its figure above it."""
        if knob is None:
            return
        value = self.design.knobs.get(knob.name, knob.start)
        with ui.column().classes("knob"):
            text = _told(knob, value, touched=knob.name in self.design.knobs)
            told = ui.html(text, sanitize=False).classes("w-full")
            told.props(f"id=told-{knob.name}")

            def moved(event: Any) -> None:
                here = knob.value(float(event.value))
                touched = abs(knob.place(here) - knob.place(knob.start)) > 1e-9
                self.told[f"told-{knob.name}"] = _told(knob, here, touched=touched)
                self.turn(knob.name, here if touched else None)

            _Slider(
                min=knob.low, max=knob.high, step=knob.step,
                value=knob.place(value), on_change=moved,
            ).props(f'dense aria-label="{knob.label}" id=knob-{knob.name}')  # fmt: skip

    def bar(self) -> None:
        """Build what is done with a design: pin, begin anew, write it."""
        with ui.element("div").classes("bar"):
            _button("Pin", self.pin, "pin")
            _button("Unpin all", self.unpin, "unpin")
            _button("Reset", self.reset, "reset")
            ui.element("div").classes("grow")
            _button("TOML", lambda: self.write("toml"), "toml")
            _button("CSV", lambda: self.write("csv"), "csv")
            _button("Report", lambda: self.write("html"), "html")

    def chosen(self, name: str, value: str | None) -> None:
        """Take a name that was chosen; another system or model begins untouched."""
        if value is None:
            return
        text = "" if value == OWN else value
        changed: dict[str, Any] = {name: text}
        made = replace(self.design, **changed)
        if name == "system":
            made = replace(as_it_is(made), precision=self.design.precision)
        if name == "link":
            for knob in ("rate", "reach", "retimers"):
                made = made.turned(knob, None)
        self.take(made)

    def chips(self, value: float | None) -> None:
        """Take a number of chips."""
        if value is not None and 1 <= value < 1e8:
            self.design = replace(self.design, chips=int(value))
            self.later()

    def take(self, made: Design) -> None:
        """Take a design whose knobs may be others."""
        try:
            self.design = _with_precision(made)
        except AccelsimError as failure:
            ui.notify(str(failure), type="negative")
        self.controls.refresh()
        self.later()

    def turn(self, name: str, value: float | None) -> None:
        """Take the place of a knob."""
        self.design = self.design.turned(name, value)
        self.later()

    def pin(self) -> None:
        """Keep the design beside those to come."""
        if self.design in self.pins:
            return
        if len(self.pins) == MOST_PINS:
            ui.notify(f"{MOST_PINS} designs are pinned: unpin first")
            return
        self.pins.append(self.design)
        self.show()

    def unpin(self) -> None:
        """Let go of what is pinned."""
        self.pins.clear()
        self.show()

    def reset(self) -> None:
        """Put every knob where it began."""
        self.take(as_it_is(self.design))

    def later(self) -> None:
        """Show soon, once, however many moves have come in by then."""
        if not self.due:
            self.due = True
            asyncio.get_running_loop().call_later(0.001, self.show)

    def show(self) -> None:
        """Ask, show the numbers and the first picture, and the rest when they left."""
        self.due = False
        seen = self.seen()
        self.put(tiles=shown.headline(seen.now, seen.before), time=shown.times(seen))
        asyncio.get_running_loop().call_later(REST, self.show_rest, self.design)

    def show_rest(self, design: Design) -> None:
        """Show the rest of an answer, unless another move has come in."""
        if self.due or design != self.design:
            return
        seen = self.seen()
        self.put(
            words=shown.words_of(seen.now),
            table=shown.side_by_side(seen),
            figures=shown.pictures(seen),
        )
        with self.client:
            ui.navigate.history.replace(address(self.design, self.pins))

    def put(self, **areas: str) -> None:
        """Show HTML in areas of the page, and what knobs say meanwhile.

        By a line of script: an update of NiceGUI's elements renders all of them anew,
        which takes the browser longer than an estimate takes us.
        """
        told = json.dumps({**self.told, **areas})
        self.told.clear()
        self.client.run_javascript(
            f"for (const [area, text] of Object.entries({told}))"
            "{ const at = document.getElementById(area); if (at) at.innerHTML = text; }"
        )

    def seen(self) -> shown.Seen:
        """Return the answers of the design, what it began as, and what is pinned."""
        pins = tuple(answer_of(pin) for pin in self.pins)
        return shown.Seen(
            answer_of(self.design), answer_of(as_it_is(self.design)), pins
        )

    def write(self, kind: str) -> None:
        """Hand the design over as a file."""
        name = f"{self.design.model}-{self.design.system}.{kind}"
        try:
            ui.download.content(self.file(kind), name)
        except AccelsimError as failure:
            ui.notify(str(failure), type="negative")

    def file(self, kind: str) -> str:
        """Return the text of a file of this design, or of all that are shown."""
        if kind == "toml":
            return design_toml(self.design)
        if kind == "html":
            return design_html(answer_of(self.design).estimate, self.design)
        shown_ones = [self.design, *self.pins]
        return designs_csv([answer_of(design) for design in shown_ones])


def _with_precision(made: Design) -> Design:
    """Return a design in a precision that its chip has."""
    asked = replace(made, precision="best", node="", knobs={})
    peaks = base_of(asked).question.chip.matrix.peak
    return made if made.precision in peaks else replace(made, precision="bf16")


def _told(knob: Knob, value: float, *, touched: bool) -> str:
    words, look = tag("span", knob.label), "told turned" if touched else "told"
    return tag("div", words, tag("span", knob.told(value)), class_=look)


def _button(words: str, act: Callable[[], None], name: str) -> None:
    ui.button(words, on_click=act).props(f"outline no-caps id=do-{name}")


def page(query: str) -> None:
    """Build the page of an address, or say what is wrong with it."""
    _style()
    try:
        design, pins = read_address(query)
        base_of(design)
    except AccelsimError as failure:
        with ui.column().classes("results"):
            ui.html(tag("p", "accelsim explorer", class_="brand"), sanitize=False)
            told = tag("p", str(failure), class_="message", role="alert")
            ui.html(told, sanitize=False)
            ui.link("Begin with the design that the page opens with", "/")
        return
    Bench(design, pins)


def _style() -> None:
    style = files("accelsim.explorer").joinpath("page.css").read_text("utf-8")
    light, dark = variables(LIGHT), variables(DARK)
    ui.add_css(f":root {{ {light} }} .body--dark {{ {dark} }} {style}")
    ui.colors(primary=LIGHT["c0"])
    sheet = '<svg width="0" height="0" class="hatches" aria-hidden="true">'
    ui.html(f"{sheet}{patterns()}</svg>", sanitize=False)
