"""What is left of a job's time when its parts fail.

Failure rates by kind, scaled to the job's size; the share of time that makes progress,
exactly for failures that come alone at a steady rate; checkpoints on storage or in the
memory of neighbours; spare nodes; going on with fewer replicas. This file knows rates
and times; it knows no plan and no price.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from accelsim import catalog
from accelsim.errors import InputError
from accelsim.kernels import goodput as kernels
from accelsim.link.port import port
from accelsim.specs.link import LinkSpec
from accelsim.specs.model import ModelSpec
from accelsim.specs.reliability import FailureSpec, ReliabilitySpec
from accelsim.specs.system import SystemSpec

# bf16 weights, fp32 master weights and two moments of Adam [B a parameter].
CHECKPOINT_BYTES = 14.0
# An Ethernet or NVLink receiver starts its lock anew after three codewords in a row
# that it could not correct (IEEE 802.3, clauses 91 and 119).
BAD_CODEWORDS = 3
RARE = 1e-3  # of the failures that wait for a node
CODEWORD = 680.0  # bytes of RS(544,514)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What can fail: links are those of the outer network, by medium.

    rate : of one of these links [B/s].
    """

    chips: int
    node: int
    links: Mapping[str, float]
    rate: float


def cluster_of(
    system: SystemSpec, chips: int, links: Mapping[str, LinkSpec] | None = None
) -> Cluster:
    """Return the parts of a job's cluster: ports of the outermost tier are links.

    links : by name; the catalog's if left out.

    Raises
    ------
    InputError
        The system is not as large.
    """
    if chips > system.max_chips:
        raise InputError(
            f"goodput: chips: {chips} exceeds the {system.max_chips} chips of "
            f"{system.name}"
        )
    tier = list(system.tiers.values())[-1]
    link = links[tier.link] if links else catalog.load("links", tier.link)
    ports = {link.medium: chips * sum(tier.links_per_chip)}
    return Cluster(chips, system.node.chips, ports, port(link).bandwidth)


def plain_cluster(chips: int, node: int = 8) -> Cluster:
    """Return a cluster of one link of 400 Gb/s a chip."""
    return Cluster(chips, node, {"optics": float(chips)}, 50e9)


def margin_flaps(codewords_lost: float, bandwidth: float) -> float:
    """Return how often a link falls for want of margin [1/s].

    codewords_lost : share that the correction cannot repair. bandwidth : [B/s].

    Raises
    ------
    InputError
        The share is none.
    """
    if not 0.0 <= codewords_lost <= 1.0:
        raise InputError(f"goodput: codewords_lost: {codewords_lost} is no share")
    return bandwidth / CODEWORD * codewords_lost**BAD_CODEWORDS


