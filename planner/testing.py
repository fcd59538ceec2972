"""What every provider adapter must hold: subclass `ProviderContract` in your adapter's tests, ours and anyone's.

    class TestMyCloud(ProviderContract):
        region = "my-region-1"
        heavy = ("mysdk",)
        secrets = ("the-secret-key-of-the-test",)

        def provider(self) -> Provider: ...
        def access(self, **changes) -> Access: ...     # reaches your local server; changes replace fields

pytest finds the test methods; nothing here imports it, so the module can be used with any runner. The package under test
must be installed, or lie on the search path with its `*.dist-info`: `planner` finds it, its home and its price lists by the
entry point alone (planner.provider), and so do these tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from planner.errors import FetchError, MisuseError
from planner.provider import Access, Batch, Provider, homes, in_families

__all__ = ["ProviderContract"]


def _refusal(deed: Callable[[], object], *kinds: type[Exception]) -> str:
    """Return what `deed` says when it refuses with one of `kinds`, "" when it does not refuse."""
    try:
        deed()
    except kinds as exc:
        return str(exc) or type(exc).__name__
    return ""


class ProviderContract:
    """region: one that the test's server knows. heavy: modules that importing the adapter must not load. secrets:
    texts that must stay in nothing that leaves the adapter. family: a family that the region sells, "" = not tested.
    unknown_region: one that does not exist ("" where the test's server cannot know)."""

    region = ""
    heavy: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    family = ""
    unknown_region = "no-such-region-9"

    def provider(self) -> Provider:
        """Return the adapter under test."""
        raise NotImplementedError

    def access(self, **changes: Any) -> Access:
        """Return an Access that reaches the test's server, with the given fields changed."""
        raise NotImplementedError

    def _fetch(self, **changes: Any) -> Batch:
        return self.provider().fetch(self.region, self.access(**changes))

    def test_the_name_is_a_plain_word(self) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9]*", self.provider().name)

    def test_importing_the_adapter_loads_no_sdk(self) -> None:
        module = type(self.provider()).__module__
        code = f"import sys, {module}; print([m for m in {self.heavy!r} if m in sys.modules])"
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
        assert done.stdout.strip() == "[]", done.stdout + done.stderr

    def test_an_entry_point_names_it(self) -> None:
        name = self.provider().name
        found = homes()
        assert name in found, (
            f"no entry point of the group planner.providers is called {name!r}: is the package installed?"
        )
        assert os.path.isdir(found[name])

    def test_its_price_lists_can_be_quoted(self) -> None:
        """A home without `catalog/` has no lists, and passes."""
        from planner.prices.catalog import Catalog
        from planner.prices.review import review

        name = self.provider().name
        if not os.path.isfile(os.path.join(homes()[name], "catalog", "provider.json")):
            return
        catalog = Catalog()
        assert review(catalog, name).problems == ()
        info, regions = catalog.info(name), catalog.regions(name)
        assert info.home_regions
        assert set(info.home_regions) <= set(regions)
        assert {site for region in regions.values() for site in region.sites} <= set(info.sites)

    def test_it_has_default_regions(self) -> None:
        regions = self.provider().default_regions()
        assert regions
        assert len(set(regions)) == len(regions)
        assert all(isinstance(region, str) and region for region in regions)

    def test_the_parallel_limit_is_a_number(self) -> None:
        assert int(getattr(self.provider(), "max_parallel_regions", 4)) >= 1

    def test_a_hint_is_one_sentence(self) -> None:
        hint = self.provider().credentials_hint()
        assert hint is None or ("\n" not in hint and hint.strip())

    def test_a_region_comes_whole_and_passes_every_check(self) -> None:
        from planner.prices.checks import check_batch

        batch = self._fetch()
        assert (batch.provider, batch.region) == (self.provider().name, self.region)
        assert check_batch(batch) == []
        assert batch.prices
        assert batch.instance_types
        assert all(isinstance(gap, str) and gap and "\n" not in gap for gap in batch.gaps)

    def test_every_price_has_a_specification(self) -> None:
        batch = self._fetch()
        assert {price.instance_type for price in batch.prices} <= {spec.name for spec in batch.instance_types}

    def test_the_same_answers_give_the_same_batch(self) -> None:
        assert self._fetch() == self._fetch()

    def test_the_price_book_gives_the_batch_back(self) -> None:
        from planner.prices.book.write import Writer
        from planner.prices.texts import clean

        batch, access = self._fetch(), self.access()
        with tempfile.TemporaryDirectory() as folder, Writer.open(os.path.join(folder, "book.db")) as writer:
            writer.add(batch, access.now, "public" if access.public else "keys")
            got = writer.book.prices(batch.provider, batch.region)
            assert sorted(got, key=repr) == sorted((clean(price, access.now) for price in batch.prices), key=repr)
            types = {spec.name for spec in writer.book.instance_types(batch.provider)}
            assert types == {spec.name for spec in batch.instance_types}

    def test_families_narrow_the_fetch(self) -> None:
        if not self.family:
            return
        batch = self._fetch(families=(self.family,))
        names = {price.instance_type for price in batch.prices}
        assert names
        assert all(in_families(name, (self.family,)) for name in names)

    def test_an_unknown_region_is_named(self) -> None:
        if not self.unknown_region:
            return
        said = _refusal(lambda: self.provider().fetch(self.unknown_region, self.access()), FetchError, MisuseError)
        assert said, f"{self.unknown_region} was fetched"
        assert self.unknown_region in said
        assert "\n" not in said

    def test_an_unsafe_endpoint_is_refused(self) -> None:
        said = _refusal(lambda: self._fetch(endpoint="http://prices.example.com"), MisuseError)
        assert "https" in said, "plain http to a far host was accepted"

    def test_raw_answers_are_kept_and_nothing_secret_leaves(self) -> None:
        raw: list[str] = []
        batch = self._fetch(keep_raw=lambda name, text: raw.append(f"{name}\n{text}"))
        assert raw, "no raw answer was handed to keep_raw"
        for secret in self.secrets:
            assert secret not in repr(batch)
            assert not any(secret in text for text in raw)

    def test_the_self_check_answers(self) -> None:
        seen = list(self.provider().self_check(self.access()))
        assert seen
        for call, good, what in seen:
            assert call
            assert good in (True, False)
            assert "\n" not in what
            assert not any(secret in what for secret in self.secrets)

    def test_variables_are_texts(self) -> None:
        assert all(isinstance(k, str) and isinstance(v, str) for k, v in self.provider().variables().items())
