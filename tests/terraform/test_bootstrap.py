"""What the start-up half of a module consists of: every file by its own checker, its size, its secrets, odd names."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import templating
from planner.errors import MisuseError, PlannerError
from planner.terraform import bootstrap, cloud
from tests.bootstrap.variants import VARIANTS, deployment

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


#: One of each cloud, of each number of machines and of each way to pay; the others are alike (`make slow`).
SAMPLE = ("p4d-8x-tp1", "p5-r1-2-nodes", "gn7i-subscription", "gn10xp")


@pytest.fixture(
    scope="module", params=[v if v in SAMPLE else pytest.param(v, marks=pytest.mark.slow) for v in VARIANTS]
)
def variant(request, tmp_path_factory):
    """Return a reference deployment, its files, and a folder that holds them."""
    files = bootstrap.render(VARIANTS[request.param])
    folder = tmp_path_factory.mktemp(request.param)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return VARIANTS[request.param], files, folder


def need(name: str, package: str) -> str:
    path = shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))
    if path is None:
        pytest.skip(f"{name} is not installed ({package})")
    return path


def run(*command: str, **kwargs) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **kwargs)


def test_shell_is_clean(variant):
    d, _, folder = variant
    scripts = [str(path) for path in folder.rglob("*.sh")]
    stress = set() if d.provider == "tencentcloud" and not d.stress else {"stress.sh"}
    assert {Path(s).name for s in scripts} == {"bootstrap.sh", "acceptance.sh", "change.sh", *stress}
    for script in scripts:
        assert run("bash", "-n", script).stderr == ""
    done = run(need("shellcheck", "apt-get install shellcheck"), "-S", "style", *scripts)
    assert done.returncode == 0, done.stdout


def test_python_compiles_and_reads(variant):
    _, files, _ = variant
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_everything_is_ascii(variant):
    """The instance unpacks before any locale is set."""
    _, files, _ = variant
    assert not [path for path, text in files.items() if not text.isascii()]
    assert not [path for path, text in files.items() if "\f" in text or "\r" in text]


def test_only_the_variant_is_emitted(variant):
    d, files, _ = variant
    text = "\n".join(files.values())
    foreign = {
        "aws": ("aliyun", "tencent", "modelscope", "auto_install", "docker-compose-v2"),
        "alicloud": ("aws ", "tencent", "dlami-nvme/"),
        "tencentcloud": ("aws ", "aliyun", "dlami-nvme/"),
    }[d.provider]
    assert not [word for word in foreign if word in text]
    assert ("lmdeploy" in text) == (d.stack.engine == "lmdeploy")
    assert ("huggingface_hub" in text) != d.mainland and ("modelscope_hub" in text) == d.mainland
    assert ("deadline" in text) != d.prepaid
    assert ("--nnodes" in text) == (d.layout.pp > 1)
    assert not re.search(r"\{\{ (?!\$)|\{%|\{#", text), "unrendered template"


def test_mainland_depends_on_nothing_abroad(variant):
    d, files, _ = variant
    hosts = set(re.findall(r"https?://([a-z0-9.-]+\.[a-z]{2,})", "\n".join(files.values())))
    if d.mainland:
        china = (
            "developer.download.nvidia.cn",
            "cn.download.nvidia.com",
            "mirrors.aliyun.com",
            "mirrors.cloud.tencent.com",
            "mirrors.tencentyun.com",
            "metadata.tencentyun.com",
        )
        assert hosts <= set(china), hosts
    assert "docker.io" not in "\n".join(text for path, text in files.items() if path != "files/bootstrap.sh")
    assert "docker.io/" not in files["files/bootstrap.sh"]


def test_compose_follows_its_schema(variant):
    checker = need("check-jsonschema", "pip install check-jsonschema")
    _, files, folder = variant
    good = run(checker, "--builtin-schema", "vendor.compose-spec", str(folder / "files/compose.yaml"))
    assert good.returncode == 0, good.stdout
    bad = folder / "bad.yaml"
    bad.write_text(
        files["files/compose.yaml"].replace("image: ${PLANNER_IMAGE_GRAFANA", "imagee: ${PLANNER_IMAGE_GRAFANA")
    )
    assert run(checker, "--builtin-schema", "vendor.compose-spec", str(bad)).returncode == 1


def test_compose_serves_the_layout_on_the_loopback(variant):
    d, files, _ = variant
    services = yaml.safe_load(files["files/compose.yaml"])["services"]
    replicas = [services[f"engine-{i}"] for i in range(d.layout.replicas)]
    ids = [e["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for e in replicas]
    assert [len(i) for i in ids] == [d.layout.tp] * d.layout.replicas
    assert len({g for i in ids for g in i}) == d.layout.tp * d.layout.replicas <= d.gpu_count
    for number, service in enumerate(replicas):
        assert service["command"] == bootstrap.engine_command(d)
        if d.layout.pp == 1:
            assert service["command"][service["command"].index("8000") - 1] in ("--port", "--server-port")
            assert service["ports"] == [f"127.0.0.1:{8000 + number}:8000"]
        else:
            assert service["network_mode"] == "host" and "127.0.0.1" in service["command"]
    for name, service in services.items():
        assert service["image"].startswith("${PLANNER_IMAGE_") and service["image"].endswith(":?}")
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)
    if d.layout.pp > 1:
        assert services["worker"]["command"] == [*bootstrap.engine_command(d), "--headless"]


def test_engine_flags_come_from_the_sizing(variant):
    d, _, _ = variant
    command = bootstrap.engine_command(d)
    after = dict(itertools.pairwise(command))
    inside = "127.0.0.1" if d.layout.pp > 1 else "0.0.0.0"
    if d.stack.engine == "vllm":
        assert (after["--host"], after["--port"]) == (inside, "8000")
        assert after["--tensor-parallel-size"] == str(d.layout.tp) and after["--max-model-len"] == str(d.max_model_len)
        assert after["--gpu-memory-utilization"] == d.gpu_memory_utilization and after["--dtype"] == d.stack.dtype
        assert after["--served-model-name"] == d.served_name
        # A checkpoint that is fp8 already is read as it is; only a 16-bit one is made fp8 while it loads.
        assert ("--quantization" in after) == (d.precision == "fp8" and not d.stack.made)
    elif d.stack.engine == "sglang":
        assert (after["--host"], after["--port"], after["--served-model-name"]) == (inside, "8000", d.served_name)
        assert after["--tp-size"] == str(d.layout.tp) and after["--context-length"] == str(d.max_model_len)
        assert after["--dtype"] == d.stack.dtype and "--enable-metrics" in command and "--api-key" not in after
    else:
        assert (after["--server-name"], after["--server-port"]) == (inside, "8000")
        assert after["--tp"] == str(d.layout.tp) and after["--session-len"] == str(d.max_model_len)
        assert after["--dtype"] == "float16" and after["--backend"] == "turbomind" and "--api-keys" not in after


def test_units_are_valid(variant):
    analyze = need("systemd-analyze", "apt-get install systemd")
    _, _, folder = variant
    units = folder / "units"
    shutil.copytree(folder / "files/units", units, dirs_exist_ok=True)
    for name in ("docker.service", "dlami-nvme.service"):
        (units / name).write_text("[Service]\nExecStart=/bin/true\n")
    for unit in units.iterdir():
        text = re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", unit.read_text())
        if unit.name == "planner-deadline.timer":
            text = text.replace("[Timer]\n", "[Timer]\nOnCalendar=2026-12-31 10:00:00 UTC\n")
        unit.write_text(text)
    own = [str(unit) for unit in sorted(units.iterdir()) if unit.name.startswith("planner")]
    done = run(analyze, "verify", "--man=no", *own, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"})
    ours = [line for line in done.stderr.splitlines() if "planner-" in line]
    assert done.returncode == 0 and not ours, done.stderr
    broken = units / "planner-watch.timer"
    broken.write_text(broken.read_text().replace("OnUnitActiveSec", "OnUnitActiveSecs"))
    done = run(analyze, "verify", "--man=no", str(broken), env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"})
    assert "OnUnitActiveSecs" in done.stderr, "verify must see an unknown key"


def test_the_stress_test_has_the_hour_that_was_named():
    analyze = need("systemd-analyze", "apt-get install systemd")
    timer = bootstrap.render(VARIANTS["p4d-8x-tp1"])["files/units/planner-stress.timer"]
    calendar = re.search(r"OnCalendar=(.*)", timer)[1]
    base = "--base-time=2026-01-02 00:00:00 UTC"
    done = run(analyze, "calendar", "--iterations=3", base, calendar, env={**os.environ, "TZ": "UTC"})
    assert done.returncode == 0, done.stderr
    dates = re.findall(r"(\d{4}-\d\d-\d\d) 03:00:00", done.stdout)
    assert list(dict.fromkeys(dates)) == ["2026-01-04", "2026-01-11", "2026-01-18"]


# --- cloud-init and the size of user-data


def user_data(d, files, env: str = "PLANNER_PROVIDER=x\n") -> str:
    """Return what Terraform would make of the template (compared with Terraform's own below)."""
    bundle = "".join(
        f"\f{path.removeprefix('files/')}\n" + re.sub(r"(?m)^ *# .*\n", "", text)
        for path, text in sorted(files.items())
        if path.startswith("files/")
    )
    text = files["cloud-init.yaml.tftpl"]
    for name, value in {"bundle": bundle, "module_env": env}.items():
        text = text.replace(f"${{{name}}}", json.dumps(value))
    return text


def test_cloud_init_accepts_the_user_data(variant):
    tool = need("cloud-init", "apt-get install cloud-init")
    d, files, folder = variant
    assert sorted(re.findall(r"\$\{(\w+)\}|%\{", files["cloud-init.yaml.tftpl"])) == ["bundle", "module_env"]
    (folder / "user-data").write_text(user_data(d, files))
    done = run(tool, "schema", "--config-file", str(folder / "user-data"))
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "bad").write_text(user_data(d, files).replace("ssh_pwauth: false", "ssh_pwauth: [maybe]"))
    assert run(tool, "schema", "--config-file", str(folder / "bad")).returncode != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
