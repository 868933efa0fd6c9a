"""From a parameter sheet of the catalog to plain numbers."""

from math import floor

from accelsim.kernels.com_tables import BALANCE, PEAK
from accelsim.link.sheet import (
    Board,
    Boards,
    Ctle,
    Feedback,
    Forward,
    Line,
    Package,
    PackageCase,
    ReturnLoss,
    Sheet,
    Window,
)
from accelsim.specs.com import Case, ComSpec, Gains, Length, PackageSpec, Stretch, TxTap


def sheet_of_spec(spec: ComSpec) -> Sheet:
    """Return the sheet that a spec stands for."""
    amplitude, crosstalk = spec.amplitude, spec.crosstalk
    before = [tap for tap in _taps(spec) if tap.place < 0]
    forward = spec.forward
    return Sheet(
        name=spec.name,
        symbol_rate=float(spec.symbol_rate),
        levels=spec.levels,
        samples=spec.samples,
        reference=float(spec.reference),
        transition_time=float(spec.transition_time),
        receiver_corner=float(spec.receiver_corner),
        victim=float(amplitude.victim),
        far=float(amplitude.fext),
        near=float(amplitude.next),
        level_ratio=float(spec.level_ratio),
        snr_tx_db=float(spec.snr_tx),
        noise_density=float(spec.noise_density) * 1e9,  # the annex counts in V^2/GHz
        random_jitter=float(spec.random_jitter),
        dual_dirac=float(spec.dual_dirac),
        error_ratio=spec.error_ratio,
        cases=tuple(_case(spec, case) for case in spec.cases),
        ctle=_ctle(spec),
        tx_taps=tuple(_values(t.first, t.last, t.step) for t in _taps(spec)),
        tx_cursor=len(before),
        tx_cursor_min=float(spec.transmitter.cursor_min),
        feedback=_feedback(spec),
        forward=_forward(spec),
        phases=(-spec.samples // 2, spec.samples // 2) if forward else (0, 0),
        anchor=PEAK if forward else BALANCE,
        sequence_detector=int(forward is not None and forward.sequence_detector),
        crosstalk_band=float(crosstalk.band),
        icn_far=float(crosstalk.fext),
        icn_near=float(crosstalk.next),
        icn_far_corner=float(crosstalk.fext_corner),
        icn_near_corner=float(crosstalk.next_corner),
        lowest_frequency=50e6,
        erl=_erl(spec),
        margin_db=float(spec.margin),
        boards=_boards(spec),
        window=_window(spec),
    )


def _values(first: float, last: float, step: float) -> tuple[float, ...]:
    count = floor((last - first) / step + 1e-9) + 1
    return tuple(first + step * k for k in range(max(count, 1)))


def _gains(gains: Gains | None) -> tuple[float, ...]:
    if gains is None:
        return (0.0,)
    return _values(float(gains.first), float(gains.last), float(gains.step))


def _taps(spec: ComSpec) -> list[TxTap]:
    return sorted(spec.transmitter.taps, key=lambda tap: tap.place)


def _ctle(spec: ComSpec) -> Ctle:
    ctle = spec.ctle
    return Ctle(
        zero=float(ctle.zero),
        pole=float(ctle.pole),
        far_pole=float(ctle.far_pole),
        gains_db=_gains(ctle.gains),
        low_corner=float(ctle.low_corner) if ctle.low_corner else 0.0,
        low_gains_db=_gains(ctle.low_gains),
    )


def _feedback(spec: ComSpec) -> Feedback:
    feedback, floating = spec.feedback, spec.feedback.floating
    if floating is None:
        return Feedback(feedback.high, feedback.low, span=len(feedback.high))
    return Feedback(
        feedback.high,
        feedback.low,
        span=floating.span,
        groups=floating.groups,
        group_taps=floating.taps,
        floating_max=floating.high,
        tail_start=floating.tail_start,
        tail_max=floating.tail_max,
    )


def _forward(spec: ComSpec) -> Forward | None:
    forward = spec.forward
    if forward is None:
        return None
    floating = forward.floating
    return Forward(
        pre=forward.pre,
        post=forward.post,
        limit=forward.limit,
        first_pre_limit=forward.limit,
        first_post_limit=forward.limit,
        span=floating.span if floating else 0,
        groups=floating.groups if floating else 0,
        group_taps=floating.taps if floating else 1,
        floating_max=floating.high if floating else 0.0,
        draft=True,
        quantizer_bits=forward.quantizer_bits,
        clipping=forward.clipping,
        added_noise_db=float(forward.added_noise) if forward.added_noise else 0.0,
    )


def _case(spec: ComSpec, case: Case) -> PackageCase:
    package = spec.packages[case.package]
    fext = case.transmitter if case.fext is None else case.fext
    next_ = case.transmitter if case.next is None else case.next
    far = spec.packages[case.receiver_package or case.package]
    return PackageCase(
        transmitter=_package(package, case.transmitter),
        fext=_package(package, fext),
        next=_package(package, next_),
        receiver=_package(far, case.receiver),
    )


def _boards(spec: ComSpec) -> Boards | None:
    board = spec.boards
    if board is None or board.line.length is None:
        return None
    line = _line(board.line, board.line.length)
    made = Board(line, float(board.device), float(board.far))
    return Boards((made,) * 3, (made,) * 3)


def _window(spec: ComSpec) -> Window | None:
    window = spec.window
    if window is None:
        return None
    reach, sigma = float(window.reach), float(window.sigma)
    return Window(reach, window.samples, window.shape, sigma)


def _package(package: PackageSpec, lengths: tuple[Length, ...]) -> Package:
    given = iter(lengths)
    lines = [
        _line(line, next(given) if line.length is None else line.length)
        for line in package.lines
    ]
    board = package.board
    return Package(
        pads=tuple(float(pad) for pad in package.pads),
        coils=tuple(float(coil) for coil in package.coils),
        bump=float(package.bump) if package.bump else 0.0,
        lines=tuple(lines),
        ball=float(package.ball) if package.ball else 0.0,
        resistance=float(package.resistance),
        board=_line(board, board.length) if board and board.length else None,
    )


def _line(line: Stretch, length: Length) -> Line:
    return Line(
        length=float(length),
        impedance=float(line.impedance),
        gamma0=line.gamma0,
        a1=line.a1,
        a2=line.a2,
        tau=line.tau,
    )


def _erl(spec: ComSpec) -> ReturnLoss | None:
    erl = spec.erl
    if erl is None:
        return None
    return ReturnLoss(
        transition_time=float(erl.transition_time),
        intervals=erl.intervals,
        feedback=erl.feedback,
        rho=erl.rho,
        beta=erl.beta,
        fixture_delay=(0.0, 0.0),
        window=erl.window,
        impedance=float(spec.reference),
    )
