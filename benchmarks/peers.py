"""Peers beside planner: the nearest question that each answers offline, as whole processes in turn, and what each cannot answer.

    python -m benchmarks.peers --install [NAME]...   an environment for each under build/peers, or under $PLANNER_PEERS
    python -m benchmarks peers                       the times and the questions, of those that are installed

Catalogues that two of them download are given to them in their own form, made from our committed lists of AWS.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.pairs import environment, once, program, session
from benchmarks.results import HERE, ROOT, Data, hand, medians

ASK = HERE / "ask"
FOLDER = "PLANNER_PEERS"
#: Rounds of a peer that takes less than `LONG` seconds, and of a longer one.
ROUNDS, FEWER, LONG = 7, 3, 3.0

QUESTIONS = {
    "offline": "an answer without network, as installed",
    "aws": "p4d.24xlarge in us-east-1, an hour on demand",
    "alicloud": "a GPU machine of Alibaba Cloud",
    "tencentcloud": "a GPU machine of Tencent Cloud",
    "committed": "p4d.24xlarge, committed for a year",
    "monthly": "a subscription by the month",
    "egress": "1 TB a month out of the cloud",
    "fit": "how many H100 serve Llama-3.1-8B at 20 requests/s, 1,024 in and 512 out",
    "speed": "tokens/s of that model on one H100, 64 at once",
    "a10": "the same on an A10",
}


_LIST, _LLAMA = "catalog list --offline-list --region", "size --model DeepSeek-R1-Distill-Llama-8B --precision fp16"
_LONG = "--input-tokens 1024 --output-tokens 512"
_ROW = r"^(?:aws|alicloud|tencentcloud) .*?  (\d\S* +[A-Z]{3} +\w+)"
#: What planner is asked, and what of its answer is shown.
OURS = {
    "offline": ("quote --hours 720", r"^(Take .*)"),
    "aws": (f"{_LIST} us-east-1 --instance-type p4d.24xlarge --purchase-option on_demand", _ROW),
    "alicloud": (f"{_LIST} cn-hangzhou --instance-type ecs.gn7i-c8g1.2xlarge --purchase-option on_demand", _ROW),
    "tencentcloud": (f"{_LIST} ap-guangzhou --instance-type GN10Xp.2XLARGE40 --purchase-option on_demand", _ROW),
    "committed": (
        f"{_LIST} us-east-1 --instance-type p4d.24xlarge --purchase-option reserved",
        r"(1y .*? [A-Z]{3} +\w+)",
    ),
    "monthly": (
        f"{_LIST} ap-guangzhou --instance-type GN10Xp.2XLARGE40 --purchase-option subscription",
        r"(1m .*? [A-Z]{3} +\w+)",
    ),
    "egress": (
        "quote --provider aws --instance-type g6.xlarge --purchase-option on_demand --egress-gb 1024 --hours 730 --format csv",
        r"internet,egress,[^\n]*?,GB,924,[^\n]*?(USD,[\d.]+)",
    ),
    "fit": (f"{_LLAMA} --gpu H100 --rps 20 {_LONG}", r"(machines .*)"),
    "speed": (f"{_LLAMA} --gpu H100 --concurrency 64 {_LONG}", r"(output tokens/s .*)"),
    "a10": (f"{_LLAMA} --gpu A10 --concurrency 64 {_LONG}", r"(output tokens/s .*)"),
}


class Peer(NamedTuple):
    """A peer: its package with the version that is installed, what is timed and what of planner beside it, who is asked."""

    package: str
    version: str
    words: str
    beside: str
    script: str
    given: str = ""

    @property
    def folder(self) -> Path:
        """The peer's environment."""
        return Path(os.environ.get(FOLDER) or ROOT / "build" / "peers") / self.package

    @property
    def python(self) -> Path:
        """The interpreter of that environment."""
        return self.folder / "bin" / "python"


