"""Whatever a user writes ends in an answer or in one line: nothing else escapes.

Hypothesis changes real input (a catalog file, an override, a run, a table of
measurements) in the ways in which people and editors break it. What it means is tested
elsewhere; here only how it ends: exit code 0, 1 or 2, one line on stderr for a failure,
no traceback, and soon.
"""

import contextlib
import csv
import io
import math
import time
import tomllib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accelsim import catalog, units
from accelsim.cli import main
from accelsim.errors import InputError
from accelsim.question import ROOTS
from accelsim.specs.figure import figures, read_figure
from tests.fuzz.trees import (
    ALL_UNITS,
    HOWS,
    SCALES,
    change,
    document,
    resized,
    toml_of,
)

PATIENCE = 5.0  # seconds that a command may take, far above what any takes here
TABLE = Path(__file__).parents[2] / "benchmarks" / "measured" / "training.csv"
NUMBERS = count()  # fresh file names: a spec is cached by its path

# A search costs milliseconds compiled and seconds as plain Python: as many examples
# as the profile has, times two.
fuzz = settings(max_examples=2 * settings().max_examples)
fewer = settings(max_examples=max(5, settings().max_examples // 2))

WORDS = st.text(max_size=12)
NUMBER_TEXTS = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(["1e999", "-0", "1_0", "1__0", ".5", "5.", "1e-400", "٣", "0x10"]),
)
QUANTITIES = st.builds(
    "{}{}{}{}".format,
    NUMBER_TEXTS,
    st.sampled_from(["", " ", "  ", "\t", ","]),
    st.sampled_from(ALL_UNITS) | WORDS,
    st.sampled_from(["", " per direction", " bidirectional", " one way", "s"]),
)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 1, 2, 3, 7, 8, 2**31, 2**63, 10**30, 1.5, 1e300, 1e-300]),
    st.floats(),
    WORDS,
    QUANTITIES,
    st.dates(),
)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "source", "kind", "spread"]) | WORDS,
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def run(*arguments: str, folder: Path | None = None) -> Result:
    """Run the program here, and hold it to what it promises about failures."""
    start = time.perf_counter()
    environment = {"ACCELSIM_PATH": str(folder) if folder else None}
    done = CliRunner().invoke(main, arguments, env=environment)
    assert time.perf_counter() - start < PATIENCE
    if not isinstance(done.exception, SystemExit | None):
        raise done.exception
    if done.exit_code:
        assert done.exit_code in (1, 2)
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
    else:
        assert done.stdout
        assert "\x1b" not in done.stdout
    return done


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile the kernels before anything is timed."""
    memory = "chip.hbm.memory.controller.order=CPGBSR"  # runs the channel's kernels
    for more in ([], ["--set", memory]):
        assert CliRunner().invoke(main, [*ASK, *more]).exit_code == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalog of the user's, empty but for what a test puts there."""
    made = tmp_path_factory.mktemp("catalog")
    for kind in catalog.KINDS_OF_THING:
        (made / kind).mkdir()
    return made


# (a) quantities


@fuzz
@given(QUANTITIES | WORDS, st.sampled_from(sorted(units.UNITS)))
@example("1e999 TB/s", "bandwidth")
@example("٣ TB/s", "bandwidth")
def test_a_quantity_is_finite_or_refused(text: str, dimension: str) -> None:
    with contextlib.suppress(InputError):
        assert math.isfinite(units.parse(text, dimension))


@fuzz
@given(ANYTHING, st.sampled_from(sorted(units.UNITS)))
@example({"value": "1 TB/s", "spread": 3}, "bandwidth")
@example({"value": 1, "spread": [True, 2]}, "count")
def test_a_figure_is_read_or_refused(raw: Any, dimension: str) -> None:
    with contextlib.suppress(ValueError):  # how pydantic wants a value refused
        assert math.isfinite(float(read_figure(raw, dimension)))


# (b) files of the catalog

