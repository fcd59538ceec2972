# Written by planner 0.1.0 emit-k8s from quote 1308d89216fc; write it again rather than edit it.

terraform {
  required_version = ">= 1.9"

  required_providers {
    tencentcloud = {
      source  = "tencentcloudstack/tencentcloud"
      version = "~> 1.83"
    }
  }
}

provider "tencentcloud" {
  region = "ap-guangzhou"
}
