"""The architecture of a large language model."""

from typing import Literal

from pydantic import Field, model_validator

from accelsim.specs.figure import NamedSpec, Ratio, Spec

MAX_SIZE = 10**9  # no width is larger; keeps parameter counts within float64
MAX_CAPACITY = 1e3  # of an expert, over its share
MAX_FURTHER = 64  # tokens that are predicted beyond the next
Activation = Literal["gelu", "relu", "squared-relu", "swiglu", "geglu"]


class MoeSpec(Spec):
    """Mixture of experts in place of the feed-forward network.

    Attributes
    ----------
    experts, top_k : int
        Routed experts of a layer, and how many of them see each token.
    ffn : int
        Inner width of one expert.
    shared_experts : int
        Experts that see every token.
    dense_layers : int
        The first layers, which stay dense.
    every : int
        One layer in `every` is a mixture, the rest are dense.
    node_limit : int
        Nodes that the experts of one token may lie on at most; 0 for any number.
    groups : int
        Groups of experts of which `node_limit` are drawn; one a node if left out.
    capacity_factor : float
        Choices that an expert takes at most, over those that it has if all have as
        many; more are dropped. Left out, none is.
    pad_to_capacity : bool
        Each expert is filled up to that.
    load_spread : Ratio or None
        Deviation of the tokens that the router prefers to give an expert, over their
        mean; none if left out, so that choices scatter as draws do and no more.
    """

    experts: int = Field(gt=1, le=MAX_SIZE)
    top_k: int = Field(gt=0, le=MAX_SIZE)
    ffn: int = Field(gt=0, le=MAX_SIZE)
    shared_experts: int = Field(default=0, ge=0, le=MAX_SIZE)
    shared_ffn: int = Field(default=0, ge=0, le=MAX_SIZE)
    dense_layers: int = Field(default=0, ge=0, le=MAX_SIZE)
    every: int = Field(default=1, gt=0, le=MAX_SIZE)
    node_limit: int = Field(default=0, ge=0, le=MAX_SIZE)
    groups: int = Field(default=0, ge=0, le=MAX_SIZE)
    capacity_factor: float | None = Field(default=None, gt=0, le=MAX_CAPACITY)
    pad_to_capacity: bool = False
    load_spread: Ratio | None = None

    @property
    def computed(self) -> float:
        """Return how many choices of a token are computed, padding included.

        Balanced as they are, none is dropped by a capacity of one or more.
        """
        if self.capacity_factor is None:
            return float(self.top_k)
        most = self.capacity_factor if self.pad_to_capacity else 1.0
        return self.top_k * min(self.capacity_factor, most)

    @model_validator(mode="after")
    def _routes(self) -> "MoeSpec":
        if self.top_k > self.experts:
            raise ValueError(f"top_k {self.top_k} exceeds experts {self.experts}")
        if self.groups and (
            self.experts % self.groups or self.node_limit > self.groups
        ):
            raise ValueError(
                f"groups {self.groups} must divide experts {self.experts} and be no "
                f"fewer than node_limit {self.node_limit}"
            )
        if self.pad_to_capacity and self.capacity_factor is None:
            raise ValueError("pad_to_capacity needs a capacity_factor")
        return self


class MlaSpec(Spec):
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1)."""

    q_lora_rank: int = Field(ge=0, le=MAX_SIZE)
    kv_lora_rank: int = Field(gt=0, le=MAX_SIZE)
    qk_nope_dim: int = Field(gt=0, le=MAX_SIZE)
    qk_rope_dim: int = Field(gt=0, le=MAX_SIZE)
    v_dim: int = Field(gt=0, le=MAX_SIZE)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class ModelSpec(NamedSpec):
    """A decoder (or encoder) of equal layers.

    Attributes
    ----------
    hidden, heads, kv_heads, head_dim, ffn, vocab : int
        Widths; `head_dim` is hidden/heads unless stated.
    seq_len : int
        Sequence length that it is trained at, unless a run says otherwise.
    tied_embeddings : bool
        Input embedding and LM head are one matrix.
    learned_positions : bool
        A trained table of positions (GPT-2, GPT-3), counted as parameters.
    window : int
        Sliding attention window in tokens, 0 for full attention; it holds in one
        layer in `window_every` … all layers if that is 1.
    adapter_rank : int
        Rank of low-rank adapters on the projections of attention (LoRA, Hu et al. 2021,
        arXiv:2106.09685); with them all other weights are frozen. 0 trains everything.
    mtp_layers : int
        Extra layers that predict further tokens (DeepSeek-V3).
    """

    family: Literal["decoder", "encoder"] = "decoder"
    layers: int = Field(gt=0, le=MAX_SIZE)
    hidden: int = Field(gt=0, le=MAX_SIZE)
    heads: int = Field(gt=0, le=MAX_SIZE)
    kv_heads: int = Field(gt=0, le=MAX_SIZE)
    head_dim: int = Field(gt=0, le=MAX_SIZE)
    ffn: int = Field(gt=0, le=MAX_SIZE)
    vocab: int = Field(gt=0, le=MAX_SIZE)
    seq_len: int = Field(gt=0, le=MAX_SIZE)
    activation: Activation = "swiglu"
    norm: Literal["rms", "layer"] = "rms"
    biases: bool = False
    tied_embeddings: bool = False
    learned_positions: bool = False
    parallel_block: bool = False
    dropout: bool = False
    window: int = Field(default=0, ge=0, le=MAX_SIZE)
    window_every: int = Field(default=1, gt=0, le=MAX_SIZE)
    mtp_layers: int = Field(default=0, ge=0, le=MAX_FURTHER)
    adapter_rank: int = Field(default=0, ge=0, le=MAX_SIZE)
    moe: MoeSpec | None = None
    mla: MlaSpec | None = None

    @property
    def gated(self) -> bool:
        """Return whether the feed-forward network has a gate matrix."""
        return self.activation in ("swiglu", "geglu")

    @model_validator(mode="before")
    @classmethod
    def _default_widths(cls, raw: dict[str, object]) -> dict[str, object]:
        raw = dict(raw)
        heads, hidden = raw.get("heads"), raw.get("hidden")
        if not _is_count(heads):
            return raw | {"kv_heads": raw.get("kv_heads", 1), "head_dim": 1}
        if isinstance(heads, int):
            raw.setdefault("kv_heads", heads)
            if not _is_count(hidden):
                raw.setdefault("head_dim", 1)  # the wrong width is what is told
            elif isinstance(hidden, int) and "head_dim" not in raw:
                if hidden % heads:
                    raise ValueError(
                        f"hidden {hidden} is no multiple of heads {heads}; "
                        "state head_dim"
                    )
                raw["head_dim"] = hidden // heads
        return raw

    @model_validator(mode="after")
    def _consistent(self) -> "ModelSpec":
        if self.heads % self.kv_heads:
            raise ValueError(
                f"kv_heads {self.kv_heads} does not divide heads {self.heads}"
            )
        if self.moe is not None and self.moe.dense_layers >= self.layers:
            raise ValueError("moe.dense_layers leaves no layer for the experts")
        return self
