"""Sweeps as they are run: the rows are estimates, and nothing is lost or doubled."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import accelsim
from accelsim.errors import InputError
from accelsim.explore.sweep import run, store
from accelsim.explore.sweep.ask import sweep_of
from accelsim.explore.sweep.cluster import run_on_dask
from accelsim.explore.sweep.look import difference, query, summary
from accelsim.explore.sweep.store import Store
from accelsim.specs.checking import validate
from accelsim.specs.sweep import SweepSpec

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16}
AXES: tuple[dict[str, Any], ...] = (
    {"path": "chip.hbm.stacks", "values": (4, 5, 6)},
    {"path": "chips", "values": (1, 16, 24)},
    {"path": "link.nvlink4.bandwidth", "values": ("25 GB/s per direction",
                                                  "50 GB/s per direction")},
)  # fmt: skip


def sweep(**more: Any) -> SweepSpec:
    raw = {"name": "s", "run": RUN, "axes": AXES} | more
    return validate(SweepSpec, raw, "s")


def made(folder: Path, chunk: int = 2, **more: Any) -> Store:
    spec = sweep(**more)
    return store.create(folder, store.manifest_of(spec, run.check(spec), chunk))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Store:
    found = made(tmp_path_factory.mktemp("whole") / "s")
    run.run(found)
    return found


def test_intervals_of_rows_share_their_draws(tmp_path: Path) -> None:
    axes = ({"path": "price.offers.1.usd", "values": ("40 USD/h", "80 USD/h")},
            {"path": "chips", "values": (1, 16)})  # fmt: skip
    asked = {"samples": 200, "seed": 3}
    columns = {"dear": "usd_per_million_tokens_p95 > 1.0"}
    store = made(tmp_path / "s", axes=axes, uncertain=asked, columns=columns)
    run.run(store)
    rows = store.rows().to_pylist()
    alone = [row for row in rows if row["chips"] == 1]  # too large for one chip
    assert all(row["mfu_p50"] is None for row in alone)
    cheap, dear = (row for row in rows if row["chips"] == 16)
    for name in ("step_time_s", "usd_per_million_tokens", "j_per_token"):
        low, middle, high = (cheap[f"{name}_{q}"] for q in ("p5", "p50", "p95"))
        assert low <= middle <= high
        # the same draws: what a price doubles, it doubles in every sample
        factor = 2.0 if name.startswith("usd") else 1.0
        assert dear[f"{name}_p95"] == pytest.approx(factor * high, rel=1e-12)
    assert cheap["dear"] == (cheap["usd_per_million_tokens_p95"] > 1.0)
    again = made(tmp_path / "t", axes=axes, uncertain=asked, columns=columns)
    run.run(again)
    assert again.checksum() == store.checksum()


def test_each_row_is_the_estimate_of_its_point(whole: Store) -> None:
    for row in whole.rows().to_pylist():
        changes = {
            "chip.hbm.stacks": row["chip.hbm.stacks"],
            "link.nvlink4.bandwidth": row[
                "link.nvlink4.bandwidth (GB/s per direction)"
            ],
        }
        changes["link.nvlink4.bandwidth"] = (
            f"{changes['link.nvlink4.bandwidth']} GB/s per direction"
        )
        asked = RUN | {"chips": row["chips"]}
        if row["status"] == "no-answer":
            with pytest.raises(accelsim.NoAnswerError, match="no plan fits"):
                accelsim.estimate(asked, changes)
            assert row["reason"].startswith("no plan fits")
            continue
        found = accelsim.estimate(asked, changes)
        assert row["step_time_s"] == found.step_time
        assert row["usd_per_million_tokens"] == found.usd_per_million_tokens
        assert row["plan"] == found.plan.text()


def test_points_without_an_answer_are_rows_with_a_reason(whole: Store) -> None:
    found = summary(whole)
    assert found["points"] == found["points_done"] == 18
    assert found["rows_no_answer"] == 6  # one chip is too small
    assert found["rows_ok"] == 12


def test_running_again_computes_nothing(
    whole: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {p: p.stat().st_mtime_ns for p in whole.folder.rglob("*.parquet")}
    monkeypatch.setattr(run, "compute_chunk", None)
    run.run(whole)
    assert {p: p.stat().st_mtime_ns for p in whole.folder.rglob("*.parquet")} == before


def test_a_damaged_part_is_kept_aside_and_computed_again(
    whole: Store, tmp_path: Path
) -> None:
    found = made(tmp_path / "s")
    run.run(found)
    found.part(3).write_bytes(found.part(3).read_bytes()[:100])
    lines: list[str] = []
    run.run(found, tell=lambda progress: lines.extend(progress.lines))
    assert len(lines) == 1
    assert "is damaged" in lines[0]
    assert found.part(3).with_suffix(".damaged").stat().st_size == 100
    assert found.checksum() == whole.checksum()


def test_a_part_of_another_sweep_is_refused(whole: Store, tmp_path: Path) -> None:
    found = made(tmp_path / "s", chunk=3)
    found.part(0).write_bytes(whole.part(0).read_bytes())
    with pytest.raises(InputError, match="is of another sweep"):
        run.run(found)
    assert found.part(0).exists()


def test_a_folder_of_something_else_is_left_alone(whole: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is no folder of a sweep"):
        made(tmp_path)
    with pytest.raises(InputError, match="holds another sweep"):
        made(whole.folder, columns={"twice": "tokens_per_s * 2"})
    with pytest.raises(InputError, match="is no folder of a sweep"):
        store.open_store(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_other_code_does_not_go_on_with_old_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "s")
    monkeypatch.setattr(store, "sources", lambda: "other")
    with pytest.raises(InputError, match="with other code or configs"):
        store.open_same(tmp_path / "s")


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    found = made(tmp_path / "s")
    with found.locked(), pytest.raises(InputError, match="another run is at work"):
        run.run(found)


def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    found = made(tmp_path / "s")
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from accelsim.explore.sweep import run, store\n"
        "from accelsim.errors import InputError\n"
        "found = store.open_store(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from accelsim.explore.estimate import estimate\n"
        f"estimate({RUN!r})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "try: run.run(found)\n"
        "except InputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(found.folder)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert "cannot be written: File too large" in done.stdout, done.stderr
    assert list((found.folder / "parts").iterdir()) == []


def test_where_leaves_points_out(tmp_path: Path) -> None:
    found = made(tmp_path / "s", where="chips > 1 and chip.hbm.stacks == 5")
    run.run(found)
    assert found.rows().num_rows == 4
    assert summary(found)["points_done"] == 18


def test_derived_columns(tmp_path: Path) -> None:
    columns = {"days": "15e12 / tokens_per_s / 86400", "soon": "days < 4000"}
    found = made(tmp_path / "s", columns=columns)
    run.run(found)
    for row in found.rows().to_pylist():
        if row["status"] == "ok":
            assert row["days"] == 15e12 / row["tokens_per_s"] / 86400
            assert row["soon"] == (row["days"] < 4000)


def test_queries_see_the_rows_and_nothing_else(whole: Store) -> None:
    found = query(
        whole, "select status, count(*) as n from sweep group by 1 order by 1"
    )
    assert found.to_pylist() == [
        {"status": "no-answer", "n": 6}, {"status": "ok", "n": 12},
    ]  # fmt: skip
    outside = [
        "select * from read_text('/etc/hostname')",
        "copy sweep to '/tmp/never.csv'",
        "set enable_external_access = true",
        "select * from sweeep",
        "drop table sweep",
    ]
    for sql in outside:
        with pytest.raises(InputError, match=r"--sql: .*") as refused:
            query(whole, sql)
        assert "\n" not in str(refused.value)


def test_difference_of_two_sweeps(whole: Store, tmp_path: Path) -> None:
    same = difference(whole, whole)
    assert (same.both, same.changed) == (18, 0)
    other = made(tmp_path / "s", run=RUN | {"seq_len": 4096})
    run.run(other)
    found = difference(whole, other)
    assert (found.both, found.changed, found.only_first) == (18, 12, 0)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"axes": ({"path": "chip.hbm.stack", "values": (4,)},)}, "unknown field"),
        ({"axes": ({"path": "chps", "values": (4,)},)}, "did you mean 'chips'"),
        ({"axes": ({"path": "plan.tq", "values": (4,)},)}, "no field of a plan"),
        ({"axes": ({"path": "chp.x", "values": (4,)},)}, "did you mean 'chip'"),
        ({"axes": ({"path": "run.chips", "values": (4,)},)}, "write chips"),
        ({"columns": {"mfu": "1"}}, "there is such a column already"),
        ({"columns": {"x": "mfuu"}}, "did you mean 'mfu'"),
        ({"where": "mfu > 1"}, "unknown column 'mfu'"),
        ({"show": ("mfuu",)}, "unknown column 'mfuu'"),
        ({"run": RUN | {"model": "llama3-9b"}}, "did you mean"),
        ({"run": {"system": "dgx-h100"}}, "is missing"),
    ],
)
def test_bad_sweeps_are_refused_before_they_run(
    more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError) as refused:
        run.check(sweep(**more))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_dask_gives_the_same_rows(whole: Store, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    found = made(tmp_path / "s")
    seen: list[int] = []
    run_on_dask(found, "local:1", tell=lambda progress: seen.append(progress.points))
    assert seen[-1] == 18
    assert found.checksum() == whole.checksum()


@pytest.mark.parametrize("address", ["here", "local:", "local:0", "local:x"])
def test_bad_dask_addresses(whole: Store, address: str) -> None:
    with pytest.raises(InputError, match=f"--dask {address}"):
        run_on_dask(whole, address)


def test_the_manifest_tells_what_was_computed(whole: Store) -> None:
    raw = json.loads((whole.folder / "sweep.json").read_text("utf-8"))
    assert raw["version"] == accelsim.__version__
    assert raw["points"] == 18
    assert raw["chunk"] == 2
    spec = store.open_store(whole.folder).manifest.spec
    assert isinstance(spec, SweepSpec)
    assert sweep_of(spec).points.count == 18
