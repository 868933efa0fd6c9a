"""What NCCL's tuner believes, and what its collectives were measured to cost.

This file knows figures and where they come from, and writes them into the `nccl` fields
of a TIER row; the formulas are in `kernels/nccl.py`. The tuner's figures are facts
(NVIDIA/nccl@5067397 src/graph/tuning.cc, topo.h). `Fitted` is a least-squares fit to
nccl-tests tables of one node (2 to 8 GPUs, 64 KiB to 16 GiB), the same for all GPUs but
for one `pace` of all latencies a generation.
"""

from dataclasses import dataclass

from accelsim.kernels.tables import Record

# hwLatencies NVLINK and PCI, Ring [s]: what the tuner takes a hop for, by protocol.
NVLINK_STEP = (0.6e-6, 1.9e-6, 3.4e-6)
PCI_STEP = (1.0e-6, 2.5e-6, 5.7e-6)
# Ports of the machines that were fitted [s]: the hops of configs/links.
NVLINK_HOP, PCI_HOP = 500e-9, 250e-9
# Gen4 x16 as the tuner counts it, also where the way is really much slower.
PCI_RATE = 24e9
NOTHING = 1.0  # B/s of a protocol that is switched off
# Thread blocks (channels) of collectives. Inside a domain twice the rings that NCCL's
# graph search finds, which are doubled where each is fast (speeds of search.cc and its
# ncclTopoDupChannels; ncclTopoPostset of connect.cc): 12 x 20 GB/s of A100, 12 x 30 of
# H100, 16 x 45 of B200, one over PCIe. Logs of 8 x H100 say the same: "24 coll
# channels, 16 nvls channels, 32 p2p channels". NVLS: NVLS_NCHANNELS of
# transport/nvls.cc. Across domains twice one ring a NIC of eight, or as many by the
# rule for fewer; a send or receive has two.
NET_CHANNELS, PEER_CHANNELS = 16.0, 2.0
# Computing slows down by 18.9 % in the mean (at most 40 %) while collectives run on 4
# A100, H100, MI210 and MI250 (Lee et al. 2025, arXiv:2507.03114): for GPUs without
# NCCL, whose channels are not known.
UNKNOWN_SHARE = 0.19


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
    tree : float
        Most that a channel of a tree between adding switches carries [B/s], with as
        many channels as members (perChMaxNVLSTree, four nodes).
    pci : bool
        GPUs reach each other over PCIe: its hops, `PCI_RATE`, and no LL128.
    channels, add_channels, pair_channels : float
        Thread blocks of rings, of NVLS (0 without) and of an all-to-all in a domain.
    """

    low_latency: float
    low_latency_128: float
    adds: float
    add_ranks: float
    pace: str
    tree: float = NOTHING
    pci: bool = False
    channels: float = 24.0
    add_channels: float = 0.0
    pair_channels: float = 32.0


GENERATIONS = {
    "nccl-ampere": Generation(87.7e9, 1e12, 0.0, 0.0, "ampere"),
    "nccl-hopper": Generation(
        141e9, 1e12, 0.85, 5.0, "hopper", 45.5e9, add_channels=16.0
    ),
    "nccl-blackwell": Generation(
        282e9, 640e9, 0.74, 6.0, "blackwell", 80e9, channels=32.0, add_channels=24.0
    ),
    "nccl-pcie": Generation(
        PCI_RATE / 2.0,
        NOTHING,
        0.0,
        0.0,
        "pcie",
        pci=True,
        channels=2.0,
        pair_channels=2.0,
    ),
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
    gather_slots, reduce_slots : float
        Parts that a rank copies within itself beside those that it sends, for a ring
        and a reducing ring.
    add_start, add_chunk, add_rate : float
        An all-reduce in the switch: start, cost of a chunk a rank [s], rate beside the
        belief.
    pair_start, pair_chunk : float
        Sends and receives: start, cost of a chunk [s].
    most_chunks : float
        Largest chunk, in units of the time that a chunk costs.
    ampere_pairs, hopper_pairs, blackwell_pairs : float
        Time that a rank's own part of an all-to-all takes, beside that of a part which
        crosses the port.
    pcie_ll : float
        Share of a ring's rate over PCIe that LL reaches.
    ampere, hopper, blackwell, pcie : float
        Pace of all latencies.
    """

    ll_start: float = 5.94e-6
    ll_step: float = 0.8e-6
    ll_rate: float = 1.3
    ll128_start: float = 13.3e-6
    ll128_step: float = 0.814e-6
    ll128_rate: float = 0.856
    simple_start: float = 12.0e-6
    simple_step: float = 3.88e-6
    gather_slots: float = 0.619
    reduce_slots: float = 0.532
    add_start: float = 11.4e-6
    add_chunk: float = 1.86e-6
    add_rate: float = 0.977
    pair_start: float = 8.13e-6
    pair_chunk: float = 2.11e-6
    most_chunks: float = 8.07
    ampere: float = 1.63
    hopper: float = 1.0
    blackwell: float = 1.49
    pcie: float = 0.796
    ampere_pairs: float = 0.312
    hopper_pairs: float = 0.195
    blackwell_pairs: float = 0.728
    pcie_ll: float = 0.539


