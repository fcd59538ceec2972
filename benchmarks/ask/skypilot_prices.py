"""SkyPilot: its catalogue is downloaded, so where no network is it reads one in its own form, from the folder SKY_RUNTIME_DIR.

The library's function that `sky gpus list` shows: the command itself starts a server of its own and asks that.
`time`: the A100 machines of AWS with their prices. `questions`: what it says to the questions of peers.py.
"""

import os
import sys
import tempfile
from pathlib import Path

from said import NoAnswer, answers


def machines(cloud: str, gpu: str = "A100", **more: object) -> dict:
    """Return the machines of a cloud with that GPU, as its catalogue has them."""
    from sky.catalog import list_accelerators

    return list_accelerators(clouds=cloud, name_filter=gpu, **more)


def price() -> str:
    """Say what the machine of the question costs."""
    from sky.catalog import get_hourly_cost

    cost = get_hourly_cost("p4d.24xlarge", use_spot=False, region="us-east-1", zone=None, clouds="aws")
    return f"{cost:.2f} USD, from the list given to it"


def offline() -> str:
    """Ask as it is installed, in another process with an empty folder, without a catalogue of ours."""
    import subprocess

    code = "from sky.catalog import list_accelerators; print(len(list_accelerators(clouds='aws')))"
    with tempfile.TemporaryDirectory() as name:
        env = {**os.environ, "SKY_RUNTIME_DIR": name}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoAnswer(done.stderr.strip().splitlines()[-1][:150])
    return done.stdout


def egress() -> str:
    """Say what 1 TB out of AWS costs."""
    from sky.clouds import AWS

    return f"{AWS().get_egress_cost(1024):.2f} USD for 1,024 GB from AWS, steps fixed in its source"


def lacks(what: str) -> str:
    """Say what a machine of its catalogue is, where it says nothing of that."""
    from sky.catalog.common import InstanceTypeInfo

    names = [name for name in InstanceTypeInfo._fields if what in name]
    if names:
        return ", ".join(names)
    raise NoAnswer("a machine has no such field: GPUs, processors, memory, price, spot price, region")


def fit() -> str:
    """Ask how many machines a model takes."""
    import sky

    found = sorted(path.name for path in Path(sky.__file__).parent.glob("**/*sizing*.py"))
    if not found:
        raise NoAnswer("a task names its GPUs itself; there is no model to size")
    return ", ".join(found)


QUESTIONS = {
    "aws": price,
    "offline": offline,
    "alicloud": lambda: str(machines("alicloud")),
    "tencentcloud": lambda: str(machines("tencentcloud")),
    "committed": lambda: lacks("reserv"),
    "monthly": lambda: lacks("month"),
    "egress": egress,
    "fit": fit,
    "speed": lambda: lacks("tokens"),
    "a10": lambda: lacks("tokens"),
}

if __name__ == "__main__":
    if sys.argv[1:] == ["questions"]:
        answers(QUESTIONS)
    else:
        for machine in [m for found in machines("aws").values() for m in found]:
            print(machine.instance_type, machine.region, machine.price, machine.spot_price)
