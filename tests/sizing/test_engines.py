"""The engine table: what each host and GPU gets, that every row is whole, and that nothing unseen is named."""

from __future__ import annotations

import csv
import os
import re
from datetime import date

import pytest

from planner.files import DATA
from planner.prices.catalog import Catalog
from planner.sizing import advisories, engines, gpus, kernels
from planner.sizing.engines import ANYWHERE, Host
from planner.terraform import monitoring

R595 = Host("a", "595.91.07", "abroad")
R570 = Host("b", "570.133.20", "mainland")
R580 = Host("c", "580.95.05", "mainland")


@pytest.mark.parametrize(
    ("gpu", "host", "label", "image"),
    [
        ("T4", R595, "vLLM@0.31.0", "v0.31.0"),
        ("A100-40", R595, "vLLM@0.31.0", "v0.31.0"),
        ("B300", R595, "vLLM@0.31.0", "v0.31.0"),
        ("H20", R580, "vLLM@0.31.0", "v0.31.0"),
        ("A10", R570, "vLLM@0.29.0", "v0.29.0-cu129"),
        ("V100-32", R580, "LMDeploy@0.17.0", "v0.17.0-cu12.8"),
        ("V100-32", R570, "LMDeploy@0.17.0", "v0.17.0-cu12.8"),
        ("V100-32", ANYWHERE, "LMDeploy@0.17.0", "v0.17.0-cu12.8"),
        ("L40S", ANYWHERE, "vLLM@0.31.0", "v0.31.0"),
    ],
)
def test_what_a_host_and_a_gpu_get(gpu: str, host: Host, label: str, image: str) -> None:
    choice = engines.choose(gpus.find(gpu), host)
    assert not choice.refused
    assert choice.build is not None
    assert (choice.engine.label, choice.build.image.rpartition(":")[2]) == (label, image)


@pytest.mark.parametrize(
    ("gpu", "host", "words"),
    [
        ("V100-32", R595, "R580 is the last branch for V100"),
        ("P40", R580, "no kernels for P40"),
        ("P40", ANYWHERE, "no kernels for P40"),
        ("B300", R570, "under driver 570.133.20"),
        ("RX 7900 XTX", ANYWHERE, "no CUDA GPU"),
    ],
)
def test_what_gets_nothing_hears_why(gpu: str, host: Host, words: str) -> None:
    assert words in str(engines.choose(gpus.find(gpu), host).refused)


@pytest.mark.parametrize(
    ("asked", "gpu", "host", "built", "words"),
    [
        ("vllm@0.26.0", "A10", R595, True, ""),
        ("vllm@0.7.3", "A10", R595, False, ""),
        ("vllm@0.19.1", "A10", R570, True, ""),
        ("vllm@0.31.0", "A10", R570, False, "needs driver 580 or newer, not 570.133.20"),
        ("vllm", "V100-32", R580, False, ""),
        ("sglang", "A100-40", R595, True, ""),  # the first of its rows
        ("sglang@0.5.9", "A100-40", R595, False, ""),
        ("lmdeploy", "A100-40", R595, True, ""),
    ],
)
def test_an_asked_version_goes_through_the_same_room(asked: str, gpu: str, host: Host, built: bool, words: str) -> None:
    choice = engines.choose(gpus.find(gpu), host, asked)
    assert (choice.build is not None) == built
    assert words in str(choice.refused)
    assert bool(choice.refused) == bool(words)
    assert choice.engine.key == asked.partition("@")[0]


def test_the_row_is_said_in_words() -> None:
    for gpu, words in (("A10", "vLLM@0.31.0 as deployed on drivers >= 580"), ("V100-32", "on drivers 525 to 580")):
        choice = engines.choose(gpus.find(gpu))
        assert choice.build is not None
        assert words in str(engines.row(choice.build, gpus.find(gpu)))


