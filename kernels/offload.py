"""What waits in the host's memory, and what bringing it there and back costs.

This file knows one link between a worker and its host, as fast both ways, and how much
goes over it; what stays on the device is known to `memory`.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.tables import Record


@kernel
def add_offload(result: Record, case: Record, plan: Record, kept: float) -> None:
    """Add what a step sees of activations that leave and come back.

    kept : bytes [B] that a stage keeps of a micro-batch, were none offloaded. They
    leave behind the forward pass and come back behind the backward one, which takes
    two thirds of what the chip computes.
    """
    if plan.offload == 0.0:
        return
    size = plan.offload * kept * plan.micro_batches
    time = size / case.host_bandwidth
    busy = result.matmul + result.attention + result.elementwise + result.recompute
    result.host += max(0.0, time - busy / 3.0) + max(0.0, time - 2.0 * busy / 3.0)


@kernel
def update_on_host(software: Record, case: Record, parameters: float) -> float:
    """Return the time [s] in which gradients leave, and updated weights come back.

    parameters : that this worker updates. The host's own arithmetic overlaps with the
    traffic (Ren et al. 2021, ZeRO-Offload, arXiv:2101.06840, sec. 4).
    """
    moved = parameters * (software.grad_bytes + case.weight_bytes)
    return float(moved / case.host_bandwidth)
