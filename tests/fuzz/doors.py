"""Every way in: what accelsim reads, a sound example of each, and who reads it.

A door's words are a command; `{input}` is the broken file (or the broken text, where
the door has no ending), `{name}` what the catalog calls it, `{out}` a folder for what
is written.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accelsim import catalog

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "benchmarks" / "measured"
LINK = MEASURED / "link"
MODELS = ROOT / "tests" / "workload" / "hf"
POINTS = 120  # of a channel; it must have 100


@dataclass(frozen=True)
class Door:
    """One way in.

    Attributes
    ----------
    form : str
        Of `mutate.FORMS`: how its input is broken.
    ending : str
        Of the file; none if the input is a word of the command.
    share : float
        Of the inputs, against other doors: less where an answer takes long.
    kind : str
        Folder of the catalog that the file is put into, if it is one of it.
    seeds : tuple of bytes
        Sound inputs; none if the input is a file of a sweep's folder.
    """

    name: str
    form: str
    seeds: tuple[bytes, ...]
    words: tuple[str, ...]
    ending: str = ""
    share: float = 1.0
    kind: str = ""


ASK = (
    *("estimate", "--model", "llama3-8b", "--system", "dgx-h100"),
    *("--chips", "16", "--tp", "2"),
)
CABLE = "twinax-28awg 1 m"
SAMPLES = {
    "chips": ("h100-sxm", "trainium2", "tpu-v5p", "b200"),
    "hbm": ("hbm3-6.4", "hbm4-8.0"),
    "com": ("8023by-kr4", "8023dj-kr"),
    "segments": ("twinax-28awg", "pcb-megtron8", "connector"),
    "devices": (
        "retimer-dsp-224g",
        "serdes-nvlink5",
        "optics-dsp-200g",
        "redriver-112g",
    ),
    "codes": ("kp4-2way", "pcie6-flit", "raw"),
    "links": ("nvlink4", "neuronlink-v4", "infiniband-ndr"),
    "switches": ("nvswitch-3", "quantum-2"),
    "systems": ("trn2-ultraserver", "dgx-h100", "tpu-v5p-pod"),
    "models": ("deepseek-v3", "llama3-8b"),
    "software": ("megatron-core", "neuron"),
    "prices": ("p5", "trn2"),
    "processes": ("n3p", "n5"),
    "packages": ("cowos-s",),
    "reliability": ("llama3-h100", "meta-rsc1"),
    "supply": ("trainium3",),
    "claims": ("n2-cost", "trn3-energy-70b"),
    "runs": ("megatron-175b-selene",),
    "sweeps": ("hbm-stacks",),
}
# Who reads a file of the catalog beside `show`, and how many of its inputs go there.
READERS: dict[str, tuple[tuple[str, float], ...]] = {
    "chips": (
        ("ASK --set system.chip={name}", 1.0),
        ("gemm 512 4096 4096 --chips {name}", 1.0),
        ("attention 1 8 512 128 --chips {name} --passes both", 1.0),
        ("silicon {name}", 0.5),
    ),
    "hbm": (("hbm {name} --requests 1000", 1.0),),
    "com": (("link {cable} --sheet {name} --json", 0.3),),
    "segments": (("link {cut} --budget", 0.5),),
    "devices": (("link {through}", 0.5),),
    "codes": (("link {cable} --budget --code {name}", 0.5),),
    "links": (
        ("ASK --set system.tiers.node.link={name}", 1.0),
        ("link {name}", 0.5),
    ),
    "switches": (("fabric dgx-h100 --chips 16 --set tiers.node.switch={name}", 0.5),),
    "systems": (
        ("ASK --system {name}", 1.0),
        ("collective all_reduce --ranks 16 --bytes 1MiB --systems {name}", 0.5),
        ("fabric {name} --chips 16", 0.3),
    ),
    "models": (("ASK --model {name} --chips 256", 1.0),),
    "software": (("ASK --software {name}", 1.0),),
    "prices": (("ASK --set system.price={name}", 0.5),),
    "processes": (("silicon h100-sxm --to {name}", 0.5),),
    "reliability": (
        (
            "goodput --chips 1024 --reliability {name} --write 10s --system dgx-h100",
            0.5,
        ),
    ),
    "supply": (("supply {name} --until 2027-01 --samples 20", 0.5),),
    "claims": (("claim {name} --samples 16", 0.02),),
    "runs": (("estimate {name} --chips 64 --tp 8 --pp 8", 0.5),),
}
PLACES = {
    "ASK": ASK,
    "{cable}": (CABLE,),
    "{cut}": (f"{CABLE}, {{name}} 0.1 m",),
    "{through}": (f"{CABLE}, {{name}}, {CABLE}",),
}


def _words(text: str) -> tuple[str, ...]:
    """Return a command's words, the long ones put in."""
    return tuple(word for part in text.split() for word in PLACES.get(part, (part,)))


