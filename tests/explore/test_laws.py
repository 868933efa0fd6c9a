"""What holds for every answer: laws of physics, sums, and one path for one and many.

The systems are those of the catalog; what is fixed is the plan, so that no search
hides a slower answer behind another plan.
"""

import json
import re
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.catalog import parse_overrides
from accelsim.errors import InputError, NoAnswerError
from accelsim.explore.estimate import answer, estimate, estimate_many
from accelsim.explore.result import Estimate
from accelsim.kernels import tables
from accelsim.link.port import port
from accelsim.question import Question, resolve
from accelsim.specs.figure import figures
from accelsim.specs.run import PlanSpec, RunSpec
from accelsim.training.lower import RECOMPUTES, SHARDINGS
from accelsim.training.plans import candidates
from tests.examples import MOE_SPEC, question

# A job of each sort: pipeline with interleaving, sharded weights, cores of a torus,
# experts, and a rack that is not filled.
JOBS: dict[str, dict[str, Any]] = {
    "dgx-h100": {
        "model": "llama3-70b",
        "chips": 64,
        "plan": {"tp": 8, "pp": 4, "vp": 5, "dp": 2, "sharding": "zero1"},
    },
    "dgx-a100": {
        "model": "llama3-8b",
        "chips": 64,
        "software": "fsdp-pytorch",
        "plan": {"tp": 1, "pp": 1, "dp": 64, "sharding": "zero3", "recompute": "full"},
    },
    "trn2-ultraserver": {
        "model": "llama3-70b",
        "chips": 64,
        "plan": {"tp": 32, "pp": 4, "dp": 2, "sharding": "zero1"},
    },
    "gb200-nvl72": {
        "model": "mixtral-8x7b",
        "chips": 128,
        "plan": {"tp": 2, "pp": 1, "ep": 8, "dp": 64, "sharding": "zero1"},
    },
    "tpu-v5p-pod": {
        "model": "llama3-8b",
        "chips": 64,
        "plan": {"tp": 4, "pp": 1, "dp": 16, "cp": 1},
    },
}
SYSTEMS = st.sampled_from(sorted(JOBS))
FACTOR = st.floats(1.0, 8.0)
UNITS = {"bandwidth": "B/s", "link_bandwidth": "B/s per direction", "frequency": "Hz"}
UNITS |= {"bytes": "B", "time": "s"}


def ask(system: str, changes: dict[str, Any] | None = None, **more: Any) -> Question:
    """Return the question of a system's job, with a plan that leaves nothing open."""
    job = JOBS[system] | more
    fixed = {"cp": 1, "vp": 1, "ep": 1, "micro_batch": 1, "recompute": "none"}
    fixed |= {"sharding": "none", "sp": True} | job["plan"]
    run = {"system": system, "global_batch": 128, "seq_len": 4096} | job
    spec = RunSpec.model_validate(run | {"plan": fixed})
    return resolve(spec, parse_overrides(changes or {}))


def one(q: Question) -> Estimate:
    """Return the answer, whether it fits or not."""
    found = answer([q], must_fit=False)[0]
    assert isinstance(found, Estimate), found
    return found


def scaled(q: Question, path: str, factor: float) -> dict[str, str]:
    """Return the override that multiplies a figure."""
    root, _, inner = path.partition(".")
    if root == "link":
        name, _, inner = inner.partition(".")
        figure = figures(q.links[name])[inner]
    else:
        figure = figures(q.chip if root == "chip" else q.system)[inner]
    return {path: f"{float(figure) * factor!r} {UNITS[figure.dimension]}"}


@given(SYSTEMS, FACTOR, st.sampled_from(["chip.clock", "chip.hbm.bandwidth"]))
def test_a_faster_chip_is_never_slower(system: str, factor: float, path: str) -> None:
    q = ask(system)
    fast = ask(system, scaled(q, path, factor))
    assert one(fast).step_time <= one(q).step_time * (1 + 1e-9)


