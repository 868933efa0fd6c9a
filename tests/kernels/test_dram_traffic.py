"""The request streams: the reference's random numbers, patterns and pace."""

import numpy as np
import pytest

from accelsim import catalog
from accelsim.chip.memory import Pattern, generator, requests
from accelsim.errors import InputError
from accelsim.kernels.dram_traffic import draw, fill_due, place
from accelsim.specs.hbm import HbmSpec


def hbm3() -> HbmSpec:
    spec: HbmSpec = catalog.load("hbm", "hbm3-6.4")
    return spec


def words(seed: int, count: int) -> list[int]:
    """Return random words, told once more in whole numbers of Python."""
    mask = (1 << 64) - 1
    a = (0x9E3779B97F4A7C15 * (seed + 1)) & mask
    b = (0xD1B54A32D192ED03 ^ (seed * 77777 + 13)) & mask
    found = []
    for _ in range(20 + count):
        found.append((a + b) & mask)
        b ^= a
        a = ((a << 24 | a >> 40) ^ b ^ (b << 16)) & mask
        b = (b << 37 | b >> 27) & mask
    return found[20:]


@pytest.mark.parametrize("seed", [1, 2, 12345])
def test_words_are_those_of_the_formula(seed: int) -> None:
    state = generator(seed)
    assert [int(draw(state)) for _ in range(200)] == words(seed, 200)


def test_first_addresses_of_the_reference_run() -> None:
    # Ramulator 2.1's trace hbm3_rand0_rf0.5, seed 1: 25 address bits
    asked = requests(hbm3(), Pattern("random", read_fraction=0.5), 6)
    assert list(asked.address) == [
        6959447,
        657153,
        32208662,
        4757692,
        9310431,
        10163366,
    ]
    assert list(asked.write) == [0, 0, 1, 1, 0, 0]


def test_a_place_has_so_many_bits() -> None:
    state = generator(3)
    found = [place(state, 10) for _ in range(500)]
    assert 0 <= min(found) < 50
    assert 970 < max(found) < 1024


def test_patterns() -> None:
    spec = hbm3()
    step = requests(spec, Pattern("strided", 1024), 4).address
    assert list(step) == [0, 32, 64, 96]
    block = requests(spec, Pattern("blocks", 256), 16).address
    assert list(np.diff(block[:8])) == [1] * 7
    assert block[0] % 8 == block[8] % 8 == 0
    two = requests(spec, Pattern("streams", 2), 4).address
    assert list(two) == [0, 1 << 24, 1, (1 << 24) + 1]


def test_groups_read_first() -> None:
    pattern = Pattern("sequential", read_fraction=0.75, group=8)
    asked = requests(hbm3(), pattern, 16)
    assert list(asked.write) == [0] * 6 + [1] * 2 + [0] * 6 + [1] * 2


def test_pace() -> None:
    due = np.zeros(4, np.int64)
    fill_due(0.25, due)
    assert list(due) == [3, 7, 11, 15]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (Pattern("sequentail"), "unknown pattern 'sequentail'"),
        (Pattern("strided", 40), "multiple of the memory's 32 B"),
        (Pattern("blocks", 96), "power of two"),
        (Pattern("streams", 0), "one stream or more"),
        (Pattern(read_fraction=1.5), "between 0 and 1"),
        (Pattern(group=0), "one request or more"),
        (Pattern(interval=-1.0), "zero or more"),
    ],
)
def test_patterns_that_mean_nothing(pattern: Pattern, message: str) -> None:
    with pytest.raises(InputError, match=message):
        requests(hbm3(), pattern, 4)
