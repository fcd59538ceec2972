"""GPU datasheets: every usual name is found, nothing is guessed."""

import pytest

from planner.errors import MisuseError
from planner.prices.catalog import Catalog
from planner.sizing import gpus


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("A100-40", "A100-SXM4-40GB"),
        ("A100-80", "A100-SXM4-80GB"),
        ("H100", "H100-SXM5"),
        ("H200", "H200-SXM"),
        ("V100-32", "V100-SXM2-32GB"),
        ("V100S", "V100S-PCIE-32GB"),
        ("A10", "A10"),
        ("A10G", "A10G"),
        ("T4", "T4"),
        ("L4", "L4"),
        ("L40S", "L40S"),
        ("H20", "H20"),
        ("4090", "RTX 4090"),
        ("3090", "RTX-3090-24GB"),
        ("A6000", "RTX-A6000-48GB"),
        ("6000Ada", "RTX-6000-Ada-48GB"),
        ("A40", "A40-48GB"),
        ("A800-80", "A800-SXM4-80GB"),
        ("H800", "H800-SXM5-80GB"),
        ("L40", "L40"),
        ("NVIDIA H100 80GB HBM3", "H100-SXM5"),
        ("NVIDIA H100 PCIe", "H100-PCIE-80GB"),
        ("NVIDIA H100 NVL", "H100-NVL-94GB"),
        ("NVIDIA A100-SXM4-80GB", "A100-SXM4-80GB"),
        ("NVIDIA A100 80GB PCIe", "A100-PCIE-80GB"),
        ("NVIDIA A100-PCIE-40GB", "A100-PCIE-40GB"),
        ("NVIDIA A800 80GB PCIe", "A800-PCIE-80GB"),
        ("Tesla V100-SXM2-32GB", "V100-SXM2-32GB"),
        ("Tesla V100-PCIE-16GB", "V100-PCIE-16GB"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX-6000-Ada-48GB"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 5090", "RTX-5090-32GB"),
        ("nvidia tesla t4", "T4"),
        ("h20-3e-141GB", "H20-3e-141GB"),
        ("H100-SXM-80GB", "H100-SXM5"),
    ],
)
def test_usual_names(short: str, name: str) -> None:
    assert gpus.find(short).name == name


@pytest.mark.parametrize(
    ("word", "gib", "name"),
    [
        ("A100", 40, "A100-SXM4-40GB"),
        ("A100", 80, "A100-SXM4-80GB"),
        ("A100-NVLink-40GB", 40, "A100-SXM4-40GB"),
        ("V100", 16, "V100-SXM2-16GB"),
        ("V100", 32, "V100-SXM2-32GB"),
        ("V100-NVLink-32GB", 32, "V100-SXM2-32GB"),
        ("A10G", 22.35, "A10G"),
        ("L4", 22.35, "L4"),
        ("L40S", 44.7, "L40S"),
        ("A800", 40, "A800-40GB"),
        ("H200", 141, "H200-SXM"),
        ("B200", 179.06, "B200"),
        ("B300", 268.59, "B300"),
        ("H20", 141, "H20-3e-141GB"),
        ("RTX Pro 6000", 96, "RTX PRO 6000"),
        ("P40", 24, "P40"),
        ("A30", None, "A30"),
    ],
)
def test_vendors_words_with_memory(word: str, gib: float | None, name: str) -> None:
    assert gpus.find(word, gib).name == name


def test_a_slice_is_its_share_of_the_whole() -> None:
    whole, half = gpus.find("T4"), gpus.find("T4 (1/2 vGPU)", 8)
    assert half.share == 0.5
    assert half.usable_gib == whole.usable_gib / 2
    assert half.bandwidth_gb_s == whole.bandwidth_gb_s / 2


@pytest.mark.parametrize("word", ["GPU H", "GPU H-e", "gpu h"])
def test_masked_names_are_never_guessed(word: str) -> None:
    with pytest.raises(MisuseError, match="the vendor masks its name"):
        gpus.find(word, 96)


@pytest.mark.parametrize(
    ("word", "gib", "message"),
    [
        ("A100", None, "say A100-40 or A100-80"),
        ("A100", 60, "no datasheet for A100 with 60 GiB"),
        ("A10X", None, "did you mean A10"),
        ("T4 (0/0 vGPU)", None, "no datasheet"),
        ("T4 (1/", None, "no datasheet"),
        ("", None, "no datasheet"),
    ],
)
def test_refusals_say_what_to_do(word: str, gib: float | None, message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        gpus.find(word, gib)


def test_every_row_is_whole_and_says_where_it_is_from() -> None:
    for spec in gpus.rows().values():
        assert spec.source and spec.usable_source, spec.name
        assert spec.confidence in ("high", "medium", "low"), spec.name
        # A GPU offers a little less than printed: GB against GiB, ECC, the driver's share.
        assert 0.88 * spec.memory_gb <= spec.usable_gib <= spec.memory_gb, spec.name
        assert spec.link in ("nvlink", "pcie", "host")
    names = [n.lower() for s in gpus.rows().values() for n in (s.name, *s.aliases)]
    assert len(names) == len(set(names))


def test_a_gpu_of_the_lists_without_a_datasheet_is_said_to_be_one() -> None:
    """Each GPU that a list names has a datasheet, is masked by its vendor, or is known to lack one: none is a slip of ours."""
    catalog = Catalog()
    sold = {(i.gpu_model, i.gpu_memory_gib) for p in catalog.providers() for i in catalog.instances(p).values()}
    why = {name: gpus.lookup(name, float(gib) if gib else None) for name, gib in sold}
    lacking = {name: str(found.why) for name, found in why.items() if isinstance(found, gpus.Missing)}
    masked = {name for name, said in lacking.items() if "masks its name" in said}
    undescribed = {name for name, said in lacking.items() if "it is sold, but what it delivers is not known" in said}
    assert undescribed == {"GB200", "L20N 48G", "L20N 72G", "RTX Pro 4500"}
    assert set(lacking) - masked == undescribed
    with pytest.raises(MisuseError, match="no datasheet for rtx pro 4500: it is sold"):
        gpus.find("rtx pro 4500")
    assert (
        gpus.means("L20N", "L20N 48G") and not gpus.means("L20", "L20N 48G") and not gpus.means("RTX", "RTX Pro 4500")
    )
