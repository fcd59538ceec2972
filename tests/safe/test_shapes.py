"""Answers of another shape: the region as it is, or one line that names the field. More by hand: `make fuzz N=...`, a tenth
of N, since each asks a whole region through a real SDK."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import FetchError
from tests.providers import fake_alicloud, fake_aws, fake_tencentcloud
from tests.safe import shapes

#: The answers that once ended in "unexpected AttributeError": seeds of `shapes.Swapping`.
KEPT = (11_000_034, 11_000_035, 11_000_047, 11_000_061, 11_000_104)


#: A tenth of what readers in process are tried with.
TIMES = max(40, int(os.environ.get("PLANNER_FUZZ", "300")) // 10)


@pytest.mark.fuzz
@pytest.mark.parametrize(
    "cloud", ["aws", *(pytest.param(c, marks=pytest.mark.long) for c in shapes.CLOUDS if c != "aws")]
)
def test_a_wrong_shape_names_its_field(cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_alicloud.use_keys(monkeypatch)
    fake_tencentcloud.use_keys(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", fake_aws.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", fake_aws.SECRET)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with shapes.CLOUDS[cloud]() as (swapping, fetch):

        @settings(max_examples=TIMES, deadline=None, derandomize=True, database=None)
        @given(st.one_of(st.sampled_from(KEPT), st.integers(0, 10**9)))
        def tried(seed: int) -> None:
            swapping.seed, swapping.where = seed, ""
            try:
                fetch()
            except FetchError as exc:
                line = str(exc)
                assert "\n" not in line and "Error:" not in line, f"{swapping.where}: {line}"

        tried()