GIVEN = "a catalogue in its own form, made from our committed lists of AWS: it would download one"
SESSION = "cloudprice-mcp serve  # one session: hello, and 8 x A100"
PEERS = (
    Peer(
        "skypilot",
        "0.14.1",
        "list_accelerators of A100 on AWS",
        "catalog list --provider aws --gpu A100",
        "skypilot_prices",
        GIVEN,
    ),
    Peer(
        "gpuhunt",
        "0.1.34",
        "Catalog().query of A100 on AWS",
        "catalog list --provider aws --gpu A100",
        "gpuhunt_prices",
        GIVEN,
    ),
    Peer("cloudprice-mcp", "0.18.3", SESSION, "mcp  # one session: hello, and a quote", "cloudprice_prices"),
    Peer(
        "chimeraforge",
        "0.76.0",
        "chimeraforge plan --no-network --model llama3.1-8b --hardware 'H100 80GB' --request-rate 20 --prompt-tokens 1024 "
        "--avg-tokens 512 --budget 100000 --latency-slo 60000 --quality-target 0 --json",
        "size --model DeepSeek-R1-Distill-Llama-8B --gpu H100 --rps 20 --input-tokens 1024 --output-tokens 512",
        "chimeraforge_plans",
    ),
    Peer(
        "aiconfigurator",
        "0.12.0",
        "aiconfigurator cli estimate --model-path meta-llama/Meta-Llama-3.1-8B --system h100_sxm --backend vllm --isl 1024 "
        "--osl 512 --batch-size 64 --tp-size 1",
        "size --model DeepSeek-R1-Distill-Llama-8B --gpu H100 --concurrency 64 --input-tokens 1024 --output-tokens 512",
        "aiconfigurator_plans",
    ),
)


