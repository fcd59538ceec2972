# Written by planner 0.1.0 emit-k8s from quote 1308d89216fc; write it again rather than edit it.
# A network of its own, without public addresses but the NAT gateway's.

resource "tencentcloud_vpc" "this" {
  #checkov:skip=CKV_TC_14:flow logs cost money by the GB and are the network owner's choice
  name       = local.name
  cidr_block = "10.20.0.0/16"
  tags       = local.tags
}

# Wide, since every pod has an address of its own.
resource "tencentcloud_subnet" "this" {
  for_each = {
    first  = { cidr = "10.20.0.0/18", zone = var.zone }
    second = { cidr = "10.20.64.0/18", zone = var.second_zone }
  }

  name              = "${local.name}-${each.key}"
  vpc_id            = tencentcloud_vpc.this.id
  availability_zone = each.value.zone
  cidr_block        = each.value.cidr
  route_table_id    = tencentcloud_route_table.this.id
  tags              = local.tags
}

# 10 of 100 Mbit/s, which all nodes share while they fetch the weights.
resource "tencentcloud_eip" "nat" {
  for_each = toset(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"])

  name                       = "${local.name}-nat-${each.key}"
  internet_charge_type       = "TRAFFIC_POSTPAID_BY_HOUR"
  internet_max_bandwidth_out = 100
  tags                       = local.tags
}

resource "tencentcloud_nat_gateway" "this" {
  name             = local.name
  vpc_id           = tencentcloud_vpc.this.id
  assigned_eip_set = [for address in tencentcloud_eip.nat : address.public_ip]
  bandwidth        = 1000
  max_concurrent   = 1000000
  tags             = local.tags
}

resource "tencentcloud_route_table" "this" {
  name   = local.name
  vpc_id = tencentcloud_vpc.this.id
  tags   = local.tags
}

# Outbound only: nothing can connect to the nodes through it.
resource "tencentcloud_route_table_entry" "internet" {
  route_table_id         = tencentcloud_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  next_type              = "NAT"
  next_hub               = tencentcloud_nat_gateway.this.id
  description            = "Model hub and registry"
}

resource "tencentcloud_security_group" "this" {
  name        = local.name
  description = "Nodes and pods of the cluster; no SSH"
  tags        = local.tags
}

resource "tencentcloud_security_group_rule_set" "this" {
  security_group_id = tencentcloud_security_group.this.id

  ingress {
    action      = "ACCEPT"
    cidr_block  = "10.20.0.0/16"
    description = "Nodes, pods and load balancers of this network"
  }

  ingress {
    action      = "DROP"
    cidr_block  = "0.0.0.0/0"
    description = "Everything else"
  }

  egress {
    action      = "ACCEPT"
    cidr_block  = "10.20.0.0/16"
    description = "Nodes, pods and load balancers of this network"
  }

  egress {
    action      = "ACCEPT"
    protocol    = "TCP"
    port        = "80,443"
    cidr_block  = "0.0.0.0/0"
    description = "Model hub, registry and the cloud's own API"
  }

  egress {
    action      = "ACCEPT"
    protocol    = "UDP"
    port        = "53,123"
    cidr_block  = "0.0.0.0/0"
    description = "Names and time"
  }

  egress {
    action      = "ACCEPT"
    cidr_block  = "169.254.0.0/16"
    description = "The cloud's own services of each node"
  }

  egress {
    action      = "DROP"
    cidr_block  = "0.0.0.0/0"
    description = "Everything else"
  }
}
