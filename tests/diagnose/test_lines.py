"""More lines of public threads: kernels, containers, clusters, networks, weights; and why a log's context is not the sizing's."""

import pytest

from planner.diagnose.fixes import Setting, fix
from planner.workload import make
from tests.diagnose.test_diagnose import computed, looked, setting

HEAD = 'Failed to pull image "ghcr.io/a/b:main": rpc error: code = Unknown desc = failed to pull and unpack image "ghcr.io/a/b:main": '
LINES = [
    (
        "misc/shmutils.cc:88 NCCL WARN Error: failed to extend /dev/shm/nccl-WU88OE to 9637892 bytes, error: No space left on device (28)",
        "ci-infra/pull/490",
        "/dev/shm",
    ),
    (
        "[1] include/shm.h:28 NCCL WARN Call to posix_fallocate failed : No space left on device",
        "nccl/issues/290",
        "/dev/shm",
    ),
    ("Error while creating shared memory segment /dev/shm/nccl-pZafXL (size 7340384)", "speedrun/issues/2", "/dev/shm"),
    (
        'NCCL WARN Error while attaching to shared memory segment /dev/shm/nccl- (size 192814336), error: No such file or directory (2)"',
        "nccl/issues/2190",
        "shared memory of another",
    ),
    (
        f'Warning Failed 3s kubelet {HEAD}failed to resolve reference "ghcr.io/a/b:main": failed to do request: Head '
        '"https://ghcr.io/v2/a/b/manifests/main": dial tcp 142.182.19.19:443: i/o timeout',
        "kube-state-metrics/issues/1588",
        "registry of ghcr.io/a/b:main is not reached",
    ),
    (
        '"PullImage from image service failed" err="rpc error: code = NotFound desc = failed to pull and unpack image '
        '\\"cn/kube-vip:v0.7.2\\": failed to resolve reference \\"cn/kube-vip:v0.7.2\\": cn/kube-vip:v0.7.2: not found"',
        "kubekey/issues/2238",
        "no image cn/kube-vip:v0.7.2",
    ),
    (
        "docker: Error response from daemon: pull access denied for vllm/vlm-openai, repository does not exist or may require 'docker login'",
        "minikube/issues/20613",
        "does not give vllm/vlm-openai",
    ),
    (
        'kubelet            Failed to pull image "oamdev/vela-core:0.3.1": rpc error: code = Unknown',
        "kubevela/pull/981",
        "pull oamdev/vela-core:0.3.1",
    ),
    ("  Warning  Failed  3s  kubelet  Error: ErrImagePull", "helm-charts/issues/35", "cannot pull"),
    (
        '  Normal   BackOff  2s  kubelet  Back-off pulling image "ghcr.io/ollama/open-webui:main"',
        "kubeflow/issues/2698",
        "cannot pull",
    ),
    ("  Warning  Failed  2s  kubelet  Error: ImagePullBackOff", "llm-d/issues/1597", "cannot pull"),
    (
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=10.0\\\\n\\",
        "Vitis-AI/issues/103",
        "newer CUDA",
    ),
    (
        "stderr: nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown.",
        "nvidia-docker/issues/1629",
        "no NVIDIA driver",
    ),
    (
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest",
        "compute-gpu-installation/pull/18",
        "not loaded",
    ),
    (
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 803: system has unsupported display driver / cuda driver combination",
        "gpustack/issues/4678",
        "error 803",
    ),
    (
        "ImportError: libcuda.so.1: cannot open shared object file: No such file or directory",
        "functionary/issues/182",
        "no driver",
    ),
    (
        "ImportError: libcudart.so.12: cannot open shared object file: No such file or directory",
        "vllm/issues/31018",
        "CUDA 12,",
    ),
    (
        "ValueError: Weight input_size_per_partition = 10944 is not divisible by min_thread_k = 128. Consider reducing tensor_parallel_size",
        "vllm/issues/9913",
        "rows of 128",
    ),
    (
        " MarlinLinearKernel cannot implement due to: Weight output_size_per_partition = 6840 is not divisible by  min_thread_n = 64. Consider",
        "vllm/pull/22163",
        "columns of 64",
    ),
    ("RuntimeError: prob_m = 59136 is not divisible by thread_m = 512", "llm-compressor/issues/54", "rows of 512"),
    (
        "ValueError: The input size is not aligned with the quantized weight shape. This can be caused by too large tensor parallel size.",
        "vllm/issues/21695",
        "groups",
    ),
    ("ValueError: The output size is not aligned with the quantized weight shape.", "vllm/issues/11671", "groups"),
    (
        "RuntimeError: Worker failed with error 'Invalid thread config: thread_m_blocks = 1, thread_k = -1, thread_n = -1, num_threads = -1",
        "vllm/issues/28363",
        "this shape",
    ),
    (
        "ERROR 12-11 21:46:49 engine.py:366] Failed to find a kernel that can implement the WNA16 linear layer. Reasons:",
        "llm-compressor/issues/973",
        "(WNA16)",
    ),
    (
        "OutOfResources: out of resource: shared memory, Required: 81920, Hardware limit: 65536. Reducing block sizes",
        "vllm/issues/36802",
        "81920 bytes",
    ),
    ("RuntimeError: FlashAttention only supports Ampere GPUs or newer.", "vllm/issues/8189", "older than Ampere"),
    ("RuntimeError: CUDA error: an illegal memory access was encountered", "vllm/issues/5376", "not its own"),
    (
        "RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "lm-evaluation-harness/issues/1689",
        "full",
    ),
    (
        "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "Qwen3/issues/873",
        "no GPU memory",
    ),
    (
        "AssertionError: local_world_size (16) must be less than or equal to the number of visible devices (8).",
        "vllm/pull/28873",
        "16 GPUs are asked for on a machine where 8",
    ),
    (
        "RuntimeError: please ensure that world_size (2) is less than than max local gpu count (1)",
        "vllm/issues/15217",
        "2 GPUs are asked for on a machine where 1",
    ),
    ("WARNING Tensor parallel size (16) exceeds available GPUs (8).", "vllm/pull/31301", "16 GPUs are asked for"),
    ("RuntimeError: CUDA error: invalid device ordinal", "vllm/issues/3722", "does not see"),
    (
        "Error: No available node types can fulfill resource request {'GPU': 1.0}.",
        "vllm/issues/8908",
        "Ray cluster has fewer",
    ),
    (
        "  Warning  FailedScheduling  3s  default-scheduler  0/6 nodes are available: 6 Insufficient nvidia.com/gpu.",
        "k8s-device-plugin/issues/283",
        "GPUs free",
    ),
    (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 10120387530, available: 9166736Ki.",
        "kubernetes-engine-samples/issues/1581",
        "evicted",
    ),
    (
        "Evicted   oct-03-09-compute   Pod The node had condition: [DiskPressure].",
        "operate-first/apps/issues/1352",
        "evicted",
    ),
    (
        "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
        "Qwen3-VL/issues/264",
        "(MetadataIncompleteBuffer)",
    ),
    (
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.",
        "localGPT/issues/822",
        "not reached",
    ),
    (
        "An error happened while trying to locate the file on the Hub and we cannot find the requested files in the local cache.",
        "HumanGaussian/issues/4",
        "not reached",
    ),
    (
        "MaxRetryError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /facebook/sam-vit-base/resolve",
        "RSPrompter/issues/78",
        "huggingface.co is not reached",
    ),
    (
        "ValueError: Quantization method specified in the model config (fp8) does not match the quantization method specified in the "
        "`quantization` argument (gguf).",
        "vllm/issues/19050",
        "checkpoint is fp8, and the engine was told gguf",
    ),
    (
        "ValueError: torch.bfloat16 is not supported for quantization method awq. Supported dtypes: [torch.float16]",
        "vllm/issues/1823",
        "awq calculates in torch.float16 only",
    ),
    (
        "The repository for TheBloke/Nous-Capybara-34B-AWQ contains custom code which must be executed to correctly load the model.",
        "worker-vllm/issues/43",
        "code of its own",
    ),
    ("api_server.py: error: unrecognized arguments: /srv/models/Qwen3-8B", "vllm/issues/27389", "/srv/models"),
    (
        "ValueError: The decoder prompt (length 16476) is longer than the maximum model length of 16384. Make sure",
        "cosmos-rl/issues/403",
        "16476 tokens came, and the engine serves at most 16384",
    ),
    (
        "ValueError: This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the messages",
        "vllm/issues/20409",
        "122946 tokens came",
    ),
    (
        "init.cc:943 NCCL WARN Duplicate GPU detected : rank 0 and rank 1 both on CUDA device 53000",
        "vllm/issues/17176",
        "same GPU",
    ),
    (
        "ncclRemoteError: A call failed possibly due to a network error or a remote process exiting prematurely.",
        "nccl/issues/2076",
        "another process",
    ),
    (
        "NET/IB : Got completion from peer 11.214.147.122<39138> with error 12, opcode 0, len 0, vendor err 129",
        "stanford_alpaca/issues/207",
        "error 12",
    ),
    (
        "misc/socket.cc:518 NCCL WARN Net : Call to recv from 10.200.84.247<58355> failed : Broken pipe",
        "nccl/issues/795",
        "10.200.84.247<58355> broke",
    ),
    (
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_0': 1}",
        "vllm/issues/21882",
        "above this line",
    ),
    (
        "ncclInvalidUsage: This usually reflects invalid usage of NCCL library.",
        "verl/issues/161",
        "two processes on one GPU",
    ),
]