@pytest.mark.parametrize("name", ["p4d", "gn10xp"])
def test_cloud_init_delivers_every_file(name, tmp_path):
    tool = need("cloud-init", "apt-get install cloud-init")
    if run("unshare", "-m", "true").returncode:
        pytest.skip("this machine grants no mount namespace")
    d = VARIANTS[name]
    files = bootstrap.render(d)
    env = bootstrap.module_env(d)
    (tmp_path / "user-data").write_text(user_data(d, files, env))
    (tmp_path / "unpack").write_text(yaml.safe_load(user_data(d, files))["runcmd"][0][2])
    script = f"""
        set -e
        for d in opt lib etc run; do mkdir -p {tmp_path}/$d; done
        cp -a /etc/. {tmp_path}/etc/
        mount --bind {tmp_path}/etc /etc; mount --bind {tmp_path}/opt /opt; mount --bind {tmp_path}/lib /var/lib
        {tool} --file {tmp_path}/user-data single --name write_files --frequency always
        /usr/bin/python3 {tmp_path}/unpack
    """
    done = run("unshare", "-m", "bash", "-c", script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "etc/planner/module.env").read_text() == env
    found = {
        p.relative_to(tmp_path / "opt/planner").as_posix(): p
        for p in (tmp_path / "opt/planner").rglob("*")
        if p.is_file()
    }
    assert set(found) == {path.removeprefix("files/") for path in files if path.startswith("files/")}
    for path, file in found.items():
        assert file.read_text() == re.sub(r"(?m)^ *# .*\n", "", files[f"files/{path}"])
        assert bool(file.stat().st_mode & 0o100) == path.endswith(".sh")
    for script_file in (tmp_path / "opt/planner").glob("*.sh"):
        assert script_file.read_text().startswith("#!/usr/bin/env bash\n")


