"""From an offer to a module: what it holds per way of buying, what is refused, and that odd names change nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError, PlannerError
from planner.prices.catalog import Catalog
from planner.quoting.records import Offer, Quote
from planner.terraform import cloud, deploy, module
from planner.terraform.align import tidy
from planner.terraform.bootstrap import user_data_size
from planner.terraform.deploy import Settings
from planner.terraform.deployment import Deployment
from planner.terraform.hcl import parse
from tests.conftest import make_quote
from tools import reference_modules

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
P4D, GN7I, GN10XP = "p4d.24xlarge", "ecs.gn7i-c16g1.4xlarge", "GN10Xp.20XLARGE320"
TYPES = {"aws": P4D, "alicloud": GN7I, "tencentcloud": GN10XP}

_quotes: dict[str, Quote] = {}


def quoted(provider: str, **fields: Any) -> Quote:
    """Quote the usual type of `provider`, once per set of fields."""
    key = repr((provider, sorted(fields.items())))
    if key not in _quotes:
        _quotes[key] = make_quote(**{"provider": (provider,), "instance_type": (TYPES[provider],), **fields})
    return _quotes[key]


def changed(offer: Offer, change: dict[str, Any]) -> Offer:
    """Return an offer with other fields; those of its way of buying change there."""
    way = {k: v for k, v in change.items() if k in offer.way._fields}
    rest = {k: v for k, v in change.items() if k not in way}
    return offer._replace(way=offer.way._replace(**way), **rest)


def made(
    provider: str, settings: Settings | None = None, change: dict[str, Any] | None = None, **fields: Any
) -> tuple[Deployment, dict[str, str]]:
    """Return the deployment and files of an offer; `change` makes another way of buying of it."""
    quote = quoted(provider, **fields)
    offer = changed(deploy.pick(quote, provider, option=fields.get("purchase_option", ())), change or {})
    d = deploy.deploy(quote, offer, settings or Settings(NOW))
    return d, module.files(d, quote, offer, {})


def parsed(files: dict[str, str]) -> list[tuple[str, ...]]:
    """Return the headers of every top-level block of a module, sorted: its structure."""
    return sorted(b.header for p, t in files.items() if p.endswith(".tf") for b in parse(t, p).blocks)


def squeezed(text: str) -> str:
    """Return `text` with the blanks of alignment taken out."""
    return re.sub(r" +", " ", text)


# -- what is emitted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", TYPES)
def test_a_module_is_safe_by_default(provider: str) -> None:
    d, files = made(provider)
    main = files["main.tf"]
    everything = "\n".join(files.values())
    assert not re.search(r"\b(count|dynamic)\s*=|\bdynamic \"", main)
    assert not re.search(r"from_port\s*=\s*22\b|22/22|key_name|password\s*=", everything)
    assert 'default     = "0.0.0.0/0"' not in files["variables.tf"]
    assert user_data_size(d, files) <= cloud.find(provider).user_data_bytes
    expect = {
        "aws": [
            'http_tokens                 = "required"',
            "encrypted   = true",
            '_shutdown_behavior = "terminate"',
            "associate_public_ip_address          = false",
        ],
        "alicloud": [
            'http_tokens                   = "required"',
            "system_disk_encrypted         = true",
            "auto_release_time             = var.deadline",
            "internet_max_bandwidth_out    = 0",
        ],
        "tencentcloud": [
            "system_disk_encrypt         = true",
            "allocate_public_ip          = false",
            "internet_max_bandwidth_out  = 0",
        ],
    }
    for line in expect[provider]:
        assert squeezed(line) in squeezed(main), line
    assert d.deadline == "2026-12-23T22:00:00Z"
    assert f'deadline = "{d.deadline}"' in files["terraform.tfvars"]


@pytest.mark.parametrize("provider", TYPES)
def test_every_variable_is_typed_described_and_checked(provider: str) -> None:
    _, files = made(provider)
    for block in hcl2.loads(files["variables.tf"])["variable"]:
        for name, body in block.items():
            assert body["type"], name
            assert body["description"], name
            assert body["validation"], name


def test_the_readme_has_the_quoted_cost_to_the_cent() -> None:
    d, files = made("aws", egress_gb="2048")
    for label, amount, _ in d.cost:
        assert label in files["README.md"].replace("\\", "")
        assert f"{amount:,.2f}" in files["README.md"] or amount != amount.quantize(Decimal("0.01"))
    assert d.cost_total in files["README.md"]


@pytest.mark.parametrize(
    ("provider", "change", "settings", "present", "absent"),
    [
        (
            "aws",
            {"purchase_option": "spot"},
            {"spot_limit": Decimal("9.5")},
            ['market_type = "spot"', '"9.5"'],
            ["capacity_reservation"],
        ),
        ("aws", {"purchase_option": "spot"}, {}, ['market_type = "spot"'], ["max_price"]),
        (
            "aws",
            {"purchase_option": "capacity_block"},
            {},
            ['"capacity-block"', "aws_ec2_capacity_block_reservation"],
            ['"spot"'],
        ),
        (
            "aws",
            {},
            {"reserve_capacity": True},
            ["aws_ec2_capacity_reservation", "end_date                = var.deadline"],
            ["market_type"],
        ),
        (
            "aws",
            {"purchase_option": "reserved", "term": "1y", "payment": "no_upfront"},
            {},
            ["instance_type"],
            ["market_type", "capacity"],
        ),
        (
            "alicloud",
            {"purchase_option": "spot"},
            {"spot_limit": Decimal("9.5")},
            ['"SpotWithPriceLimit"', "= 9.5 #"],
            ["PrePaid"],
        ),
        ("alicloud", {"purchase_option": "spot"}, {}, ['"SpotAsPriceGo"'], ["spot_price_limit"]),
        (
            "alicloud",
            {"purchase_option": "subscription", "term": "3m"},
            {},
            ['"PrePaid"', "= 3\n"],
            ["auto_release_time", "var.deadline"],
        ),
        (
            "tencentcloud",
            {"purchase_option": "spot", "site": "china"},
            {"spot_limit": Decimal(9)},
            ['"SPOTPAID"', '"ONE-TIME"', '"9"'],
            ["PREPAID"],
        ),
        (
            "tencentcloud",
            {"purchase_option": "subscription", "site": "china", "term": "1y"},
            {},
            ['"PREPAID"', "= 12\n"],
            ["var.deadline"],
        ),
    ],
)
def test_only_the_chosen_way_of_buying_is_written(
    provider: str, change: dict[str, Any], settings: dict[str, Any], present: list[str], absent: list[str]
) -> None:
    d, files = made(provider, Settings(NOW, **settings), change)
    for text in present:
        assert squeezed(text) in squeezed(files["main.tf"]), text
    for text in absent:
        assert text not in files["main.tf"], text
    assert ("deadline.tf" in files) == (provider != "alicloud" and not d.prepaid)
    assert ('variable "deadline"' in files["variables.tf"]) == (not d.prepaid)


def test_billing_only_options_say_what_to_buy() -> None:
    d, files = made(
        "aws",
        None,
        {"purchase_option": "reserved", "term": "1y", "payment": "no_upfront", "offering": "standard"},
        count=2,
    )
    assert d.buy_note.startswith("buy 2 standard reserved instances of p4d.24xlarge (Linux, us-east-1), 1y no upfront")
    assert "To pay the quoted price" in files["README.md"]


def test_several_nodes_know_each_other() -> None:
    d, files = made("alicloud", count=3)
    assert [n.ip for n in d.nodes] == ["10.20.0.10", "10.20.0.11", "10.20.0.12"]
    assert "for_each = local.nodes" in files["main.tf"]
    assert 'inner_access_policy = "Accept"' in files["network.tf"]
    assert 'inner_access_policy = "Drop"' in made("alicloud")[1]["network.tf"]


def test_a_pipeline_over_instances_shares_a_head() -> None:
    quote = quoted("aws", count=4)
    offer = deploy.pick(quote, "aws")
    layout = offer.sizing.layout
    assert layout is not None
    staged = offer._replace(sizing=offer.sizing._replace(layout=layout._replace(tp=8, pp=2, replicas=1)))
    d = deploy.deploy(quote, staged, Settings(NOW))
    assert [(n.rank, n.head_ip) for n in d.nodes] == [
        (0, "10.20.0.10"),
        (1, "10.20.0.10"),
        (0, "10.20.0.12"),
        (1, "10.20.0.12"),
    ]
    assert "aws_placement_group" in module.files(d, quote, staged, {})["main.tf"]
    with pytest.raises(MisuseError, match="do not split"):
        deploy.deploy(quote, staged._replace(count=3), Settings(NOW))


def test_a_pipeline_in_a_capacity_block_takes_no_placement_group() -> None:
    """A block lies in an UltraCluster already: with a group AWS launches too few (terraform-aws-eks#3730, eksctl#7949)."""
    quote = quoted("aws", **(BLOCK | {"count": 2}))
    offer = deploy.pick(quote, "aws", option=("capacity_block",))
    layout = offer.sizing.layout
    assert layout is not None
    staged = offer._replace(sizing=offer.sizing._replace(layout=layout._replace(tp=8, pp=2, replicas=1)))
    files = module.files(deploy.deploy(quote, staged, Settings(NOW)), quote, staged, {})
    assert not any("placement_group" in text for text in files.values() if isinstance(text, str))


def test_a_public_address_only_when_the_workload_has_one() -> None:
    _, files = made("aws", public_ips=1)
    assert "associate_public_ip_address = true" in squeezed(files["main.tf"])
    assert "aws_nat_gateway" not in files["network.tf"]
    assert "aws_nat_gateway" in made("aws")[1]["network.tf"]


def test_mainland_regions_refuse_docker_io() -> None:
    there, here = made("tencentcloud")[1]["variables.tf"], made("aws")[1]["variables.tf"]
    assert r"^(docker\\.io|" in there and '"docker.io/' not in there
    assert r"docker\\.io" not in here and 'variable "registry"' not in here
    assert Catalog().market("alicloud", "cn-beijing") == "mainland"
    assert Catalog().market("alicloud", "cn-hongkong") == "abroad"
    assert Catalog().market("aws", "cn-north-1") == "mainland"
    assert Catalog().market("tencentcloud", "ap-singapore") == "abroad"


def test_pins_reach_the_module_and_must_be_whole() -> None:
    quote = quoted("aws")
    offer = deploy.pick(quote, "aws")
    d = deploy.deploy(quote, offer, Settings(NOW))
    pins = {i.role: f"reg.example.com/{i.role}@sha256:{'a' * 64}" for i in d.stack.images}
    text = module.files(d, quote, offer, pins)["variables.tf"]
    assert all(f'optional(string, "{pin}")' in text for pin in pins.values())
    for bad in ({"engine": "vllm:latest"}, {"nothing": pins["engine"]}, {"engine": pins["engine"] + "\n"}):
        with pytest.raises(MisuseError, match="--image"):
            module.files(d, quote, offer, bad)


# -- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "change", "given", "message"),
    [
        (
            "alicloud",
            {"purchase_option": "subscription", "term": "1m"},
            {"deadline": "2035-12-24T00:00:00Z"},
            "cannot have a deadline",
        ),
        ("tencentcloud", {"purchase_option": "spot", "site": "china"}, {}, "--spot-limit"),
        (
            "tencentcloud",
            {"purchase_option": "spot", "site": "international"},
            {"spot_limit": Decimal(1)},
            "international site",
        ),
        ("aws", {"purchase_option": "spot"}, {"spot_limit": Decimal(0)}, "above zero"),
        ("aws", {}, {"spot_limit": Decimal(1)}, "goes with a spot offer"),
        ("alicloud", {"purchase_option": "capacity_block"}, {}, "no capacity blocks"),
        ("alicloud", {}, {"reserve_capacity": True}, "capacity reservation"),
        ("alicloud", {}, {"deadline": "2029-12-01T00:00:00Z"}, "3 years"),
        ("alicloud", {}, {"deadline": "2026-11-23T22:20:00Z"}, "30 minutes ahead"),
        ("aws", {}, {"deadline": "2026-11-22T00:00:00Z"}, "ahead"),
        ("aws", {}, {"deadline": "tomorrow"}, "does not look like"),
        ("aws", {}, {"client_cidr": "0.0.0.0/0"}, "nearly everybody"),
        ("aws", {}, {"client_cidr": "128.0.0.0/1"}, "nearly everybody"),
        ("aws", {}, {"client_cidr": "10.0.0.1/8"}, "not an IPv4 range"),
        ("aws", {}, {"client_cidr": '10.0.0.0/8" }'}, "not an IPv4 range"),
        ("aws", {}, {"name": "Bad Name"}, "--name"),
        ("aws", {}, {"name": "x\n"}, "--name"),
        ("aws", {}, {"zone": "eu-west-1a"}, "not in us-east-1"),
        ("aws", {}, {"zone": 'us-east-1a"'}, "not in us-east-1"),
        ("aws", {}, {"alert_email": "nobody"}, "e-mail"),
        ("aws", {}, {"api_key_secret": "the key is: hunter2"}, "never give the secret"),
        ("aws", {}, {"checkpoint": "../x"}, "ORG/NAME"),
        ("aws", {}, {"tags": (("aws:x", "1"),)}, "not allowed"),
        ("aws", {}, {"tags": (("a", "1"), ("a", "2"))}, "twice"),
        ("aws", {}, {"tags": (("a", "x" * 10_000),)}, "10,000 characters"),
        ("aws", {"count": 41}, {}, "more than one module"),
    ],
)
def test_refused(provider: str, change: dict[str, Any], given: dict[str, Any], message: str) -> None:
    quote = quoted(provider)
    offer = changed(deploy.pick(quote, provider), change)
    with pytest.raises(MisuseError, match=re.escape(message)):
        deploy.deploy(quote, offer, Settings(NOW)._replace(**given))


def test_an_open_range_needs_insisting() -> None:
    d, files = made("aws", Settings(NOW, client_cidr="0.0.0.0/0", open_to_internet=True))
    assert d.client_cidr == "0.0.0.0/0"
    assert "wider than /8" not in files["variables.tf"]
    assert "wider than /8" in made("aws")[1]["variables.tf"]


def test_hours_beyond_the_clouds_limit() -> None:
    with pytest.raises(MisuseError, match="3 years"):
        made("alicloud", hours="30000")


def test_quantised_precisions_need_their_checkpoint() -> None:
    with pytest.raises(MisuseError, match="--checkpoint"):
        made("alicloud", precision="int4-awq")
    d, _ = made("alicloud", Settings(NOW, checkpoint="org/model-awq"), precision="int4-awq")
    assert (d.hf_id, d.modelscope_id) == ("org/model-awq", "org/model-awq")


def test_pick_says_why_there_is_nothing() -> None:
    quote = quoted("aws")
    with pytest.raises(MisuseError, match="no subscription price"):
        deploy.pick(quote, "aws", option=("subscription",))
    with pytest.raises(MisuseError, match="alicloud has no price"):
        deploy.pick(quote, "alicloud")
    spot = next(o for o in quote.offers if o.purchase_option == "spot")
    assert deploy.pick(quote, "aws", offer_id=spot.id) is spot
    with pytest.raises(MisuseError, match="has no aws offer 'nothing'"):
        deploy.pick(quote, "aws", offer_id="nothing")
    with pytest.raises(MisuseError, match="eu-nowhere"):
        deploy.pick(quote, "aws", region=("eu-nowhere",))


def test_a_secret_in_any_file_stops_it_and_is_not_repeated() -> None:
    token = "hf_" + "Ab1" * 12
    with pytest.raises(PlannerError) as caught:
        made("aws", Settings(NOW, tags=(("note", token),)))
    assert token not in str(caught.value)


# -- odd names ---------------------------------------------------------------------------------------------------

_tame: dict[str, list[tuple[str, ...]]] = {}
odd = st.text(st.sampled_from("${}%\"'\\\n\t #=/*abé😀:"), max_size=40) | st.text(max_size=40) | st.just("x" * 10_000)


@settings(deadline=None, max_examples=30)
@given(value=odd, provider=st.sampled_from(sorted(TYPES)))
def test_odd_tags_never_change_the_structure(value: str, provider: str) -> None:
    if provider not in _tame:
        _tame[provider] = parsed(made(provider, Settings(NOW, tags=(("note", "tame"),)))[1])
    try:
        _, files = made(provider, Settings(NOW, tags=(("note", value),)))
    except PlannerError:
        return
    assert parsed(files) == _tame[provider]
    assert [k for k in hcl2.loads(files["main.tf"])["locals"][0]["tags"] if "note" in k]
    assert json.loads(files["planner.json"])["schema"] == "planner.module/1"


@settings(deadline=None, max_examples=12)
@given(value=odd)
def test_odd_workload_names_become_plain_resource_names(value: str) -> None:
    quote = quoted("aws")
    odd_quote = quote._replace(workload=quote.workload._replace(name=value))
    offer = deploy.pick(quote, "aws")
    d = deploy.deploy(odd_quote, offer, Settings(NOW))
    assert deploy.NAME.match(d.name)
    files = module.files(d, odd_quote, offer, {})
    assert parsed(files) == parsed(made("aws")[1])
    assert (
        yaml.safe_load(files["files/compose.yaml"]).keys()
        == yaml.safe_load(made("aws")[1]["files/compose.yaml"]).keys()
    )
    for path, text in files.items():
        if path.endswith(".sh"):
            assert (
                subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0 or "bash" in text[:20]
            )


