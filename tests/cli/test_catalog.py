"""`accelsim list` and `accelsim show`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from accelsim import catalog
from accelsim.specs.figure import figures

Program = Callable[..., Result]


@pytest.mark.parametrize("kind", catalog.KINDS_OF_THING)
def test_list_names_everything_of_a_kind(accelsim: Program, kind: str) -> None:
    done = accelsim("list", kind)
    assert done.exit_code == 0
    assert "cannot be used" not in done.stdout
    first_words = {
        line.split(maxsplit=1)[0] for line in done.stdout.splitlines() if line
    }
    assert first_words.issuperset(catalog.names(kind))


def test_list_of_all_kinds_is_one_json_object(accelsim: Program) -> None:
    found = json.loads(accelsim("list", "--json").stdout)
    assert list(found) == list(catalog.KINDS_OF_THING)
    assert {"name", "description"} == set(found["chips"][0])


def test_a_kind_may_be_singular(accelsim: Program) -> None:
    assert accelsim("list", "chip").stdout == accelsim("list", "chips").stdout


def test_one_bad_file_of_the_user_hides_no_other(
    accelsim: Program, tmp_path: Path
) -> None:
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "bad.toml").write_text("vendor = 3\n")
    done = accelsim("list", "chips", ACCELSIM_PATH=str(tmp_path))
    assert done.exit_code == 0
    assert "cannot be used" in done.stdout
    assert "h100-sxm" in done.stdout


def test_show_prints_every_figure_with_kind_and_source(accelsim: Program) -> None:
    spec = catalog.load("chips", "h100-sxm")
    shown = accelsim("show", "h100-sxm", COLUMNS="120").stdout
    flat = " ".join(shown.split())
    rows = {line.split(maxsplit=1)[0]: line for line in shown.splitlines() if line}
    for path, figure in figures(spec).items():
        assert figure.text in rows[path]
        assert figure.kind in rows[path]
        assert " ".join(figure.source.split()) in flat
    assert "NVIDIA" in rows["vendor"]


def test_show_marks_what_is_soft_and_says_so(accelsim: Program) -> None:
    lines = accelsim("show", "nvlink4").stdout.splitlines()
    (energy,) = [line for line in lines if line.startswith("energy")]
    (rate,) = [line for line in lines if line.startswith("lane_rate")]
    assert " * " in energy
    assert " * " not in rate
    assert any(line.startswith("* a press report") for line in lines)


def test_show_as_json_carries_units(accelsim: Program) -> None:
    found = json.loads(accelsim("show", "h100-sxm", "--json").stdout)
    assert found["kind"] == "chips"
    assert found["fields"]["vendor"] == "NVIDIA"
    bandwidth = found["figures"]["hbm.bandwidth"]
    assert (bandwidth["value"], bandwidth["unit"]) == (3.35e12, "B/s")


@pytest.mark.parametrize("path", ["chip.hbm.bandwidth", "hbm.bandwidth"])
def test_show_applies_a_change_and_what_follows(accelsim: Program, path: str) -> None:
    done = accelsim("show", "h200", "--set", f"{path}=9.6 TB/s", "--json")
    found = json.loads(done.stdout)["figures"]
    assert found["hbm.bandwidth"]["value"] == 9.6e12
    assert found["hbm.bandwidth"]["kind"] == "assumed"


def test_show_takes_a_kind_before_the_name(accelsim: Program) -> None:
    plain = accelsim("show", "h100-sxm").stdout
    assert accelsim("show", "chips:h100-sxm").stdout == plain
    assert accelsim("show", "chip:h100-sxm").stdout == plain


def test_show_names_namesakes(accelsim: Program, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "h100-sxm.toml").write_text('base = "nvlink4"\n')
    path = str(tmp_path)
    done = accelsim("show", "h100-sxm", ACCELSIM_PATH=path)
    assert "links:h100-sxm" in done.stdout
    done = accelsim("show", "links:h100-sxm", ACCELSIM_PATH=path)
    assert "(links)" in done.stdout


def test_show_reads_files(accelsim: Program, tmp_path: Path) -> None:
    chip = tmp_path / "mine.toml"
    chip.write_text('base = "h100-sxm"\nyear = 2030\n')
    assert "2030" in accelsim("show", f"chip:{chip}").stdout
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"],
                "model_type": "llama",
                "hidden_size": 512,
                "intermediate_size": 1536,
                "num_hidden_layers": 4,
                "num_attention_heads": 8,
                "vocab_size": 32000,
                "max_position_embeddings": 2048,
            }
        )
    )
    done = accelsim("show", str(config))
    assert "layers" in done.stdout
    assert "(models)" in done.stdout


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_show_fits_the_terminal(accelsim: Program, columns: int) -> None:
    for name in ("h100-sxm", "dgx-h100", "p5"):
        done = accelsim("show", name, COLUMNS=str(columns))
        assert max(map(len, done.stdout.splitlines())) <= columns
