"""Tables of kernels through a NeuronCore: one call, many rows.

This file knows how a row of cases becomes a row of answers. Each fills ANSWER rows:
the time with its launch, and how long each engine worked.
"""

import numpy as np

from accelsim.kernels.jit import kernel
from accelsim.kernels.neuron_attention import attention
from accelsim.kernels.neuron_decode import decode
from accelsim.kernels.neuron_gemm import gemm, share
from accelsim.kernels.neuron_mlp import mlp
from accelsim.kernels.neuron_rows import over_rows
from accelsim.kernels.neuron_tables import Neuron, State
from accelsim.kernels.tables import Record, Rows


@kernel
def write(c: Neuron, s: State, seconds: float, answer: Record) -> None:
    """Write an answer down: the launch and the engines' times."""
    answer.seconds = c.launch + seconds
    for i in range(s.busy.size):
        answer.busy[i] = s.busy[i]


@kernel
def gemm_seconds(c: Neuron, s: State, g: Record, work: Record) -> float:
    """Return the time of one product with its launch [s].

    c, s, g : rows of NEURON, STATE and GEMM; work : float64[WORK]. Chooses the blocks
    (and writes them to `g`) if `block_m` is 0.
    """
    seconds: float = c.launch + gemm(c, s, g, work)
    return seconds


@kernel
def fill_shares(chip: Neuron, cases: Rows, cores: float) -> None:
    """Write into GEMM rows the part of each that one of `cores` has."""
    for i in range(len(cases)):
        share(chip, cases[i], cores)


@kernel
def fill_gemm(chips: Rows, states: Rows, cases: Rows, answers: Rows) -> None:
    """Fill the answers of GEMM rows on the first row of `chips` (NEURON)."""
    work = np.zeros((10, 20))
    for i in range(len(cases)):
        taken = gemm(chips[0], states[0], cases[i], work)
        write(chips[0], states[0], taken, answers[i])


@kernel
def fill_mlp(chips: Rows, states: Rows, cases: Rows, answers: Rows) -> None:
    """Fill the answers of MLP rows on the first row of `chips` (NEURON)."""
    work = np.zeros((10, 20))
    for i in range(len(cases)):
        taken = mlp(chips[0], states[0], cases[i], work)
        write(chips[0], states[0], taken, answers[i])


@kernel
def fill_decode(chips: Rows, states: Rows, cases: Rows, answers: Rows) -> None:
    """Fill the answers of DECODE rows on the first row of `chips` (NEURON)."""
    work = np.zeros((10, 20))
    for i in range(len(cases)):
        taken = decode(chips[0], states[0], cases[i], work)
        write(chips[0], states[0], taken, answers[i])


@kernel
def fill_attention(chips: Rows, states: Rows, cases: Rows, answers: Rows) -> None:
    """Fill the answers of ATTENTION rows on the first row of `chips` (NEURON)."""
    work = np.zeros((10, 20))
    for i in range(len(cases)):
        taken = attention(chips[0], states[0], cases[i], work)
        write(chips[0], states[0], taken, answers[i])


@kernel
def fill_rows(chips: Rows, states: Rows, cases: Rows, answers: Rows) -> None:
    """Fill the answers of ROWS rows on the first row of `chips` (NEURON)."""
    work = np.zeros((10, 20))
    for i in range(len(cases)):
        taken = over_rows(chips[0], states[0], cases[i], work)
        write(chips[0], states[0], taken, answers[i])
