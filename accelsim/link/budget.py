"""A link from bump to bump: what its wire, devices and code leave, and what they cost.

This file knows the order of a budget: margins of spans (`link.fast`), the chain of a
detector's errors, lost frames (`kernels.fec`), retry and credits, and the sums of
latency, energy, price and failures. One link is a batch of one: `solve` takes lengths
by the thousand for one path and rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.kernels.channel_tables import LINE
from accelsim.kernels.fec_tables import ERRORS
from accelsim.link.com import crest
from accelsim.link.fast import of_sections
from accelsim.link.jitter import Judged, judged
from accelsim.link.losses import carry, frames_hit, lost, tail
from accelsim.link.path import FIBRE, Path, Placed, Span, goes_by_length
from accelsim.link.retry import credit_rate, goodput_share
from accelsim.link.segments import Segment, sections
from accelsim.link.sheet import Sheet
from accelsim.specs.code import CodeSpec

Floats = NDArray[np.float64]
NEPER = 8.685889638065035  # dB
MARGINAL_SHARE = 0.99  # of goodput below which retry does not help any more
NEGLIGIBLE = 1e-18  # error ratio of a span that no code sees
REGIMES = ("inside", "marginal", "over")


@dataclass(frozen=True, slots=True)
class Link:
    """A question: a path at a raw lane rate with a code.

    Attributes
    ----------
    lane_rate : float
        Raw [b/s].
    lanes : int
        Of the port, one way.
    packet : float
        Payload of its packets [B].
    """

    path: Path
    lane_rate: float
    lanes: int
    code: CodeSpec
    packet: float

    @property
    def bits(self) -> int:
        """Return the bits of a symbol."""
        return {2: 1, 4: 2}[self.path.devices[-1].spec.levels]


@dataclass(frozen=True, slots=True, eq=False)
class SpanResult:
    """One span of N links: margin, loss, errors."""

    span: Span
    sheet: Sheet
    com_db: Floats
    loss_db: Floats  # bump to bump, matched, at half the symbol rate
    start: Floats  # of the detector's chain
    carry: Floats
    passed: float  # jitter from before its transmitter, in its sheet's [UI]

    @property
    def limit_db(self) -> float:
        """Return the loss that the receiver is said to handle."""
        limit = self.span.receiver.loss
        return float(limit) if limit is not None else np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Budgets:
    """What is found of N links of one path, each array (N,).

    Attributes
    ----------
    margin_db : array
        Of the worst span, above what its sheet asks.
    bit_ratio : array
        Before correction, end to end.
    codeword_loss, frame_loss : array
    latency : array
        One way, without retry [s].
    bandwidth : array
        Of payload, one way [B/s].
    parts : dict
        Latency by part [s], each (N,).
    """

    link: Link
    spans: tuple[SpanResult, ...]
    margin_db: Floats
    loss_left_db: Floats
    precoded: NDArray[np.bool_]
    bit_ratio: Floats
    codeword_loss: Floats
    frame_loss: Floats
    round_trip: Floats
    goodput: Floats
    credits: Floats
    bandwidth: Floats
    latency: Floats
    parts: dict[str, Floats] = field(repr=False)
    regime: NDArray[np.int64]  # index of REGIMES


def solve(link: Link, lengths: Floats | None = None, crosstalk: float = 0.0) -> Budgets:
    """Return the budgets of a path for every row of lengths, (N, what goes by length).

    Parameters
    ----------
    lengths : (N, S) or None
        In m, in the order of `Path.by_length`; None for those of the path.
    crosstalk : float
        Root mean square at the quantizer of every span [V].
    """
    rows = np.array([link.path.lengths]) if lengths is None else np.asarray(lengths)
    spans = tuple(
        _span(link, each, rows, crosstalk)
        for each in judged(link.path.spans(), link.lane_rate)
        if each.span.items
    )
    count = len(rows)
    margin = np.full(count, np.inf)
    loss_left = np.full(count, np.inf)
    for each in spans:
        margin = np.minimum(margin, each.com_db - each.sheet.margin_db)
        loss_left = np.minimum(loss_left, each.limit_db - each.loss_db)
    words, precoded, bits = _losses(link, spans, count)
    frame_loss = np.minimum(words * frames_hit(link.code), 1.0)
    parts = latency_parts(link, rows)
    latency = np.sum(list(parts.values()), axis=0)
    round_trip = 2.0 * latency + float(link.code.replay_time)
    share = goodput_share(frame_loss, round_trip, frame_time(link), link.code.replay)
    held = credit_rate(float(link.code.buffer), round_trip)
    payload = raw_rate(link) / 8.0 * efficiency(link)
    regime = _regimes(link, margin, loss_left, frame_loss, share)
    return Budgets(
        link=link,
        spans=spans,
        margin_db=margin,
        loss_left_db=loss_left,
        precoded=precoded,
        bit_ratio=bits,
        codeword_loss=words,
        frame_loss=frame_loss,
        round_trip=round_trip,
        goodput=share,
        credits=held,
        bandwidth=np.minimum(payload * share, held),
        latency=latency,
        parts=parts,
        regime=regime,
    )


def raw_rate(link: Link) -> float:
    """Return the raw bits a second of the port, one way."""
    return link.lane_rate * link.lanes


def efficiency(link: Link) -> float:
    """Return what of the raw bits is payload: coding, framing, headers."""
    code = link.code
    size = min(link.packet, float(code.largest))
    quantum = float(code.quantum)
    wire = np.ceil((size + float(code.header)) / quantum) * quantum
    framing = float(code.payload) / float(code.frame)
    return float(code.share * framing * size / wire)


def frame_time(link: Link) -> float:
    """Return the time of a frame on the port [s]."""
    return 8.0 * float(link.code.frame) / (raw_rate(link) * link.code.share)


def latency_parts(link: Link, lengths: Floats) -> dict[str, Floats]:
    """Return latency by part: devices, flight, filling and decoding, each (N,) [s]."""
    path, count = link.path, len(lengths)
    parts: dict[str, Floats] = {}

    def add(name: str, value: Floats | float) -> None:
        parts[name] = parts.get(name, np.zeros(count)) + value

    ends = (path.devices[0], path.devices[-1])
    add("serdes", sum(float(end.spec.latency) for end in ends) / 2.0)
    column = {place: n for n, place in enumerate(path.by_length)}
    for place, item in enumerate(path.items):
        if isinstance(item, Placed):
            if 0 < place < len(path.items) - 1:
                add(item.spec.name, float(item.spec.latency))
            if item.spec.what == "optics":
                add("flight", lengths[:, column[place]] * FIBRE)
        else:
            line = item.spec.line
            long = lengths[:, column[place]] if goes_by_length(item) else 1.0
            slow = line.tau if line is not None else _fixed_delay(item)
            add("flight", long * slow * 1e-9)
    code = link.code
    if code.method != "none":
        word = code.symbols * code.symbol_bits * code.interleave
        inner = code.inner / (code.inner - 8) if code.inner else 1.0
        add("fill", word * inner / raw_rate(link))
        add("decode", float(code.decode))
    return parts


def _fixed_delay(item: Segment) -> float:
    table = sections([item])
    lines = table[table["kind"] == LINE]
    return float(np.sum(lines["value"] * lines["tau"]))


def _span(link: Link, each: Judged, lengths: Floats, crosstalk: float) -> SpanResult:
    span, sheet, case = each.span, each.sheet, each.case
    items = [link.path.items[place] for place in span.items]
    wires = [item for item in items if isinstance(item, Segment)]
    rows, starts, where = _tables(link.path, span, lengths)
    boost, penalty = 0.0, float(span.receiver.penalty)
    for item in items:
        if isinstance(item, Placed):
            boost += float(item.spec.boost) if item.spec.boost else 0.0
            penalty += float(item.spec.penalty)
    loss = line_loss(rows, len(lengths), sheet.symbol_rate / 2.0)
    if boost and len(where):
        kept = np.maximum(1.0 - boost / np.maximum(loss, 1e-9), 0.0)
        rows["value"][where] *= np.repeat(kept, len(where) // len(lengths))
    packages = sheet.cases[case]
    ends = sum(
        line.length * _decibels(line, sheet.symbol_rate / 2.0)
        for end in (packages.transmitter, packages.receiver)
        for line in end.lines
    )
    if wires:
        found = of_sections(rows, starts, sheet, case, crosstalk=crosstalk).com_db
    else:
        found = np.full(len(lengths), np.inf)
    heard = crest(sheet.error_ratio) * 10.0 ** ((found - penalty) / 20.0)
    own = sum(
        item.spec.error_ratio
        for item in items
        if isinstance(item, Placed) and item.spec.what == "optics"
    )
    start = np.minimum(tail(heard) + own, 0.5)
    margin_loss = sum(
        float(item.spec.penalty) for item in items if isinstance(item, Placed)
    )
    return SpanResult(
        span=span,
        sheet=sheet,
        com_db=found - margin_loss,
        loss_db=loss + ends,
        start=start,
        carry=carry(heard, sheet),
        passed=each.passed,
    )


def _tables(
    path: Path, span: Span, lengths: Floats
) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]:
    """Return the sections of N spans, where each begins, and the lines by length."""
    one, columns, at = [], [], []
    column = {place: n for n, place in enumerate(path.by_length)}
    size = 0
    for place in span.items:
        item = path.items[place]
        if isinstance(item, Placed):
            continue
        one.append(sections([item]))
        if goes_by_length(item):
            at.append(size)
            columns.append(column[place])
        size += len(one[-1])
    count = len(lengths)
    starts = np.arange(count + 1) * size
    if not one:
        return np.zeros(0, sections([]).dtype), starts, np.zeros(0, np.int64)
    rows = np.tile(np.concatenate(one), count)
    where = (np.arange(count)[:, None] * size + np.array(at, np.int64)).reshape(-1)
    rows["value"][where] = lengths[:, columns].reshape(-1)
    return rows, starts, where


def _decibels(line: object, frequency: float) -> float:
    root, ghz = sqrt(frequency / 1e9), frequency / 1e9
    gamma0, a1, a2 = (float(getattr(line, name)) for name in ("gamma0", "a1", "a2"))
    return NEPER * (gamma0 + a1 * root + a2 * ghz)


def line_loss(rows: NDArray[np.void], count: int, frequency: float) -> Floats:
    """Return the matched loss of the lines of N spans alike but in length [dB]."""
    if not len(rows):
        return np.zeros(count)
    ghz = frequency / 1e9
    each = rows["gamma0"] + rows["a1"] * sqrt(ghz) + rows["a2"] * ghz
    each = np.where(rows["kind"] == LINE, NEPER * each * rows["value"], 0.0)
    return np.asarray(each.reshape(count, -1).sum(axis=1))


def _losses(
    link: Link, spans: Sequence[SpanResult], count: int
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return codewords lost, whether precoding is better, and the bit error ratio."""
    table = np.zeros((count, len(spans)), ERRORS)
    for n, each in enumerate(spans):
        table["start"][:, n] = np.where(each.start < NEGLIGIBLE, 0.0, each.start)
        table["carry"][:, n] = each.carry
    plain = lost(link.code, link.bits, table)
    chosen = np.zeros(count, np.bool_)
    coded = table.copy()
    coded["precode"] = 1
    if link.bits == 2 and link.code.method == "reed-solomon":
        better = plain > 1e-3 * link.code.target  # what is far inside needs no help
        if np.any(better):
            other = np.full(count, np.inf)
            other[better] = lost(link.code, link.bits, coded[better])
            chosen = other < plain
            plain = np.where(chosen, other, plain)
    table["precode"] = chosen[:, None]
    steady = table["start"] / (1.0 - table["carry"] + table["start"])
    ends = 2.0 * (1.0 - table["carry"]) * steady
    symbol = np.where(table["precode"] == 1, ends, steady).sum(axis=1)
    return plain, chosen, np.minimum(symbol / link.bits, 0.5)


