# Prints one secret, read with the instance's role.

import os
import sys

name, region = sys.argv[1], os.environ["PLANNER_REGION"]
from tencentcloud.common.credential import CVMRoleCredential
from tencentcloud.ssm.v20190923.models import GetSecretValueRequest
from tencentcloud.ssm.v20190923.ssm_client import SsmClient

request = GetSecretValueRequest()
request.SecretName, request.VersionId = name, "SSM_Current"
print(SsmClient(CVMRoleCredential(), region).GetSecretValue(request).SecretString)
