"""Asking Tencent Cloud: the official SDK's own client, our retries, one region at a time; answers go to `parse` as dicts.

Questions, in order: rows of each charge type, the GPUs' names, an image (together), then price inquiries (together).
The chain of dependent calls is two long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from planner.errors import FetchError, MisuseError
from planner.offer import Price, TransferPrice
from planner.provider import Access, Batch, checked_endpoint, in_families
from providers._border import (
    Failure,
    clean,
    host_only,
    network_reason,
    number,
    price,
    raw_text,
    refusal,
    resolve_quickly,
)
from providers._retry import TRIES, retry
from providers._together import together
from providers.tencentcloud import parse, terms

if TYPE_CHECKING:
    from providers.tencentcloud import Tencentcloud

__all__ = ["fetch", "find_credentials", "self_check"]

T = TypeVar("T")

DOCS = "docs/providers/tencentcloud.md"
#: InquiryPriceRunInstances says with these that the type cannot be had now: an absent price, not a failure.
NOT_SOLD = ("ResourceInsufficient", "ResourcesSoldOut", "InvalidParameterValue.Zone", "UnsupportedOperation",
            "InvalidInstanceType", "InvalidPeriod", "InvalidParameterCombination", "LimitExceeded.Instance")  # fmt: skip


def find_credentials(seconds: float) -> tuple[Any, str | None]:
    """Return (credential, None) by the SDK's default chain, or (None, what was looked for)."""
    looked = (
        "no Tencent Cloud credentials found: looked at TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, "
        "~/.tencentcloud/credentials, /etc/tencentcloud/credentials, the CVM role and the TKE identity"
    )

    def find() -> Any:
        from tencentcloud.common.credential import DefaultCredentialProvider

        found = DefaultCredentialProvider().get_credentials()
        if not found.get_credential_info()[0]:
            raise LookupError("empty")
        return found

    try:
        return resolve_quickly(find, seconds), None
    except Exception:  # the SDK's own texts name files and hosts of this machine: ours is enough
        return None, looked