@given(SYSTEMS, FACTOR, st.data())
def test_a_faster_link_is_never_slower(
    system: str, factor: float, data: st.DataObject
) -> None:
    q = ask(system)
    name = data.draw(st.sampled_from(sorted(q.links)))
    fast = ask(system, scaled(q, f"link.{name}.bandwidth", factor))
    assert one(fast).step_time <= one(q).step_time * (1 + 1e-9)
    whole = port(q.links[name]).latency  # stated, or derived from the path
    late = ask(system, {f"link.{name}.latency": f"{whole * factor!r} s"})
    assert one(late).step_time >= one(q).step_time * (1 - 1e-9)


@pytest.mark.parametrize("system", sorted(JOBS))
def test_every_lever_is_connected(system: str) -> None:
    # a lever that moves nothing would pass every law
    q = ask(system)
    before = one(q)
    for path in ("chip.clock", "chip.hbm.bandwidth"):
        assert one(ask(system, scaled(q, path, 0.25))).step_time > before.step_time
    slow: dict[str, str] = {}
    for name in q.links:
        slow |= scaled(q, f"link.{name}.bandwidth", 0.1)
    assert one(ask(system, slow)).step_time > before.step_time


@given(SYSTEMS, FACTOR)
def test_more_memory_is_never_less_feasible(system: str, factor: float) -> None:
    q = ask(system)
    small = ask(system, scaled(q, "chip.hbm.capacity", 1 / factor))
    assert one(q).fits >= one(small).fits
    assert one(q).step_time == one(small).step_time


@pytest.mark.parametrize("system", sorted(JOBS))
def test_a_search_in_more_memory_is_never_slower(system: str) -> None:
    times = []
    for factor in (0.5, 1.0, 2.0):
        q = ask(system)
        free = {k: v for k, v in JOBS[system].items() if k != "plan"}
        run = RunSpec.model_validate({"system": system, "global_batch": 128} | free)
        changes = parse_overrides(scaled(q, "chip.hbm.capacity", factor))
        found = answer([resolve(run, changes)])[0]
        times.append(found.step_time if isinstance(found, Estimate) else float("inf"))
    assert times == sorted(times, reverse=True)
    assert times[-1] < float("inf")


