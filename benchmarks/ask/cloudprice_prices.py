"""cloudprice-mcp: prices that come with it, for agents; its functions as its server calls them.

`questions`: what it says to the questions of peers.py. The time is taken of a whole session of its server (peers.py).
"""

import asyncio
import json

from said import NoAnswer, answers


def call(name: str, **asked: object) -> dict:
    """Return what a tool of its server answers."""
    from cloudprice_mcp import server

    async def one() -> list:
        return await server.call_tool(name, asked)

    found = asyncio.run(one())
    said = json.loads(found[0].text)
    if said.get("error"):
        raise NoAnswer(str(said["error"])[:150])
    return said


def price() -> str:
    """Say what the machine of the question costs."""
    found = call("compare_gpu_workload", gpu_type="A100", gpu_count=8, targets=["aws"])["per_cloud"][0]
    assert (found["sku"], found["region"]) == ("p4d.24xlarge", "us-east-1")
    return f"{found['hourly_usd']:.2f} USD, of its own list"


def listed(cloud: str) -> str:
    """Ask for the GPU of a cloud."""
    found = call("compare_gpu_workload", gpu_type="A10", gpu_count=1, targets=[cloud])
    if not found["per_cloud"]:
        raise NoAnswer(str(found["headline"])[:150])
    return str(found["headline"])[:150]


def committed() -> str:
    """Ask for a year's commitment of that machine."""
    compute = [{"name": "x", "vcpus": 96, "memory_gb": 1152, "quantity": 1}]
    found = call("optimize_commitment", compute=compute, cloud="aws", scenarios=["1yr_no_upfront"])
    return f"{found['headline']} One share for all of a cloud's types"


def egress() -> str:
    """Ask for 1 TB out of AWS."""
    asked = [{"name": "x", "gb_per_month": 1024, "direction": "out_to_internet"}]
    found = call("compare_egress", transfers=asked)
    cost = found["rows"][0]["per_cloud"]["aws"]
    return f"{cost['row_monthly_total']} USD for 1,024 GB from AWS, {cost['free_tier_gb']:g} of them free"


def tool(*words: str) -> str:
    """Look for a tool whose name or description speaks of all these words."""
    from cloudprice_mcp import server

    tools = asyncio.run(server.list_tools())
    for one in tools:
        if all(word in f"{one.name} {one.description}".lower() for word in words):
            return one.name
    raise NoAnswer(f"none of its {len(tools)} tools asks that")


QUESTIONS = {
    "aws": price,
    "offline": price,
    "alicloud": lambda: listed("alicloud"),
    "tencentcloud": lambda: listed("tencentcloud"),
    "committed": committed,
    "monthly": lambda: tool("subscription by the month"),
    "egress": egress,
    "fit": lambda: tool("model", "requests per second"),
    "speed": lambda: tool("tokens/s"),
    "a10": lambda: tool("tokens/s"),
}

if __name__ == "__main__":
    answers(QUESTIONS)
