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
    "binary.npz": b"\xff\xfe\x00\x01",
    "lacking.toml": 'model="llama3-8b"\nchips=8\n',
    "leaves.toml": 'base="../../../etc/other.toml"\nlayers=2\n',
    "loop.toml": 'base="./loop.toml"\n',
    "unit.toml": 'base="h100-sxm"\nclock="2 GB"\n',
    "unitless.toml": 'base="h100-sxm"\nclock="2"\n',
    "shape.toml": "layers=-2\nhidden=64\nheads=4\nffn=256\nvocab=100\nseq_len=8\n",
    "odd.txt": "x=1\n",
    "odd.toml": "x=1\ny=2\n",
    "marked.toml": "vendor=3\nmatrix=4\n",
    "model.JSON": "{}",
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
    ("compare llama3-8b --systems dgx-h100,dgx-h100 --chips 8", "named twice"),
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
    (f"{ASK} --recompute full --recompute-layers 99", "32 layers"),
    # what other commands are asked
    ("search llama3-8b --system dgx-h100 --chips 8 --price-date 1900-01-01", "begins"),
    ("goodput --chips 8 --write 1s --codewords-lost nan", "no share"),
    ("goodput --chips 8 --write 1s --model llama3-8b", "not both"),
    ("goodput --chips 8 --write 1s --elastic 9", "--elastic 9"),
    ("supply trainium3 --slow-learning nan", "slow_learning"),
    (f"chain nvlink4 {ASK[9:]} --restart -1s", "restart"),
    ("link nvlink55", "'nvlink5'"),
    ("link --distance 2", "--distance: '2' has no unit"),
    ("link {files}/binary.npz", "no .npz of plain arrays"),
    ("collective all_reduce --algorithm ring,al", "'al'"),
    ("calibrate collectives {files}/folder.toml --system p4d", "not a file"),
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
    ("show {files}/odd.txt", "kind"),
    ("show {files}/odd.toml", "chip:"),
    ("show {files}/marked.toml", "vendor"),
    ("show {files}/model.JSON", ".json"),
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
    ("validate training -", "give a file"),
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


def test_head_room_that_no_plan_leaves_is_told(accelsim: Program) -> None:
    ask = "search llama3-8b --system dgx-h100 --chips 8 --head-room 0.999 --tp 8"
    done = accelsim(*ask.split())
    assert done.exit_code == 1
    assert "(99.9% of the memory is kept free), short by" in done.stderr


def test_a_wrong_address_makes_no_folder(accelsim: Program, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    ask = f"sweep run hbm-stacks --dask nonsense --out {folder}"
    done = accelsim(*ask.split())
    assert done.exit_code == 2
    assert not folder.exists()


def test_all_beside_an_algorithm_is_all(accelsim: Program) -> None:
    ask = "collective all_reduce --bytes 1MiB --systems dgx-h100 --json --algorithm"
    assert accelsim(*ask.split(), "ring,all").stdout == (
        accelsim(*ask.split(), "all").stdout
    )


def test_help_lists_the_commands_in_the_order_of_the_documents(
    accelsim: Program,
) -> None:
    text = accelsim("--help").stdout.split("Commands:")[1]
    listed = [line.split()[0] for line in text.splitlines() if line[2:3].isalpha()]
    assert listed[:4] == ["list", "show", "estimate", "compare"]


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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("validate", "training", ""), "'FILE': the path is empty"),
        (("validate", "training", "x.csv", "--out", ""), "'--out': the path is empty"),
    ],
)
def test_an_empty_path_is_named(
    accelsim: Program, line: tuple[str, ...], words: str
) -> None:
    done = accelsim(*line)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
