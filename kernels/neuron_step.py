"""Operators of a training step on one worker: a NeuronCore, or two that share a graph.

A compiled graph runs operator by operator: the engines work side by side inside one,
and none begins the next before it is done. A product is the kernel of `neuron_gemm`
without its launch; of a batch each one hides behind the busiest engine but for the
first. What only streams memory waits for its transfers, its passes on VectorE or those
on ScalarE, whichever takes longest.
"""

from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron_gemm import gemm, share
from accelsim.kernels.neuron_tables import DMA, SCALAR, TENSOR, VECTOR, Neuron
from accelsim.kernels.tables import BF16, Record


@kernel
def stays(chip: Record, op: Record) -> bool:
    """Return whether what an operator reads and writes stays in the cores' SBUF."""
    here = chip.engines
    return bool(0.0 < op.engines.held <= here.cores * here.core[BF16].sbuf)


@kernel
def turned_elements(product: Record, turn: int) -> float:
    """Return the elements of a product's operands that lie the wrong way in memory.

    In a step each of a layer's three tensors is summed over along both of its
    dimensions: the input forward and for the weight's gradient, its own gradient
    backward and for the same, the weight forward and backward. One of the two is the
    way it lies: the other is here the input's forward, and both factors' backward.
    """
    if turn == 2:
        return 0.0
    turned = product.m * product.k
    return float(turned + turn * product.k * product.n)


@kernel
def turn_seconds(core: Neuron, elements: float, cores: float) -> tuple[float, float]:
    """Return what TensorE and VectorE take to turn a tensor, a block at a time [s].

    A block of 128 x 128 is a product with the identity; four fill a bank of PSUM, which
    VectorE copies out (trainium_inferentia2_arch.rst, nki_perf_guide.rst).
    """
    if core.turns == 0.0:
        return 0.0, 0.0
    lines = elements / (core.partitions * cores)
    tensor = lines * (1.0 + core.issue / core.columns) / core.tensor_clock
    per_line = 1.0 / core.psum_mode + core.overhead / core.moving
    return float(tensor), float(lines * per_line / core.vector_clock)


@kernel
def spend(
    scratch: Record, batch: float, turning: float, copying: float, held: float
) -> None:
    """Write down what the engines worked for a batch of the product just run [s]."""
    busy = scratch.state.busy
    for engine in range(busy.size):
        if held == 0.0 or engine in (TENSOR, VECTOR):
            scratch.spent[scratch.way, engine] += batch * busy[engine]
    scratch.spent[scratch.way, TENSOR] += batch * turning
    scratch.spent[scratch.way, VECTOR] += batch * copying


@kernel
def rest(scratch: Record) -> None:
    """Forget what engines worked for an operator before."""
    for way in range(2):
        for engine in range(scratch.state.busy.size):
            scratch.spent[way, engine] = 0.0


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
    turning, copying = turn_seconds(core, scratch.turned, cores)
    tensor, vector = state.busy[TENSOR] + turning, state.busy[VECTOR] + copying
    busiest = max(tensor, vector)
    if held > 0.0:
        first = busiest
    else:
        first = max(first + turning, vector)
        for engine in range(state.busy.size):
            busiest = max(busiest, state.busy[engine])
    spend(scratch, op.batch, turning, copying, held)
    time = first + (op.batch - 1.0) * busiest
    memory = op.batch * (busiest - tensor)
    return time, op.batch * tensor, 0.0, first - busiest, memory, 1.0


@kernel
def pass_seconds(engines: Record, passes: Record) -> tuple[float, float]:
    """Return what VectorE and ScalarE of a worker take to pass over elements [s].

    engines : ENGINES_OF. passes : float64[3], elements by kind, see `streams`.
    """
    if engines.pass_rate[0] == 0.0:
        return 0.0, 0.0
    vector = passes[0] / engines.pass_rate[0] + passes[1] / engines.pass_rate[1]
    return float(vector), float(passes[2] / engines.pass_rate[2])


@kernel
def stream_on_engines(
    chip: Record, op: Record, forward: float, backward: float
) -> tuple[float, float]:
    """Return (forward, backward) seconds of what streams memory in so many seconds."""
    here = op.engines
    if stays(chip, op):
        forward = backward = 0.0
    longest = forward, backward
    for way in range(2):
        passes = here.backward if way else here.forward
        vector, scalar = pass_seconds(chip.engines, passes)
        here.spent[way, VECTOR], here.spent[way, SCALAR] = vector, scalar
        here.spent[way, DMA] = longest[way]
        if way:
            backward = max(backward, vector, scalar)
        else:
            forward = max(forward, vector, scalar)
    return forward, backward