def install(wanted: Sequence[str]) -> int:
    """Make the environments of these peers (of all without a name); return 1 where one cannot be made."""
    unknown = set(wanted) - {peer.package for peer in PEERS}
    if unknown:
        print(f"no peer {min(unknown)!r}: known: {', '.join(p.package for p in PEERS)}", file=sys.stderr)
        return 2
    failed = 0
    for peer in PEERS:
        if wanted and peer.package not in wanted:
            continue
        pip = [str(peer.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", str(peer.folder)], [*pip, f"{peer.package}=={peer.version}"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines() or ["no text"]
                print(f"{peer.package} {peer.version}: not installed: {said[-1]}")
                failed = 1
                break
        else:
            print(f"{peer.package} {peer.version}: installed in {peer.folder}")
    return failed


def why_not(peer: Peer) -> str:
    """Return why a peer cannot be asked here, or nothing."""
    if not peer.python.exists():
        return f"not installed: python -m benchmarks.peers --install {peer.package}"
    code = f"from importlib.metadata import version; print(version({peer.package!r}))"
    done = subprocess.run([str(peer.python), "-c", code], capture_output=True, text=True, check=False)
    found = done.stdout.strip() or "nothing"
    return "" if found == peer.version else f"{found} is installed, {peer.version} is asked: install it anew"


def lists(folder: Path) -> dict[str, str]:
    """Write our on-demand and spot prices of AWS as the catalogues of gpuhunt and SkyPilot; return where they look for them."""
    from planner.prices.catalog import Catalog

    book = Catalog()
    specs = book.instances("aws")
    found: dict[tuple[str, str], dict[str, str]] = {}
    for region in book.regions("aws"):
        for price in book.prices("aws", region):
            way = price.way
            if way.purchase_option in ("on_demand", "spot") and not price.status and way.instance_type in specs:
                found.setdefault((way.instance_type, region), {}).setdefault(way.purchase_option, str(price.amount))
    hunt, sky = folder / "gpuhunt", folder / ".sky" / "catalogs" / "v8" / "aws"
    hunt.mkdir()
    sky.mkdir(parents=True)
    with (hunt / "aws.csv").open("w", newline="") as one, (sky / "vms.csv").open("w", newline="") as two:
        first, second = csv.writer(one), csv.writer(two)
        names = "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,gpu_vendor,flags"
        first.writerow([*names.split(","), "cpu_arch", "provider_data"])
        names = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region"
        second.writerow([*names.split(","), "AvailabilityZone", "Arch"])
        for (name, region), paid in sorted(found.items()):
            spec = specs[name]
            gpu, count, memory = spec.gpu_model.partition("-")[0], int(spec.gpu_count), float(spec.gpu_memory_gib or 0)
            if not count:
                continue
            for way, amount in paid.items():
                row = [name, region, amount, spec.vcpu, spec.memory_gib, count, gpu, memory, way == "spot"]
                first.writerow([*row, "", "nvidia", "", "x86", "{}"])
            card = {
                "Name": gpu,
                "Manufacturer": "NVIDIA",
                "Count": count,
                "MemoryInfo": {"SizeInMiB": int(memory * 1024)},
            }
            info = str({"Gpus": [card], "TotalGpuMemoryInMiB": int(memory * 1024) * count})
            row = [name, gpu, count, spec.vcpu, spec.memory_gib, info, paid.get("on_demand", ""), paid.get("spot", "")]
            second.writerow([*row, region, f"{region}a", "x86_64"])
    # What its query does not look at, but its module names.
    (sky / "images.csv").write_text("Tag,Region,OS,OSVersion,ImageId,CreationDate,BaseImageId\n", encoding="utf-8")
    (sky / "instance_quota_mapping.csv").write_text("InstanceType,QuotaName,QuotaCode\n", encoding="utf-8")
    return {"GPUHUNT_CATALOG_DIR": str(hunt), "SKY_RUNTIME_DIR": str(folder)}


def command_of(peer: Peer) -> tuple[list[str], str | None]:
    """Return the peer's question as the words of a process, and what it reads."""
    words = shlex.split(peer.words, comments=True)
    program = peer.folder / "bin" / words[0]
    if not program.exists():
        return [str(peer.python), str(ASK / f"{peer.script}.py"), "time"], None
    said = (
        session("compare_gpu_workload", {"gpu_type": "A100", "gpu_count": 8})
        if peer.package == "cloudprice-mcp"
        else None
    )
    return [str(program), *words[1:]], said


def beside_of(peer: Peer) -> tuple[list[str], str | None]:
    """Return planner's question beside it, and what it reads."""
    words = shlex.split(peer.beside, comments=True)
    return [program(), *words], session("quote", {"hours": 720}) if words[0] == "mcp" else None


def timed(peer: Peer, env: dict[str, str], mine: dict[str, str], folder: Path) -> Data:
    """Return what the peer, planner and `import click` take, one after the other in each round."""
    command, said = command_of(peer)
    ours, ours_said = beside_of(peer)
    click = [sys.executable, "-c", "import click"]
    once(ours, mine, ours_said, folder)
    once(command, env, said, folder)
    first, _ = once(command, env, said, folder)
    rounds = []
    for _ in range(FEWER if first > LONG else ROUNDS):
        rounds.append((once(command, env, said, folder), once(ours, mine, ours_said, folder), once(click, mine)))
    return {
        "peer": medians([(a, c) for a, _, c in rounds]),
        "planner": medians([(b, c) for _, b, c in rounds]),
        "times": medians([(a, b) for a, b, _ in rounds]),
    }


def asked(peer: Peer, env: dict[str, str], folder: Path) -> dict[str, Data]:
    """Return what the peer says to each question."""
    command = [str(peer.python), str(ASK / f"{peer.script}.py"), "questions"]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {one["question"]: {"yes": one["yes"], "said": " ".join(one["said"].split())} for one in lines}
    missing = f"its script ended: {(done.stderr.strip().splitlines() or ['no text'])[-1][:120]}"
    return {name: found.get(name, {"yes": False, "said": missing}) for name in QUESTIONS}


def answered(env: dict[str, str], folder: Path) -> dict[str, Data]:
    """Return what planner says to each question."""
    found: dict[str, Data] = {}
    for name, (words, pattern) in OURS.items():
        done = subprocess.run(
            [program(), *words.split()], env=env, cwd=folder, capture_output=True, text=True, check=False
        )
        said = re.search(pattern, done.stdout, re.M)
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no text"]
        found[name] = {"yes": said is not None, "said": " ".join((said[1] if said else lines[-1]).split())[:160]}
    return found


def main(argv: list[str]) -> int:
    """Install, or time and ask those that are installed."""
    if argv[:1] == ["--install"]:
        return install(argv[1:])
    found: dict[str, Data] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mine = environment(folder / "planner")
        given, ours = lists(folder), answered(mine, folder)
        for peer in PEERS:
            data: Data = {
                "version": peer.version,
                "words": peer.words,
                "beside": f"planner {peer.beside}",
                "given": peer.given,
            }
            if skipped := why_not(peer):
                data["skipped"] = skipped
                print(f"{peer.package} {peer.version}: skipped: {skipped}", flush=True)
            else:
                env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
                env |= {"HOME": str(folder / "home"), "PYTHONWARNINGS": "ignore", **given}
                data |= timed(peer, env, mine, folder)
                data["answers"] = asked(peer, env, folder)
                one, two, times = data["peer"], data["planner"], data["times"]
                print(
                    f"{peer.package} {peer.version}: processor {one['cpu']:.0f} ms, {one['cpu_ratio']:.2f} of import click; planner "
                    f"{two['cpu']:.0f} ms, {two['cpu_ratio']:.2f}; {times['cpu_ratio']:.1f} times (wall {times['wall_ratio']:.1f}), "
                    f"answers {sum(a['yes'] for a in data['answers'].values())} of {len(QUESTIONS)} questions",
                    flush=True,
                )
            found[peer.package] = data
    absent = all("skipped" in data for data in found.values())
    if absent:
        print("no peer is installed: what an earlier run measured stays in the results, with its date")
    else:
        print(f"planner answers {sum(a['yes'] for a in ours.values())} of {len(QUESTIONS)} questions")
    hand("peers", {"peers": found, "planner": ours, "questions": QUESTIONS, "absent": absent})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