class _RefusedError(FetchError):
    """The cloud said no; `code` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Ask:
    """One region's questions: signed by the SDK, paced, retried, kept for audit; the answer is a dict."""

    def __init__(self, adapter: Tencentcloud, region: str, access: Access) -> None:
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile
        from tencentcloud.cvm.v20170312.cvm_client import CvmClient

        self.adapter, self.region, self.access = adapter, region, access
        self.sleep = time.sleep if access.sleep is None else access.sleep
        self.who = f"tencentcloud {region}"
        endpoint = host_only(checked_endpoint(access.endpoint, "tencentcloud"), "tencentcloud") if access.endpoint else ""
        credential, missing = find_credentials(adapter.credentials_timeout)
        if missing:
            raise FetchError(f"{self.who}: {missing}")
        parts = urlsplit(endpoint)
        self.site = terms.site_of_host(parts.hostname or "") or adapter.site
        self.host = parts.netloc or terms.host_of(self.site, region)
        http = HttpProfile(
            protocol=parts.scheme or "https", endpoint=self.host, reqTimeout=adapter.timeout, keepAlive=True
        )
        self.client = CvmClient(credential, region, ClientProfile(httpProfile=http, language="en-US"))

    def __call__(self, call: str, asked: dict[str, Any], tag: str = "") -> dict[str, Any]:
        """Return `call`'s answer in the API's own names; raise `FetchError` when there is none."""

        def ask() -> dict[str, Any]:
            self.adapter.pace(call, self.region).wait(self.sleep)
            found = self.client.call_json(call, asked)
            answer = found.get("Response") if isinstance(found, dict) else None
            if not isinstance(answer, dict):
                raise ValueError("no Response in it")
            if "Error" in answer:  # the SDK looks for it only behind some content types
                raise _error_of(answer["Error"])
            return answer

        try:
            answer = retry(ask, _wish, sleep=self.sleep, random=self.adapter.random)
        except Exception as error:
            failure = explain(error)
            raise _RefusedError(
                failure.code,
                str(
                    refusal(
                        failure, who=self.who, call=f"{call}{_shown(asked)}", host=self.host, tries=TRIES,
                        permission=terms.PERMISSIONS.get(call, call), docs=DOCS,
                    )
                ),
            ) from None  # fmt: skip
        if self.access.keep_raw:
            name = "-".join(filter(None, ("tencentcloud", self.region, call, tag)))
            self.access.keep_raw(f"{name}.json", raw_text(answer))
        return answer

    def together(self, work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        """Return `work` of each of `items`, in their order."""
        return together(work, items, self.adapter.workers, f"tencentcloud-{self.region}")


RETRIED = frozenset({"throttled", "server", "network"})


def _error_of(error: Any) -> Exception:
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

    found: Exception = TencentCloudSDKException(str(error.get("Code")), str(error.get("Message")))
    return found


def _wish(error: Exception) -> float | None:
    return 0.0 if explain(error).kind in RETRIED else None


def explain(error: Exception) -> Failure:
    """Return what an error of the SDK means."""
    from requests.exceptions import JSONDecodeError, RequestException

    code = getattr(error, "code", None)
    message = getattr(error, "message", None) or str(error)
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    full = str(message)
    message = clean(full)
    if isinstance(code, str) and code:
        fitting = [word for word in terms.FAILURES if code.startswith(word)]
        kind = terms.FAILURES[max(fitting, key=len)] if fitting else "other"
        # Our own codes for what never was an answer; the cloud has no word for it.
        shown = "" if code in ("ClientNetworkError", "ServerNetworkError") else code
        return Failure(kind, shown, network_reason(full) if kind == "network" else message)
    if isinstance(error, RequestException) and not isinstance(error, JSONDecodeError):
        return Failure("network", "", network_reason(full))  # raised while the body is read, outside of the SDK's own net
    if isinstance(error, ValueError):  # JSON that does not parse, or a Response that is not there
        return Failure("answer", "", "its text does not parse")
    return Failure("answer", "", clean(f"{type(error).__name__}: {message}", 120))


def _shown(asked: dict[str, Any]) -> str:
    """Return the question in brackets, as an error prints it."""
    parts = []
    for key in sorted(set(asked) - {"ImageId", "InternetAccessible"}):  # the same in every question
        if key == "Filters":
            parts += [f"{one['Name']}={','.join(one['Values'])}" for one in asked[key]]
        elif isinstance(asked[key], dict):
            parts += [f"{name}={value}" for name, value in asked[key].items()]
        else:
            parts.append(f"{key}={asked[key]}")
    return f"[{', '.join(parts)}]"


def _filters(**values: Sequence[str]) -> dict[str, Any]:
    return {"Filters": [{"Name": name.replace("_", "-"), "Values": list(found)} for name, found in values.items()]}


def fetch(adapter: Tencentcloud, region: str, access: Access) -> Batch:
    """Return everything the API gives for `region`; raise `FetchError` when any part of it cannot be trusted."""
    if access.public:
        raise MisuseError("tencentcloud: no source without keys is known; drop --public, or leave this provider out")
    ask = _Ask(adapter, region, access)
    rows, configs, image = _what_is_sold(ask)
    rows = [one for one in rows if in_families(one.name, access.families)]
    context = parse.Context(region, ask.site, access.now[:10], f"{ask.who}: DescribeZoneInstanceConfigInfos")
    source = _source("DescribeZoneInstanceConfigInfos", ask)
    prices, gaps = parse.prices(rows, context, source)
    parse.check_currency(prices, context)
    transfer: list[TransferPrice] = []
    if rows:
        more, missing, found = _inquiries(ask, rows, prices, image)
        prices += more
        gaps += missing
        if isinstance(found, str):
            gaps.append(found)
        else:
            transfer.append(found)
    else:
        chosen = f" of {', '.join(access.families)}" if access.families else ""
        gaps.append(f"{region}: no GPU instance type{chosen} is sold here")
    gaps += [
        f"currency: the API names none; amounts are taken as {context.currency} because the adapter is set to the "
        f"{ask.site} site (an account of the other site: --endpoint tencentcloud=https://"
        f"{terms.SITES['china' if ask.site == 'international' else 'international'][1]})",
        "reserved instances: this SDK has no call for them any more; one and three years are subscriptions here",
        "savings plans: the API has no call for them",
    ]
    return Batch(
        provider="tencentcloud",
        region=region,
        account_site=ask.site,
        instance_types=tuple(parse.instance_types(rows, configs, context.where)),
        prices=tuple(sorted(prices, key=lambda row: row.key)),
        transfer=tuple(transfer),
        services=(),
        gaps=tuple(gaps),
        zones=tuple(sorted({(one.name, one.zone) for one in rows if one.on_sale})),
    )


def _source(call: str, ask: _Ask) -> str:
    return f"Tencent Cloud {call} at {ask.host}, {ask.region}"


def _rows(ask: _Ask, option: str) -> list[parse.Offered]:
    charge_type = terms.CHARGE_TYPES[option]
    asked = _filters(instance_charge_type=[charge_type])
    answer = ask("DescribeZoneInstanceConfigInfos", asked, charge_type)
    return parse.offered(answer, option, f"{ask.who}: DescribeZoneInstanceConfigInfos{_shown(asked)}")


def _configs(ask: _Ask) -> dict[str, Any]:
    return parse.type_configs(ask("DescribeInstanceTypeConfigs", {}), f"{ask.who}: DescribeInstanceTypeConfigs")


def _image(ask: _Ask) -> str:
    """Return the id of a public Linux image of the region, which a price inquiry wants to see, or ""."""
    answer = ask("DescribeImages", _filters(image_type=["PUBLIC_IMAGE"], platform=["TencentOS", "Ubuntu"]) | {"Limit": 5})
    return next((str(one["ImageId"]) for one in answer.get("ImageSet") or [] if one.get("ImageId")), "")


def _what_is_sold(ask: _Ask) -> tuple[list[parse.Offered], dict[str, Any], str]:
    """Return the rows of all charge types, what is known of each type's GPU, and an image's id."""

    def work(what: str) -> Any:
        if what in terms.CHARGE_TYPES:
            return _rows(ask, what)
        return _configs(ask) if what == "configs" else _image(ask)

    *rows, configs, image = ask.together(work, [*terms.CHARGE_TYPES, "configs", "image"])
    return [one for found in rows for one in found], configs, image


def _inquire(ask: _Ask, one: parse.Offered, image: str, months: int, tag: str) -> dict[str, Any]:
    """Return InquiryPriceRunInstances' answer: for `months` of subscription, or by the hour with 0."""
    asked: dict[str, Any] = {
        "Placement": {"Zone": one.zone},
        "ImageId": image,
        "InstanceType": one.name,
        "InstanceChargeType": "PREPAID" if months else "POSTPAID_BY_HOUR",
        "InternetAccessible": {"InternetChargeType": "TRAFFIC_POSTPAID_BY_HOUR", "InternetMaxBandwidthOut": 10},
    }
    if months:
        asked["InstanceChargePrepaid"] = {"Period": months}
    return ask("InquiryPriceRunInstances", asked, tag)


def _inquiries(
    ask: _Ask, rows: Sequence[parse.Offered], prices: Sequence[Price], image: str
) -> tuple[list[Price], list[str], TransferPrice | str]:
    """Return two-year prices, what could not be had, and the price of traffic (or why there is none)."""
    region = ask.region
    no_traffic = f"egress in {region}: no price, because no type is on sale pay-as-you-go to ask with"
    if not image:
        why = "DescribeImages gave no public image, without which no price can be inquired"
        return [], [f"{region}: two-year prices: {why}"], f"egress in {region}: {why}"
    context = parse.Context(region, ask.site, ask.access.now[:10], f"{ask.who}: InquiryPriceRunInstances")
    source = _source("InquiryPriceRunInstances", ask)
    first: dict[str, parse.Offered] = {}
    for one in rows:
        if one.option == "subscription" and one.on_sale:
            first.setdefault(one.name, one)
    hourly = next((one for one in rows if one.option == "on_demand" and one.on_sale), None)

    def work(one: parse.Offered | None) -> Any:
        try:
            if one is None:
                return _inquire(ask, hourly, image, 0, "traffic") if hourly else no_traffic
            return _inquire(ask, one, image, 24, f"{one.name}-24")
        except _RefusedError as error:
            if error.code.startswith(NOT_SOLD):
                return error
            raise

    types = list(first.values())
    traffic, *answers = ask.together(work, [None, *types])
    found: list[Price] = []
    gaps: list[str] = []
    for one, answer in zip(types, answers, strict=True):
        if isinstance(answer, _RefusedError):
            gaps.append(f"{region}: {one.name} two years: not sold ({answer.code})")
            continue
        row = _two_years(one, answer, prices, f"{context.where}[InstanceType={one.name}, Zone={one.zone}, Period=24]", source)
        if row is not None:
            found.append(row)
    if isinstance(traffic, _RefusedError):
        return found, gaps, f"egress in {region}: no price could be inquired ({traffic.code})"
    return found, gaps, traffic if isinstance(traffic, str) else parse.egress(traffic, context, source)


def _two_years(one: parse.Offered, answer: dict[str, Any], prices: Sequence[Price], at: str, source: str) -> Price | None:
    """Return the two-year row beside the month's own row; its zone is the month's."""
    month = next(
        (row for row in prices if row.instance_type == one.name and row.term == "1m" and row.zone in ("", one.zone)), None
    )
    if month is None:
        return None
    item = (answer.get("Price") or {}).get("InstancePrice") or {}
    total = price(item.get("OriginalPrice"), f"{at}: OriginalPrice")
    paid = number(item.get("DiscountPrice") or total, f"{at}: DiscountPrice")
    amount, confidence, note = parse.term_price(total, paid, plain_month=not month.note)
    return month._replace(
        term="2y", unit="term", amount=amount, confidence=confidence, note=note, source=source, place=source
    )


def self_check(adapter: Tencentcloud, access: Access) -> Iterable[tuple[str, bool, str]]:
    """Yield (call, ok, what was seen) for each call of `fetch`, one small question each, about GN7 in one region."""
    region = adapter.default_regions()[0]
    try:
        ask = _Ask(adapter, region, access)
    except FetchError as error:
        yield "credentials", False, str(error)
        return
    yield "credentials", True, f"found by the SDK's default chain; {ask.site} site, {terms.currency_of(ask.site)}"
    context = parse.Context(region, ask.site, access.now[:10], ask.who)
    seen: dict[str, list[parse.Offered]] = {}
    image = [""]

    def rows(option: str) -> str:
        seen[option] = _rows(ask, option)
        found, gaps = parse.prices(seen[option], context, "")
        if option == "on_demand":
            parse.check_currency(found, context)
        return f"{len({one.name for one in seen[option]})} GPU types, {len(found)} prices, {len(gaps)} sold out without"

    def configs() -> str:
        found = _configs(ask)
        return f"{len(found)} types, {sum(1 for row in found.values() if row.get('GpuType'))} with GpuType"

    def images() -> str:
        image[0] = _image(ask)
        if not image[0]:
            raise FetchError(f"{ask.who}: no public image")
        return image[0]

    def traffic() -> str:
        one = next((one for one in seen.get("on_demand", ()) if one.on_sale), None)
        if one is None or not image[0]:
            raise FetchError(f"{ask.who}: nothing on sale, or no image, to ask with")
        found = parse.egress(_inquire(ask, one, image[0], 0, "traffic"), context, "")
        return found if isinstance(found, str) else f"{found.amount} {found.currency} per GB"

    for call, look in (
        *((f"DescribeZoneInstanceConfigInfos ({word})", lambda o=option: rows(o)) for option, word in terms.CHARGE_TYPES.items()),
        ("DescribeInstanceTypeConfigs", configs),
        ("DescribeImages", images),
        ("InquiryPriceRunInstances", traffic),
    ):
        try:
            yield call, True, look()
        except FetchError as error:
            yield call, False, str(error)
