"""The models that can be sized: what a model is, and a committed registry (config.py reads any other's config.json)."""

import os
from functools import cached_property

from planner.errors import MisuseError, PlannerError, suggest
from planner.files import DATA
from planner.records import NamedTuple
from planner.sizing.architectures import ARCHITECTURES

__all__ = ["Model", "find", "names", "rows"]

_DATA = os.path.join(DATA, "models.csv")


class Fields(NamedTuple):
    """The shape of a model, as a row of planner/data/models.csv has it. Widths are in elements; experts 0 means dense; kv_lora_rank above 0 means MLA.

    head_dim is that of queries and keys (MLA: 128 + rope); v_dim that of values. extra_kv_bytes: bytes per token and
    layer beside the KV cache (the index of DeepSeek sparse attention). sizable False: known, but its memory formula
    is not; `notes` says why. total_published is in 10^9 parameters as the model card prints it ("" if unknown).
    """

    name: str
    hf_id: str
    modelscope_id: str
    arch: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    attention: str
    kv_lora_rank: int
    rope_dim: int
    q_lora_rank: int
    intermediate: int
    experts: int
    shared_experts: int
    top_k: int
    moe_intermediate: int
    dense_layers: int
    vocab: int
    max_context: int
    native_precision: str
    license: str
    total_published: str
    active_published: str
    tied: bool
    extra_kv_bytes: int
    sizable: bool
    aliases: tuple[str, ...]
    source: str
    notes: str
    v_dim: int = 0


class Model(Fields):
    """A model's shape and what follows from it; the counts are computed once per model."""

    @property
    def mla(self) -> bool:
        """Whether the KV cache holds one latent per token (multi-head latent attention)."""
        return self.kv_lora_rank > 0

    @cached_property
    def published(self) -> str:
        """What the published checkpoint is in: "16", "fp8-block" (blocks of 128), or its own word ("fp8", "awq", ...)."""
        word = self.native_precision
        if word in ("", "bf16", "fp16", "bfloat16", "float16"):
            return "16"
        return "fp8-block" if word.startswith("fp8") and "block" in word else word.partition(" ")[0]

    @cached_property
    def attention_params(self) -> int:
        """Parameters of one layer's attention."""
        h, a, d = self.hidden, self.heads, self.head_dim
        if not self.mla:
            return h * d * (2 * a + 2 * self.kv_heads)
        nope, value = d - self.rope_dim, self.v_dim
        query = self.q_lora_rank * (h + a * d) if self.q_lora_rank else h * a * d
        return query + h * (self.kv_lora_rank + self.rope_dim) + self.kv_lora_rank * a * (nope + value) + a * value * h

    @cached_property
    def embedding_params(self) -> int:
        """Parameters of the input embedding and, unless tied, of the output head: the part that stays 16-bit."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @cached_property
    def total_params(self) -> int:
        """All parameters that an engine loads (without multi-token-prediction layers), norms and biases left out."""
        return self.embedding_params + self._body(self.experts)

    @cached_property
    def active_params(self) -> int:
        """Parameters that one token passes through, embeddings included."""
        return self.embedding_params + self._body(self.top_k)

    @cached_property
    def dense_body_params(self) -> int:
        """Body parameters read in every step whatever the routing: all of them, but for routed experts."""
        return self._body(0)

    @cached_property
    def expert_params(self) -> int:
        """Parameters of all routed experts of all layers (0 for a dense model)."""
        return self._body(self.experts) - self._body(0)

    def _body(self, routed: int) -> int:
        """Parameters of all layers with `routed` experts counted in each mixture layer."""
        layer = self.attention_params
        dense = layer + 3 * self.hidden * self.intermediate
        if not self.experts:
            return self.layers * dense
        experts = 3 * self.hidden * self.moe_intermediate * (routed + self.shared_experts) + self.hidden * self.experts
        return self.dense_layers * dense + (self.layers - self.dense_layers) * (layer + experts)

    @cached_property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to a 16-bit KV cache over all layers, before any replication."""
        per_layer = 2 * (self.kv_lora_rank + self.rope_dim) if self.mla else 4 * self.kv_heads * self.head_dim
        return self.layers * (per_layer + self.extra_kv_bytes)


def _number(text: str) -> int:
    return int(text) if text else 0


def _model(r: list[str]) -> Model:
    """Return the model of one row of models.csv; raise PlannerError for an architecture without a line in the table."""
    kind = ARCHITECTURES.get(r[3])
    if kind is None or (r[27] == "yes" and not kind.sized):
        what = "cannot be sized" if kind else "is not known"
        raise PlannerError(
            f"models.csv: {r[0]}: architecture {r[3]!r} {what}: add it to planner/sizing/architectures.py"
        )
    shape = [_number(x) for x in r[4:9]]
    rest = [_number(x) for x in r[10:21]]
    mla = rest[0] > 0
    flags = (r[25] == "yes", _number(r[26]), r[27] == "yes")
    return Model._make(
        (*r[:4], *shape, r[9], *rest, *r[21:25], *flags, tuple(r[28].split()), *r[29:31], 128 if mla else shape[4])
    )


def _lines() -> list[str]:
    with open(_DATA, encoding="utf-8") as file:
        return file.read().splitlines()[1:]


def rows() -> list[Model]:
    """Return every model of the registry, in file order."""
    import csv

    return [_model(r) for r in csv.reader(_lines())]


def names() -> list[str]:
    """Return every name, Hugging Face id and alias by which a model is found."""
    return [n for m in rows() for n in dict.fromkeys((m.name, m.hf_id, *m.aliases)) if n]


_found: dict[str, Model] = {}


def find(name: str) -> Model:
    """Return the model called `name`: our short name, a Hugging Face or ModelScope id, or an alias; case is ignored.

    Raises MisuseError with near matches for an unknown one. A model may be known and yet not `sizable`.
    """
    word = name.strip()
    model = _found.get(word)
    if model is not None:
        return model
    import csv

    key = word.lower()
    # Only lines that hold the name are parsed: a quote needs one model, not the whole table.
    for r in csv.reader([line for line in _lines() if key and key in line.lower()]):
        if key in (r[0].lower(), r[1].lower(), r[2].lower(), *r[28].lower().split()):
            model = _found[word] = _model(r)
            return model
    if not key:
        raise MisuseError("no model is named: give --model NAME (see `planner models list`)")
    tail = word.rpartition("/")[2]
    raise MisuseError(
        f"unknown model {word!r}: {suggest(tail, {n.rpartition('/')[2] for n in names()})} "
        "(`planner models list` shows all; --model-config FILE takes any config.json of a known architecture)"
    )