FITTED = Fitted()


def fill_nccl(
    row: Record, library: str, fitted: Fitted = FITTED, hop: float = 0.0
) -> None:
    """Fill the `nccl` fields of a TIER row whose `bandwidth` is known.

    library : name of a generation. `reduce_bandwidth` follows, too.
    hop : latency of a port [s]. What it is slower than those that were fitted, each
    step waits for twice: on the way to the switch and on the way from it.
    """
    found = GENERATIONS[library]
    late = 2.0 * max(0.0, hop - (PCI_HOP if found.pci else NVLINK_HOP))
    pace, nccl = float(getattr(fitted, found.pace)), row.nccl
    # busBw of tuning.cc: half the wire for LL, 0.92 of it for LL128, all for Simple
    wire = PCI_RATE if found.pci else row.bandwidth
    believed = (
        min(found.low_latency, 0.5 * wire),
        min(found.low_latency_128, 0.92 * wire),
        wire,
    )
    ll = fitted.pcie_ll * row.bandwidth if found.pci else believed[0] * fitted.ll_rate
    reached = (ll, believed[1] * fitted.ll128_rate, row.bandwidth)
    starts = (fitted.ll_start, fitted.ll128_start, fitted.simple_start)
    steps = (fitted.ll_step, fitted.ll128_step, fitted.simple_step)
    hops = PCI_STEP if found.pci else NVLINK_STEP
    nccl.on = 1.0
    nccl.channels, nccl.add_channels = found.channels, found.add_channels
    nccl.pair_channels = found.pair_channels
    nccl.net_channels = min(NET_CHANNELS, found.channels)
    nccl.peer_channels = min(PEER_CHANNELS, found.channels)
    for p in range(3):
        nccl.start[p] = pace * starts[p]
        nccl.step[p] = pace * steps[p] * hops[p] / NVLINK_STEP[p] + late
        nccl.rate[p] = reached[p]
        nccl.believed_step[p] = hops[p]
        nccl.believed_rate[p] = believed[p]
    copies = 0.0 if found.pci else 1.0  # a copy within a GPU is no copy over PCIe
    nccl.gather_slots = copies * fitted.gather_slots
    nccl.reduce_slots = copies * fitted.reduce_slots
    nccl.add_start = pace * fitted.add_start + late
    nccl.add_chunk = pace * fitted.add_chunk
    nccl.add_ranks = found.add_ranks
    # the switch halves what a ring of two passes would carry: the tuner counts it twice
    nccl.believed_add_rate = max(NOTHING, 2.0 * found.adds * row.bandwidth)
    nccl.believed_tree_rate = found.tree
    nccl.pair_start = pace * fitted.pair_start + late
    nccl.pair_slots = 0.0 if found.pci else getattr(fitted, f"{found.pace}_pairs")
    nccl.pair_chunk = pace * fitted.pair_chunk
    nccl.most_chunks = fitted.most_chunks
    row.reduce_bandwidth = found.adds * row.bandwidth * fitted.add_rate