# -- layout and the committed modules ------------------------------------------------------------------------------


def test_tidy_aligns_as_terraform_fmt_does() -> None:
    text = 'a {\n\n  x = 1\n  long_name = "# no comment" # yes\n  y = 2 # yes\n\n\n  z = {\n    k = 1\n  }\n}\n\n\n'
    assert tidy(text) == (
        'a {\n  x         = 1\n  long_name = "# no comment" # yes\n  y         = 2              # yes\n\n  z = {\n    k = 1\n  }\n}\n'
    )


def test_committed_modules_are_what_emit_tf_writes() -> None:
    root = Path(reference_modules.ROOT)
    seen = []
    for folder, files in reference_modules.modules():
        seen.append(folder)
        for path, text in files.items():
            assert (root / folder / path).read_text(encoding="utf-8") == text, f"{folder}/{path}: run `make terraform`"
        have = {p.relative_to(root / folder).as_posix() for p in (root / folder).rglob("*") if p.is_file()}
        assert {h for h in have if not h.startswith(".terraform")} == {*files, ".planner-files.json"}
    assert sorted(seen) == sorted(f"{p.parent.name}/{p.name}" for p in root.glob("*/*") if p.is_dir() and p.name != "kubernetes")


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on the PATH")
def test_committed_modules_are_formatted(tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("")
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", "-recursive", reference_modules.ROOT],
        capture_output=True,
        text=True,
        env={"TF_CLI_CONFIG_FILE": str(tmp_path / "rc"), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stdout


# -- what a cloud takes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "written"), [("3.14159", "3.141"), ("3.1", "3.1"), ("3.9999", "3.999"), ("28", "28"), ("0.0019", "0.001")]
)
def test_a_spot_limit_has_no_more_decimals_than_the_provider_takes(limit: str, written: str) -> None:
    spot = {"purchase_option": "spot"}
    d, files = made("alicloud", Settings(NOW, spot_limit=Decimal(limit)), spot)
    assert Decimal(d.spot_limit) == Decimal(written)
    line = next(x for x in files["main.tf"].splitlines() if "spot_price_limit" in x)
    assert re.search(rf"= {re.escape(written)}0* #", squeezed(line))


def test_a_spot_limit_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(MisuseError, match="takes 3 decimals, which leave nothing"):
        made("alicloud", Settings(NOW, spot_limit=Decimal("0.0004")), {"purchase_option": "spot"})


@pytest.mark.parametrize(
    ("kind", "model", "disk"),
    [(GN10XP, "DeepSeek-R1-Distill-Qwen-7B", "CLOUD_SSD"), ("GN7.5XLARGE80", "Qwen2.5-0.5B", "CLOUD_HSSD")],
)
def test_cloud_disks_are_of_a_type_that_the_family_is_sold_with(kind: str, model: str, disk: str) -> None:
    _, files = made("tencentcloud", instance_type=(kind,), model=model, storage_gb=Decimal(200))
    variable = files["variables.tf"].split('variable "disk_type"')[1]
    assert f'default = "{disk}"' in squeezed(variable)
    assert squeezed(files["main.tf"]).count("_disk_type = var.disk_type") == 2 and "CLOUD_" not in files["main.tf"]


@pytest.mark.parametrize(
    ("provider", "region", "kind", "mirror"),
    [
        ("aws", "cn-north-1", "g5.xlarge", "pypi.tuna.tsinghua.edu.cn"),
        ("alicloud", "cn-beijing", GN7I, "mirrors.aliyun.com/pypi"),
        ("tencentcloud", "ap-guangzhou", GN10XP, "mirrors.cloud.tencent.com/pypi"),
        ("aws", "us-east-1", "g5.xlarge", ""),
    ],
)
def test_packages_in_mainland_china_come_from_a_mirror(provider: str, region: str, kind: str, mirror: str) -> None:
    model = "DeepSeek-R1-Distill-Llama-70B" if kind == GN10XP else "DeepSeek-R1-Distill-Qwen-7B"
    _, files = made(provider, region=(region,), instance_type=(kind,), model=model)
    pip = files["files/bootstrap.sh"].split("pip install")[1].split("touch venv")[0]
    assert (mirror in pip and "-i https://" in pip) if mirror else "-i " not in pip


def test_what_the_secret_store_needs_is_named_with_its_price() -> None:
    readme = made("alicloud")[1]["README.md"]
    for words in ("KMS instance", "symmetric key", "4.5 USD a day", "--DKMSInstanceId", "--EncryptionKeyId", "the secret store"):
        assert words in readme
    assert "KMS" not in made("aws")[1]["README.md"]


def test_the_engine_reads_what_a_checkpoint_is_in() -> None:
    """`--quantization fp8` for a compressed-tensors checkpoint stops vLLM: it is said only of what is made fp8 while it loads."""

    def flags(checkpoint: str) -> str:
        fields = {"instance_type": ("g6.xlarge",), "model": "Llama-3.1-8B", "precision": "fp8"}
        return made("aws", Settings(NOW, checkpoint=checkpoint), **fields)[1]["files/compose.yaml"]

    assert "--quantization" not in flags("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8")
    assert "--quantization" not in flags("my-org/llama-compressed")
    assert "--quantization" in flags("meta-llama/Llama-3.1-8B-Instruct")


def test_a_gpu_whose_name_has_blanks_can_be_emitted() -> None:
    d, files = made("aws", instance_type=("g7e.2xlarge",), model="Qwen2.5-7B")
    assert d.gpu_model == "RTX Pro 6000" and "(1 x RTX Pro 6000 each)" in files["main.tf"]


def test_a_savings_plan_can_be_emitted() -> None:
    fields = {"purchase_option": ("savings_plan",), "instance_type": ("g7e.2xlarge",), "model": "Qwen2.5-7B"}
    d, files = made("aws", **fields)
    assert "savings plan for g7e in us-east-1" in d.buy_note and "an hour" in d.buy_note
    assert "market_options" not in files["main.tf"] and d.buy_note.split(";")[0] in files["README.md"].replace("\\", "")


def test_a_disk_beside_local_ones_is_not_paid_for_nothing() -> None:
    d, files = made("aws", storage_gb=Decimal(500))
    assert d.storage_gb == 0 and "ebs_block_device" not in files["main.tf"]
    assert "500 GB of block storage, which would lie idle: the local disks (8000 GB)" in files["README.md"].replace("\\", "")
    d, files = made("alicloud", storage_gb=Decimal(500))
    assert d.storage_gb == 500 and "lie idle" not in files["README.md"]


def test_gpus_are_stress_tested_only_when_asked_for() -> None:
    assert not [p for p in made("aws")[1] if "planner-stress" in p]
    _, files = made("aws", Settings(NOW, stress="Sat 02:30"))
    assert "OnCalendar=Sat 02:30:00 UTC\n" in files["files/units/planner-stress.timer"]
    for wrong in ("daily", "Sun 24:00", "Sunday 03:00", "Sun 03:00; reboot", "*-*-* 03:00"):
        with pytest.raises(MisuseError, match="weekday and a time in UTC"):
            made("aws", Settings(NOW, stress=wrong))


BLOCK = {"purchase_option": ("capacity_block",), "instance_type": ("p5.48xlarge",), "hours": Decimal(336)}


def test_a_block_is_bought_first_and_used_when_it_starts(tmp_path: Path) -> None:
    """The two preconditions, evaluated by terraform itself at times before, in and after the block."""
    _, files = made("aws", **BLOCK)
    assert "terraform apply -target=aws_ec2_capacity_block_reservation.this" in files["README.md"]
    assert 'output "block"' in files["outputs.tf"]
    conditions = [c for c in re.findall(r"condition += (.*)", files["main.tf"]) if "capacity_block" in c]
    assert len(conditions) == 2
    if shutil.which("terraform") is None:
        pytest.skip("no terraform on the PATH")
    start, end = "2026-12-01T11:30:00Z", "2026-12-15T11:30:00Z"
    for now, deadline, wanted in (
        ("2026-11-30T00:00:00Z", "2026-12-15T11:00:00Z", [False, True]),
        ("2026-12-01T11:30:00Z", "2026-12-15T11:00:00Z", [True, True]),
        ("2026-12-02T00:00:00Z", "2026-12-15T11:10:00Z", [True, False]),
    ):
        values = {
            "plantimestamp()": f'"{now}"',
            "aws_ec2_capacity_block_reservation.this.start_date": f'"{start}"',
            "aws_ec2_capacity_block_reservation.this.end_date": f'"{end}"',
            "var.deadline": f'"{deadline}"',
        }
        for at, condition in enumerate(conditions):
            for name, value in values.items():
                condition = condition.replace(name, value)  # noqa: PLW2901 - one expression, filled in
            done = subprocess.run(
                ["terraform", "console"], input=condition, capture_output=True, text=True, cwd=tmp_path, check=False
            )
            assert done.stdout.strip() == str(wanted[at]).lower(), (condition, done.stderr)
    assert "capacity_block" not in made("aws")[1]["main.tf"]
