"""Lines of public logs, each with the cause that its thread found; logs of any size, noise, and secrets."""

from __future__ import annotations

import io
import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from planner.diagnose import fixes, patterns
from planner.diagnose.fixes import Setting
from planner.sizing import engines, gpus
from planner.workload import make
from tests.conftest import Run

#: (the line, its thread, the kind of cause, a word of the cause, a word of what is computed of it)
LINES = [
    (
        "(RayWorkerWrapper pid=1) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 MiB. GPU 6 has a total capacity of "
        "44.53 GiB of which 448.00 KiB is free. Including non-PyTorch memory",
        "vllm/issues/15598",
        "gpu-memory",
        "448.00 KiB",
        "",
    ),
    (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.63 GiB (GPU 0; 44.56 GiB total capacity; 27.91 GiB already "
        "allocated; 565.31 MiB free; 27.93 GiB reserved in total by PyTorch)",
        "vllm/issues/783",
        "gpu-memory",
        "565.31 MiB",
        "",
    ),
    (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.50 GiB. GPU 0 has a total capacty of 23.69 GiB of which "
        "3.09 GiB is free.",
        "vllm/issues/15598",
        "gpu-memory",
        "3.09 GiB",
        "",
    ),
    (
        "ValueError: The model's max seq len (29000) is larger than the maximum number of tokens that can be stored in KV cache (23648). "
        "Try increasing `gpu_memory_utilization`",
        "vllm/issues/2418",
        "context",
        "holds 23648",
        "--max-model-len 23648 fits",
    ),
    (
        "ERROR 04-05 01:12:55 [core.py:390] ValueError: To serve at least one request with the models's max seq len (1048576), (24.00 GiB "
        "KV cache is needed, which is larger than the available KV cache memory (9.97 GiB). Try increasing",
        "vllm/issues/16118",
        "context",
        "9.97 GiB is left",
        "--max-model-len 435584 fits",
    ),
    (
        "ValueError: To serve at least one request with the models's max seq len (131072), (16.00 GiB KV cache is needed, which is larger "
        "than the available KV cache memory (0.71 GiB). Based on the available memory, the estimated maximum model length is 5632. Try",
        "tpu-inference/pull/223",
        "context",
        "needs 16.00 GiB",
        "--max-model-len 5632 fits",
    ),
    (
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
        "vllm/issues/2248",
        "gpu-memory",
        "nothing for the KV cache",
        "",
    ),
    (
        "ValueError: Free memory on device cuda:0 (19.77/22.05 GiB) on startup is less than desired GPU memory utilization (0.9, 19.84 GiB).",
        "pytorch/issues/175666",
        "gpu-memory",
        "19.77 of 22.05",
        "--gpu-memory-utilization 0.88",
    ),
    (
        "ValueError: Total number of attention heads (28) must be divisible by tensor parallel size (8).",
        "vllm/issues/2652",
        "layout",
        "28 attention heads",
        "1, 2, 4",
    ),
    (
        "ValueError: User-specified max_model_len (131072) is greater than the derived max_model_len (None=8192 in model's config.json).",
        "vllm/issues/3676",
        "context",
        "131072",
        "--max-model-len 8192 fits",
    ),
    (
        "ERROR 07-28 15:07:22 [core.py:632] RuntimeError: CUDA error: no kernel image is available for execution on the device",
        "vllm/issues/4604",
        "kernel",
        "no kernels",
        "name the GPU",
    ),
    (
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla V100-SXM2-32GB GPU has compute "
        "capability 7.0. You can use float16",
        "vllm/issues/946",
        "kernel",
        "Tesla V100-SXM2-32GB has no bfloat16",
        "V100-SXM2-32GB runs LMDeploy",
    ),
    (
        "ValueError: The quantization method fp8 is not supported for the current GPU. Minimum capability: 90. Current capability: 86.",
        "vllm/issues/4327",
        "kernel",
        "the GPU has 8.6",
        "compute capability 8.6 runs",
    ),
    (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver",
        "SeqNet/issues/36",
        "driver",
        "CUDA 11.4",
        "needs driver",
    ),
    (
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility was attempted on non supported HW",
        "vllm/issues/4940",
        "driver",
        "no data-centre card",
        "needs driver",
    ),
    (
        "RuntimeError: cuda runtime error (802) : system not yet initialized at /opt/conda/THCGeneral.cpp:50",
        "pytorch/issues/35710",
        "driver",
        "fabricmanager",
        "",
    ),
    (
        "Failed to initialize NVML: Driver/library version mismatch",
        "open-gpu-kernel-modules/issues/47",
        "driver",
        "old kernel module",
        "",
    ),
    (
        'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
        "nvidia-container-toolkit/issues/871",
        "driver",
        "does not know the NVIDIA runtime",
        "",
    ),
    (
        "Cannot access gated repo for url https://huggingface.co/meta-llama/Llama-2-7b/resolve/main/config.json.",
        "NeoSapiens/issues/3",
        "token",
        "gated",
        "https://huggingface.co/meta-llama/Llama-2-7b",
    ),
    (
        "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/meta-llama/Llama-2-7b-chat-hf/"
        "resolve/main/tokenizer_config.json",
        "basaran/issues/289",
        "token",
        "no token was sent",
        "https://huggingface.co/meta-llama/Llama-2-7b-chat-hf",
    ),
    ("Invalid rev id: v1.0.0", "sap-rpt-1-oss/pull/4", "revision", "no revision v1.0.0", ""),
    (
        "OSError: v2.0.1 is not a valid git identifier (branch name, tag name or commit id) that exists for this model name.",
        "transformers/pull/34682",
        "revision",
        "no revision v2.0.1",
        "",
    ),
    ("OSError: [Errno 28] No space left on device", "instructlab/issues/2206", "disk", "the disk is full", ""),
    (
        "[Sun Mar 24 23:54:53 2024] Out of memory: Killed process 6154 (python) total-vm:18109076kB, anon-rss:14095848kB",
        "textgen/issues/440",
        "host-memory",
        "killed python",
        "",
    ),
    (
        "ERROR: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use",
        "vllm/issues/7514",
        "port",
        "port is taken",
        "",
    ),
    (
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
        "docs/issues/21908",
        "image",
        "refuses anonymous pulls",
        "",
    ),
    (
        "[E ProcessGroupNCCL.cpp:475] [Rank 4] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=20518, OpType=ALLREDUCE, "
        "NumelIn=106496, NumelOut=106496, Timeout(ms)=1800000) ran for 1800270 milliseconds",
        "vllm/issues/2734",
        "nccl",
        "in ALLREDUCE",
        "",
    ),
    (
        "RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)",
        "vllm/issues/16707",
        "nccl",
        "network or shared memory",
        "",
    ),
    (
        "RuntimeError: CUDA error: uncorrectable ECC error encountered",
        "vllm/issues/5222",
        "gpu-fault",
        "cannot be corrected",
        "",
    ),
    (
        "kernel: NVRM: Xid (PCI:0000:9b:00): 94, pid=1234, name=python3, Contained ECC error",
        "gpud/pull/1174",
        "xid",
        "Xid 94",
        "",
    ),
    (
        "NVRM: Xid (PCI:0000:10:1c): 63, pid=1896, Row Remapper: New row marked for remapping, reset gpu to activate.",
        "stas00/ml-engineering",
        "xid",
        "Xid 63",
        "",
    ),
    ("NVRM: Xid (PCI:0000:44:00): 79, GPU has fallen off the bus", "NVSentinel/issues/155", "xid", "Xid 79", ""),
    (
        "ValueError: Model architectures ['LlamaForCausalLM'] are not supported for now.",
        "vllm/issues/9713",
        "model",
        "LlamaForCausalLM",
        "",
    ),
    (
        "ValueError: The checkpoint you are trying to load has model type `qwen3_moe` but Transformers does not recognize this architecture.",
        "vllm/issues/19793",
        "model",
        "qwen3_moe",
        "",
    ),
    (
        "kernel: [  514.682838] Memory cgroup out of memory: Killed process 15617 (python3) total-vm:11892kB, anon-rss:4292kB",
        "for-linux/issues/1001",
        "host-memory",
        "killed python3",
        "",
    ),
    (
        "kernel: oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/kubepods.slice,task=ray",
        "GEAK/issues/398",
        "host-memory",
        "CONSTRAINT_MEMCG",
        "",
    ),
    ("    Reason:       OOMKilled", "opentelemetry-operator/issues/3479", "host-memory", "limit of memory", ""),
    (
        "RuntimeError: NCCL error in: /torch/lib/c10d/ProcessGroupNCCL.cpp:260, unhandled system error",
        "nccl/issues/207",
        "nccl",
        "network or shared memory",
        "",
    ),
    ("NCCL WARN Bootstrap : no socket interface found", "MambaTree/issues/14", "nccl", "network or shared memory", ""),
    (
        "Error response from daemon: manifest for vllm/vllm-openai:v9.9.9 not found: manifest unknown: manifest unknown",
        "Duix-Avatar/issues/24",
        "image",
        "vllm/vllm-openai:v9.9.9",
        "name the GPU",
    ),
    ("Error response from daemon: manifest unknown", "llm-d/issues/1597", "image", "no such image", ""),
    (
        "  Warning  Failed  3m25s  kubelet  spec.containers{x}: Error: ImagePullBackOff",
        "llm-d/issues/1597",
        "image",
        "cannot pull",
        "",
    ),
    (
        "Repository Not Found for url: https://huggingface.co/api/models/xcodec_tps25_0215/revision/main.",
        "higgs-audio/issues/123",
        "token",
        "does not exist under this name",
        "",
    ),
    (
        "Revision Not Found for url: https://huggingface.co/sap-ai-research/contexttab/resolve/v1.0.0/l2/base.pt.",
        "sap-rpt-1-oss/pull/4",
        "revision",
        "no such revision",
        "",
    ),
    (
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4, please update your driver to a newer version, or use an",
        "vllm/issues/5635",
        "driver",
        "CUDA 12.4",
        "needs driver",
    ),
    ("RuntimeError: No CUDA GPUs are available", "vllm/issues/807", "driver", "sees no GPU", "needs driver"),
    (
        "ValueError(\"type fp8e4nv not supported in this architecture. The supported fp8 dtypes are ('fp8e4b15', 'fp8e5')\")",
        "vllm/issues/15336",
        "kernel",
        "compute capability 8.9",
        "name the GPU",
    ),
]


def looked(text: str | bytes) -> list[patterns.Fault]:
    return patterns.found(io.BytesIO(text.encode() if isinstance(text, str) else text))[0]


def computed(fault: patterns.Fault, setting: Setting | None = None) -> str:
    return "; ".join(str(said) for said in fixes.fix(fault.pattern.fix, fault.values, setting or Setting()))


@pytest.mark.parametrize(
    ("line", "thread", "kind", "cause", "fixed"), LINES, ids=[f"{n}-{row[2]}" for n, row in enumerate(LINES)]
)
def test_a_public_line_has_its_cause(line: str, thread: str, kind: str, cause: str, fixed: str) -> None:
    (fault,) = looked(f"INFO starting\n{line}\nINFO the end\n")
    assert fault.line == 2 and fault.pattern.kind == kind
    assert thread in fault.pattern.source and len(fault.pattern.date) == 10
    assert cause in fault.pattern.cause.format_map(fault.values)
    assert fixed in computed(fault)


def test_the_table_says_everything_in_both_languages() -> None:
    for one in patterns.patterns():
        assert one.pieces[0] and len(one.anchor) >= 4, one.pieces
        named = {name: name for name in one.names if name}
        for sentence in (one.cause, one.cause_zh, one.todo, one.todo_zh):
            assert sentence.format_map(named)
        assert any("\u4e00" <= c <= "\u9fff" for c in one.cause_zh) and any(
            "\u4e00" <= c <= "\u9fff" for c in one.todo_zh
        )
        assert one.source and one.date and (not one.fix or one.fix in fixes._FIXES)
    assert {one.fix for one in patterns.patterns() if one.fix} == set(fixes._FIXES)


def setting(gpu: str, cards: float = 1, **fields: Any) -> Setting:
    return Setting(make(fields), gpu, cards)


def test_what_fits_is_what_the_sizing_says() -> None:
    (fault,) = looked(
        "CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has a total capacity of 22.00 GiB of which 1.00 MiB is free"
    )
    said = computed(fault, setting("L4", model="DeepSeek-R1-Distill-Qwen-32B", precision="fp16"))
    assert "it fits 4 x L4 at fp16" in said
    said = computed(fault, setting("H100", model="DeepSeek-R1-Distill-Qwen-7B"))
    assert "by the sizing 1 x H100 hold DeepSeek-R1-Distill-Qwen-7B at fp16 and" in said
    said = computed(fault, setting("L4", model="DeepSeek-R1"))
    assert said == "by the sizing no number of L4 up to 16 holds it"
    assert computed(fault) == "", "nothing is guessed of a workload that nobody named"


def test_the_image_is_the_one_of_the_engine_table() -> None:
    (fault,) = looked("RuntimeError: CUDA error: no kernel image is available for execution on the device")
    build = engines.choose(gpus.find("T4")).build
    assert build is not None and build.image in computed(fault, Setting(gpu="T4"))
    log = "| NVIDIA-SMI 535.129.03   Driver Version: 535.129.03   CUDA Version: 12.2 |\nCUDA driver version is insufficient for CUDA runtime version\n"
    (fault,), driver = patterns.found(io.BytesIO(log.encode()))
    assert driver == "535.129.03"
    old = engines.choose(gpus.find("L4"), engines.Host(driver=driver)).build
    assert old is not None and old.image in computed(fault, Setting(gpu="L4", driver=driver))


def test_the_first_comes_first_and_the_same_is_counted() -> None:
    model = next(row[0] for row in LINES if row[2] == "model")
    log = "x\n" * 1000 + (LINES[0][0] + "\n") * 3 + model + "\n" + LINES[0][0] + "\n"
    first, second = looked(log)
    assert (first.pattern.kind, first.line, first.times) == ("gpu-memory", 1001, 4)
    assert (second.pattern.kind, second.line, second.times) == ("model", 1004, 1)
    assert [f.values.get("code") for f in looked("Xid (PCI:1): 200, a\nXid (PCI:1): 201, b\n")] == ["200", "201"]


class Endless(io.RawIOBase):
    """`size` bytes of noise with one line that is known near the end, without holding them."""

    def __init__(self, size: int, block: bytes) -> None:
        self.left, self.block = size, block

    def read(self, size: int = -1) -> bytes:
        take = min(self.left, size)
        self.left -= take
        if not self.left and take:
            return self.block[: take - 100] + b"\nInvalid rev id: v9\n"
        return self.block[:take]


@pytest.mark.parametrize("megabytes", [32, pytest.param(2048, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["lines", "noise", "one line"])
def test_size_and_noise_cost_time_and_no_memory(megabytes: int, kind: str) -> None:
    block = {
        "lines": b"INFO 01-01 engine.py:1] a usual line of a log\n" * 25_000,
        "noise": os.urandom(1 << 20),
        "one line": b"x" * (1 << 20),
    }
    tracemalloc.start()
    began = time.process_time()
    found, _ = patterns.found(Endless(megabytes << 20, block[kind][: 1 << 20]))  # type: ignore[arg-type]
    spent, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [f.values["revision"] for f in found][-1:] == ["v9"]
    assert peak < 24 << 20 and spent < megabytes * 0.08 + 1, (peak >> 20, spent)


def test_no_secret_is_shown(tmp_path: Path, planner: Run) -> None:
    log = tmp_path / "engine.log"
    token, key = "hf_" + "a1B2c3D4e5" * 3, "AKIA" + "IOSFODNN7EXAMPLE"
    log.write_text(
        f"OSError: [Errno 28] No space left on device HF_TOKEN={token} --api-key {key} Authorization: Bearer {token[::-1]}x\n"
        f"Cannot access gated repo for url https://huggingface.co/a/{token}/resolve/x.\n"
    )
    for form in ("table", "json"):
        done = planner("diagnose", str(log), "--format", form)
        assert done.returncode == 0 and "***" in done.stdout
        for secret in (token, key, token[::-1]):
            assert secret not in done.stdout + done.stderr


def test_as_people_and_programs_read_it(tmp_path: Path, planner: Run) -> None:
    log = tmp_path / "engine.log"
    log.write_text("\n".join(row[0] for row in LINES[:6]) + "\n")
    words = ("diagnose", str(log), "--model", "DeepSeek-R1-Distill-Qwen-32B", "--instance-type", "g6e.xlarge")
    done = planner(*words, "--format", "json")
    record = json.loads(done.stdout)
    assert record["schema"] == "planner.diagnose/1"
    assert [cause["line"] for cause in record["causes"]] == [1, 2, 4, 5, 6]
    assert "--max-model-len 23648 fits" in record["causes"][2]["computed"]
    told = planner(*words)
    assert "line 1: the GPU's memory is full" in told.stdout and "it fits 2 x L40S at fp16" in told.stdout
    chinese = planner(*words, "--lang", "zh")
    assert "第 1 行：显存已满" in chinese.stdout and "seen at" not in chinese.stdout


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("nowhere.log",), "No such file", 2),
        ((".",), "Is a directory", 2),
        (("/dev/null",), "none of the 12", 1),
        (("/dev/null", "--instance-type", "x9.huge"), "is in no price list", 2),
        (("/dev/null", "--model", "no such model"), "unknown model", 2),
        (("/dev/null", "--gpus", "0"), "--gpus", 2),
    ],
)
def test_bad_input(planner: Run, words: tuple[str, ...], said: str, code: int) -> None:
    done = planner("diagnose", *words)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr
