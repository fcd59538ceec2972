"""gpuhunt: its catalogue is downloaded, so where no network is it reads one in its own form, from the folder GPUHUNT_CATALOG_DIR.

`time`: the offers of A100 machines of AWS, cheapest first. `questions`: what it says to the questions of peers.py.
"""

import os
import sys
from dataclasses import fields

import gpuhunt
from said import NoAnswer, answers


def offers(provider: str, **wanted: object) -> list:
    """Return the offers of a provider in the catalogue that lies in the folder."""
    return gpuhunt.Catalog(balance_resources=False, auto_reload=False).query(provider=[provider], **wanted)


def price() -> str:
    """Say what the machine of the question costs."""
    found = [o for o in offers("aws", spot=False) if o.instance_name == "p4d.24xlarge" and o.location == "us-east-1"]
    return f"{found[0].price:.2f} USD, from the list given to it"


def offline() -> str:
    """Ask as it is installed, without a catalogue of ours."""
    folder = os.environ.pop("GPUHUNT_CATALOG_DIR")
    try:
        return f"{len(gpuhunt.query(provider='aws'))} offers"
    finally:
        os.environ["GPUHUNT_CATALOG_DIR"] = folder


def lacks(*words: str) -> str:
    """Say which fields an offer has, where none of them speaks of those words."""
    names = [f.name for f in fields(gpuhunt.CatalogItem)]
    if any(word in name for word in words for name in names):
        return ", ".join(names)
    raise NoAnswer("an offer has no such field: name, place, price, spot, processors, memory, GPUs, disk, flags")


QUESTIONS = {
    "aws": price,
    "offline": offline,
    "alicloud": lambda: str(offers("alicloud")),
    "tencentcloud": lambda: str(offers("tencentcloud")),
    "committed": lambda: lacks("term", "reserv", "commit"),
    "monthly": lambda: lacks("month", "subscri"),
    "egress": lambda: lacks("egress", "traffic", "network"),
    "fit": lambda: lacks("model", "load"),
    "speed": lambda: lacks("tokens", "throughput"),
    "a10": lambda: lacks("tokens", "throughput"),
}

if __name__ == "__main__":
    if sys.argv[1:] == ["questions"]:
        answers(QUESTIONS)
    else:
        for offer in offers("aws", gpu_name="A100"):
            print(offer.instance_name, offer.location, offer.price, offer.spot)
