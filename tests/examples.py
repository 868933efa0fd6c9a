"""Small tables in round numbers, and a small question, for the tests of many rooms.

Nothing here comes from the catalog: a test that takes its figures from this file can
be checked by hand, and no calibration changes it.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from accelsim.kernels import tables
from accelsim.kernels.attention_tables import FUSED
from accelsim.kernels.software_tables import SOFTWARE
from accelsim.kernels.streams import FUSED_LOSS
from accelsim.kernels.tables import Record, Rows
from accelsim.question import Question
from accelsim.specs.chip import ChipSpec
from accelsim.specs.link import LinkSpec
from accelsim.specs.model import ModelSpec
from accelsim.specs.price import PriceSpec
from accelsim.specs.run import RunSpec
from accelsim.specs.software import SoftwareSpec
from accelsim.specs.system import SystemSpec
from accelsim.training.evaluate import Evaluated, evaluate, layers_of
from accelsim.training.lower import Cases, table


def row(dtype: "np.dtype[np.void]", **values: Any) -> Rows:
    """Return a table of one row; what is not named is zero."""
    made = table(dtype, 1)
    for name, value in values.items():
        made[0][name] = value
    return made


def chip(**changes: Any) -> Record:
    """Return a GPU of 100 units of 10 TFLOP/s, 4 TB/s, 80 GB and no start-up."""
    rates = np.full(tables.N_PRECISIONS, 1e15)
    rates[tables.FP32] = 1e14
    rates[tables.FP8] = 2e15
    values: dict[str, Any] = {
        "family": tables.GPU,
        "units": 100.0,
        "rows": 128.0,
        "columns": 256.0,
        "matrix_rate": rates,
        "peak_rate": rates,
        "grouped": 1.0,
        "apart": 1.0,
        "promoted": 1.0,
        "vector_rate": 1e14,
        "memory_bandwidth": 4e12,
        "memory_capacity": 80e9,
        "sram_bandwidth": np.inf,
        "operand_bandwidth": np.inf,
        "block": 1.0,
        "tuned": 1.0,
        "tile_step": 16.0,
        "busy_clock": 1.0,
        "hot_clock": 1.0,
        "boost": 1.0,
        "shared_bandwidth": np.inf,
        "attention_forward": fused(),
        "attention_backward": fused(key_products=3.0, value_products=2.0, matrix=0.4),
    }
    return row(tables.CHIP, **values | changes)[0]


def gemm(m: float, n: float, k: float, batch: float = 1.0, **changes: Any) -> Record:
    """Return a bf16 product of a training step: cold weights, a settled clock."""
    values = {"m": m, "n": n, "k": k, "batch": batch, "precision": tables.BF16}
    values |= {"bytes_in": 2.0, "bytes_out": 2.0, "weight_sets": np.inf}
    return row(tables.GEMM, **values | {"repeats": np.inf, "hot": 1.0} | changes)[0]


def fused(**changes: float) -> Record:
    """Return a pass of a fused kernel at half of the peak, without any overhead.

    Blocks of 128 queries, the longest first; exponentials are free.
    """
    values = {"block": 128.0, "wide_head": np.inf, "operand_rows": np.inf, "width": 1.0}
    values |= {"key_products": 1.0, "value_products": 1.0, "kernels": 1.0}
    values |= {"matrix": 0.5, "matrix_narrow": 0.5}
    return row(FUSED, **values | changes)[0]


# What a chip has of a fused kernel if it has none.
NO_FUSED = {
    "attention_forward": fused(block=0.0),
    "attention_backward": fused(block=0.0),
}


def systolic(**changes: Any) -> Record:
    """Return 4 arrays of 128 x 128; one product of 128 rows takes 1 us on each."""
    rate = 4 * 2.0 * 128.0**3 / 1e-6
    rates = np.full(tables.N_PRECISIONS, rate)
    values: dict[str, Any] = {
        "family": tables.SYSTOLIC,
        "units": 4.0,
        "rows": 128.0,
        "columns": 128.0,
        "matrix_rate": rates,
    }
    return chip(**values | changes)


def tiers(*given: dict[str, Any]) -> Rows:
    """Return the tiers of one case, inside out."""
    rows = table(tables.TIER, tables.MAX_TIERS)
    for made, values in zip(rows, given, strict=False):
        for name, value in values.items():
            made[name] = value
    return rows


def switch(
    workers: float, bandwidth: float = 1e11, latency: float = 0.0, **more: Any
) -> dict[str, Any]:
    """Return a switched tier; 100 GB/s a worker unless stated."""
    values = {"workers": workers, "bandwidth": bandwidth, "latency": latency}
    return {"topology": tables.SWITCH} | values | more


def mesh(workers: float, joined: float, bandwidth: float = 1e11) -> dict[str, Any]:
    """Return a tier in which each of `joined` has a link to each other one."""
    values: dict[str, Any] = {"workers": workers, "bandwidth": bandwidth}
    return {"topology": tables.MESH, "extent": (joined, 0.0, 0.0)} | values


def torus(
    workers: float, extent: tuple[int, ...], ports: float = 2e11, **more: Any
) -> dict[str, Any]:
    """Return a torus; `ports` [B/s] are both ports of one ring together."""
    empty = (0,) * (tables.MAX_DIMS - len(extent))
    values: dict[str, Any] = {"workers": workers, "topology": tables.TORUS}
    values |= {"dims": len(extent)}
    values |= {"extent": extent + empty, "wrap": 1.0, "bandwidth": ports * len(extent)}
    values |= {"port_bandwidth": (ports,) * len(extent) + empty}
    return values | more


def model(**changes: Any) -> Record:
    """Return a GPT without biases: 8 layers of 1024, 16 heads, vocabulary 32000."""
    hidden, layers = changes.get("hidden", 1024.0), changes.get("layers", 8.0)
    values: dict[str, Any] = {
        "layers": layers,
        "hidden": hidden,
        "heads": 16.0,
        "kv_heads": 16.0,
        "head_dim": hidden / 16.0,
        "v_dim": hidden / 16.0,
        "ffn": 4.0 * hidden,
        "up_matrices": 1.0,
        "vocab": 32000.0,
        "blocks": 2.0,
        "causal": 1.0,
        "layer_parameters": 12.0 * hidden**2,
        "trained": 1.0,
        "embed_parameters": 32000.0 * hidden,
        "head_parameters": 32000.0 * hidden,
    }
    return row(tables.MODEL, **values | changes)[0]


def mixture(**changes: Any) -> Record:
    """Return the GPT with 8 experts of width 512, 2 of them for a token, everywhere."""
    hidden = 1024.0
    values: dict[str, Any] = {
        "moe_layers": changes.get("layers", 8.0),
        "every": 1.0,
        "experts": 8.0,
        "top_k": 2.0,
        "expert_ffn": 512.0,
        "moe_parameters": 4.0 * hidden**2 + 8.0 * hidden,
        "expert_parameters": 8.0 * 2.0 * hidden * 512.0,
    }
    return model(**values | changes)


def software(**changes: Any) -> Record:
    """Return a stack that fuses everything, overlaps nothing and costs nothing."""
    values: dict[str, Any] = {
        "fused_norms": 1.0,
        "fused_optimizer": 1.0,
        "fused_loss": 1.0,
        "loss": FUSED_LOSS,
        "fused_accumulation": 1.0,
        "copied_accumulation": 0.0,
        "scatter": 1.0,
        "activation_store": 1.0,
        "selective_core": 1.0,
        "selective_kept": 1.0,
        "cp_comm_types": 15,
        "cp_copies": 1.0,
        "repeats_last": 1.0,
        "overlap_scatter": 1.0,
        "grad_bytes": 4.0,
        "reduce_bytes": changes.get("grad_bytes", 4.0),
        "master_bytes": 12.0,
        "collective_calls": 4.0,
        "layer_calls": (0.0, 0.0),
        "piece_calls": 0.0,
        "pipelined": 1.0,
    }
    return row(SOFTWARE, **values | changes)[0]


def case(**changes: Any) -> Record:
    """Return a bf16 case: sequences of 2048 tokens, 64 of them in a step."""
    values: dict[str, Any] = {
        "precision": tables.BF16,
        "wide_precision": tables.BF16,
        "attention_precision": tables.BF16,
        "head_precision": tables.BF16,
        "weight_bytes": 2.0,
        "activation_bytes": 2.0,
        "seq_len": 2048.0,
        "global_batch": 64.0,
    }
    return row(tables.CASE, **values | changes)[0]


SIZES = ("tp", "cp", "pp", "vp", "ep", "dp", "micro_batch", "micro_batches")


def plan(**changes: Any) -> Record:
    """Return a plan whose sizes are 1 unless named, but that experts follow tp."""
    sizes = dict.fromkeys(SIZES, 1) | {"etp": changes.get("tp", 1)}
    return row(tables.PLAN, **sizes | changes)[0]


def shard(**changes: Any) -> Record:
    """Return a shard whose sizes are 1 unless named, but that experts follow tp."""
    sizes = {"tp": 1, "cp": 1, "ep": 1, "micro_batch": 1, "etp": changes.get("tp", 1)}
    return row(tables.SHARD, **sizes | changes)[0]


@dataclass(frozen=True, repr=False)
class World:
    """One case: what the kernels take beside the plan."""

    case: Record
    chip: Record
    model: Record
    software: Record
    tiers: Rows

    def __repr__(self) -> str:
        """Return a word: a failed example shall be readable."""
        return f"World of {self.model.layers:g} layers"

    @property
    def rows(self) -> Cases:
        """Return the tables of the case, one row each."""
        one = (self.case, self.chip, self.model, self.software)
        cases, chips, models, stacks = (
            np.array([r], r.dtype).view(np.recarray) for r in one
        )
        tiers_ = self.tiers.reshape(1, tables.MAX_TIERS)
        return Cases(cases, chips, models, stacks, tiers_)

    def layers(self, **sizes: Any) -> Rows:
        """Return the four LAYER rows of one shard."""
        shards = np.array([shard(**sizes)], tables.SHARD).view(np.recarray)
        return layers_of(self.rows, shards)[0]

    def run(self, **sizes: Any) -> Evaluated:
        """Return memory and time of one plan."""
        plans = np.array([plan(**sizes)], tables.PLAN).view(np.recarray)
        return evaluate(self.rows, plans, only_fitting=False)

    def step(self, **sizes: Any) -> Record:
        """Return the RESULT row of one plan."""
        return self.run(**sizes).results[0]

    def memory(self, **sizes: Any) -> Record:
        """Return the MEMORY row of one plan."""
        return self.run(**sizes).memory[0]


def world(**parts: Any) -> World:
    """Return a case in round numbers; parts that are given replace its own."""
    nodes = tiers(switch(8, 1e11, 1e-6), switch(4096, 1e10, 1e-5))
    made = {"case": case(), "chip": chip(), "model": model(), "software": software()}
    return World(**made | {"tiers": nodes} | parts)


CHIP_SPEC: dict[str, Any] = {
    "name": "example-chip",
    "vendor": "nobody",
    "family": "gpu",
    "status": "projected",
    "year": 2030,
    "clock": "1 GHz",
    "matrix": {
        "units": 100,
        "rows": 128,
        "columns": 256,
        "peak": {"bf16": "1000 TFLOP/s", "fp8": "2000 TFLOP/s"},
        "grouped": 0.75,
    },
    "gemm": {
        "tile_step": 16,
        "apart": True,
        "issue": {"bf16": 0.8},
        "flop_energy": "0.55 pJ/FLOP",
        "settle": "20 ms",
        "hot_clock": 0.9,
        "fill": "1 us",
        "cast_latency": "3 us",
        "split_latency": "3 us",
        "operand_bytes": 128.0,
        "memory_ramp": "1 us",
        "cache_share": 0.5,
    },
    "vector": {"peak": "100 TFLOP/s"},
    "sram": {"capacity": "100 MB", "bandwidth": "20 TB/s"},
    "hbm": {
        "generation": "HBM",
        "stacks": 4,
        "capacity": "80 GB",
        "bandwidth": "4 TB/s",
        "efficiency": 0.9,
    },
    "attention": {"fast": {"forward": 0.5, "backward": 0.4}},
    "power": {"tdp": "500 W", "idle": "100 W"},
    "kernel_latency": "2 us",
}
LINK_SPEC: dict[str, Any] = {
    "name": "example-link",
    "medium": "copper",
    "lanes": 4,
    "lane_rate": "100 Gb/s",
    "bandwidth": "50 GB/s per direction",
    "latency": "500 ns",
    "energy": "5 pJ/b",
}
SYSTEM_SPEC: dict[str, Any] = {
    "name": "example-system",
    "status": "projected",
    "chip": "example-chip",
    "node": {"chips": 8, "overhead_power": "4 kW"},
    "tiers": {
        "node": {
            "chips": 8,
            "topology": "switch",
            "link": "example-link",
            "links_per_chip": (9,),
            "efficiency": 0.8,
            "latency": "2 us",
        },
        "fabric": {
            "chips": 1024,
            "topology": "fat-tree",
            "link": "example-link",
            "links_per_chip": (1,),
            "efficiency": 0.9,
            "latency": "10 us",
        },
    },
    "rent_unit": 16,
    "software": "example-software",
    "price": "example-price",
    "pue": 1.25,
}
SOFTWARE_SPEC: dict[str, Any] = {
    "name": "example-software",
    "attention": "fast",
    "fused_norms": True,
    "fused_optimizer": True,
    "fused_loss": True,
    "launch": "0 s",
    "overlap": {},
    "selective": {"matmul": 0.0, "elementwise": 0.0, "kept": 1.0},
    "recompute": ("none", "full"),
    "sharding": ("none", "zero1", "zero3"),
    "grad_bytes": 4.0,
    "master_bytes": 12.0,
    "reserved_memory": "1 GB",
    "fragmentation": 0.1,
    "pipelined_collectives": True,
    "collective_start": "0 s",
    "communication_share": 0.1,
    "step_overhead": "10 ms",
    "defaults": {},
}
MODEL_SPEC: dict[str, Any] = {
    "name": "example-model",
    "layers": 8,
    "hidden": 1024,
    "heads": 16,
    "kv_heads": 4,
    "ffn": 4096,
    "vocab": 32000,
    "seq_len": 2048,
}
MOE_SPEC: dict[str, Any] = {"experts": 8, "top_k": 2, "ffn": 512}
OFFER: dict[str, Any] = {
    "offer": "on-demand",
    "usd": "80 USD/h",
    "chips": 8,
    "date": date(2030, 1, 1),
}


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the fields of `over`, tables merged."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        out[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return out


def question(chips: int = 16, **changes: Any) -> Question:
    """Return a question on the example system, no catalog asked.

    changes : fields of the run; `chip`, `link`, `system`, `software`, `model` and
    `offers` change the specs.
    """
    given = {name: changes.pop(name, {}) for name in ("chip", "link", "system")}
    stack, shape = changes.pop("software", {}), changes.pop("model", {})
    offers = changes.pop("offers", (OFFER,))
    names = {"model": "example-model", "system": "example-system", "chips": chips}
    run = RunSpec.model_validate(names | {"global_batch": 64} | changes)
    spec = ModelSpec.model_validate(merged(MODEL_SPEC, shape))
    link = LinkSpec.model_validate(merged(LINK_SPEC, given["link"]))
    assert run.global_batch is not None
    assert run.precision != "best"
    return Question(
        run=run,
        model=spec,
        system=SystemSpec.model_validate(merged(SYSTEM_SPEC, given["system"])),
        chip=ChipSpec.model_validate(merged(CHIP_SPEC, given["chip"])),
        links={"example-link": link},
        software=SoftwareSpec.model_validate(merged(SOFTWARE_SPEC, stack)),
        price=PriceSpec.model_validate({"name": "example-price", "offers": offers}),
        precision=run.precision,
        seq_len=run.seq_len or spec.seq_len,
        global_batch=run.global_batch,
    )
