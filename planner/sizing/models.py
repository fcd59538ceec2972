"""The models that can be sized: what a model is, and a committed registry (config.py reads any other's config.json)."""

import os
from functools import cached_property

from planner import tables
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

    What follows v_dim is for models whose layers differ. kind: attention as kernels.csv names it ("": heads or MLA).
    attention_all, dense_all: parameters of all layers' attention, and of all dense MLPs. matrices: of an MLP or expert (3:
    gate, up, down; 2: no gate). extra_params: 16-bit parameters beside layers and embeddings (a
    vision tower); extra_bytes: more bytes that are loaded. shared_width: width of the shared experts together.
    expert_hidden: what routed experts take in, where it is not `hidden`. full_layers: layers that see every token.
    growing: bytes a token adds to the 16-bit KV cache for good; kv_window: those it adds only within the last `window`
    tokens; index_layers: layers with an index entry; state: bytes a request holds whatever its length; inflight: bytes
    that each token of a prefill batch holds beside. int4_width: the padded MLP of the published int4 checkpoint.
    group: of quantised weights. parts: bytes per parameter of attention, dense MLP, shared and routed experts as the
    checkpoint has them (() is: all alike). cache: width of the KV cache that the checkpoint says ("fp8"; "": none).
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
    kind: str = ""
    attention_all: int = 0
    extra_params: int = 0
    extra_bytes: int = 0
    shared_width: int = 0
    expert_hidden: int = 0
    full_layers: int = -1
    growing: int = -1
    index_layers: int = -1
    window: int = 0
    kv_window: int = 0
    state: int = 0
    inflight: int = 0
    int4_width: int = 0
    group: int = 128
    parts: tuple[float, ...] = ()
    cache: str = ""
    dense_all: int = 0
    matrices: int = 3


#: The fields after v_dim as the column `more` of models.csv has them: `name=value`, apart by spaces; parts by commas.
_MORE = Fields._fields[Fields._fields.index("v_dim") :]


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

    @property
    def own(self) -> str:
        """The precision that the published checkpoint is in, as --precision says it."""
        return _OWN.get(self.published, self.published)

    @property
    def block(self) -> bool:
        """Whether the checkpoint's fp8 weights have a scale for each block of 128 x 128."""
        return self.published == "fp8-block"

    @property
    def images(self) -> bool:
        """Whether the architecture takes images beside text; one that is not named may."""
        return "CausalLM" not in self.arch or "VL" in self.arch

    @property
    def replicated(self) -> bool:
        """Whether every GPU of a tensor parallel group holds the whole KV cache (latents have one head)."""
        return self.mla or self.kind == "v4"

    @cached_property
    def attention_params(self) -> int:
        """Parameters of the attention of all layers."""
        if self.attention_all:
            return self.attention_all
        h, a, d = self.hidden, self.heads, self.head_dim
        if not self.mla:
            return self.layers * h * (a + self.kv_heads) * (d + (self.v_dim or d))
        nope, value = d - self.rope_dim, self.v_dim
        query = self.q_lora_rank * (h + a * d) if self.q_lora_rank else h * a * d
        latent = h * (self.kv_lora_rank + self.rope_dim) + self.kv_lora_rank * a * (nope + value)
        return self.layers * (query + latent + a * value * h)

    @cached_property
    def embedding_params(self) -> int:
        """Parameters of the input embedding and, unless tied, of the output head: the part that stays 16-bit."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @cached_property
    def total_params(self) -> int:
        """All parameters that an engine loads (without multi-token-prediction layers), norms and biases left out."""
        return self.embedding_params + self._body(self.experts) + self.extra_params

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

    @property
    def mixtures(self) -> int:
        """How many layers have routed experts."""
        return self.layers - self.dense_layers if self.experts else 0

    @cached_property
    def dense_params(self) -> int:
        """Parameters of the layers' dense MLPs."""
        return self.dense_all or self.matrices * self.hidden * self.intermediate * (self.layers - self.mixtures)

    @cached_property
    def shared_params(self) -> int:
        """Parameters of the experts that every token passes through."""
        width = self.shared_width or self.shared_experts * self.moe_intermediate
        return self.matrices * self.hidden * width * self.mixtures

    @cached_property
    def router_params(self) -> int:
        """Parameters of the routers; they stay in 16 bits."""
        return self.hidden * self.experts * self.mixtures

    def _body(self, routed: int) -> int:
        """Parameters of all layers with `routed` experts counted in each mixture layer."""
        one = self.matrices * (self.expert_hidden or self.hidden) * self.moe_intermediate * self.mixtures
        return self.attention_params + self.dense_params + self.shared_params + self.router_params + one * routed

    @cached_property
    def kv_growing(self) -> int:
        """Bytes that one token adds to a 16-bit KV cache for good, without the index."""
        if self.growing >= 0:
            return self.growing
        pair = self.kv_lora_rank + self.rope_dim if self.mla else self.kv_heads * (self.head_dim + self.v_dim)
        return 2 * self.layers * pair

    @cached_property
    def index_bytes(self) -> int:
        """Bytes that one token adds for the index of sparse attention; its width is its own."""
        return self.extra_kv_bytes * (self.layers if self.index_layers < 0 else self.index_layers)

    @cached_property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to a 16-bit KV cache over all layers, before any replication; a window's not."""
        return self.kv_growing + self.index_bytes