@pytest.mark.parametrize(("line", "thread", "cause"), LINES, ids=[row[1] for row in LINES])
def test_a_public_line_has_its_cause(line: str, thread: str, cause: str) -> None:
    (fault,) = looked(f"INFO starting\n{line}\nINFO the end\n")
    assert thread in fault.pattern.source and len(fault.pattern.date) == 10
    assert cause in fault.pattern.cause.format_map(fault.values)
    assert fault.pattern.todo.format_map(fault.values) and fault.pattern.todo_zh.format_map(fault.values)
    computed(fault, setting("H100", model="Qwen3-32B"))  # whatever is known of the machine, no fix fails


def test_how_much_smaller_a_tensor_parallel_size_must_be() -> None:
    (fault,) = looked("Weight input_size_per_partition = 7392 is not divisible by min_thread_k = 128. Consider")
    assert 7392 * 4 % 128 == 0 and 7392 * 2 % 128
    assert "4 times smaller gives a GPU 29568, which 128 divides" in computed(fault)
    (odd,) = looked("Weight input_size_per_partition = 7 is not divisible by min_thread_k = 128. Consider")
    assert computed(odd) == "", "no tensor parallel size is that large"


SAID = "max seq len (40960), ({need} GiB KV cache is needed, which is larger than the available KV cache memory ({have} GiB). Try"


@pytest.mark.parametrize(
    ("need", "have", "why"),
    [
        ("10.00", "8.36", ""),  # what the sizing has: 256 KiB a token, 8.36 GiB left
        ("10.00", "2.00", "it was given less of the GPU"),
        ("10.00", "9.90", "it was given more of the GPU"),
        ("5.00", "8.36", "a token takes 128 KiB of a GPU in the log and 256 by the sizing"),
    ],
)
def test_where_the_logs_context_differs_from_the_sizings_it_is_said_why(need: str, have: str, why: str) -> None:
    (fault,) = looked(SAID.format(need=need, have=have))
    said = computed(fault, setting("H100", model="Qwen3-32B"))
    assert "34261 tokens of KV cache" in said and "--max-model-len" in said
    assert why in said and ("why: " in said) == bool(why)
    assert "why: " not in computed(fault), "nothing is compared with a workload that nobody named"


def test_a_log_that_says_tokens_only_is_compared_too() -> None:
    (fault,) = looked(
        "max seq len (40960) is larger than the maximum number of tokens that can be stored in KV cache (1000)"
    )
    asked = Setting(make({"model": "Qwen3-32B"}), "H100", 1)
    assert any("does not say what its engine had" in str(x) for x in fix(fault.pattern.fix, fault.values, asked))
