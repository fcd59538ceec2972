# Prints KEY=VALUE of this instance's own planner-KEY tags, read with its role.

import json
import os
import urllib.request

from alibabacloud_credentials.client import Client as Credentials
from alibabacloud_credentials.models import Config as CredentialsConfig
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

META, region = "http://100.100.100.200/latest", os.environ["PLANNER_REGION"]


def read(path, method="GET", **headers):
    request = urllib.request.Request(f"{META}/{path}", method=method, headers=headers)
    return urllib.request.urlopen(request, timeout=5).read().decode()


token = read("api/token", "PUT", **{"X-aliyun-ecs-metadata-token-ttl-seconds": "60"})
me = read("meta-data/instance-id", **{"X-aliyun-ecs-metadata-token": token})
role = Credentials(CredentialsConfig(type="ecs_ram_role", disable_imds_v1=True))
client = Client(Config(credential=role, region_id=region, endpoint=f"ecs.{region}.aliyuncs.com"))
call = Params(
    action="DescribeInstances", version="2014-05-26", protocol="HTTPS", method="POST", auth_type="AK", style="RPC",
    pathname="/", req_body_type="formData", body_type="json",
)
query = {"RegionId": region, "InstanceIds": json.dumps([me])}
found = client.call_api(call, OpenApiRequest(query=query), RuntimeOptions())["body"]["Instances"]["Instance"][0]
for tag in found["Tags"]["Tag"]:
    if tag["TagKey"].startswith("planner-"):
        print(f"{tag['TagKey'].removeprefix('planner-')}={tag['TagValue']}")