def _count(failure: FailureSpec, cluster: Cluster, spec: ReliabilitySpec) -> float:
    if failure.per == "chip":
        return float(cluster.chips)
    if failure.per == "node":
        return float(-(-cluster.chips // cluster.node))
    if failure.per == "link":
        media = cluster.links.items()
        return sum(n for medium, n in media if failure.medium in ("", medium))
    grown = max(float(spec.job_grown), cluster.chips)
    ripe = (float(spec.job_chips) / grown) ** float(spec.job_exponent)
    return float(ripe * cluster.chips / grown if cluster.chips < grown else ripe)


def rates(
    spec: ReliabilitySpec, cluster: Cluster, margin: float = 0.0
) -> dict[str, float]:
    """Return the failures that stop a job, by kind [1/s].

    margin : of one link, that its want of margin adds to the field's; its own kind.
    """
    found = {
        name: float(failure.rate) * _count(failure, cluster, spec)
        for name, failure in spec.failures.items()
    }
    return found | {"link margin": margin * sum(cluster.links.values())}


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a job goes on after a failure; times [s].

    write : a checkpoint stops the work so long. interval : work between checkpoints;
    none for the best. spares : nodes that stand by; none for as many as leave one
    failure in a thousand waiting. replicas : that go on without one
    another, 0 for a job that stops as a whole. runs : of the Monte Carlo beside the
    formula, 0 for none.
    """

    write: float
    interval: float | None = None
    spares: int | None = None
    replicas: int = 0
    runs: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Goodput:
    """The share of the time that makes progress, and what it follows from.

    rates : of failures by kind [1/s]; they sum to 1 / mttf. restart : seconds from a
    failure until the work goes on; waiting : what a lack of nodes adds in the mean.
    first_order : the usual approximation, for comparison; it may be negative. elastic :
    share with replicas that go on, or None. simulated : the Monte Carlo's, or None.
    """

    rates: dict[str, float]
    mttf: float
    interval: float
    write: float
    restart: float
    waiting: float
    spares: int
    goodput: float
    first_order: float
    young: float
    elastic: float | None
    simulated: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain data; every key carries its unit."""
        units = {"mttf": "mttf_s", "interval": "interval_s", "write": "write_s"}
        units |= {
            "restart": "restart_s",
            "waiting": "waiting_s",
            "rates": "rates_per_s",
        }
        units |= {"young": "young_interval_s"}
        return {units.get(key, key): value for key, value in asdict(self).items()}


def _hardware(spec: ReliabilitySpec, found: Mapping[str, float]) -> float:
    return sum(found[name] for name, f in spec.failures.items() if f.hardware)


def _busy(mean: float, spares: int) -> float:
    """Return the probability that as many nodes as spares or more are in repair."""
    from scipy.special import pdtrc

    return float(pdtrc(spares - 1, mean)) if spares else 1.0


def spares_enough(spec: ReliabilitySpec, found: Mapping[str, float]) -> int:
    """Return the fewest spare nodes at which one failure in a thousand waits."""
    mean = _hardware(spec, found) * float(spec.repair)
    if mean <= 0.0:
        return 0
    low, high = 0, int(mean + 10.0 * math.sqrt(mean) + 20.0)
    while low < high:
        middle = (low + high) // 2
        enough = _busy(mean, middle) < RARE
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


def waiting(spec: ReliabilitySpec, found: Mapping[str, float], spares: int) -> float:
    """Return the mean wait for a node after a failure [s].

    Nodes in repair are Poisson with mean rate x repair; with all spares among them a
    job waits for the first of them: P(spares or more) x repair / (spares + 1).
    """
    hardware, total = _hardware(spec, found), sum(found.values())
    if hardware <= 0.0:
        return 0.0
    repair = float(spec.repair)
    return hardware / total * _busy(hardware * repair, spares) * repair / (spares + 1)


def goodput(
    spec: ReliabilitySpec, cluster: Cluster, recovery: Recovery, margin: float = 0.0
) -> Goodput:
    """Return the share of the time that a job makes progress.

    Raises
    ------
    InputError
        A negative time or count.
    """
    _check(recovery)
    found = rates(spec, cluster, margin)
    total = sum(found.values())
    mttf = 1.0 / total if total > 0.0 else math.inf
    told = recovery.spares
    spares = spares_enough(spec, found) if told is None else told
    late = waiting(spec, found, spares)
    restart = float(spec.detect) + float(spec.restart)
    running = 1.0 / (1.0 + late / mttf)  # a job that waits for nodes cannot fail
    best = kernels.best_interval(mttf, recovery.write)
    interval = best if recovery.interval is None else recovery.interval
    interval = min(interval, 1e12)
    share = kernels.renewal_goodput(mttf, interval, recovery.write, restart)
    lost = (restart + late + interval / 2.0) / mttf
    return Goodput(
        rates=found,
        mttf=mttf,
        interval=interval,
        write=recovery.write,
        restart=restart,
        waiting=late,
        spares=spares,
        goodput=share * running,
        first_order=(1.0 - lost) / (1.0 + recovery.write / interval),
        young=math.sqrt(2.0 * recovery.write * mttf),
        elastic=_elastic(spec, late, recovery, mttf),
        simulated=_simulated(mttf, interval, restart, recovery, running),
    )


def _check(recovery: Recovery) -> None:
    for name in ("write", "spares", "replicas", "runs"):
        if (getattr(recovery, name) or 0) < 0:
            raise InputError(f"goodput: {name}: {getattr(recovery, name)} is negative")
    if recovery.write <= 0.0:
        raise InputError("goodput: a checkpoint takes more than no time")
    if recovery.interval is not None and not recovery.interval > 0.0:
        raise InputError(f"goodput: interval: {recovery.interval} must be above zero")


def _elastic(
    spec: ReliabilitySpec, late: float, recovery: Recovery, mttf: float
) -> float | None:
    """Return the share where other replicas go on: e^(-d/M) (1 - lost / replicas).

    No work is lost, the others have the state; `detect` stops all; a replica is away
    for the restart, and for the repair where no spare is left.
    """
    if not recovery.replicas:
        return None
    away = float(spec.restart) + late
    lost = min(1.0, away / mttf / recovery.replicas)
    return math.exp(-float(spec.detect) / mttf) * (1.0 - lost)


def _simulated(
    mttf: float, interval: float, restart: float, recovery: Recovery, running: float
) -> float | None:
    if not recovery.runs or mttf == math.inf:
        return None
    # a run is e^((R + segment) / M) failures long
    if (restart + interval + recovery.write) / mttf > 20.0:
        raise InputError("goodput: runs: such a job would hardly ever end an interval")
    times = np.empty(recovery.runs)
    rng = np.random.default_rng(recovery.seed)
    kernels.fill_segments(rng, mttf, interval, recovery.write, restart, times)
    return float(interval / times.mean()) * running


def checkpoint_bytes(model: ModelSpec) -> float:
    """Return what a checkpoint of a model holds [B]."""
    from accelsim.workload.parameters import parameters

    return CHECKPOINT_BYTES * parameters(model).total
