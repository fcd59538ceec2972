"""The AWS adapter: who it is, and where its parts are. Importing it imports no SDK."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planner.provider import Access, Batch, Quota, Wanted

__all__ = ["provider"]

_REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
)
_OTHER_REGIONS = (
    "af-south-1",
    "ap-east-1",
    "ap-northeast-3",
    "ap-southeast-3",
    "ap-southeast-5",
    "cn-north-1",
    "cn-northwest-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
)


class _Aws:
    """`planner.provider.Provider` for AWS."""

    name = "aws"
    max_parallel_regions = 5
    public_source = "AWS bulk price list"
    quota_hint = "Service Quotas, Amazon Elastic Compute Cloud"

    def credentials_hint(self) -> str | None:
        from providers.aws.fetch import credentials_hint

        return credentials_hint()

    def default_regions(self) -> tuple[str, ...]:
        return _REGIONS

    def known_regions(self) -> tuple[str, ...]:
        return tuple(sorted(_REGIONS + _OTHER_REGIONS))

    def variables(self) -> Mapping[str, str]:
        return {"provider_source": "hashicorp/aws"}

    def fetch(self, region: str, access: Access) -> Batch:
        """Return the region's batch; raise `FetchError` (or `MisuseError` for a bad endpoint) with nothing half-done."""
        if access.public:
            from providers.aws import public

            return public.fetch(region, access)
        from providers.aws import region as live

        return live.fetch(region, access)

    def quotas(self, region: str, wanted: Wanted, access: Access) -> tuple[Quota, ...]:
        """Return the vCPU quota of the wanted machines; raise `FetchError` where it cannot be asked."""
        from providers.aws.quota import quotas

        return quotas(region, wanted, access)

    def self_check(self, access: Access) -> Iterable[tuple[str, bool, str]]:
        if access.public:
            from providers.aws import public

            return public.self_check(access)
        from providers.aws import region as live

        return live.self_check(access)


provider = _Aws()