@given(SYSTEMS, st.sampled_from([1, 2, 4]))
def test_half_the_batch_halves_the_micro_batches(system: str, times: int) -> None:
    batch = 128 * times
    kind = {"sharding": "zero1"}
    plan = JOBS[system]["plan"] | kind
    whole = one(ask(system, global_batch=batch, plan=plan))
    half = one(ask(system, global_batch=batch // 2, plan=plan))
    assert whole.plan.micro_batches == 2 * half.plan.micro_batches
    assert whole.link_bytes["dp"] == half.link_bytes["dp"]
    assert whole.time.dp == half.time.dp
    assert whole.time.optimizer == half.time.optimizer
    assert whole.memory.weights == half.memory.weights
    assert whole.memory.gradients == half.memory.gradients
    assert whole.memory.optimizer == half.memory.optimizer
    for kind_of in ("tp", "pp", "ep"):
        moved = whole.link_bytes[kind_of]
        assert moved == pytest.approx(2 * half.link_bytes[kind_of])
    assert whole.time.matmul == pytest.approx(2 * half.time.matmul)


@given(SYSTEMS, st.sampled_from(RECOMPUTES))
def test_parts_make_totals(system: str, recompute: str) -> None:
    found = one(ask(system, plan=JOBS[system]["plan"] | {"recompute": recompute}))
    for parts in (found.time, found.memory, found.energy):
        assert parts.total == pytest.approx(sum(asdict(parts).values()))
        assert min(asdict(parts).values()) >= 0.0
    assert found.step_time == found.time.total
    assert found.time.compute + found.time.communication <= found.time.total
    plain = found.to_dict()
    assert plain["step_time_s"] == pytest.approx(sum(plain["time_s"].values()))
    assert plain["memory_bytes"] == pytest.approx(
        sum(plain["memory_parts_bytes"].values())
    )
    assert plain["energy_j"] == pytest.approx(sum(plain["energy_parts_j"].values()))
    assert plain["power_w"] * plain["step_time_s"] == pytest.approx(plain["energy_j"])
    assert plain["j_per_token"] * found.tokens == pytest.approx(plain["energy_j"])
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize("system", sorted(JOBS))
def test_no_chip_does_more_than_its_peak(system: str) -> None:
    found = one(ask(system))
    assert 0.0 < found.mfu_causal <= found.mfu < 1.0
    assert found.mfu_causal <= found.hfu * 1.001 < 1.0
    # all chips at full power and all nodes; links and the hall are less than as much
    q = found.question
    nodes = -(-found.chips // q.system.node.chips)
    full = found.chips * float(q.chip.power.tdp)
    full += nodes * float(q.system.node.overhead_power)
    assert 0.0 < found.power < 2 * full


def same_plan(q: Question, row: Any) -> Question:
    """Return the question with every size of one plan fixed."""
    sizes = ("tp", "cp", "pp", "vp", "ep", "dp", "micro_batch")
    kinds = {"sharding": SHARDINGS[int(row.sharding)], "sp": bool(row.sp)}
    kinds |= {"recompute": RECOMPUTES[int(row.recompute)]}
    plan = PlanSpec.model_validate(kinds | {name: int(row[name]) for name in sizes})
    run = q.run.model_copy(update={"plan": plan})
    return Question(**{f: getattr(q, f) for f in Question.__slots__} | {"run": run})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"chip": {"hbm": {"capacity": "6 GB"}}},
        {"model": {"moe": MOE_SPEC}, "software": {"overlap": {"dp": True, "ep": True}}},
    ],
    ids=["roomy", "tight", "experts"],
)
def test_search_finds_the_best_of_all_single_answers(changes: dict[str, Any]) -> None:
    q = question(8, global_batch=16, **changes)
    best = answer([q])[0]
    assert isinstance(best, Estimate)
    plans = candidates(q, 0)
    legal = plans[plans.reason == tables.OK]
    singles = [answer([same_plan(q, row)])[0] for row in legal]
    fitting = [e for e in singles if isinstance(e, Estimate)]
    assert 0 < len(fitting) <= len(singles) == len(legal)
    assert all(isinstance(e, Estimate | NoAnswerError) for e in singles)
    assert best.step_time == min(e.step_time for e in fitting)
    assert best.plan in [e.plan for e in fitting if e.step_time == best.step_time]


def test_one_answer_is_a_batch_of_one() -> None:
    questions = [ask(system) for system in sorted(JOBS)]
    questions += [question(8), question(16, global_batch=32)]
    together = answer(questions, must_fit=False)
    for q, found in zip(questions, together, strict=True):
        assert isinstance(found, Estimate)
        assert found.to_dict() == one(q).to_dict()


def test_many_runs_keep_their_order_and_their_failures() -> None:
    base = {"model": "llama3-8b", "system": "dgx-h100", "global_batch": 64}
    runs: list[RunSpec | dict[str, Any]] = [
        base | {"chips": 16},
        base | {"chips": 16, "plan": {"tp": 16, "pp": 16}},
        base | {"chips": 8},
        RunSpec.model_validate(base | {"chips": 1, "plan": {"tp": 1}}),
    ]
    found = estimate_many(runs)
    assert [type(f) for f in found] == [
        Estimate, InputError, Estimate, NoAnswerError
    ]  # fmt: skip
    assert isinstance(found[0], Estimate)
    assert found[0].chips == 16
    with pytest.raises(NoAnswerError):
        estimate(runs[3])


