"""Every bad input ends in one clear line and exit code 2, without a traceback."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Program = Callable[..., Result]

FILES: dict[str, str | bytes] = {
    "empty.toml": "",
    "malformed.toml": 'model = "llama3-8b\n',
    "twice.toml": 'model = "llama3-8b"\nmodel = "llama3-70b"\n',
    "binary.toml": b"\xff\xfe\x00\x01",
    "field.toml": 'model="llama3-8b"\nsystem="dgx-h100"\nchips=8\nchip="h100"\n',
    "negative.toml": 'model="llama3-8b"\nsystem="dgx-h100"\nchips=-8\n',
    "lacking.toml": 'model="llama3-8b"\nchips=8\n',
    "leaves.toml": 'base="../../../etc/other.toml"\nlayers=2\n',
    "loop.toml": 'base="./loop.toml"\n',
    "unit.toml": 'base="h100-sxm"\nclock="2 GB"\n',
    "unitless.toml": 'base="h100-sxm"\nclock="2"\n',
    "shape.toml": "layers=-2\nhidden=64\nheads=4\nffn=256\nvocab=100\nseq_len=8\n",
    "unsupported/config.json": json.dumps(
        {"architectures": ["Gato"], "model_type": "gato"}
    ),
    "broken/config.json": '{"architectures": [',
    "list/config.json": "[1, 2]",
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(data)
    (tmp_path / "folder.toml").mkdir()
    return tmp_path


ASK = "estimate --model llama3-8b --system dgx-h100 --chips 64"
BAD = [
    # names
    ("estimate --model lama3-8b --system dgx-h100 --chips 8", "'llama3-8b'"),
    ("estimate --model llama3-8b --system dgx-h10 --chips 8", "'dgx-h100'"),
    (f"{ASK} --software megatron-cor", "'megatron-core'"),
    ("compare llama3-8b --systems dgx-h100,nosuch --chips 8", "'nosuch'"),
    ("compare lama3-8b --systems dgx-h100 --chips 8", "'llama3-8b'"),
    ("compare llama3-8b --systems dgx-h100 --chips 8 --baseline x", "dgx-h100"),
    ("compare llama3-8b --systems , --chips 8", "--systems"),
    ("show h100-sxn", "'h100-sxm'"),
    ("show chip:h100-sxn", "'h100-sxm'"),
    ("show chop:h100-sxm", "'chips'"),
    ("list chops", "'chips'"),
    ("estimate no-such-run", "no-such-run"),
    # fields and their values
    (f"{ASK} --set chip.hbm.bandwith=1", "'bandwidth'"),
    (f"{ASK} --set hbm.bandwidth=1", "chip."),
    (f"{ASK} --set chip.hbm.bandwidth", "path=value"),
    (f"{ASK} --set chip.hbm.bandwidth=8", "no unit"),
    (f"{ASK} --set chip.hbm.bandwidth=8GHz", "frequency"),
    (f"{ASK} --set chip.hbm.bandwidth=-8TB/s", "more than zero"),
    ("show h100-sxm --set clokc=1GHz", "'clock'"),
    ("estimate {files}/field.toml", "chip"),
    ("estimate {files}/lacking.toml", "system"),
    ("show chip:{files}/unit.toml", "clock"),
    ("show chip:{files}/unitless.toml", "no unit"),
    # sizes
    ("estimate {files}/negative.toml", "chips"),
    ("estimate --model {files}/shape.toml --system dgx-h100 --chips 8", "layers"),
    ("estimate --model llama3-8b --system dgx-h100 --chips -8", "chips"),
    ("estimate --model llama3-8b --system dgx-h100 --chips 0", "chips"),
    (f"{ASK} --global-batch 0", "global_batch"),
    (f"{ASK} --global-batch 8 --global-batch-tokens 8192", "not both"),
    (f"{ASK} --global-batch-tokens 1000", "seq_len"),
    (f"{ASK} --tp -2", "tp"),
    # plans that cannot be
    ("estimate --model llama3-8b --system dgx-h100 --chips 48 --tp 3", "heads"),
    (f"{ASK} --tp 3", "heads"),
    (f"{ASK} --tp 8 --pp 3", "64"),
    (f"{ASK} --tp 8 --pp 2 --dp 2", "64"),
    # files
    ("estimate {files}/nowhere.toml", "no such file"),
    ("estimate {files}/folder.toml", "not a file"),
    ("estimate {files}/binary.toml", "UTF-8"),
    ("estimate {files}/empty.toml", "empty"),
    ("estimate {files}/malformed.toml", "not valid TOML"),
    ("estimate {files}/twice.toml", "not valid TOML"),
    ("show {files}/leaves.toml", "leaves the folder"),
    ("show {files}/loop.toml", "base"),
    ("show {files}/unsupported/config.json", "gato"),
    ("show {files}/broken/config.json", "JSON"),
    ("show {files}/list/config.json", "config.json"),
    ("compare {files}/unsupported/config.json --systems dgx-h100 --chips 8", "gato"),
    # the command line itself
    ("estimate", "--model, --system, --chips"),
    ("estimate --model llama3-8b --system dgx-h100", "missing --chips"),
    ("estimate --chips eight", "--chips"),
    (f"{ASK} --precision fp7", "fp7"),
    (f"{ASK} --sistem x", "--system"),
    ("compare llama3-8b --chips 8", "--systems"),
    ("compare llama3-8b --systems dgx-h100", "--chips"),
    ("compare llama3-8b --systems dgx-h100 --chips 8 --match love", "throughput"),
    ("estimat", "estimat"),
    ("validate trainin x.csv", "trainin"),
    ("validate training", "FILE"),
    ("validate training {files}/nowhere.csv", "nowhere.csv"),
    ("validate training {files}/binary.toml", "binary.toml"),
    ("validate training {files}/empty.toml", "empty.toml"),
]


@pytest.mark.parametrize(("line", "words"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_one_line(
    accelsim: Program, files: Path, line: str, words: str
) -> None:
    done = accelsim(*(word.format(files=files) for word in line.split()))
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_a_name_too_long_for_the_system_is_one_line(accelsim: Program) -> None:
    done = accelsim("show", f"{'a' * 5000}.toml")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


def test_a_source_is_not_read_as_markup(accelsim: Program, files: Path) -> None:
    path = files / "odd.toml"
    path.write_text(
        'base="h100-sxm"\nclock={value="2 GHz", source="[/bold] [red]sheet",'
        ' kind="press"}\n'
    )
    done = accelsim("show", f"chip:{path}")
    assert done.exit_code == 0
    assert "[/bold] [red]sheet" in done.stdout
