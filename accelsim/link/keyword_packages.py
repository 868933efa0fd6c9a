"""The keywords of packages and boards of the IEEE COM tool's sheets, as numbers."""

from accelsim.errors import InputError
from accelsim.link.sheet import Board, Boards, Line, Package, PackageCase
from accelsim.link.words import Words

MM, NANO = 1e-3, 1e-9
LOSS = (0.0, 1.734e-3, 1.455e-4)  # of a package's line by millimetre, as defaults
BOARD_LOSS = (0.0, 4.114e-4, 2.547e-4)
FILLED = 4  # rows of a package of two lines: the others have no length


def packages_of(words: Words) -> tuple[PackageCase, ...]:
    """Return the packages of every case that the sheet selects."""
    return tuple(
        PackageCase(
            transmitter=_package(words, "z_p (TX)", case, 0),
            fext=_package(words, "z_p (FEXT)", case, 0),
            next=_package(words, "z_p (NEXT)", case, 0),
            receiver=_package(words, "z_p (RX)", case, 1),
        )
        for case in map(int, words.values("z_p select", 1))
    )


def _package(words: Words, key: str, case: int, end: int) -> Package:
    lengths, impedances = words.rows(key), words.rows("package_Z_c", 78.2)
    if len(lengths) not in (1, 2, FILLED):
        raise InputError(f"{words.name}: {key}: has {len(lengths)} rows; 1, 2 or 4")
    if len(impedances) != len(lengths):
        raise InputError(
            f"{words.name}: package_Z_c: has {len(impedances)} rows, "
            f"{key} {len(lengths)}"
        )
    if case < 1 or any(len(row) < case for row in lengths):
        raise InputError(f"{words.name}: {key}: has no case {case}")
    lines = tuple(
        _line(words, "package", row[case - 1], of(impedance, end))
        for row, impedance in zip(lengths, impedances, strict=True)
    )
    pads, coils = _ladder(words, "C_d", end), _ladder(words, "L_s", end)
    if len(coils) not in (1, len(pads)):
        raise InputError(f"{words.name}: L_s: has {len(coils)} values, C_d {len(pads)}")
    coils = (*coils, *(0.0,) * (len(pads) - len(coils)))
    via = of(words.values("C_v", 0.0), end) * NANO
    return Package(
        pads=pads,
        coils=coils,
        bump=of(words.values("C_b", 0.0), end) * NANO,
        lines=lines,
        ball=of(words.values("C_p", 0.0), end) * NANO,
        resistance=of(words.values("R_d", 50.0), end),
        via=via if len(lengths) > 1 else 0.0,
    )


def _line(words: Words, kind: str, length: float, impedance: float) -> Line:
    loss = LOSS if kind == "package" else BOARD_LOSS
    values = words.values(f"{kind}_tl_gamma0_a1_a2", loss)
    if len(values) != len(loss):
        raise InputError(f"{words.name}: {kind}_tl_gamma0_a1_a2: must be three numbers")
    gamma0, a1, a2 = values
    delay = 6.141e-3 if kind == "package" else 6.191e-3
    return Line(
        length=length * MM,
        impedance=impedance,
        gamma0=gamma0 / MM,
        a1=a1 / MM,
        a2=a2 / MM,
        tau=words.number(f"{kind}_tl_tau", delay) / MM,
    )


def of(row: tuple[float, ...], end: int) -> float:
    """Return an end's value of a row that may have one for both."""
    return row[end] if end < len(row) else row[0]


def _ladder(words: Words, key: str, end: int) -> tuple[float, ...]:
    """Return a ladder's values: a row an end, or one row with a value an end."""
    rows = words.rows(key, 0.0)
    if len(rows) > 1:
        return tuple(value * NANO for value in rows[min(end, len(rows) - 1)])
    return (of(rows[0], end) * NANO,)


def boards_of(words: Words) -> Boards | None:
    """Return the boards that the tool puts on both sides of a channel, if any."""
    asked = int(words.number("Include PCB", 0))
    if not asked:
        return None

    def board(key: str, otherwise: float, end: int) -> Board:
        impedance = of(words.values("board_Z_c", 109.8), end)
        line = _line(words, "board", words.number(key, otherwise), impedance)
        device = of(words.values("C_0", 0.0), end) * NANO
        return Board(line, device, of(words.values("C_1", 0.0), end) * NANO)

    # the tool gives NEXT's source the victim's receiving board
    sending = (("z_bp (TX)", 151.0), ("z_bp (FEXT)", 72.0), ("z_bp (RX)", 151.0))
    receiving = (("z_bp (RX)", 151.0), ("z_bp (RX)", 151.0), ("z_bp (NEXT)", 72.0))
    near = tuple(board(*key, 0) for key in sending)
    far = tuple(board(*key, 1) for key in receiving)
    return Boards(
        (near[0], near[1], near[2]) if asked == 1 else None, (far[0], far[1], far[2])
    )
