"""Files that are no `config.json` at all: each is refused in one line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.workload.huggingface import read_config

GPT2 = (Path(__file__).parent / "hf/gpt2/config.json").read_text("utf-8")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{}", "is empty"),
        (b"[1, 2]", "must be an object, not [1, 2]"),
        (b"null", "must be an object, not None"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b'{"a": 1, "a": 2}', "'a': is given twice"),
        (b'{"hidden_size": ' + b"9" * 5000 + b"}", "is not valid JSON"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"a":' * 100_000, "is nested too deeply"),
    ],
)
def test_bad_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["no-such-file.json", ".", "nul\0.json"])
def test_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        read_config(tmp_path / name)


@given(st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_content_is_a_model_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("content") / "config.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("depth", [100, 900, 990])
@pytest.mark.parametrize("field", ["model_type", "n_embd"])
def test_value_nested_as_deeply_as_the_parser_allows(
    tmp_path: Path, field: str, depth: int
) -> None:
    deep = f'"{field}": {"[" * depth}{"]" * depth}, "_"'
    path = tmp_path / "config.json"
    path.write_text(GPT2.replace(f'"{field}"', deep), "utf-8")
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert len(str(caught.value)) < len(str(path)) + 100
