"""`planner price DIR` reads manifests and node pools, and says where they and the quote say different things."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from planner.cli.price import priced_at
from planner.errors import MisuseError
from planner.i18n import translator
from planner.kubernetes import drift
from planner.kubernetes.manifests import documents
from planner.prices.catalog import Catalog
from planner.rendering import bill
from planner.terraform.price import Asked
from tests.conftest import ROOT
from tests.kubernetes.cases import CASES, made
from tests.kubernetes.test_controllers import whole
from tests.kubernetes.test_valid import write

CATALOG = Catalog()


class Words(yaml.SafeLoader):
    """Numbers stay text, as planner's own reader leaves them."""


Words.yaml_implicit_resolvers = {
    char: [(tag, rule) for tag, rule in rules if tag.rpartition(":")[2] in ("bool", "null")]
    for char, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


# -- the reader -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in ("aws-kueue", "tencentcloud-spot") else [pytest.mark.slow]) for n in CASES],
)
def test_what_is_written_is_read_as_any_yaml_reader_reads_it(name: str) -> None:
    for path, text in made(name).files.items():
        if path.endswith(".yaml"):
            want = [one for one in yaml.load_all(text, Words) if one is not None]
            assert documents(text, path) == want, path


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb:\n  - x\n  - y: 2\n    z: [1, 'two: 2', \"th,ree\"]\nc: {d: e, f: {g: h}}\n",
        "a: |\n  one\n    two\n\n  three\nb: |-\n  four\n",
        "- - 1\n  - 2\n-\n  a: b\n- plain words # a comment\n- 'it''s'\n- \"a \\\" # b\"\n- []\n- {}\n",
        "a: &x\n  b: c\nd: *x\ne: &y f\ng: *y\n",
        "a:\n- b\n- c: d\n  e:\n  - f\ng: null\nh: ~\ni:\nj: true\n",
        "---\na: http://x.example/y\n---\n# nothing\n---\n\"q: r\": 's'\n",
    ],
)
def test_what_people_write_is_read_as_any_yaml_reader_reads_it(text: str) -> None:
    assert documents(text, "x") == [one for one in yaml.load_all(text, Words) if one is not None]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: !!binary x\n", "x:1:"),
        ("a: 1\na: 2\n", "x:2: the key a is given twice"),
        ("a:\n\tb: 1\n", "x:2: a tab"),
        ("---\na: 'b\n", "x:2: a quote"),
        ("a: >\n  b\n", "x:1: a block"),
        ("a: *b\n", "x:1: no anchor b"),
        ("a: [b, c\n", "x:1: no ]"),
        ("a: 1\n  b: 2\n", "x:2:"),
        ("a: {b}\n", "a pair without a colon"),
        ("a:\n  b: 1\n c: 2\n", "x:3:"),
    ],
)
def test_what_is_beyond_it_is_refused_with_its_line(text: str, where: str) -> None:
    with pytest.raises(MisuseError, match=re.escape(where)):
        documents(text, "x")


def test_a_deep_nest_is_refused() -> None:
    with pytest.raises(MisuseError, match="nested too deep"):
        documents("a: " + "[" * 5000, "x")


# -- what differs -----------------------------------------------------------------------------------------------------


def tree_of(name: str, folder: Path, *edits: tuple[str, str, str]) -> drift.Tree:
    """Write a tree with its cluster, change it, and read it back."""
    files = dict(whole(made(name)))
    for path, old, new in edits:
        assert old in files[path], (path, old)
        files[path] = files[path].replace(old, new)
    found = drift.read(str(write(files, folder)))
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["aws-kueue", "alicloud-three", "tencentcloud-spot", "aws-spot"])
def test_what_was_written_does_not_differ(name: str, tmp_path: Path) -> None:
    m = made(name)
    tree = tree_of(name, tmp_path)
    assert drift.found(tree, CATALOG) == []
    assert tree.most == m.offer.count * int(m.offer.gpu.count)
    assert drift.nodes(tree, int(m.offer.gpu.count)) == m.offer.count
    if m.target.cluster.min_replicas is not None:
        assert (tree.loads[0].least, tree.loads[0].most) == (m.target.cluster.min_replicas, m.target.replicas)


