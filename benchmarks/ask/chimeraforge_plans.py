"""chimeraforge: what it says to the questions of peers.py. Its command is timed as it is (peers.py)."""

from said import NoAnswer, answers

LLAMA = {
    "models": ["llama3.1-8b"],
    "budget": 1e9,
    "latency_slo": 60000.0,
    "quality_target": 0.0,
    "allow_network": False,
}


def plans(hardware: str, **more: object) -> list:
    """Return its plans for Llama-3.1-8B on that card with vLLM, in 16 bits."""
    from chimeraforge.planner.service import run_plan

    asked = {**LLAMA, "hardware": hardware, "request_rate": 20.0, "prompt_tokens": 1024, "avg_tokens": 512, **more}
    result = run_plan(**asked)
    found = [one for one in result.candidates if one.backend == "vllm" and one.quant == "FP16"]
    if not found:
        raise NoAnswer("no plan with vLLM in FP16 on that card")
    return found


def price() -> str:
    """Say what the machine of the question costs: its list of clouds is asked for eight A100."""
    found = plans("A100 40GB", cloud="aws", tensor_parallel=8)[0]
    return f"{found.cloud_offer}"[:150]


def cloud(name: str) -> str:
    """Ask it to price at that cloud."""
    return str(plans("A100 40GB", cloud=name)[0].cloud_offer)


def option(*words: str) -> str:
    """Look for an option of `plan` that speaks of these words."""
    import inspect

    from chimeraforge.planner.service import run_plan

    names = list(inspect.signature(run_plan).parameters)
    found = [name for name in names if any(word in name for word in words)]
    if not found:
        raise NoAnswer(f"none of the {len(names)} inputs of a plan says that")
    return ", ".join(found)


def committed() -> str:
    """Ask for a commitment: a factor on the price is what there is."""
    found = [plans("A100 40GB", gpu_price_multiplier=share)[0].monthly_cost for share in (1.0, 0.6)]
    return f"a factor of your own on the price: {found[0]:,.0f} and at 0.6 {found[1]:,.0f} USD a month"


def fit() -> str:
    """Ask how many cards serve the load."""
    found = plans("H100 80GB")[0]
    return f"{found.gpus_total} x H100 80GB in FP16, {found.monthly_cost:,.0f} USD a month"


def speed(card: str) -> str:
    """Ask for tokens/s."""
    found = plans(card, request_rate=5.0)[0]
    return f"{found.total_throughput_tps:,.0f} tokens/s at a batch of {found.effective_batch}, which it chooses"


QUESTIONS = {
    "aws": price,
    "offline": lambda: f"{len(plans('H100 80GB'))} plan, of models in its list or already fetched",
    "alicloud": lambda: cloud("alicloud"),
    "tencentcloud": lambda: cloud("tencentcloud"),
    "committed": committed,
    "monthly": lambda: option("subscription", "monthly"),
    "egress": lambda: option("egress", "traffic"),
    "fit": fit,
    "speed": lambda: speed("H100 80GB"),
    "a10": lambda: speed("A10 24GB"),
}

if __name__ == "__main__":
    answers(QUESTIONS)