def _few_settings(sheet: bytes) -> bytes:
    """Return a sheet with one setting of each equalizer, in its first case."""
    text = re.sub(rb"taps = \[\n.*?\n\]", b"taps = []", sheet, flags=re.S)
    text = re.sub(rb'first = "-\d+ dB"', b'first = "0 dB"', text)
    tables = re.split(rb"^(?=\[)", text, flags=re.M)
    cases = [part for part in tables if part.startswith(b"[[cases]]")]
    return b"".join(part for part in tables if part not in cases[1:])


def of_the_catalog() -> list[Door]:
    """Return the doors of TOML files: shown, and asked for."""
    found = []
    for kind, names in SAMPLES.items():
        seeds = tuple(catalog.find(kind, name).read_bytes() for name in names)
        if kind == "com":  # the whole search of a sheet takes minutes
            seeds = tuple(_few_settings(seed) for seed in seeds)
        for text, share in (("show KIND:{name}", 1.5), *READERS.get(kind, ())):
            words = tuple(w.replace("KIND", kind) for w in _words(text))
            name = f"{kind} by {words[0]}"
            found.append(Door(name, "toml", seeds, words, ".toml", share, kind))
    small = b"""[run]
model = "llama3-8b"
system = "dgx-h100"
chips = 16
plan = { tp = 2, pp = 1, micro_batch = 1 }
[[axes]]
path = "chip.hbm.bandwidth"
range = { start = "3 TB/s", stop = "4 TB/s", count = 3 }
[[axes]]
path = "seq_len"
values = [4096, 8192]
[columns]
days = "15.6e12 / tokens_per_s / 86400"
[sample]
method = "sobol"
points = 2
seed = 1
"""
    drawn = small.replace(b"range =", b"sample =").replace(
        b'start = "3 TB/s", stop = "4 TB/s", count = 3',
        b'low = "3 TB/s", high = "4 TB/s"',
    )
    plain = small.partition(b"[sample]")[0]
    words = _words("sweep run {name} --out {out}/s --workers 1")
    return [*found, Door("sweeps by run", "toml", (plain, drawn), words, ".toml", 0.1,
                         "sweeps")]  # fmt: skip


def rows_of(path: Path, count: int, every: int) -> bytes:
    """Return a table's header with some of its rows."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows[::every][:count]])
    return text.getvalue().encode()


def parquet(table: bytes) -> bytes:
    """Return a CSV table as Parquet."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pc.read_csv(io.BytesIO(table)), file)
    return file.getvalue()


TABLES: tuple[tuple[str, Path, int, int, float], ...] = (
    ("training", MEASURED / "training.csv", 2, 97, 0.4),
    ("memory", MEASURED / "memory_small.csv", 3, 17, 0.3),
    ("gemm", MEASURED / "gemm_small.csv", 3, 43, 0.4),
    ("gemm-training", MEASURED / "gemm_training_b200.csv", 6, 17, 0.5),
    ("attention", MEASURED / "attention_flash.csv", 4, 11, 0.4),
    ("attention", MEASURED / "attention_prefill.csv", 4, 61, 0.5),
    ("nki", MEASURED / "nki_small.csv", 3, 7, 0.2),
    ("systolic", MEASURED / "scalesim_small.csv", 6, 13, 1.0),
    ("collectives", MEASURED / "collectives_small.csv", 6, 11, 0.7),
    ("moe", MEASURED / "moe_small.csv", 6, 5, 1.0),
    ("astrasim", MEASURED / "astrasim_small.csv", 6, 5, 1.0),
    ("fec", LINK / "fec_kp4_burst.csv", 4, 5, 0.5),
    ("fec", LINK / "fec_kp4_random.csv", 4, 2, 1.0),
)