def test_user_data_fits_with_room(variant):
    d, files, _ = variant
    size = bootstrap.user_data_size(d, files)
    assert 4000 < size <= cloud.find(d.provider).user_data_bytes


@pytest.mark.parametrize("name", ["p4d", "gn10xp"])
def test_size_is_what_terraform_makes(name, tmp_path):
    terraform = need("terraform", "1.9 or newer")
    d = VARIANTS[name]
    files = bootstrap.render(d)
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "env").write_text(bootstrap.module_env(d))
    locals_ = (ROOT / "templates/common/locals.j2").read_text()
    bundle = re.search(r"  bundle = (join.*?\n  \]\))\n", locals_, re.S)[1]
    given = '{ bundle = jsonencode(local.bundle), module_env = jsonencode(file("env")) }'
    call = f'base64gzip(templatefile("cloud-init.yaml.tftpl", {given}))'
    (tmp_path / "main.tf").write_text(
        f'locals {{\n  bundle = {bundle}\n}}\noutput "user_data" {{\n  value = {call}\n}}\n'
    )
    done = run(terraform, "apply", "-auto-approve", "-no-color", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(run(terraform, "output", "-json", cwd=tmp_path).stdout)["user_data"]["value"]
    size = bootstrap.user_data_size(d, files)
    raw = base64.b64decode(made)
    assert len(raw) <= size <= len(raw) * 1.03, (len(raw), size)
    assert yaml.safe_load(gzip.decompress(raw)) == yaml.safe_load(user_data(d, files, bootstrap.module_env(d)))


def test_too_much_user_data_is_refused(monkeypatch):
    small = cloud.find("aws")._replace(user_data_bytes=6000)
    monkeypatch.setattr(cloud, "find", lambda name: small)
    with pytest.raises(PlannerError, match="aws takes 6,000"):
        bootstrap.render(VARIANTS["p4d"])


# --- secrets and odd values


@pytest.mark.parametrize(
    "secret",
    [
        "hf_" + "a1B2" * 9,
        "sk-" + "proj1" * 6,
        "AKIA" + "ABCD2345" * 2,
        "ASIA" + "ABCD2345" * 2,
        "LTAI" + "5tAbCdEfGhIj1234",
        "AKID" + "z8krbsJ5yKBZQpn74WFkmLPx3",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_a_secret_is_found_wherever_it_stands(secret):
    assert len(bootstrap.find_secrets(f'x="{secret}"\n')) == 1
    assert len(bootstrap.find_secrets(secret)) == 1


def test_what_is_no_secret_passes(variant):
    _, files, _ = variant
    assert not [path for path, text in files.items() if bootstrap.find_secrets(text)]
    assert not bootstrap.find_secrets("the disk-of-the-instance-is-empty AKIArabia hf_home sk-x sha256:" + "0af1" * 16)


def test_a_secret_in_a_name_stops_the_module():
    with pytest.raises(PlannerError, match="Hugging Face token"):
        bootstrap.render(deployment(served_name="hf_" + "a1B2" * 9))


ODD = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "$(reboot)",
            "`id`",
            "a'b",
            'a"b',
            "a\nb",
            "${x}",
            "%{if}",
            "{{ 7*7 }}",
            "a b",
            "\u202ex",
            "x" * 10_000,
            "../../etc",
            "-rf",
        ]
    ),
    st.from_regex(r"[A-Za-z0-9._/-]{1,40}", fullmatch=True),
)


