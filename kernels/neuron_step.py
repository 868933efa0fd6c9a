"""Operators of a training step on one worker: a NeuronCore, or two that share a graph.

A compiled graph runs operator by operator: the engines work side by side inside one,
and none begins the next before it is done. A product is the kernel of `neuron_gemm`
without its launch; of a batch each one hides behind the busiest engine but for the
first. What only streams memory waits for its transfers, its passes on VectorE or those
on ScalarE, whichever takes longest.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron_gemm import gemm, share
from accelsim.kernels.neuron_tables import TENSOR, VECTOR, Neuron
from accelsim.kernels.tables import Record


@kernel
def engine_parts(
    core: Neuron, scratch: Record, op: Record, cores: float, held: float
) -> tuple[float, float, float, float, float, float]:
    """Return (time, matrix, operands, fill, memory, clock), as `gpu.gpu_product`.

    core : NEURON row in the operands' type. scratch : ON_ENGINES. op : GEMM of
    `tables`. cores : that share the product, 1 or 2. held : 1 if operands and result
    stay in SBUF, so that TensorE and the way out of PSUM count alone. Matrix is what
    TensorE works, memory what the slowest other engine takes longer, fill what they
    wait for each other.
    """
    case, state = scratch.case, scratch.state
    case.m, case.n, case.k = op.m, op.n, op.k
    case.element, case.out = op.bytes_in, op.bytes_out
    case.block_m = case.kept = case.whole = case.tiles = 0.0
    share(core, case, cores)
    first = gemm(core, state, case, scratch.work)
    busiest = 0.0
    for engine in range(state.busy.size):
        busiest = max(busiest, state.busy[engine])
    tensor = state.busy[TENSOR]
    if held > 0.0:
        first = busiest = max(tensor, state.busy[VECTOR])
    again = op.batch - 1.0
    memory = op.batch * (busiest - tensor)
    return (
        first + again * busiest,
        op.batch * tensor,
        0.0,
        first - busiest,
        memory,
        1.0,
    )


@kernel
def pass_seconds(engines: Record, passes: Record) -> float:
    """Return the time [s] of passes over elements on VectorE and ScalarE of a worker.

    engines : ENGINES_OF. passes : float64[3], elements by kind, see `streams`.
    """
    if engines.pass_rate[0] == 0.0:
        return 0.0
    vector = passes[0] / engines.pass_rate[0] + passes[1] / engines.pass_rate[1]
    return float(max(vector, passes[2] / engines.pass_rate[2]))