def of_tables() -> list[Door]:
    """Return the doors of tables of measurements, as CSV and as Parquet."""
    found = []
    for kind, path, count, every, share in TABLES:
        seed = rows_of(path, count, every)
        words = _words(f"validate {kind} {{input}} --out {{out}}/rows.csv --json")
        if kind == "gemm-training":
            words = (*words, "--chip", "b200")
        name = f"{kind} from {path.stem}"
        found.append(Door(name, "cells", (seed,), words, ".csv", 2 * share))
        found.append(
            Door(
                f"{name}, Parquet", "parquet", (parquet(seed),), words, ".parquet", 0.3
            )
        )
    shapes = b"M,N,K,batch,dtype\n4096,8192,8192,1,bf16\n1,128,64,8,fp8\n"
    words = _words("gemm --table {input} --chips h100-sxm,trainium2 --out {out}/o.csv")
    found.append(Door("shapes", "cells", (shapes,), words, ".csv", 1.0))
    seed = rows_of(MEASURED / "gemm_small.csv", 300, 1)
    words = _words("calibrate gemm {input} --chip b200 --starts 1 --out {out}/n.toml")
    keep = [w for p in KEPT for w in ("--keep", p)]
    found.append(
        Door("measured products", "cells", (seed,), (*words, *keep), ".csv", 0.05)
    )
    return found


KEPT = (
    "gemm.flop_energy",
    "gemm.settle",
    "gemm.fill",
    "gemm.operand_bytes",
    "gemm.memory_ramp",
    "gemm.cache_share",
)


def legs() -> np.ndarray:
    """Return four single-ended ports, 1-3 and 2-4 through, passive."""
    s = np.zeros((POINTS, 4, 4), np.complex128)
    through = np.exp(-(0.02 + 0.3j) * np.arange(POINTS))
    for a, b in ((0, 1), (2, 3)):
        s[:, a, b] = s[:, b, a] = 0.9 * through
    s[:, range(4), range(4)] = 0.04
    return s


def touchstone(header: str = "# GHz S RI R 50") -> bytes:
    """Return these ports as a file."""
    lines = ["! made for a test", header]
    for n, matrix in enumerate(legs()):
        pairs = " ".join(f"{z.real:.6g} {z.imag:.6g}" for z in matrix.reshape(-1))
        lines.append(f"{n:.6g} {pairs}")
    return ("\n".join(lines) + "\n").encode()


