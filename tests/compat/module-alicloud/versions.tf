# Written by planner 0.1.0 emit-tf from quote 3e10a9b32c10; write it again rather than edit it.

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
