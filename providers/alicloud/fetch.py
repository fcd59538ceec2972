"""Asking Alibaba Cloud: the official SDK's own clients, our retries, one region at a time; answers go to `parse` as dicts.

Questions, in order: which types exist and which are sold here (together), then every price of every type (together),
then savings plans. The chain of dependent calls is three long, plus one for each further page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from planner.errors import FetchError
from planner.offer import Price, TransferPrice
from planner.provider import Access, Batch, checked_endpoint, in_families
from providers._border import Failure, clean, host_only, network_reason, raw_text, refusal, resolve_quickly
from providers._retry import TRIES, retry
from providers._together import together
from providers.alicloud import parse, terms

if TYPE_CHECKING:
    from providers.alicloud import Alicloud

__all__ = ["fetch", "find_credentials", "self_check"]

T = TypeVar("T")

PAGE_SIZE = 100
SAVINGS_PAGE_SIZE = 20
#: Pages of one list; a server that hands out tokens for ever is stopped here.
MAX_PAGES = 400
SPOT_WINDOW = timedelta(hours=24)
DOCS = "docs/providers/alicloud.md"
#: DescribePrice wants a system disk; which kinds a type takes differs, and the disk's line is not read.
DISKS = (("cloud_essd", "PL0", 40), ("cloud_efficiency", None, 40), ("cloud_ssd", None, 40))

RESERVED_GAP = (
    "reserved instances: Alibaba Cloud has no call that lists what it offers (DescribeReservedInstances lists what the "
    "account owns)"
)
QUOTA_GAP = "free internet traffic (CDT quota) and its tiers: no call gives them; the committed list has the published quota"


def find_credentials(seconds: float) -> tuple[Any, str | None]:
    """Return (credential client, None) by the SDK's default chain, or (None, what was looked for)."""
    looked = (
        "no Alibaba Cloud credentials found: looked at ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, OIDC, the aliyun CLI's "
        "profile (~/.aliyun/config.json), ~/.alibabacloud/credentials and the ECS metadata address"
    )

    def find() -> Any:
        from alibabacloud_credentials.client import Client

        client = Client()
        found = client.get_credential()
        if not found.access_key_id or not found.access_key_secret:
            raise LookupError("empty")
        return client

    try:
        return resolve_quickly(find, seconds), None
    except Exception:  # the SDK's own texts name files and hosts of this machine: ours is enough
        return None, looked


