"""The record that every template reads: one chosen offer, made concrete. Plain data, complete before anything renders.

How the two halves of a module meet
-----------------------------------
`planner.terraform.stack.stack(host, gpu, model, precision, engine, checkpoint) -> Stack` takes driver, engine, flags and
images from the engine table (planner.sizing.engines), or raises `MisuseError` (V100 with vLLM >= 0.20, ...).

`planner.terraform.bootstrap.render(deployment) -> dict[path, text]` gives the module's files below

* `cloud-init.yaml.tftpl`: a Terraform template with exactly two interpolations, both JSON strings (which YAML reads) and
  nothing else: `${module_env}` (the file /etc/planner/module.env) and `${bundle}`, everything below `files/` in one text:
  for each file a form feed, its name, a line feed and its text, less the lines that are only a `# ` comment. cloud-init
  writes it to /var/lib/planner/bundle and a few lines of python3 unpack it below /opt/planner (paths ending in .sh get
  mode 0755). The whole goes to the instance as one gzip stream, which cloud-init takes as it is: that and the missing
  comments keep it inside the narrowest limit (12 KB).
* `files/...`: static text; the same whatever is applied later. A cloud's own are in its templates' `files/`.
* `acceptance.sh` in `files/`, or beside it where the cloud's facts say that the user-data has no room for it (`apart`).

What is peculiar to the cloud comes from its facts (planner/terraform/cloud.py) and its templates: every `NAME.j2` at the
top of its folder is a file of the module, `parts/` holds what shared templates include as `cloud/parts/...`:
`quota.md` (what to ask for before the first apply; `quota.zh.md` and its like are the same in Chinese, optional), `secret.sh` (the body of `secret NAME`), `tags.sh` (the body of
`tags`, which prints KEY=VALUE of the instance's own planner-KEY tags), `driver.sh` (defines
`install_driver`; only where the machine image does not bring one) and, optional, `registry.sh` (logs in) and `remote.sh`
(the body of `remote ID SHELL`, by which roll.sh changes an instance in place).

Terraform's side (templates/<provider>/main.tf.j2) is

    user_data = base64gzip(templatefile("${path.module}/cloud-init.yaml.tftpl", {
      module_env = jsonencode(...)
      bundle     = jsonencode(...)       # templates/common/locals.j2
    }))

What may change while the instances run (deadline, names of secrets, how many instances) is not in the user-data, since
another one replaces them: it is in their tags, which planner-watch.timer reads each minute.

/etc/planner/module.env: `KEY=value` lines, no quotes; every value matches `[A-Za-z0-9:/._,@+=-]*` (validated in
variables.tf), so that systemd's EnvironmentFile=, compose's --env-file and the shell's `.` read the same. `MODULE_ENV`
below lists the keys. The secrets themselves are never in it: only their names, read at boot with the instance's role
(parts/secret.sh).
"""

from __future__ import annotations

from decimal import Decimal

from planner.records import NamedTuple
from planner.sizing import Layout
from planner.text import Text

__all__ = ["MODULE_ENV", "Deployment", "Fabric", "Fallback", "Image", "Node", "Place", "Stack"]

#: Keys of /etc/planner/module.env, in this order, and what Terraform puts there.
MODULE_ENV = {
    "PLANNER_PROVIDER": "the cloud's name",
    "PLANNER_REGION": "region id",
    "PLANNER_NODE_INDEX": "0.. among all instances of the module",
    "PLANNER_NODE_RANK": "0..pp-1 within its pipeline group; 0 without multi-node",
    "PLANNER_NODE_IP": "own private IPv4 address; in a network that exists the instance finds and adds it at its first boot",
    "PLANNER_HEAD_IP": "private IPv4 address of rank 0 of its group, where there is one",
    # One line per image of the stack: PLANNER_IMAGE_<ROLE upper case>, value repository@sha256:digest
}

class Image(NamedTuple):
    """A container image. role: "engine", "proxy", "prometheus", "grafana", "dcgm_exporter", "node_exporter".

    reference: repository:tag as published. digest: "sha256:..." or "" when none is known; then Terraform requires the variable.
    """

    role: str
    reference: str
    digest: str
    source: str
    as_of: str


class Stack(NamedTuple):
    """Driver, engine and images for one GPU on one cloud, from the engine table (planner.terraform.stack makes it).

    engine: "vllm", "lmdeploy" or "sglang". driver: version to install, "" where the image brings it. driver_min: gate.
    dtype: "bfloat16" or "float16". quantization: "" (16 bits) or what the weights are in ("awq", "gptq", "fp8", ...);
    flags: what the engine is told of it. made: the checkpoint comes in that width.
    """

    engine: str
    engine_version: str
    driver: str
    driver_min: str
    dtype: str
    quantization: str
    images: tuple[Image, ...]
    notes: tuple[str | Text, ...]
    flags: tuple[str, ...] = ()
    made: bool = False