def _regimes(
    link: Link, margin: Floats, loss_left: Floats, frame_loss: Floats, share: Floats
) -> NDArray[np.int64]:
    """Return where each link stands: inside its budget, marginal or over it."""
    slow = any(float(d.spec.lane_rate) < link.lane_rate for d in link.path.devices)
    far = any(
        d.spec.reach is not None and d.length > float(d.spec.reach)
        for d in link.path.devices
    )
    works = (loss_left >= 0.0) & (not slow) & (not far)
    inside = works & (margin >= 0.0) & (frame_loss <= link.code.target)
    can = works & (share >= MARGINAL_SHARE) & (link.code.replay != "none")
    return np.where(inside, 0, np.where(can, 1, 2)).astype(np.int64)


def check(link: Link) -> None:
    """Refuse a question that makes no sense.

    Raises
    ------
    InputError
        A rate, lane or packet is out of range, or devices do not fit together.
    """
    if not 1e9 <= link.lane_rate <= 1e12:
        raise InputError(f"rate {link.lane_rate / 1e9:g} Gb/s: must be 1 to 1,000 Gb/s")
    if not 1 <= link.lanes <= 1024:
        raise InputError(f"lanes {link.lanes}: must be 1 to 1,024")
    if not 1.0 <= link.packet <= 1e9:
        raise InputError(f"packet {link.packet:g} B: must be 1 B to 1 GB")
    levels = {d.spec.levels for d in link.path.devices}
    if len(levels) > 1:
        names = ", ".join(d.spec.name for d in link.path.devices)
        raise InputError(f"path: devices of two and of four levels: {names}")