_OWN = {"16": "fp16", "fp8-block": "fp8", "awq": "int4-awq", "gptq": "int4-gptq"}


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
    flags = (r[25] == "yes", _number(r[26]), r[27] == "yes")
    found = Model._make(
        (
            *(*r[:4], *shape, r[9], *rest, *r[21:25], *flags, tuple(r[28].split()), *r[29:31]),
            *(Fields._field_defaults[name] for name in _MORE),
        )
    )
    more: dict[str, object] = {"v_dim": 128 if rest[0] > 0 else shape[4]}
    for word in r[31].split():
        name, _, value = word.partition("=")
        if name not in _MORE:
            raise PlannerError(f"models.csv: {r[0]}: {name!r} in the column more is no field")
        if name == "parts":
            more[name] = tuple(float(x) for x in value.split(","))
        else:
            more[name] = value if name in ("kind", "cache") else int(value)
    return found._replace(**more)  # type: ignore[arg-type]


def rows() -> list[Model]:
    """Return every model of the registry, in file order."""
    return [_model(list(r)) for r, _ in tables.read(_DATA)[1]]


def names() -> list[str]:
    """Return every name, Hugging Face id and alias by which a model is found."""
    return [n for m in rows() for n in dict.fromkeys((m.name, m.hf_id, *m.aliases)) if n]


_found: dict[str, Model] = {}


def find(name: str) -> Model:
    """Return the model called `name`: our short name, a Hugging Face or ModelScope id, or an alias; case is ignored.

    An id that names a format (-AWQ, -GPTQ-Int4, -FP8, ...) is that checkpoint of the model, in that format; OWNER/NAME of
    somebody else's copy is that copy of the model called NAME. Raises MisuseError with near matches for an unknown one. A model
    may be known and yet not `sizable`.
    """
    word = "-".join(name.split())
    model = _found.get(word)
    if model is None:
        if not word:
            raise MisuseError("no model is named: give --model NAME (see `planner models list`)")
        exact = tables.read(_DATA, (word,))[1]
        if exact:  # our own name, as most say it: a tenth of the file is read
            model = _found[word] = _model(list(exact[0][0]))
            return model
        from planner.sizing.naming import base_of

        found = _row(word.lower())
        if found is None:
            base = base_of(word)
            found = _row(base) if base else None
        owner, _, tail = word.rpartition("/")
        if found is None and owner and tail and "/" not in owner and not base_of(word):
            found = _row(tail.lower())
            found = found and found._replace(name=tail, hf_id=word, modelscope_id="", aliases=())
        if found is None:
            from planner.sizing.naming import alike
            from planner.text import text

            more = text("--online fetches its config.json, ") if owner else ""

            known = {n.rpartition("/")[2] for n in names()}
            near = alike(word, known)
            raise MisuseError(
                "unknown model {word!r}: {near} "
                "(`planner models list` shows all; {more}--model-config FILE takes any of a known architecture)",
                word=word,
                near=suggest(tail, known, near),
                more=more,
            )
        model = _found[word] = _variant(found, word)
    return model


def _row(key: str) -> Model | None:
    """Return the model of which `key`, in lower case, is a name, an id, an alias or the last part of one."""
    # Only the row of that name becomes a model: a quote needs one, not the whole table.
    loose: Model | None = None
    for texts, _ in tables.read(_DATA)[1]:
        r = list(texts)
        ids = (r[0].lower(), r[1].lower(), r[2].lower(), *r[28].lower().split())
        if key in ids:
            return _model(r)
        if loose is None and key in [i.rpartition("/")[2] for i in ids]:
            loose = _model(r)
    return loose


def _variant(model: Model, name: str) -> Model:
    """Return `model` as the checkpoint called `name` has it: in the format that the name says, where it says one."""
    from planner.sizing.naming import native_of

    if name.lower() in (model.name.lower(), model.hf_id.lower(), model.modelscope_id.lower()):
        return model
    native = native_of(name, model.hf_id.partition("/")[0])
    if not native or native.partition(" ")[0] == model.native_precision.partition(" ")[0]:
        return model
    ids = {a.lower(): a for a in (*model.aliases, name) if "/" in a}
    tails = {i.rpartition("/")[2]: full for i, full in ids.items()}
    full = ids.get(name.lower()) or tails.get(name.lower(), "")
    same = full.partition("/")[0].lower() == model.modelscope_id.partition("/")[0].lower()
    return model._replace(
        name=name.rpartition("/")[2],
        hf_id=full,
        modelscope_id=full if same else "",
        native_precision=native,
        intermediate=model.int4_width if native in ("awq", "gptq") and model.int4_width else model.intermediate,
        parts=(),
    )