def npz(**arrays: object) -> bytes:
    """Return arrays as a file."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def of_wires() -> list[Door]:
    """Return the doors of channels."""
    version2 = "[Version] 2.0\n# GHz S RI R 50\n[Number of Ports] 4\n"
    version2 += f"[Number of Frequencies] {POINTS}\n[Network Data]"
    files = (touchstone(), touchstone(version2))
    with np.load(LINK / "channels" / "synth_fext1_sdd.npz") as held:
        every = len(held["f"]) // POINTS
        arrays = {name: held[name][::every] for name in held.files}
    sheet = "--sheet 8023by-kr4 --case short --set ctle.gains.first=0dB"
    words = _words(f"link {{input}} {sheet} --set transmitter.taps=[]")
    return [
        Door("Touchstone", "lines", files, words, ".s4p", 2.0),
        Door("Touchstone as the aggressor", "lines", files[:1],
             (*words, "--fext", "{input}"), ".s4p", 0.5),
        Door("channel arrays", "arrays", (npz(**arrays),), words, ".npz", 2.0),
    ]  # fmt: skip


def of_files() -> list[Door]:
    """Return the doors of traces, logs, models of Hugging Face and their like."""
    requests = [(n * 64 * 37 % 2**24, n % 3 == 0, n) for n in range(40)]
    table = b"address,write,tick\n" + b"".join(
        f"{a},{int(w)},{t}\n".encode() for a, w, t in requests
    )
    loads = b"".join(f"{'ST' if w else 'LD'} {a}\n".encode() for a, w, _ in requests)
    vectors = b"".join(
        f"{'W' if w else 'R'} 0,0,{n % 4},{n % 4},{n},{n % 32}\n".encode()
        for n, (_, w, _) in enumerate(requests)
    )
    trace = _words("hbm hbm3-6.4 --trace {input}")
    configs = tuple(p.read_bytes() for p in sorted(MODELS.glob("*/config.json")))
    log = (MEASURED / "nccl_tests_p4de.txt").read_bytes()
    return [
        Door("trace, CSV", "cells", (table,), trace, ".csv", 8.0),
        Door("trace, Parquet", "parquet", (parquet(table),), trace, ".parquet", 0.5),
        Door("trace, text", "lines", (loads, vectors), trace, ".trace", 8.0),
        Door("config.json", "json", configs, _words("show {input}"), ".json", 14.0),
        Door("config.json, asked", "json", configs,
             _words("ASK --model {input} --seq-len 2048"), ".json"),
        Door("log of nccl-tests", "lines", (log,),
             _words("calibrate collectives {input} --system p4d --out {out}/n.toml"),
             ".txt", 0.05),
    ]  # fmt: skip


TEXTS: tuple[tuple[str, Sequence[str], str, float], ...] = (
    ("--set", ('chip.hbm.bandwidth="8 TB/s"', "link.nvlink4.lanes=4", "plan.tp=4"),
     "ASK --set {input}", 12.0),
    ("--set of show", ("hbm.capacity=80GB", "matrix.peak.fp8=1 PFLOP/s", "clock=2 GHz"),
     "show h100-sxm --set {input}", 10.0),
    ("name", ("h100-sxm", "chips:b200", "llama3-8b", "./x.toml"), "show {input}", 3.0),
    ("kind", ("chips", "models"), "list {input}", 4.0),
    ("wire", ("pcb-megtron8 50 mm, connector, twinax-28awg 1 m", "nvlink5",
              "pcb-megtron8 8 in, retimer-dsp-224g, twinax-26awg 2 m"),
     "link {input} --budget", 4.0),
    ("--distance", ("30 m", "1.5 in"), "link --distance {input}", 0.2),
    ("--rate", ("212.5 Gb/s", "53.125 GBd"),
     "link {cable} --budget --rate {input}", 0.5),
    ("--temperature", ("45..85 C", "60 C"),
     "link {cable} --budget --population 50 --temperature {input}", 0.3),
    ("--job", ("tp=8:all_reduce:1MiB:ring,dp=2", "tp=4,ep=2,at=3", "tp=2,every=4"),
     "fabric dgx-h100 --chips 16 --job {input}", 10.0),
    ("--down", ("chip0-node0", "node0-fabric"),
     "fabric dgx-h100 --chips 16 --job tp=8 --down {input}", 0.5),
    ("--degrade", ("chip0-node0=0.5",),
     "fabric dgx-h100 --chips 16 --job tp=8 --degrade {input}", 0.5),
    ("--vary", ("length=0.5m..3m", "retimers=0..2", "path=nvlink5"),
     "chain nvlink4 --model llama3-8b --system dgx-h100 --chips 8 --points 3 "
     "--vary {input}", 0.2),
    ("search --chips", ("8..16", "8,16", "16"),
     "search llama3-8b --system dgx-h100 --tp 8 --top 1 --chips {input}", 0.5),
    ("--bytes", ("1MiB", "8 GB"),
     "collective all_reduce --systems dgx-h100 --bytes {input}", 1.0),
    ("collective", ("all_reduce", "all_to_all"),
     "collective {input} --bytes 1MiB --systems dgx-h100", 1.0),
    ("--algorithm", ("ring,tree", "auto"),
     "collective all_reduce --bytes 1MiB --systems dgx-h100 --algorithm {input}", 1.0),
    ("size", ("4096", "8192"), "gemm {input} 4096 4096 --chips h100-sxm", 4.0),
    ("--chips of gemm", ("h100-sxm,b200", "trainium2"),
     "gemm 64 64 64 --chips {input}", 3.0),
    ("--load", ("0.5", "1e-3"), "hbm hbm3-6.4 --requests 1000 --load {input}", 0.5),
    ("--write", ("10s", "2 min"), "goodput --chips 1024 --write {input}", 10.0),
    ("--bandwidth", ("2 TB/s", "100 GB/s"),
     "goodput --chips 1024 --model llama3-8b --bandwidth {input}", 1.0),
    ("--date", ("2025-06-01", "2026-01-31"), "silicon b200 --date {input}", 0.5),
    ("--until", ("2027-12",), "supply trainium3 --samples 10 --until {input}", 0.5),
    ("--sql", ("select plan, count(*) from sweep group by plan",
               "select * from sweep where tokens_per_s > 1"),
     "sweep show {sweep} --sql {input}", 0.3),
    ("--sort", ("tokens_per_s", "plan"), "sweep show {sweep} --sort {input}", 0.5),
    ("--seq-len", ("8192", "4096"), "ASK --seq-len {input}", 0.5),
    ("--global-batch-tokens", ("1048576",), "ASK --global-batch-tokens {input}", 1.0),
    ("--price-date", ("2026-09-01",), "ASK --price-date {input}", 0.5),
)  # fmt: skip


def of_texts() -> list[Door]:
    """Return the doors of the command line itself."""
    return [
        Door(
            name, "argument", tuple(s.encode() for s in seeds), _words(text), "", share
        )
        for name, seeds, text, share in TEXTS
    ]


def of_sweeps() -> list[Door]:
    """Return the doors of a sweep's folder; without seeds: its own file is broken."""
    found = []
    for asked in ("show {sweep}", "status {sweep} --checksum", "resume {sweep}"):
        words = _words(f"sweep {asked}")
        manifest, part = "sweep.json", "parts/00000000.parquet"
        found.append(Door(f"{manifest} by {asked}", "json", (), words, manifest, 0.3))
        found.append(Door(f"part by {asked}", "parquet", (), words, part, 0.2))
    return found


