"""`accelsim list` and `accelsim show`."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from accelsim import catalog
from accelsim.report.catalog import spec_tables
from accelsim.report.tables import render
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
    lines = accelsim("show", "xgmi4").stdout.splitlines()
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


@pytest.mark.parametrize("kind", ["systems", "chips"])
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_names_of_fields_break_at_dots_only(kind: str, columns: int) -> None:
    for name in catalog.names(kind):
        spec = catalog.load(kind, name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            text = render(spec_tables(kind, spec))
        words = text.split()
        assert "…" not in text  # nothing is cut off
        for path in figures(spec):
            parts = path.split(".")
            ends = {".".join(parts[i:]) for i in range(len(parts))}
            assert ends & set(words), (name, path)
        kinds = {figure.kind for figure in figures(spec).values()}
        assert kinds.issubset(words)


def test_a_spread_is_in_the_unit_of_its_figure(
    accelsim: Program, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(
        'base = "nvlink4"\n'
        'latency = {value = "1.25 us", spread = ["750 ns", "1750 ns"]}\n'
        'bandwidth = {value="25 GB/s one way", '
        'spread = ["20 GB/s one way", "60 GB/s both ways"]}\n'
    )
    done = accelsim("show", f"link:{tmp_path / 'mine.toml'}", COLUMNS="120")
    assert "1.25 us (0.75 to 1.75 us)" in done.stdout
    assert "25 GB/s one way (20 to 30 GB/s one way)" in done.stdout


def test_a_spread_without_a_written_unit_is_in_si() -> None:
    """A bandwidth derived from a changed one does not say its direction."""
    link = catalog.load("links", "nvlink4")
    derived = replace(link.bandwidth, text="25 GB/s", spread=(2e10, 3e10))
    odd = link.model_copy(update={"bandwidth": derived})
    assert "25 GB/s (2e+10 to 3e+10 B/s)" in render(spec_tables("links", odd))


def test_a_note_flows(accelsim: Program, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base="h100-sxm"\nnote="""one\n two\n\nthree\n"""\n')
    assert "\n- one two\n- three\n" in accelsim("show", f"chip:{path}").stdout


def test_data_steers_no_terminal(accelsim: Program, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'base="h100-sxm"\nvendor="a\\u001b]0;x\\u0007b\\u009bc\\u202ed"\n'
        'note="e\\u001b[31mf"\n'
    )
    shown = accelsim("show", f"chip:{path}").stdout
    assert shown.replace("\n", "").isprintable()
    assert "a]0;xbcd" in shown
    assert "e[31mf" in shown