def rows(name: str) -> list[dict[str, str]]:
    with open(os.path.join(DATA, name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_build_is_whole_and_names_an_image_that_was_seen() -> None:
    table = rows("engines.csv")
    assert len({(r["engine"], r["version"], r["cuda"], r["market"]) for r in table}) == len(table)
    assert [r["rank"] for r in table if r["rank"]] == ["1", "2", "3"]
    for r in table:
        assert None not in r and r["source"]
        assert date.fromisoformat(r["as_of"]) <= date(2026, 12, 31)
        assert r["digest"] == "" or re.fullmatch(r"sha256:[0-9a-f]{64}", r["digest"])
        assert int(r["driver_min"]) >= (580 if r["cuda"].startswith("13") else 525)
        assert set(r["capabilities"].split()) <= {
            "7.0",
            "7.5",
            "8.0",
            "8.6",
            "8.9",
            "9.0",
            "10.0",
            "10.3",
            "11.0",
            "12.0",
        }
        if r["image"]:
            assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9/_-]+:[A-Za-z0-9._-]+", r["image"])
            assert "digest" in r["source"] or "tag" in r["source"], "who has seen this image?"
            assert monitoring.engine_metrics(r["engine"], r["version"])
        else:
            assert not r["rank"] and not r["digest"]
    assert not any("0.33.0" in r["image"] for r in table), "this tag was found nowhere"


def test_every_gpu_and_driver_of_the_catalogues_is_answered() -> None:
    catalog = Catalog()
    for name in catalog.providers():
        driver = catalog.info(name).driver
        assert driver is not None
        for spec in catalog.instances(name).values():
            memory = float(spec.gpu_memory_gib) if spec.gpu_memory_gib else None
            if spec.gpu_model.startswith("GPU "):
                continue  # the vendor masks its name
            if isinstance(gpus.lookup(spec.gpu_model, memory), gpus.Missing):
                continue  # sold, but no datasheet of it is known: refused by name
            choice = engines.choose(gpus.find(spec.gpu_model, memory), Host(name, driver.version))
            assert (choice.build is None) == bool(choice.refused), spec
            if choice.build is not None:
                assert choice.build.rank and choice.build.image


def test_kernels_speak_of_known_things() -> None:
    with open(os.path.join(DATA, "kernels.csv"), encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert {r["support"] for r in table} == {"native", "weights", "refused", "unconfirmed", "rule", "relaxed"}
    assert {r["aspect"] for r in table} >= {"weight", "attention", "kv_cache", "tile", "architecture", "driver"}
    for r in table:
        assert r["source"] and r["kinds"], r
        assert {float(c) for c in r["capabilities"].split()} <= {5.2, 6.0, 6.1, *kernels.CAPABILITIES}, r


@pytest.mark.parametrize(
    ("engine", "version", "aspect", "kind", "capability", "support"),
    [
        ("vllm", "0.31.0", "weight", "fp8", 7.5, "weights"),
        ("vllm", "0.13.0", "weight", "fp8", 7.5, "refused"),
        ("vllm", "0.14.1", "weight", "fp8", 7.5, "weights"),
        ("vllm", "0.31.0", "weight", "int8", 12.0, "refused"),
        ("vllm", "0.31.0", "weight", "mxfp4", 7.5, "refused"),
        ("vllm", "0.31.0", "attention", "sparse-mla", 8.0, "refused"),
        ("vllm", "0.31.0", "attention", "sparse-mla", 9.0, "native"),
        ("vllm", "0.5.4", "weight", "int4-awq", 8.0, "weights"),
        ("vllm", "0.40.0", "weight", "fp8", 9.0, "native"),
        ("vllm", "2024", "weight", "fp8", 7.5, "refused"),
        ("lmdeploy", "0.16.0", "weight", "fp8-block", 8.0, "refused"),
        ("lmdeploy", "0.17.0", "weight", "fp8-block", 7.0, "weights"),
        ("lmdeploy", "0.2.0", "weight", "fp16", 8.0, "native"),
    ],
)
def test_kernels_by_version(engine: str, version: str, aspect: str, kind: str, capability: float, support: str) -> None:
    found = kernels.find(engine, kernels.numbers(version), aspect, kind, capability)
    assert found is not None
    assert found.support == support


@pytest.mark.parametrize(
    ("version", "has", "lacks"),
    [
        ("vllm@0.31.0", {"CVE-2026-115911 / GHSA-542m-9234-8gvf"}, {"CVE-2026-48746 / GHSA-94f4-hr76-p5j6"}),
        ("vllm@0.19.1", {"CVE-2026-48746 / GHSA-94f4-hr76-p5j6"}, {"CVE-2025-62164 / GHSA-mrw7-…"}),
        ("vllm@0.33.0", set(), {"CVE-2026-115911 / GHSA-542m-9234-8gvf"}),
        ("lmdeploy@0.17.0", {"CVE-2026-119706"}, {"CVE-2025-59953"}),
    ],
)
def test_advisories_by_version(version: str, has: set[str], lacks: set[str]) -> None:
    found = {a.id for a in advisories.opened(engines.parse(version))}
    assert has <= found
    assert not lacks & found


def test_no_default_below_the_security_floor() -> None:
    """CVE-2026-48746 lets callers past the API key below vLLM 0.22.0."""
    for build in engines.builds():
        if build.rank and build.engine.key == "vllm":
            assert build.engine.number >= (0, 22)


def test_no_build_that_is_chosen_by_itself_is_for_one_market() -> None:
    """quoting/build.py looks at the market only where a version is asked for."""
    assert not any(build.market for build in engines.builds() if build.rank)