SAMPLES = {
    "chips": "h100-sxm",
    "links": "nvlink4",
    "systems": "trn2-ultraserver",
    "models": "deepseek-v3",
    "software": "megatron-core",
    "prices": "p5",
    "runs": "megatron-175b-selene",
}
ASK = [
    *("estimate", "--model", "llama3-8b", "--system", "dgx-h100"),
    *("--chips", "16", "--tp", "2"),
]
USES: dict[str, Callable[[str], list[str]]] = {
    "chips": lambda name: [*ASK, "--set", f"system.chip={name}"],
    "links": lambda name: [*ASK, "--set", f"system.tiers.node.link={name}"],
    "systems": lambda name: [*ASK, "--system", name],
    "models": lambda name: [*ASK, "--model", name],
    "software": lambda name: [*ASK, "--software", name],
    "prices": lambda name: [*ASK, "--set", f"system.price={name}"],
    "runs": lambda name: ["estimate", name, "--chips", "64"],
}


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.sampled_from(HOWS),
        ANYTHING.filter(lambda value: value is not None),
    ),
    min_size=1,
    max_size=2,
)


def use(folder: Path, kind: str, content: bytes) -> None:
    """Show and estimate with a file of a kind that has this content."""
    path = folder / kind / f"x{next(NUMBERS)}.toml"
    path.write_bytes(content)
    try:
        run("show", f"{kind}:{path.stem}", folder=folder)
        run(*USES[kind](path.stem), folder=folder)
    finally:
        path.unlink()


@fuzz
@given(st.sampled_from(sorted(SAMPLES)), CHANGES)
def test_a_changed_file_is_used_or_refused(
    folder: Path, kind: str, changes: list[tuple[int, str, Any]]
) -> None:
    path = catalog.find(kind, SAMPLES[kind])
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    for where, how, value in changes:
        change(raw, where, how, value)
    use(folder, kind, document(raw).encode(errors="surrogatepass"))


@fewer
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.integers(0, 10_000),
    st.integers(0, 200),
    st.binary(max_size=6) | st.sampled_from([b"\n", b'"', b"[[", b"\x00", b"{a=1}"]),
)
def test_a_damaged_file_is_used_or_refused(
    folder: Path, kind: str, start: int, length: int, instead: bytes
) -> None:
    content = catalog.find(kind, SAMPLES[kind]).read_bytes()
    start %= len(content)
    use(folder, kind, content[:start] + instead + content[start + length :])


# (c) overrides

PARTS = {
    "chip": ("chips", "h100-sxm"),
    "link.nvlink4": ("links", "nvlink4"),
    "system": ("systems", "dgx-h100"),
    "software": ("software", "megatron-core"),
    "price": ("prices", "p5"),
}


def dotted_paths() -> list[str]:
    """Return what `--set` can change on a DGX H100, and some paths that it cannot."""
    found = list(ROOTS)
    for root, (kind, name) in PARTS.items():
        spec = catalog.load(kind, name)
        found += [f"{root}.{field}" for field in type(spec).model_fields]
    found += [f"model.{field}" for field in ("layers", "heads", "moe", "moe.ffn")]
    found += [f"plan.{field}" for field in ("tp", "pp", "dp", "vp", "sp", "sharding")]
    return [*found, "run.chips", "run.plan", "run.set.x", "link.x.y"]


PATHS = st.sampled_from(dotted_paths())
SIZED = {
    f"{root}.{path}": figure.text
    for root, (kind, name) in PARTS.items()
    for path, figure in figures(catalog.load(kind, name)).items()
}


@fuzz
@given(
    st.integers(0, 9).flatmap(lambda n: PATHS if n else WORDS),
    st.sampled_from(["", ".", ".0", ".x", "x", ".value"]) | st.just(""),
    st.one_of(ANYTHING.map(toml_of), QUANTITIES, WORDS),
)
@example("link.nvlink4", "", "1")
@example("run.chips", "", "9" * 5000)
def test_an_override_is_used_or_refused(path: str, more: str, value: str) -> None:
    run(*ASK, "--set", f"{path}{more}={value}")


