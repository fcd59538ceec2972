# Prints KEY=VALUE of this instance's own planner-KEY tags, read with its role.

import os
import urllib.request

from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import CVMRoleCredential

meta = "http://metadata.tencentyun.com/latest/meta-data/instance-id"
me = urllib.request.urlopen(meta, timeout=5).read().decode()
client = CommonClient("cvm", "2017-03-12", CVMRoleCredential(), os.environ["PLANNER_REGION"])
found = client.call_json("DescribeInstances", {"InstanceIds": [me]})["Response"]["InstanceSet"][0]["Tags"]
for tag in found:
    if tag["Key"].startswith("planner-"):
        print(f"{tag['Key'].removeprefix('planner-')}={tag['Value']}")
