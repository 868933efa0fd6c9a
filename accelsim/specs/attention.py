"""A fused attention kernel on a generation of chips: its blocks and how they overlap.

This file knows the figures of a kernel, not the time that follows from them
(`kernels/attention.py` does).
"""

from pydantic import Field, model_validator

from accelsim.specs.figure import (
    MAX_SIZE,
    Count,
    Fraction,
    Ratio,
    Share,
    Spec,
    Time,
)


class WideSpec(Spec):
    """What changes for heads whose outputs leave no room for two blocks at a time.

    Attributes
    ----------
    head : int
        Head size from which it holds.
    block : int
        Rows of queries of a thread block there.
    softmax : Ratio
        How much longer the softmax of a score takes: fewer warps share it.
    """

    head: int = Field(gt=0, le=MAX_SIZE)
    block: int = Field(gt=0, le=MAX_SIZE)
    softmax: Ratio


class PipelineSpec(Spec):
    """A fused kernel by its parts, as a generation of chips runs it.

    Siblings share these figures: they belong to the kernel. What differs between
    chips (units, clocks, exponentials, power) is theirs.

    Attributes
    ----------
    block : int
        Rows of queries of a thread block.
    operand_rows : int
        Rows of the block that one read of a key or value from shared memory serves.
    matrix, matrix_narrow, matrix_backward : Share
        Share of the peak at the highest clock that the products alone reach: forward,
        forward with operands of one byte (as `matrix` if not given), and backward
        (the kernel has no backward pass if not given).
    exponential : Ratio
        Exponentials of the special-function units that a score takes; less than 1
        where some are computed by multiply-adds (FlashAttention-4).
    exposed : Fraction
        Share of the shorter of products and softmax that the longer does not hide.
    ramp, ramp_backward : Count
        Cycles that a block takes to start and drain.
    start : Time or None
        Of a call that rotates queries and keys and writes keys and values to the
        cache before: that of all its kernels. None if the caller has done so, and
        the chip's kernel latency counts.
    """

    block: int = Field(gt=0, le=MAX_SIZE)
    operand_rows: int = Field(gt=0, le=MAX_SIZE)
    matrix: Share
    matrix_narrow: Share | None = None
    matrix_backward: Share | None = None
    exponential: Ratio
    exposed: Fraction
    ramp: Count
    ramp_backward: Count | None = None
    wide: WideSpec | None = None
    start: Time | None = None

    @model_validator(mode="after")
    def _backward_is_whole(self) -> "PipelineSpec":
        if (self.matrix_backward is None) != (self.ramp_backward is None):
            raise ValueError("give matrix_backward and ramp_backward, or neither")
        return self


class ArraysSpec(Spec):
    """A fused kernel by its parts, as systolic arrays beside a vector unit run it.

    The arrays multiply blocks of scores while the vector unit turns others into
    probabilities: the longer of the two hides the other. A head that is narrower than
    an array leaves part of it idle.

    Attributes
    ----------
    block : int
        Rows of queries that walk over the keys together.
    matrix, matrix_backward : Share
        Share of the peak that the products alone reach.
    operations, operations_backward : Count
        Operations of the vector unit that a score takes.
    ramp, ramp_backward : Count
        Cycles of an array that a block takes to start and drain.
    apart : bool
        The gradients of queries are a kernel of their own, which computes the scores
        and their gradients once more.
    backward_cores : Share
        Part of the chip's cores that the backward pass runs on.
    wide : WideSpec or None
        As in a pipeline.
    """

    block: int = Field(gt=0, le=MAX_SIZE)
    matrix: Share
    matrix_backward: Share
    operations: Count
    operations_backward: Count
    ramp: Count
    ramp_backward: Count
    apart: bool = False
    backward_cores: Share
    wide: WideSpec | None = None


class AttentionSpec(Spec):
    """A fused attention kernel: by its parts, or by the rates that it reaches.

    Attributes
    ----------
    forward, backward : Share
        Of the bf16 peak, each a measurement of that kernel on this chip at head size
        128 and 8k tokens or more.
    pipeline, arrays : PipelineSpec, ArraysSpec
        Instead of these, where the kernel was measured at many sizes: on a GPU, and on
        systolic arrays.
    """

    forward: Share | None = None
    backward: Share | None = None
    pipeline: PipelineSpec | None = None
    arrays: ArraysSpec | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "AttentionSpec":
        rates = [share is not None for share in (self.forward, self.backward)]
        ways = (any(rates), self.pipeline is not None, self.arrays is not None)
        if any(rates) != all(rates) or sum(ways) != 1:
            raise ValueError("give forward and backward, or pipeline, or arrays")
        return self

    @property
    def has_backward(self) -> bool:
        """Return whether the kernel can train."""
        pipeline = self.pipeline
        return pipeline is None or pipeline.matrix_backward is not None
