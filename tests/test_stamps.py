"""What is kept from files, and that it is never stale."""

from pathlib import Path

import pytest

import accelsim
from accelsim.errors import InputError
from accelsim.stamps import Kept, note, settled, stamp, watching


def test_a_stamp_changes_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert stamp(str(path)) is None
    path.write_text("1")
    first = stamp(str(path))
    path.write_text("22")
    assert first is not None
    assert stamp(str(path)) != first
    assert stamp("a\0b") is None


def test_watches_see_what_is_looked_at_meanwhile(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.write_text("1")
    note(here)  # nobody watches
    with watching() as outer:
        note(there)
        with watching() as inner:
            note(here)
    assert set(inner.files) == {str(here)}
    assert set(outer.files) == {str(here), str(there)}
    assert outer.fresh()
    there.write_text("now it is there")
    assert inner.fresh()
    assert not outer.fresh()


def test_results_are_kept_until_a_file_changes(tmp_path: Path) -> None:
    path, kept = tmp_path / "a", Kept(2)
    path.write_text("1")

    def read() -> str:
        note(path)
        return path.read_text()

    one, other = object(), object()
    assert kept.of((one,), "x", read) == "1"
    path.write_text("two")
    assert kept.of((one,), "x", read) == "two"
    assert kept.of((one,), "x", lambda: "not made again") == "two"
    with watching() as watch:  # who takes a kept result has looked at its files
        kept.of((one,), "x", read)
    assert set(watch.files) == {str(path)}
    assert kept.of((other,), "x", lambda: "another object") == "another object"
    kept.of((other,), "y", lambda: "a third result")
    assert kept.of((one,), "x", lambda: "made room") == "made room"


SYSTEM = 'base = "dgx-h100"\nchip = "mine"\n'
RUN = {
    "model": "llama3-8b", "system": "ours", "chips": 8, "global_batch": 8,
    "plan": {"tp": 8, "pp": 1, "cp": 1, "micro_batch": 1, "sharding": "zero1"},
}  # fmt: skip


def test_an_estimate_follows_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELSIM_PATH", str(tmp_path))
    for folder in ("chips", "systems"):
        (tmp_path / folder).mkdir()
    base, mine = tmp_path / "chips/base-chip.toml", tmp_path / "chips/mine.toml"
    base.write_text('base = "h100-sxm"\nkernel_latency = "3 us"\n')
    mine.write_text('base = "base-chip"\n')
    (tmp_path / "systems/ours.toml").write_text(SYSTEM)
    first = accelsim.estimate(RUN).step_time
    assert accelsim.estimate(RUN).step_time == first
    # the file itself, the file that it is based on, a file that shadows a built-in one
    mine.write_text('base = "base-chip"\nclock = "1.5 GHz"\n')
    second = accelsim.estimate(RUN).step_time
    assert second != first
    base.write_text('base = "h100-sxm"\nkernel_latency = "300 us"\n')
    third = accelsim.estimate(RUN).step_time
    assert third > second
    (tmp_path / "models").mkdir()
    (tmp_path / "models/llama3-8b.toml").write_text('base = "llama2-7b"\n')
    assert accelsim.estimate(RUN).question.model.vocab == 32000
    (tmp_path / "models/llama3-8b.toml").unlink()
    assert accelsim.estimate(RUN).step_time == third


def test_words_that_look_alike_differ() -> None:
    assert accelsim.estimate({**RUN, "system": "dgx-h100"}).chips == 8
    with pytest.raises(InputError, match="chips"):
        accelsim.estimate({**RUN, "system": "dgx-h100", "chips": 8.0})


def test_a_batch_looks_at_each_file_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    with settled():
        first = stamp(str(path))
        path.write_text("22")
        with settled():  # inside another it is still the same batch
            assert stamp(str(path)) == first
    assert stamp(str(path)) != first