#: tree, what is changed in which file, what is said of it.
EDITS: tuple[tuple[str, tuple[str, str, str], list[str]], ...] = (
    (
        "aws-three",
        ("serve/base/engine.yaml", "replicas: 3", "replicas: 5"),
        ["ask for 5 GPUs at most, the quote had 3", "the pools have 3"],
    ),
    (
        "aws-three",
        ("serve/base/engine.yaml", "replicas: 3", "replicas: 2"),
        ["ask for 2 GPUs at most, the quote had 3", "the pools may have 3"],
    ),
    ("aws-three", ("cluster/main.tf", "= 3 # the", "= 2 # the"), ["the pools have 2: pods of the rest wait"]),
    (
        "aws-three",
        ("cluster/main.tf", '"g6.xlarge"', '"g6e.xlarge"'),
        ["a pool is of g6e.xlarge, the quote of g6.xlarge"],
    ),
    (
        "aws-three",
        ("serve/base/engine.yaml", 'nvidia.com/gpu: "1"', 'nvidia.com/gpu: "2"'),
        ["quote had 3", "pools have 3", "asks for 2 GPUs and g6.xlarge has 1: no node takes it"],
    ),
    ("alicloud-three", ("cluster/nodes.tf", "max_size = local.nodes", "max_size = 9"), ["the pools may have 9"]),
    (
        "aws-kueue",
        ("serve/components/queue/queue.yaml", 'nominalQuota: "48"', 'nominalQuota: "40"'),
        ["admits 40 GPUs, the manifests ask for 48"],
    ),
    (
        "aws-kueue",
        ("serve/base/engine.yaml", "size: 3", "size: 2"),
        ["ask for 32 GPUs at most, the quote had 48", "the pools may have 48", "admits 48"],
    ),
    (
        "aws-kueue",
        ("serve/components/scale/scaledobject.yaml", "maxReplicaCount: 2", "maxReplicaCount: 3"),
        ["ask for 72", "the pools have 48", "admits 48"],
    ),
    (
        "tencentcloud-volcano",
        ("serve/components/queue/queue.yaml", 'nvidia.com/gpu: "3"', 'nvidia.com/gpu: "2"'),
        ["admits 2 GPUs"],
    ),
    (
        "aws-one",
        ("serve/base/engine.yaml", "nvidia.com/gpu", "example.com/none"),
        ["serve/ asks for no GPU", "ask for 0 GPUs", "the pools may have 1"],
    ),
)


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [pytest.param(*row, marks=[] if n in (0, 4, 8) else [pytest.mark.slow]) for n, row in enumerate(EDITS)],
)
def test_what_somebody_changed_is_found(name: str, edit: tuple[str, str, str], said: list[str], tmp_path: Path) -> None:
    found = [str(one) for one in drift.found(tree_of(name, tmp_path, edit), CATALOG)]
    assert len(found) == len(said), found
    for want, have in zip(said, found, strict=True):
        assert have.startswith("drift: ") and want in have
    for one in drift.found(tree_of(name, tmp_path, edit), CATALOG):
        assert translator("zh").say(one).startswith("偏差：")


def test_the_price_is_the_pools_with_what_differs_beside_it(tmp_path: Path) -> None:
    tree_of("aws-three", tmp_path, ("serve/base/engine.yaml", "replicas: 3", "replicas: 5"))
    priced = priced_at(str(tmp_path), None, Asked(), CATALOG)
    assert len(priced.drift) == 2 and priced.totals["USD"] > 0
    assert "  drift: the manifests ask for 5 GPUs at most, the quote had 3\n" in bill.resources(priced, "en")
    assert json.loads(bill.json_of(priced))["drift"][0].startswith("drift: the manifests")
    same = priced_at(str(tmp_path / "cluster"), None, Asked(), CATALOG)
    assert same.totals == priced.totals and "drift" not in json.loads(bill.json_of(same))


def test_in_a_cluster_that_is_there_the_manifests_are_priced(tmp_path: Path) -> None:
    m = made("aws-kueue")
    write(m.files, tmp_path)
    priced = priced_at(str(tmp_path), None, Asked(), CATALOG)
    assert priced.parts[0].address == "serve: 6 x p4d.24xlarge" and priced.drift == ()
    usage = sum(
        c.amount for c in m.offer.charges if c.name.key == "{what} ({kind}, {option})" or c.category == "compute"
    )
    assert priced.totals == {"USD": usage}
    engine = tmp_path / "serve" / "components" / "scale" / "scaledobject.yaml"
    engine.write_text(engine.read_text().replace("maxReplicaCount: 2", "maxReplicaCount: 1"))
    half = priced_at(str(tmp_path), "100", Asked(), CATALOG)
    assert half.parts[0].address == "serve: 3 x p4d.24xlarge"
    assert half.totals["USD"] == pytest.approx(usage / 2 * 100 / 720)


def test_a_damaged_tree_is_one_line(tmp_path: Path) -> None:
    tree_of("aws-one", tmp_path)
    (tmp_path / "serve" / "base" / "guard.yaml").write_text("a: [\n")
    with pytest.raises(MisuseError, match=r"guard\.yaml:1: "):
        priced_at(str(tmp_path), None, Asked(), CATALOG)
    (tmp_path / "planner.json").write_text("{")
    with pytest.raises(MisuseError, match=r"planner\.json: not valid JSON"):
        drift.read(str(tmp_path))
    (tmp_path / "planner.json").write_text('{"schema": "planner.module/1"}')
    assert drift.read(str(tmp_path)) is None and drift.read(str(ROOT / "docs")) is None
