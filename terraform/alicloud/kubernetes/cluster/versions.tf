# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.

terraform {
  required_version = ">= 1.9"

  required_providers {
    alicloud = {
      source  = "aliyun/alicloud"
      version = "~> 1.276"
    }
  }
}

provider "alicloud" {
  region = "cn-beijing"
}