class _Ask:
    """One region's questions: signed by the SDK, paced, retried, kept for audit; the answer is a dict."""

    def __init__(self, adapter: Alicloud, region: str, access: Access) -> None:
        self.adapter, self.region, self.access = adapter, region, access
        self.sleep = time.sleep if access.sleep is None else access.sleep
        self.who = f"alicloud {region}"
        self.endpoint = host_only(checked_endpoint(access.endpoint, "alicloud"), "alicloud") if access.endpoint else ""
        self.credential, missing = find_credentials(adapter.credentials_timeout)
        if missing:
            raise FetchError(f"{self.who}: {missing}")
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = threading.Lock()

    def client(self, kind: str, host: str) -> Any:
        """Return the SDK's client for `kind` ("ecs" or "bss"), made once: it costs more than a call."""
        with self._making:
            if (kind, host) not in self._clients:
                from alibabacloud_tea_openapi.models import Config

                if kind == "ecs":
                    from alibabacloud_ecs20140526.client import Client
                else:
                    from alibabacloud_bssopenapi20171214.client import Client
                parts = urlsplit(self.endpoint or f"https://{host}")
                self._clients[kind, host] = Client(
                    Config(
                        credential=self.credential,
                        region_id=self.region,
                        endpoint=parts.netloc,
                        protocol=parts.scheme,
                        connect_timeout=int(self.adapter.connect_timeout * 1000),
                        read_timeout=int(self.adapter.read_timeout * 1000),
                    )
                )
            return self._clients[kind, host]

    def __call__(self, call: str, host: str, request: Any, tag: str = "") -> dict[str, Any]:
        """Return `call`'s answer in the API's own names; raise `_RefusedError` when the cloud says no, else `FetchError`."""
        from darabonba.runtime import RuntimeOptions

        client = self.client("bss" if call.startswith("Query") else "ecs", host)
        method = getattr(client, _snake(call) + "_with_options")

        def ask() -> dict[str, Any]:
            self.adapter.paces.wait(call, self.sleep)
            body = method(request, RuntimeOptions()).body
            if body is None:
                raise ValueError("an empty answer")
            answer: dict[str, Any] = body.to_map()
            return answer

        try:
            answer = retry(
                ask,
                _wish,
                sleep=self.sleep,
                random=self.adapter.random,
            )
        except Exception as error:
            failure = explain(error)
            raise _RefusedError(
                failure.code,
                str(
                    refusal(
                        failure, who=self.who, call=f"{call}{_shown(request)}", host=urlsplit(self.endpoint).netloc or host,
                        tries=TRIES, permission=terms.PERMISSIONS.get(call, call), docs=DOCS,
                    )
                ),
            ) from None  # fmt: skip
        if self.access.keep_raw:
            self.access.keep_raw("-".join(filter(None, ("alicloud", self.region, call, tag))) + ".json", raw_text(answer))
        return answer

    def ecs(self, call: str, request: Any, tag: str = "") -> dict[str, Any]:
        return self(call, terms.ecs_host(self.region), request, tag)

    def together(self, work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        """Return `work` of each of `items`, in their order."""
        return together(work, items, self.adapter.workers, f"alicloud-{self.region}")


class _RefusedError(FetchError):
    """The cloud said no; `code` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


RETRIED = frozenset({"throttled", "server", "network"})


def explain(error: Exception) -> Failure:
    """Return what an error of the SDK means."""
    code = str(getattr(error, "code", "") or "")
    status = getattr(error, "status_code", None)
    full = str(getattr(error, "message", "") or error)
    message = clean(full)
    if code and code != "None":
        fitting = [word for word in terms.FAILURES if code.startswith(word)]
        kind = terms.FAILURES[max(fitting, key=len)] if fitting else "other"
        if kind == "other" and isinstance(status, int) and status >= 500:
            kind = "server"
        if kind == "other" and status == 429:
            kind = "throttled"
        wait = getattr(error, "retry_after", None)
        return Failure(kind, code, message, float(wait) / 1000 if kind == "throttled" and wait else 0.0)
    if isinstance(status, int) and status >= 500:
        return Failure("server", str(status), message)
    inner = getattr(error, "inner_exception", None)
    if isinstance(inner, Exception):
        return explain(inner)
    if type(error).__name__ == "RetryError" or isinstance(error, (ConnectionError, TimeoutError)):
        return Failure("network", "", network_reason(full))
    if type(error).__name__ == "CredentialException":
        return Failure("credentials", "", "the credential chain gave nothing")
    if "parse the value as json" in message and 'Value: "<' in message:
        # The SDK hides the status of an answer that is not JSON; a page of HTML is a gateway's 502, 503 or 504.
        return Failure("server", "an HTML page instead of JSON", message)
    if "parse the value as json" in message:
        return Failure("answer", "", "its text does not parse")
    return Failure("answer", "", clean(f"{type(error).__name__}: {message}", 120))


def _wish(error: Exception) -> float | None:
    failure = explain(error)
    return failure.wait if failure.kind in RETRIED else None


def _snake(call: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in call).lstrip("_")


#: The same in every question, so they say nothing in an error.
_USUAL = frozenset({"Amount", "InstanceNetworkType", "IoOptimized", "Locale", "ModuleCode", "NetworkType", "OSType"})


def _shown(request: Any) -> str:
    """Return the question in brackets, as an error prints it."""
    asked = request.to_map()
    return "[" + ", ".join(f"{key}={_flat(asked[key])}" for key in sorted(asked) if key not in _USUAL) + "]"


def _flat(value: object) -> str:
    return str(value.get("Category", "?")) if isinstance(value, dict) else str(value)


class _Question(NamedTuple):
    """One price to ask for: a type and a way to buy it ("on_demand", "spot", or a subscription's term)."""

    name: str
    way: str


def fetch(adapter: Alicloud, region: str, access: Access) -> Batch:
    """Return everything the API gives for `region`; raise `FetchError` when any part of it cannot be trusted."""
    ask = _Ask(adapter, region, access)
    where = f"{ask.who}: "
    all_types, post, pre, spot_market = _what_is_sold(ask)
    types = {
        name: found
        for name, found in sorted(all_types.items())
        if in_families(name, access.families) and (name in post or name in pre or name in spot_market)
    }
    questions = [_Question(name, "on_demand") for name in types if name in post]
    questions += [_Question(name, term) for name in types if name in pre for term in terms.SUBSCRIPTIONS]
    questions += [_Question(name, "spot") for name in types if name in spot_market]
    traffic = [_Question("", "bandwidth")] if types else []
    answers = dict(zip(questions + traffic, ask.together(lambda one: _answer(ask, one), questions + traffic), strict=True))

    prices, gaps, sites = _prices(ask, answers)
    if len(sites) > 1:
        raise FetchError(f"{where}prices of two price books in one answer: {', '.join(sorted(sites))}")
    site = next(iter(sites), "")
    gaps.append(RESERVED_GAP)
    if not types:
        chosen = f" of {', '.join(access.families)}" if access.families else ""
        gaps.append(f"{region}: no GPU instance type{chosen} is sold here")
    transfer: list[TransferPrice] = []
    if site:
        plans, missing = _savings_plans(ask, site, [row for row in prices if row.purchase_option == "on_demand"], types)
        prices += plans
        gaps += missing
        found = parse.egress(
            answers[traffic[0]], region=region, site=site, date=access.now[:10],
            source=_source("DescribePrice(ResourceType=bandwidth)", ask), where=f"{where}DescribePrice[bandwidth]",
        )  # fmt: skip
        if isinstance(found, str):
            gaps.append(found)
        else:
            transfer.append(found)
            gaps.append(QUOTA_GAP)
    zones = {
        (name, zone)
        for market in (post, pre, spot_market)
        for name in types
        for zone, status in market.get(name, {}).items()
        if status != "sold_out"
    }
    return Batch(
        provider="alicloud",
        region=region,
        account_site=site,
        instance_types=tuple(record for record, _ in types.values()),
        prices=tuple(sorted(prices, key=lambda row: row.key)),
        transfer=tuple(transfer),
        services=(),
        gaps=tuple(gaps),
        zones=tuple(sorted(zones)),
    )


def _source(call: str, ask: _Ask, host: str = "") -> str:
    return f"Alibaba Cloud {call} at {urlsplit(ask.endpoint).netloc or host or terms.ecs_host(ask.region)}, {ask.region}"


def _what_is_sold(ask: _Ask) -> tuple[Any, dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return all GPU types, and what is sold here pay-as-you-go, by subscription and on the spot market."""
    from alibabacloud_ecs20140526 import models

    def market(options: dict[str, str]) -> dict[str, dict[str, str]]:
        request = models.DescribeAvailableResourceRequest(
            region_id=ask.region, destination_resource="InstanceType", io_optimized="optimized", **options
        )
        answer = ask.ecs("DescribeAvailableResource", request, "-".join(options.values()))
        return parse.offered(answer, f"{ask.who}: DescribeAvailableResource{_shown(request)}")

    def work(item: dict[str, str] | None) -> Any:
        return market(item) if item else parse.instance_types(_type_pages(ask), f"{ask.who}: DescribeInstanceTypes")

    found = ask.together(
        work,
        [
            None,
            {"instance_charge_type": "PostPaid"},
            {"instance_charge_type": "PrePaid"},
            {"instance_charge_type": "PostPaid", "spot_strategy": "SpotAsPriceGo"},
        ],
    )
    return found[0], found[1], found[2], found[3]


def _type_pages(ask: _Ask) -> list[dict[str, Any]]:
    from alibabacloud_ecs20140526 import models

    pages: list[dict[str, Any]] = []
    token, seen = "", {""}
    while len(pages) < MAX_PAGES:
        request = models.DescribeInstanceTypesRequest(
            max_results=PAGE_SIZE, next_token=token or None, minimum_gpuamount=1
        )
        pages.append(ask.ecs("DescribeInstanceTypes", request, f"page{len(pages) + 1}"))
        token = str(pages[-1].get("NextToken") or "")
        if not token:
            return pages
        if token in seen:
            break
        seen.add(token)
    raise FetchError(f"{ask.who}: DescribeInstanceTypes: its pages do not end ({len(pages)} read)")


def _answer(ask: _Ask, question: _Question) -> Any:
    """Return the raw answer to `question`; for a price that is not sold, the `_RefusedError` itself."""
    from alibabacloud_ecs20140526 import models

    if question.way == "spot":
        return _spot_pages(ask, question.name)
    if question.way == "bandwidth":
        request = models.DescribePriceRequest(
            region_id=ask.region, resource_type="bandwidth", internet_charge_type="PayByTraffic",
            internet_max_bandwidth_out=1,
        )  # fmt: skip
        return ask.ecs("DescribePrice", request, "bandwidth")
    unit, period = ("Hour", 1) if question.way == "on_demand" else terms.SUBSCRIPTIONS[question.way][:2]
    refused: _RefusedError | None = None
    for category, level, size in DISKS:
        request = models.DescribePriceRequest(
            region_id=ask.region, resource_type="instance", instance_type=question.name, price_unit=unit, period=period,
            amount=1, instance_network_type="vpc", io_optimized="optimized",
            system_disk=models.DescribePriceRequestSystemDisk(category=category, performance_level=level, size=size),
        )  # fmt: skip
        try:
            answer = ask.ecs("DescribePrice", request, f"{question.name}-{unit}{period}")
            return parse.Quoted(answer, "instanceType", f"{ask.who}: DescribePrice{_shown(request)}")
        except _RefusedError as error:
            if any(part in error.code for part in terms.OTHER_DISK):
                refused = error
                continue
            if any(part in error.code for part in terms.NOT_SOLD):
                return error
            raise
    raise refused or AssertionError("no disk kinds")


def _spot_pages(ask: _Ask, name: str) -> list[dict[str, Any]]:
    from alibabacloud_ecs20140526 import models

    end = datetime.fromisoformat(ask.access.now)
    shape = "%Y-%m-%dT%H:%M:%SZ"
    pages: list[dict[str, Any]] = []
    offset = 0
    while len(pages) < MAX_PAGES:
        request = models.DescribeSpotPriceHistoryRequest(
            region_id=ask.region, instance_type=name, network_type="vpc", ostype="linux", io_optimized="optimized",
            start_time=(end - SPOT_WINDOW).strftime(shape), end_time=end.strftime(shape), offset=offset,
        )  # fmt: skip
        pages.append(ask.ecs("DescribeSpotPriceHistory", request, f"{name}-page{len(pages) + 1}"))
        following = int(pages[-1].get("NextOffset") or 0)
        if following <= offset:
            return pages
        offset = following
    raise FetchError(f"{ask.who}: DescribeSpotPriceHistory of {name}: its pages do not end ({len(pages)} read)")


def _prices(ask: _Ask, answers: dict[_Question, Any]) -> tuple[list[Price], list[str], set[str]]:
    """Return the rows, what was not given, and the price books met."""
    date, region = ask.access.now[:10], ask.region
    prices: list[Price] = []
    gaps: list[str] = []
    sites = {found.site for found in answers.values() if isinstance(found, parse.Quoted)}
    for (name, way), found in answers.items():
        if way == "bandwidth":
            continue
        if isinstance(found, _RefusedError):
            gaps.append(f"{region}: {name} {way.replace('_', '-')}: not sold ({found.code})")
        elif way == "spot":
            where = f"{ask.who}: DescribeSpotPriceHistory[InstanceType={name}, RegionId={region}]"
            currency = next((page.get("Currency") for page in found if page.get("Currency")), None)
            rows = parse.spot(
                found, region=region, name=name, site=parse.site_of(currency, where) if currency else "", where=where,
                source=_source("DescribeSpotPriceHistory", ask),
            )  # fmt: skip
            sites |= {row.site for row in rows}
            prices += rows
            if not rows:
                gaps.append(f"{region}: {name} spot: no price in the last {SPOT_WINDOW // timedelta(hours=1)} hours")
        else:
            on_demand = way == "on_demand"
            unit, period, our_unit = ("Hour", 1, "hour") if on_demand else terms.SUBSCRIPTIONS[way]
            month = answers.get(_Question(name, "1m"))
            prices.append(
                parse.quoted(
                    found, month if isinstance(month, parse.Quoted) else None, region=region, name=name,
                    option="on_demand" if on_demand else "subscription", term="" if on_demand else way, unit=our_unit,
                    source=_source(f"DescribePrice(PriceUnit={unit}, Period={period})", ask), date=date,
                )
            )  # fmt: skip
    return prices, gaps, sites


def _savings_plans(
    ask: _Ask, site: str, on_demand: Iterable[Price], types: dict[str, Any]
) -> tuple[list[Price], list[str]]:
    """Return savings plan prices of every type with an on-demand price, and the families that have none."""
    by_family: dict[str, list[Price]] = {}
    for row in on_demand:
        by_family.setdefault(types[row.instance_type][1], []).append(row)
    wanted = [
        (family, kind, term, payment)
        for family in sorted(by_family)
        for kind in ("ecs", "universal")
        for term in terms.CYCLES
        for payment in terms.PAY_MODES
    ]
    host = terms.BSS_HOSTS[site]
    rates = ask.together(lambda item: _rate(ask, host, *item), wanted)
    prices: list[Price] = []
    for (family, kind, term, payment), rate in zip(wanted, rates, strict=True):
        if rate is not None:
            source = _source(f"QuerySavingsPlansDiscount(SpnType={kind}, Cycle={terms.CYCLES[term]})", ask, host)
            prices += [
                parse.savings_plans(row, rate, term=term, payment=payment, kind=kind, source=source)
                for row in by_family[family]
            ]
    with_plans = {types[row.instance_type][1] for row in prices}
    without = [family for family in sorted(by_family) if family not in with_plans]
    return prices, [f"{ask.region}: {family}: no savings plan discount is given" for family in without]


def _rate(ask: _Ask, host: str, family: str, kind: str, term: str, payment: str) -> Decimal | None:
    from alibabacloud_bssopenapi20171214 import models

    pages: list[dict[str, Any]] = []
    while True:
        request = models.QuerySavingsPlansDiscountRequest(
            commodity_code="ecs", module_code="instance_type", spn_type=kind, cycle=terms.CYCLES[term],
            pay_mode=terms.PAY_MODES[payment], region=ask.region, spec=family, locale="EN",
            page_num=len(pages) + 1, page_size=SAVINGS_PAGE_SIZE,
        )  # fmt: skip
        where = f"{ask.who}: QuerySavingsPlansDiscount{_shown(request)}"
        tag = f"{family}-{kind}-{terms.CYCLES[term].replace(':', '')}-{terms.PAY_MODES[payment]}"
        try:
            pages.append(ask("QuerySavingsPlansDiscount", host, request, f"{tag}-page{len(pages) + 1}"))
        except _RefusedError as error:
            if terms.not_applicable(error.code, str(error)):
                return None
            raise
        items = (pages[-1].get("Data") or {}).get("Items") or []
        if len(items) < SAVINGS_PAGE_SIZE or len(pages) >= MAX_PAGES:
            return parse.discounts(pages, family=family, region=ask.region, where=where)


def self_check(adapter: Alicloud, access: Access) -> Iterable[tuple[str, bool, str]]:
    """Yield (call, ok, what was seen) for each call of `fetch`, one small question each, about gn7i in one region."""
    from alibabacloud_ecs20140526 import models

    region, probe = adapter.default_regions()[0], "ecs.gn7i-c8g1.2xlarge"
    try:
        ask = _Ask(adapter, region, access)
    except FetchError as error:
        yield "credentials", False, str(error)
        return
    yield "credentials", True, "found by the SDK's default chain"

    def types() -> str:
        request = models.DescribeInstanceTypesRequest(instance_types=[probe], max_results=PAGE_SIZE)
        found = parse.instance_types([ask.ecs("DescribeInstanceTypes", request)], ask.who)
        if probe not in found:
            raise FetchError(f"{ask.who}: {probe} is not described")
        record = found[probe][0]
        return f"{probe}: {record.gpu_count} x {record.gpu_model}"

    def sold() -> str:
        request = models.DescribeAvailableResourceRequest(
            region_id=region, destination_resource="InstanceType", instance_charge_type="PostPaid", instance_type=probe
        )
        zones = parse.offered(ask.ecs("DescribeAvailableResource", request), ask.who).get(probe, {})
        return f"{probe}: {', '.join(f'{zone} {status}' for zone, status in sorted(zones.items())) or 'not sold here'}"

    site = ["china"]

    def hour() -> str:
        found = _answer(ask, _Question(probe, "on_demand"))
        if isinstance(found, _RefusedError):
            raise found
        site[0] = found.site
        return f"{probe}: {found.list_amount} {found.currency} an hour ({found.site} site)"

    def month() -> str:
        found = _answer(ask, _Question(probe, "1m"))
        if isinstance(found, _RefusedError):
            raise found
        return f"{probe}: {found.list_amount} {found.currency} a month"

    def market() -> str:
        rows = parse.spot(
            _spot_pages(ask, probe), region=region, name=probe, site=site[0], source="", where=f"{ask.who}: {probe}"
        )
        return f"{probe}: {len(rows)} zones"

    def plan() -> str:
        rate = _rate(ask, terms.BSS_HOSTS[site[0]], "ecs.gn7i", "ecs", "1y", "all_upfront")
        return "ecs.gn7i: no discount given" if rate is None else f"ecs.gn7i: {rate} of list, 1 year, all upfront"

    def traffic() -> str:
        found = parse.egress(
            _answer(ask, _Question("", "bandwidth")), region=region, site=site[0], source="", date="", where=ask.who
        )
        return found if isinstance(found, str) else f"{found.amount} {found.currency} per GB"

    for call, look in (
        ("DescribeInstanceTypes", types),
        ("DescribeAvailableResource", sold),
        ("DescribePrice (hour)", hour),
        ("DescribePrice (month)", month),
        ("DescribeSpotPriceHistory", market),
        ("QuerySavingsPlansDiscount", plan),
        ("DescribePrice (bandwidth)", traffic),
    ):
        try:
            yield call, True, look()
        except FetchError as error:
            yield call, False, str(error)