@settings(max_examples=60, deadline=None)
@given(ODD)
def test_a_model_or_name_keeps_the_structure_or_is_refused(value):
    plain = VARIANTS["g5"]
    for field in ("served_name", "hf_id", "gpu_memory_utilization"):
        d = plain._replace(**{field: value})
        try:
            files = bootstrap.render(d)
        except (MisuseError, PlannerError) as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert "\n" not in refused and len(refused) < 400
            continue
        command = yaml.safe_load(files["files/compose.yaml"])["services"]["engine-0"]["command"]
        assert command == bootstrap.engine_command(d)
        words = [word for word in (value, value.partition("/")[2]) if word]
        assert any(word in argument for word in words for argument in command)
        assert "\n" not in value and "'" not in value and "$" not in value


@settings(max_examples=80, deadline=None)
@given(st.one_of(ODD, st.text(alphabet="'\"$`\\\n\t {}%!é中😀", max_size=30)))
def test_quoting_survives_shell_and_yaml(value):
    try:
        word, scalar = templating.FILTERS["shell"](value), templating.FILTERS["yaml"](value)
    except MisuseError:
        return
    assert yaml.safe_load(f"key: {scalar}\n") == {"key": value}
    assert shlex.split(word) == [value]
    if "\x00" not in value:
        assert run("bash", "-c", f"printf %s {word}").stdout == value.replace("\r\n", "\n").replace("\r", "\n")


def test_a_hub_id_that_leaves_its_folder_is_refused():
    for bad in ("a/..", "../x", "a/b/c", "a", "", "a/.hidden", "a/b..c", "a/-x"):
        with pytest.raises(MisuseError, match="not an id on Hugging Face"):
            bootstrap.model_path(deployment(hf_id=bad))


# --- the door, with the real proxy


def test_render_is_the_same_every_time():
    for d in VARIANTS.values():
        assert bootstrap.render(d) == bootstrap.render(d)


@pytest.mark.parametrize(("name", "module"), [("gn7i", "alibabacloud_kms20160120"), ("gn10xp", "tencentcloud.ssm")])
def test_secret_reader_asks_its_sdk_for_the_name(name, module, monkeypatch, capsys):
    """Run secret.py with the real SDK up to the wire: the request carries the name, the answer is printed, no more."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip(f"{module} is not installed")
    asked: list[tuple[dict[str, str], str]] = []
    answer = types.SimpleNamespace(SecretString="the-secret", body=types.SimpleNamespace(secret_data="the-secret"))
    if name == "gn7i":
        from alibabacloud_kms20160120.client import Client

        def get(self, request):
            asked.append((request.to_map(), self._endpoint))
            return answer

        monkeypatch.setattr(Client, "get_secret_value", get)
    else:
        from tencentcloud.ssm.v20190923.ssm_client import SsmClient

        def get(self, request):
            asked.append((request._serialize(), self._endpoint))
            return answer

        monkeypatch.setattr(SsmClient, "GetSecretValue", get)
    region = VARIANTS[name].region
    monkeypatch.setenv("PLANNER_REGION", region)
    monkeypatch.setattr(sys, "argv", ["secret.py", "the-key"])
    exec(compile(bootstrap.render(VARIANTS[name])["files/secret.py"], "secret.py", "exec"), {})
    request, endpoint = asked[0]
    assert request["SecretName"] == "the-key"
    assert name != "gn7i" or endpoint == f"kms-vpc.{region}.aliyuncs.com"
    assert capsys.readouterr().out == "the-secret\n"
