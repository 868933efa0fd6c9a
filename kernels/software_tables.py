"""The table of training stacks: one row of SOFTWARE a question, see `tables`."""

import numpy as np

from accelsim.kernels.tables import N_PRECISIONS

# How a loss treats its logits: fp32 copies that the forward pass makes, fp32 gradients
# that the backward pass makes before the one of the logits, and whether these are still
# there when the second copy is made.
LOSSES = {
    "fused": (0.0, 0.0, 0.0),
    "in_place": (1.0, 0.0, 0.0),
    "copied": (2.0, 0.0, 0.0),
    "chain": (2.0, 2.0, 1.0),
}
# What of a dense layer may be kept beside its input.
OUTPUTS = (
    *("queries", "keys", "values", "context", "attention"),
    *("gate", "up", "output"),
)
ALLOCATORS = ("static", "segments", "expandable")

SOFTWARE = np.dtype(
    [
        # what it can do: sets of codes (a bit each) and flags
        ("shardings", "i8"),
        ("recomputes", "i8"),
        ("schedules", "i8"),
        ("cp_comm_types", "i8"),
        ("tensor", "i8"),
        ("pipeline", "i8"),
        ("interleaved", "i8"),
        ("fused_norms", "f8"),
        ("fused_optimizer", "f8"),
        ("loss", "f8", (2,)),  # B of a logit, forward and backward
        # passes beyond fused kernels, forward and backward
        ("extra_activation", "f8", (2,)),
        ("extra_rotary", "f8", (2,)),
        ("extra_layout", "f8", (2,)),
        ("extra_residual", "f8", (2,)),
        ("extra_kernels", "f8"),
        ("fused_loss", "f8"),
        ("fused_accumulation", "f8"),
        ("copied_accumulation", "f8"),
        # mixture layers, see `specs.software.ExpertsSpec` and `routing`
        ("expert_one_kernel", "f8"),  # 1 if one kernel multiplies all of a worker
        ("expert_launch", "f8"),  # s
        ("expert_product", "f8"),  # s
        ("expert_waits", "f8"),
        ("expert_kernels", "f8"),
        ("expert_bias_kernels", "f8"),
        *(
            (f"expert_{p}", "f8", (2,))
            for p in ("scores", "sort", "padding", "bias", "beside")
        ),
        ("tensor_kernels", "f8", (2,)),  # of a parameter tensor: micro-batch, step
        # B moved beside one fused cast of an activation, by precision
        ("casts", "f8", (N_PRECISIONS,)),
        ("cast_weight", "f8"),  # B moved for a narrow weight in each pass
        (
            "activation_store",
            "f8",
        ),  # width kept of an activation's input, narrow formats
        ("repeats_last", "f8"),  # 1 if what only the residual takes is repeated, too
        ("checkpoint", "f8"),  # s of the host to repeat a layer
        ("scatter", "f8"),
        ("launch", "f8"),  # s
        # what selective recomputation repeats of core, products and streams, and keeps
        ("selective_core", "f8"),
        ("selective_attention", "f8"),
        ("selective_matmul", "f8"),
        ("selective_elementwise", "f8"),
        ("selective_kept", "f8"),
        ("selective_outputs", "f8", (len(OUTPUTS),)),  # 1 if it is kept
        ("overlap_tp", "f8"),
        ("overlap_tp_pieces", "f8"),
        ("overlap_tp_inside", "f8"),
        ("overlap_tp_backward", "f8"),
        ("overlap_dp", "f8"),
        ("overlap_scatter", "f8"),  # 1 if shards can be reduced while cores compute
        ("overlap_gather", "f8"),
        ("overlap_pp", "f8"),
        ("overlap_cp", "f8"),
        ("overlap_ep", "f8"),
        ("overlap_shared", "f8"),
        # context parallelism, see `context` and `operators`
        ("cp_blocks", "f8"),  # 1: attention goes block by block where keys are gathered
        ("cp_copies", "f8"),  # 1: keys are copied where they are fewer than workers
        ("cp_repeats", "f8"),  # 1: keys get as many heads as queries have
        ("cp_gradient_ring", "f8"),  # 1: gradients of gathered keys go round a ring
        ("cp_gradient_bytes", "f8"),  # of an element, 0 = as activations
        # B moved to merge a block: for an element of the context, of the gradient of
        # queries, and of keys and values
        ("cp_merge", "f8", (3,)),
        ("cp_merge_kernels", "f8"),  # each way
        ("grad_bytes", "f8"),
        ("reduce_bytes", "f8"),  # of a gradient on its way between replicas
        ("master_bytes", "f8"),
        ("reserved_memory", "f8"),  # B
        ("fragmentation", "f8"),
        ("pipelined", "f8"),  # collective phases overlap
        ("collective_start", "f8"),  # s
        ("layer_calls", "f8", (2,)),  # launches' worth of the host around a layer
        ("collective_calls", "f8"),  # the same for a collective
        ("piece_calls", "f8"),  # the same for a rank's piece of a tensor, gathered
        ("bucket", "f8"),  # B of gradients that plain replicas reduce at once, 0 = all
        ("communication_share", "f8"),  # less than 0: as the library has it
        ("tp_units", "f8"),  # multiprocessors of its own kernels, less than 0: no such
        ("ep_units", "f8"),
        ("forced_balance", "f8"),  # 1 if experts are drawn by lot
        ("dispatch_once", "f8"),  # 1: a token goes once to each worker of its experts
        ("step_overhead", "f8"),  # s
        # memory, see `memory` and `activations`
        ("gathered_inputs", "f8"),
        ("activation_kept", "f8"),
        ("kv_copied", "f8"),
        ("dummy_gradients", "f8"),  # 1 if there is one of each shape
        ("expert_outputs", "f8"),  # 1 if kept, to be weighted
        ("router_bytes", "f8"),  # B a token and expert
        # fp32 copies of the logits at the loss, in the place of `fused`; see `LOSSES`
        ("loss_copies", "f8"),
        ("loss_gradients", "f8"),
        ("loss_held", "f8"),
        ("working_gradient", "f8"),  # B a parameter
        ("bucket_bytes", "f8"),  # B a parameter
        ("update_bytes", "f8"),  # B a parameter
        ("gather_buffers", "f8"),
        ("head_counts", "f8"),
        ("stage_gathered", "f8"),
        ("segments", "f8"),  # index of ALLOCATORS
        ("lends", "f8"),  # 1 if collectives hold their tensors up
        ("waits", "f8"),  # 1 if the host waits at hand-overs of a pipeline
    ]
)
