"""What NCCL's tuner believes, and what its collectives were measured to cost.

This file knows figures and where they come from, and writes them into the `nccl` fields
of a TIER row; the formulas are in `kernels/nccl.py`. The tuner's figures are facts
(NVIDIA/nccl@5067397 src/graph/tuning.cc, topo.h). `Fitted` is a least-squares fit to
nccl-tests tables of one node (2 to 8 GPUs, 64 KiB to 16 GiB), the same for all GPUs but
for one `pace` of all latencies a generation.
"""

from dataclasses import dataclass

from accelsim.kernels.tables import Record

# hwLatencies NVLINK, Ring [s]: what the tuner takes a hop for, by protocol.
BELIEVED_STEP = (0.6e-6, 1.9e-6, 3.4e-6)


@dataclass(frozen=True, slots=True)
class Generation:
    """What the tuner takes for true of a generation of GPUs.

    Attributes
    ----------
    low_latency : float
        Most that LL carries round a ring [B/s] (llMaxBws, one node).
    low_latency_128 : float
        The same of LL128 (perChMaxRingLL128 x 16 channels).
    adds : float
        Share of the ports' rate that an adding switch reaches (nvlsEfficiency), 0 for
        switches that do not add.
    add_ranks : float
        Ranks below which NVLS is not used: rings at 4 and fewer on H200, 5 on B200
        (stas00/ml-engineering@744d01e network/README.md).
    pace : str
        Name of the generation's field of `Fitted`.
    """

    low_latency: float
    low_latency_128: float
    adds: float
    add_ranks: float
    pace: str


GENERATIONS = {
    "nccl-ampere": Generation(87.7e9, 1e12, 0.0, 0.0, "ampere"),
    "nccl-hopper": Generation(141e9, 1e12, 0.85, 5.0, "hopper"),
    "nccl-blackwell": Generation(282e9, 640e9, 0.74, 6.0, "blackwell"),
}


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was fitted. Latencies [s] hold for Hopper; other generations have a pace.

    Attributes
    ----------
    ll_start, ll128_start, simple_start : float
        From the call to the first byte, and back.
    ll_step, ll128_step, simple_step : float
        One hop of a ring.
    ll_rate, ll128_rate : float
        Rates beside those that the tuner believes; Simple has the tuner's.
    gather_slots, reduce_slots, pair_slots : float
        Parts that a rank copies within itself beside those that it sends, for a ring,
        a reducing ring, and sends and receives.
    add_start, add_chunk, add_rate : float
        An all-reduce in the switch: start, cost of a chunk a rank [s], rate beside the
        belief.
    pair_start, pair_chunk : float
        Sends and receives: start, cost of a chunk [s].
    most_chunks : float
        Largest chunk, in units of the time that a chunk costs.
    ampere, hopper, blackwell : float
        Pace of all latencies.
    """

    ll_start: float = 5.83e-6
    ll_step: float = 0.793e-6
    ll_rate: float = 1.29
    ll128_start: float = 13.1e-6
    ll128_step: float = 0.794e-6
    ll128_rate: float = 0.85
    simple_start: float = 11.2e-6
    simple_step: float = 4.04e-6
    gather_slots: float = 0.626
    reduce_slots: float = 0.535
    add_start: float = 11.7e-6
    add_chunk: float = 1.75e-6
    add_rate: float = 0.967
    pair_start: float = 7.82e-6
    pair_slots: float = 0.294
    pair_chunk: float = 2.76e-6
    most_chunks: float = 11.2
    ampere: float = 1.65
    hopper: float = 1.0
    blackwell: float = 1.52


FITTED = Fitted()


def fill_nccl(row: Record, library: str, fitted: Fitted = FITTED) -> None:
    """Fill the `nccl` fields of a TIER row whose `bandwidth` is known.

    library : name of a generation. `reduce_bandwidth` follows, too.
    """
    found = GENERATIONS[library]
    pace, nccl = float(getattr(fitted, found.pace)), row.nccl
    # busBw of tuning.cc: half the wire for LL, 0.92 of it for LL128, all for Simple
    believed = (
        min(found.low_latency, 0.5 * row.bandwidth),
        min(found.low_latency_128, 0.92 * row.bandwidth),
        row.bandwidth,
    )
    reached = (fitted.ll_rate, fitted.ll128_rate, 1.0)
    starts = (fitted.ll_start, fitted.ll128_start, fitted.simple_start)
    steps = (fitted.ll_step, fitted.ll128_step, fitted.simple_step)
    nccl.on = 1.0
    for p in range(3):
        nccl.start[p] = pace * starts[p]
        nccl.step[p] = pace * steps[p]
        nccl.rate[p] = believed[p] * reached[p]
        nccl.believed_step[p] = BELIEVED_STEP[p]
        nccl.believed_rate[p] = believed[p]
    nccl.gather_slots = fitted.gather_slots
    nccl.reduce_slots = fitted.reduce_slots
    nccl.add_start = pace * fitted.add_start
    nccl.add_chunk = pace * fitted.add_chunk
    nccl.add_ranks = found.add_ranks
    # the switch halves what a ring of two passes would carry: the tuner counts it twice
    nccl.believed_add_rate = 2.0 * found.adds * row.bandwidth
    nccl.pair_start = pace * fitted.pair_start
    nccl.pair_slots = fitted.pair_slots
    nccl.pair_chunk = pace * fitted.pair_chunk
    nccl.most_chunks = fitted.most_chunks
    row.reduce_bandwidth = found.adds * row.bandwidth * fitted.add_rate
