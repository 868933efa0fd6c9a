"""Random small spaces, and their best plan from single estimates of all others."""

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.explore.estimate import answer
from accelsim.explore.result import Estimate
from accelsim.question import Question, resolve, run_from
from accelsim.specs.run import PlanSpec
from accelsim.training.space import space_of

MODELS = ("gpt3-1.3b", "gpt3-6.7b", "llama3-8b", "llama2-13b", "mixtral-8x7b")
SYSTEMS = ("dgx-h100", "dgx-a100", "trn2-48xlarge")
LARGEST = 400  # plans of a space, legal or not
# What a random space states or leaves open; None is open.
CHOICES: dict[str, tuple[Any, ...]] = {
    "tp": (None, 1, 2, 4, 8),
    "cp": (1, 1, 2, None),
    "pp": (None, None, 1, 2),
    "vp": (None, 1),
    "micro_batch": (None, 1, 2),
    "sp": (None, True, False),
    "sharding": (None, "none", "zero1"),
    "recompute": (None, None, "none", "full"),
    "offload_activations": (None, 0.0, 0.5),
    "offload_optimizer": (None, False, True),
}


def random_run(seed: int) -> dict[str, Any]:
    """Return a run whose whole space is small, another for each seed."""
    draw = Random(seed)
    while True:
        run: dict[str, Any] = {
            "model": draw.choice(MODELS),
            "system": draw.choice(SYSTEMS),
            "chips": draw.choice((2, 4, 8, 16)),
            "global_batch": draw.choice((8, 16, 24)),
        }
        plan = {name: draw.choice(values) for name, values in CHOICES.items()}
        run["plan"] = {name: value for name, value in plan.items() if value is not None}
        try:
            q = resolve(run_from(run))
        except AccelsimError:
            continue
        if 1 < len(space_of(q, whole=True)) <= LARGEST:
            return run


def best_of_singles(run: dict[str, Any]) -> tuple[float, int]:
    """Return the least step time of a run's plans and how many of them have one."""
    q, times = resolve(run_from(run)), []
    for plan in _plans(q):
        asked = replace(q, run=q.run.model_copy(update={"plan": PlanSpec(**plan)}))
        # not `estimate`, which looks for the nearest plan that would fit
        one = answer([asked], must_fit=False)[0]
        if isinstance(one, Estimate) and one.fits:
            times.append(one.step_time)
    return min(times, default=float("inf")), len(times)


def _plans(q: Question) -> list[dict[str, Any]]:
    """Return all plans that a search should try, from loops over all numbers."""
    given = {k: v for k, v in q.plan.model_dump().items() if v is not None}
    stack, layers = q.software, q.model.layers
    experts = q.model.moe.experts if q.model.moe else 1
    numbers = range(1, q.workers + 1)

    def axis(name: str, values: Any) -> list[Any]:
        return [given[name]] if name in given else list(values)

    host = (0.0, 1.0) if q.system.node.host_bandwidth is not None else (0.0,)
    sizes = product(
        axis("tp", numbers), axis("cp", numbers), axis("pp", numbers),
        [e for e in numbers if experts % e == 0] if experts > 1 else [1],
        axis("micro_batch", range(1, q.global_batch + 1)), axis("vp", range(1, layers)),
    )  # fmt: skip
    found = []
    for tp, cp, pp, ep, size, vp in sizes:
        dp, rest = divmod(q.workers, tp * cp * pp)
        if rest or q.global_batch % (dp * size) or (dp * cp) % ep or pp > layers:
            continue
        count = q.global_batch // (dp * size)
        if vp > 1 and (pp == 1 or layers % (pp * vp) or count % pp):
            continue
        if vp > 1 and not stack.interleaved:
            continue
        here = -(-layers // (pp * vp)) * vp
        again: list[dict[str, Any]] = [{"recompute": r} for r in stack.recompute]
        again += [
            {"recompute": "full", "recompute_layers": n} for n in range(1, here)
        ] * ("full" in stack.recompute)
        if "recompute" in given:
            again = [{"recompute": given["recompute"]}]
        for sp, way, sharding, kind, moved, kept in product(
            axis("sp", (False, True)) if tp > 1 else [False],
            axis("cp_comm_type", stack.context.types) if cp > 1 else [None],
            axis("sharding", stack.sharding), again,
            axis("offload_activations", host), axis("offload_optimizer", host),
        ):  # fmt: skip
            alone = dp * cp == 1 and sharding != "none" and "none" in stack.sharding
            if alone and "sharding" not in given:
                continue
            if sharding in ("zero2", "zero3") and pp > 1 and "pp" not in given:
                continue
            sizes_now = {"tp": tp, "cp": cp, "pp": pp, "ep": ep, "dp": dp, "vp": vp}
            options = {"sp": sp, "sharding": sharding, "micro_batch": size}
            options |= {"cp_comm_type": way} if way else {}
            host_now = {"offload_activations": moved, "offload_optimizer": bool(kept)}
            found.append(sizes_now | options | kind | host_now)
    return found
