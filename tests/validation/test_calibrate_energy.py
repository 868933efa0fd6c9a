"""Clocks of Blackwell from the energies of A100 and H100, and tables that are wrong."""

from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.validation.calibrate_energy import calibrate_energy

TABLE = Path(__file__).parents[2] / "benchmarks/measured/largest_products.csv"


def test_blackwells_clock_follows_within_five_percent() -> None:
    found = calibrate_energy(TABLE)
    held = {row["chip"]: row for row in found["rows"] if not row["fitted"]}
    assert set(held) == {"b200", "gb200"}
    for row in held.values():
        assert abs(row["error"]) <= 0.05
        assert row["predicted_clock_hz"] == pytest.approx(
            row["measured_clock_hz"], rel=0.05
        )
    assert found["held_out_mape"] < 0.04
    fitted = [row for row in found["rows"] if row["fitted"]]
    assert all(abs(row["error"]) < 0.02 for row in fitted)
    # what the process of the catalog has
    assert found["cycle_nj"] == pytest.approx(1.649, rel=1e-3)
    assert found["flop_pj"] == pytest.approx(0.7352, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "fit", "message"),
    [
        ("chip,tflops\nb200,1745\n", ("a100-80gb", "b200"), "no 'a100-80gb'"),
        ("chip,tflops\nb200,9999\n", ("b200", "b200"), "no part of a peak"),
        ("chip,tflops\nb200,fast\n", ("b200", "b200"), "line 2"),
        ("chip,tflops\nb200,\n", ("b200", "b200"), "no part of a peak"),
        ("chip,tflops\ntpu-v4,200\n", ("b200", "b200"), "line 2: 'tpu-v4'"),
        ("chip,rate\nb200,1745\n", ("b200", "b200"), "tflops"),
        ("chip,tflops\nb200,1745\n", ("b200",), "two measured chips"),
    ],
)
def test_a_bad_table_is_one_line(
    tmp_path: Path, text: str, fit: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "products.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        calibrate_energy(path, fit)
    assert "\n" not in str(raised.value)