class Place(NamedTuple):
    """Where the instances stand. vpc_id, subnet_id: a network that exists, "" = the module makes one in the range `cidr`.

    security_group_id: a group of that network, "" = the module makes one. as_module: without a provider, to be called by others.
    subnet_cidr, nat_cidr, balancer_cidr: parts of the own network. balancer: clients call one address for all replicas; certificate: in the
    cloud's store, "" = each replica shows its own; host: the name that it is for. balancer_subnet_id: where the balancer stands besides. backend: kind of the remote state,
    "" = a file beside the module; bucket: where, "" = said at init.
    """

    vpc_id: str = ""
    subnet_id: str = ""
    security_group_id: str = ""
    as_module: bool = False
    cidr: str = "10.20.0.0/24"
    subnet_cidr: str = "10.20.0.0/25"
    nat_cidr: str = "10.20.0.128/28"
    balancer_cidr: str = "10.20.0.144/28"
    balancer: bool = False
    balancer_subnet_id: str = ""
    certificate: str = ""
    host: str = ""
    backend: str = ""
    bucket: str = ""


class Fallback(NamedTuple):
    """One way out. zone: another one of the same machines ("" = other machines); amount: all of it, for the quote's hours, in words."""

    zone: str
    count: int  # type: ignore[assignment]
    instance_type: str
    region: str
    option: str
    amount: str


class Fabric(NamedTuple):
    """How the nodes of a pipeline speak to each other. slots: (network card, device) of each interface past TCP; () = TCP, and why.

    title: what the cloud calls the interfaces. transport: what NCCL's log says of them. environment: of the engine's containers.
    """

    title: str = ""
    slots: tuple[tuple[int, int], ...] = ()
    transport: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    why: str | Text = ""


class Node(NamedTuple):
    """One instance. rank is its place in its pipeline group; head_ip is that group's rank 0. "": not known before apply."""

    index: int  # type: ignore[assignment]
    rank: int
    ip: str
    head_ip: str


class Deployment(NamedTuple):
    """Everything that the templates of one module need. Strings are the user's or the catalogue's: quote them.

    name: [a-z][a-z0-9-]{0,30}. gpu_count: per instance, gpu_memory_gib: per GPU (None: not known).
    count: instances; pp of layout: instances per replica. cost: (label, exact amount, currency) rows of the whole bill, bill: its exact sum, unpriced:
    what has no price and is not in it (planner.quoting.around).
    tags: sorted pairs. client_cidr, deadline: "" when the user sets them at apply. hours: the quote's window.
    revision: commit of the checkpoint on the model hub, "" = the newest at the first boot.
    storage_gb: data disk for weights; 0: local NVMe holds them. max_model_len in tokens; stress: "" or when GPUs are stress-tested ("Sun 03:00", UTC); sized_tokens: input and output that the load is sized for. prepaid: subscription, so no
    deadline. capacity: "" or "reservation" (paid from apply to the deadline, used or not) or "block".
    buy_note: "" or what a billing-only option needs bought. budget: monthly alarm limit, plain digits in `currency`.
    group: the cloud's own keeps the instances, and makes anew what is lost; firm: how many of a spot group are on demand.
    pipeline_gbps: the slowest network between instances of one replica that the user takes. fallback: ways out where the zone has no machines to sell, in their order; None = nobody asked. lang: of README.md and RUNBOOKS.md, in which what is said here (cost, unpriced, notes, buy_note, why) is worded; idle_disk: "" or that the quote's disk is not made. registry: HOST/NAMESPACE that the images come from, "" = where they are published. place: the network that the instances stand in; fabric: how those of a pipeline speak to each other. power_off: a start-up that cannot succeed ends the bill. api_key_secret, hf_token_secret ("" = the model is public),
    alert_webhook_secret ("" = nobody is told): names in the cloud's secret store. period_begin, period_end: first and last month of the budget.
    """

    name: str
    provider: str
    site: str
    region: str
    zone: str
    mainland: bool
    instance_type: str
    vcpu: int
    memory_gib: Decimal
    network_gbps: Decimal | None
    local_nvme_gb: int
    gpu_model: str
    gpu_count: int
    gpu_memory_gib: Decimal | None
    count: int  # type: ignore[assignment]
    nodes: tuple[Node, ...]
    purchase_option: str
    term: str
    payment: str
    offering: str
    period_months: int
    prepaid: bool
    capacity: str
    spot_limit: str
    currency: str
    hours: Decimal
    deadline: str
    client_cidr: str
    public_ip: bool
    egress_gb: Decimal
    storage_gb: int
    root_gb: int
    budget: str
    model: str
    served_name: str
    hf_id: str
    modelscope_id: str
    weights_gib: float
    precision: str
    layout: Layout
    max_model_len: int
    gpu_memory_utilization: str
    stack: Stack
    cost: tuple[tuple[str, Decimal, str], ...]
    cost_total: str
    quote_hash: str
    quoted_on: str
    tags: tuple[tuple[str, str], ...]
    buy_note: str
    planner_version: str
    months: int = 1
    api_key_secret: str = ""
    hf_token_secret: str = ""
    alert_email: str = ""
    open_to_internet: bool = False
    unpriced: tuple[str, ...] = ()
    bill: Decimal = Decimal(0)
    period_begin: str = ""
    period_end: str = ""
    revision: str = ""
    stress: str = ""
    alert_webhook_secret: str = ""
    power_off: bool = False
    sized_tokens: tuple[int, int] = (0, 0)
    place: Place = Place()
    fabric: Fabric = Fabric()
    registry: str = ""
    fallback: tuple[Fallback, ...] | None = None
    pipeline_gbps: int = 100
    group: bool = False
    firm: int = 0
    lang: str = "en"
    idle_disk: str = ""
