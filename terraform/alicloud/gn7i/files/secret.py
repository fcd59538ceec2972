# Prints one secret, read with the instance's role.

import os
import sys

name, region = sys.argv[1], os.environ["PLANNER_REGION"]
from alibabacloud_credentials.client import Client as Credentials
from alibabacloud_credentials.models import Config as CredentialsConfig
from alibabacloud_kms20160120.client import Client
from alibabacloud_kms20160120.models import GetSecretValueRequest
from alibabacloud_tea_openapi.models import Config

role = Credentials(CredentialsConfig(type="ecs_ram_role", disable_imds_v1=True))
client = Client(Config(credential=role, region_id=region, endpoint=f"kms-vpc.{region}.aliyuncs.com"))
print(client.get_secret_value(GetSecretValueRequest(secret_name=name)).body.secret_data)