@fuzz
@given(st.sampled_from(sorted(SIZED)), st.sampled_from(SCALES) | st.floats(0, 1e30))
@example("link.nvlink4.bandwidth", 1e300)
@example("system.tiers.node.efficiency", 0)
def test_a_size_is_used_or_refused(path: str, scale: float) -> None:
    run(*ASK, "--set", f"{path}={resized(SIZED[path], scale)}")


# (d) runs

SIZES = st.sampled_from([0, -1, 1, 2, 3, 4, 8, 24, 64, 512, 2**31 - 1, 2**31, 10**40])
NAMES = {
    "model": ["llama3-8b", "mixtral-8x7b", "llama3-405b", "lama", ""],
    "system": ["dgx-h100", "trn2-48xlarge", "tpu-v5e-pod", "dgx-h10", "../x.toml"],
    "precision": ["bf16", "fp8", "best", "nvfp4", "BF16"],
    "software": ["megatron-core", "neuron", "maxtext", "nosuch"],
    "offer": ["on-demand", "own", "spot", "free"],
}
PLAN_SIZES = st.sampled_from(["tp", "cp", "pp", "vp", "ep", "dp", "micro_batch"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.sampled_from(known) for name, known in NAMES.items()},
        "chips": SIZES,
        "global_batch": SIZES,
        "global_batch_tokens": SIZES | st.just(2**20),
        "seq_len": SIZES | st.just(2**20),
        "plan": st.dictionaries(PLAN_SIZES, SIZES, max_size=3),
        "sett": PLAIN,
    },
)


@fuzz
@given(FIELDS, st.sampled_from(["", *NAMES, "chips", "seq_len", "plan"]), ANYTHING)
def test_a_run_is_answered_or_refused(
    folder: Path, fields: dict[str, Any], odd: str, value: Any
) -> None:
    sound = {"model": "llama3-8b", "system": "dgx-h100", "chips": 16, "seq_len": 4096}
    raw = sound | fields | ({odd: value} if odd and value is not None else {})
    path = folder / "runs" / f"x{next(NUMBERS)}.toml"
    path.write_bytes(document(raw).encode(errors="surrogatepass"))
    try:
        run("estimate", str(path))
    finally:
        path.unlink()


# (e) tables of measurements

with TABLE.open(encoding="utf-8", newline="") as _file:
    HEADER, *ROWS = list(csv.reader(_file))
CELLS = st.one_of(
    WORDS,
    NUMBER_TEXTS,
    SIZES.map(str),
    st.sampled_from(["", "nan", "inf", "7.0", "full", "TP8", 'a\n"b"', "MoE", "B200"]),
)


@fewer
@given(
    st.lists(
        st.tuples(
            st.sampled_from(ROWS),
            st.lists(st.tuples(st.sampled_from(HEADER), CELLS), max_size=3),
        ),
        max_size=6,
    ),
    st.sampled_from(["", *HEADER]),
    st.sampled_from(["", "\ufeff", "x,y\n", '"']),
)
def test_a_table_is_scored_or_refused(
    folder: Path,
    rows: list[tuple[list[str], list[tuple[str, str]]]],
    lost: str,
    before: str,
) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, [c for c in HEADER if c != lost], "", "ignore")
    writer.writeheader()
    for cells, changes in rows:
        writer.writerow(dict(zip(HEADER, cells, strict=True)) | dict(changes))
    path, out = folder / f"x{next(NUMBERS)}.csv", folder / "out.csv"
    path.write_text(before + table.getvalue(), "utf-8", "surrogatepass", "")
    out.unlink(missing_ok=True)
    done = run("validate", "training", str(path), "--out", str(out))
    assert out.exists() == (done.exit_code != 2)  # 1: no row counts, each says why
    path.unlink()