def of_summaries() -> list[Door]:
    """Return the doors of `validate com`: table, references, keywords."""
    configs = json.loads((LINK / "com430_configs.json").read_text("utf-8"))
    job = "dj200g_mlse2__synthB_cr__noxt"
    name = json.loads((LINK / "reference" / f"{job}.json").read_text("utf-8"))["config"]
    few = {**configs, "configs": {name: configs["configs"][name]}}
    with (LINK / "com430_summary.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    text = io.StringIO()
    csv.writer(text).writerows([header, next(row for row in rows if row[0] == job)])
    base = "validate com TABLE --reference REF --channels DIR --configs CFG"
    sound = {
        "TABLE": str(LINK / "com430_summary.csv"),
        "DIR": str(LINK / "channels"),
        "REF": str(LINK / "reference"),
        "CFG": str(LINK / "com430_configs.json"),
    }

    def words(broken: str) -> tuple[str, ...]:
        return tuple(
            "{input}" if word == broken else sound.get(word, word)
            for word in base.split()
        )

    return [
        Door(
            "margins",
            "cells",
            (text.getvalue().encode(),),
            words("TABLE"),
            ".csv",
            0.02,
        ),
        Door(
            "keywords", "json", (json.dumps(few).encode(),), words("CFG"), ".json", 0.01
        ),
    ]


def doors() -> list[Door]:
    """Return all of them."""
    return [
        *of_the_catalog(),
        *of_tables(),
        *of_wires(),
        *of_files(),
        *of_texts(),
        *of_sweeps(),
        *of_summaries(),
    ]