def test_mfu_of_palm() -> None:
    # PaLM, arXiv:2204.02311 appendix B: (6 N + 12 L H Q T) FLOPs a token over the peak.
    # Megatron's 175B (Korthikanti et al. 2022, appendix A, in our words): 96 layers of
    # 12 h^2 + 9 h (biases), the head V h; the embedding look-up multiplies nothing
    layers, hidden, vocab, seq = 96, 12288, 51200, 2048
    weights = layers * (12 * hidden**2 + 9 * hidden) + vocab * hidden
    scores = 12 * layers * hidden * seq
    found = estimate(
        {
            "model": "megatron-175b",
            "system": "dgx-a100",
            "chips": 64,
            "global_batch": 64,
            "precision": "fp16",
            "software": "megatron-2022",
            "plan": {"tp": 8, "pp": 8, "vp": 3, "micro_batch": 1, "dp": 1},
        }
    )
    work, peak = 64 * seq * found.step_time**-1, 64 * 312e12
    assert found.mfu == pytest.approx((6 * weights + scores) * work / peak)
    # half of the scores are behind the mask
    assert found.mfu_causal == pytest.approx((6 * weights + scores / 2) * work / peak)


@pytest.mark.parametrize(
    ("recompute", "repeated"), [("none", 0.0), ("selective", None), ("full", 1 / 3)]
)
def test_hfu_counts_recomputation(recompute: str, repeated: float | None) -> None:
    found = one(
        ask(
            "dgx-a100",
            model="megatron-22b",
            seq_len=2048,
            software="megatron-2022",
            plan={"tp": 8, "pp": 1, "dp": 8, "recompute": recompute},
        )
    )
    layers, hidden, seq = 48, 6144, 2048
    head = 6 * 51200 * hidden * found.tokens
    if repeated is None:
        # scores and values forward once more: 4 s h of each layer and token
        more = 4 * layers * hidden * seq * found.tokens
    else:
        more = repeated * (found.model_flops - head)
    # biases are parameters, so the model counts them; they multiply nothing
    assert found.hardware_flops == pytest.approx(found.model_flops + more, rel=2e-4)
    assert found.hfu / found.mfu == pytest.approx(
        found.hardware_flops / found.model_flops
    )


def no_answer(run: dict[str, Any]) -> str:
    with pytest.raises(NoAnswerError) as caught:
        estimate(run)
    message = str(caught.value)
    assert "\n" not in message
    return message


BIG = {"model": "llama3-70b", "system": "dgx-h100", "global_batch": 64}


def plan_in(text: str) -> dict[str, Any]:
    """Return the plan that a message spells out; a size that is left out is 1."""
    sizes = {name: int(n) for name, n in re.findall(r"\b([a-z]{2})(\d+)\b", text)}
    plan: dict[str, Any] = {k: sizes.get(k, 1) for k in ("tp", "cp", "pp", "vp", "ep")}
    plan |= {"dp": sizes["dp"], "micro_batch": sizes["mb"]}
    words = text.replace("-", " ").split()
    plan["sharding"] = next((s for s in SHARDINGS[1:] if s in words), "none")
    plan["recompute"] = next((r for r in RECOMPUTES[1:] if r in words), "none")
    return plan


def test_what_is_short_and_the_nearest_plan() -> None:
    fixed = {"tp": 1, "pp": 1, "dp": 64, "sharding": "zero1"}
    message = no_answer(BIG | {"chips": 64, "plan": fixed})
    assert "no plan fits in memory: llama3-70b on 64 chips of dgx-h100" in message
    numbers = re.search(
        r"at least ([\d.]+) GiB .* of ([\d.]+) GiB, short by ([\d.]+) GiB", message
    )
    assert numbers is not None
    need, have, short = (float(n) for n in numbers.groups())
    assert have == pytest.approx(81559 / 1024, abs=0.1)
    assert short == pytest.approx(need - have, abs=0.11)  # each is rounded to 0.1
    # weights and gradients of 70.6 G parameters alone
    assert need * 2**30 > 6 * 70.6e9
    said = message.rsplit("nearest plan that would fit: ", 1)[1]
    assert estimate(BIG | {"chips": 64, "plan": plan_in(said)}).fits


def test_more_chips_where_no_plan_would_do() -> None:
    message = no_answer(BIG | {"chips": 8})
    assert "it would fit on 16 chips: " in message


def test_no_larger_job_either() -> None:
    message = no_answer(BIG | {"chips": 8, "set": {"chip.hbm.capacity": "2 GB"}})
    assert message.endswith("no larger job on this system fits either")
