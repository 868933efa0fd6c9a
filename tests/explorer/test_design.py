"""The explorer's address: what it holds comes back, what it should not is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import AccelsimError, InputError
from accelsim.explorer.design import (
    KNOBS,
    MOST_PINS,
    WHOLE,
    Design,
    address,
    read_address,
)


def values(name: str) -> st.SearchStrategy[float]:
    low, high = KNOBS[name]
    if name in WHOLE:
        return st.integers(int(low), int(high)).map(float)
    return st.floats(low, high).map(lambda value: float(f"{value:.4g}"))


designs = st.builds(
    Design,
    model=st.sampled_from(["llama3-8b", "llama3.1-70b", "deepseek-v3"]),
    system=st.sampled_from(["dgx-h100", "trn2-ultraserver"]),
    chips=st.integers(1, 99_999_999),
    precision=st.sampled_from(["bf16", "fp8", "best"]),
    link=st.sampled_from(["", "nvlink4"]),
    node=st.sampled_from(["", "n2"]),
    knobs=st.lists(st.sampled_from(sorted(KNOBS)), unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: values(name) for name in names})
    ),
)


@given(design=designs, pins=st.lists(designs, max_size=MOST_PINS))
def test_an_address_comes_back(design: Design, pins: list[Design]) -> None:
    query = address(design, pins).removeprefix("/?")
    if len(query) <= 4000:
        assert read_address(query) == (design, pins)


def test_an_empty_address_is_the_first_design() -> None:
    assert read_address("") == (Design(), [])


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("chips=0", "chips: '0' must be a whole number"),
        ("chips=1e3", "chips: '1e3' must be"),
        ("chips=٣", "must be a whole number"),
        ("hbm=9", "hbm: '9' must be a number from 0.25 to 4"),
        ("hbm=nan", "hbm: 'nan' must be"),
        ("hbm=1_0", "hbm: '1_0' must be"),
        ("retimers=1.5", "retimers: '1.5' must be a whole number"),
        ("model=llama3-70", "unknown 'llama3-70'; did you mean 'llama3-70b'?"),
        ("model=../../etc/passwd", "model: unknown"),
        ("model=/tmp/x.toml", "model: unknown"),
        ("system=", "system: unknown ''"),
        ("precision=fp7", "precision: 'fp7'"),
        ("node=n3", "process: unknown 'n3'"),
        ("modle=llama3-8b", "modle: did you mean 'model'"),
        ("pin=chips%3D0", "chips: '0'"),
        ("&".join(["pin=chips%3D8"] * 7), "7 pins; at most 6"),
        ("x=" + "y" * 5000, "longer than 4,000 characters"),
        ("&".join(["hbm=1"] * 70), "address:"),
    ],
)
def test_a_wrong_address_is_one_line(query: str, line: str) -> None:
    with pytest.raises(InputError) as failed:
        read_address(query)
    assert line in str(failed.value)
    assert "\n" not in str(failed.value)


@given(
    query=st.one_of(st.text(max_size=60), st.text("abcdefhimnpr=&%12.-;", max_size=80))
)
def test_any_text_is_read_or_refused(query: str) -> None:
    try:
        design, _ = read_address(query)
    except AccelsimError:
        return
    assert read_address(address(design, []).removeprefix("/?"))[0] == design


def test_a_knob_that_is_put_back_leaves_no_trace() -> None:
    design: Any = Design()
    assert design.turned("hbm", 2.0).turned("hbm", None) == design
