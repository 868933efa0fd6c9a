from pathlib import Path

import pytest

from accelsim import catalog
from accelsim.errors import InputError


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_inherits_and_each_figure_keeps_its_own_source(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "mine.toml",
        'base = "h100-sxm"\nsource = "my memory"\nkind = "assumed"\n'
        '[hbm]\nbandwidth = "4 TB/s"\npin_rate = "6.25 Gb/s"\n',
    )
    chip = catalog.load("chips", str(path))
    old = catalog.load("chips", "h100-sxm")
    assert chip.name == "mine"
    assert (chip.hbm.bandwidth.value, chip.hbm.bandwidth.source) == (4e12, "my memory")
    assert chip.hbm.bandwidth.kind == "assumed"
    assert chip.matrix.peak == old.matrix.peak
    # what was measured on the base is a guess here
    assert chip.hbm.capacity.value == old.hbm.capacity.value
    assert (old.hbm.capacity.kind, chip.hbm.capacity.kind) == ("measured", "assumed")
    assert chip.hbm.capacity.source.startswith("carried over from h100-sxm: ")


def test_the_users_folder_comes_before_the_built_in_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "models/llama3-8b.toml", 'base = "llama3-70b"\nlayers = 3\n')
    monkeypatch.setenv("ACCELSIM_PATH", str(tmp_path))
    assert catalog.load("models", "llama3-8b").layers == 3
    assert "llama3-8b" in catalog.names("models")


@pytest.mark.parametrize("path", ["/nowhere", "~nobody-of-that-name/x", "x" * 5000])
def test_a_folder_that_is_none_is_refused(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELSIM_PATH", path)
    with pytest.raises(InputError, match=r"ACCELSIM_PATH: .* is no folder"):
        catalog.load("models", "llama3-8b")


def test_numbers_of_a_file_carry_its_source() -> None:
    software = catalog.load("software", "megatron-core")
    assert software.selective.matmul.source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("layers = ", "is not valid TOML"),
        ("layers = 1\nlayers = 2", "is not valid TOML"),
        ('source = 3\nbase = "llama3-8b"', "source: 3 must be text"),
        ('kind = "hearsay"\nbase = "llama3-8b"', "kind: 'hearsay' unknown; valid:"),
        ('base = "llama3-8c"', "unknown model 'llama3-8c'; did you mean 'llama3-8b'"),
        ("base = 3", "base: 3 must be a name"),
        ('base = "../x.toml"', "leaves the folder of"),
        ('base = "mine.toml"', "base leads back to the file itself"),
        (
            'base = "llama3-8b"\nlayer = 3',
            "layer: unknown field; did you mean 'layers'",
        ),
        ('base = "llama3-8b"\nlayers = -3', "layers: -3: input should be greater"),
        (
            'base = "llama3-8b"\nlayers = "many"',
            "layers: 'many': must be a whole number",
        ),
        ('base = "llama3-8b"\nkv_heads = 7', "kv_heads 7 does not divide heads 32"),
        ("layers = 3", "is missing"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, "mine.toml", text)
    with pytest.raises(InputError) as error:
        catalog.load("models", str(path))
    assert expected in str(error.value)
    assert "mine.toml" in str(error.value) or "llama3-8c" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        catalog.load("models", str(path))
    with pytest.raises(InputError, match="not a file"):
        catalog.load("models", f"{tmp_path}/")
    with pytest.raises(InputError, match="no such file"):
        catalog.load("models", f"{tmp_path}/absent.toml")


def test_any_name_finds_its_kind(tmp_path: Path) -> None:
    assert catalog.any_named("h100-sxm")[0] == "chips"
    assert catalog.any_named("price:p5".replace("price", "prices"))[0] == "prices"
    path = write(tmp_path, "mine.toml", 'base = "h100-sxm"\n')
    assert catalog.any_named(str(path))[0] == "chips"
    with pytest.raises(InputError, match="did you mean 'h100-sxm'"):
        catalog.any_named("h100-sx")


@pytest.mark.parametrize("kind", list(catalog.KINDS_OF_THING))
def test_every_built_in_file_is_valid(kind: str) -> None:
    for name in catalog.names(kind):
        catalog.load(kind, name)
