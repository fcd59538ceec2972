# Written by planner 0.1.0 emit-tf from quote 94de5cb4249c; write it again rather than edit it.
# A network of its own. The instances have no public address; they reach the model hub and the registry through the NAT gateway.

resource "tencentcloud_vpc" "this" {
  #checkov:skip=CKV_TC_14:flow logs cost money by the GB and are the network owner's choice
  name       = local.name
  cidr_block = "10.20.0.0/24"
  tags       = local.tags
}

resource "tencentcloud_subnet" "this" {
  name              = local.name
  vpc_id            = tencentcloud_vpc.this.id
  availability_zone = local.zone
  cidr_block        = "10.20.0.0/25"
  route_table_id    = tencentcloud_route_table.this.id
  tags              = local.tags
}

resource "tencentcloud_eip" "nat" {
  name                       = "${local.name}-nat"
  internet_charge_type       = "TRAFFIC_POSTPAID_BY_HOUR"
  internet_max_bandwidth_out = 100
  tags                       = local.tags
}

resource "tencentcloud_nat_gateway" "this" {
  name             = local.name
  vpc_id           = tencentcloud_vpc.this.id
  assigned_eip_set = [tencentcloud_eip.nat.public_ip]
  bandwidth        = 100
  max_concurrent   = 1000000
  tags             = local.tags
}

resource "tencentcloud_route_table" "this" {
  name   = local.name
  vpc_id = tencentcloud_vpc.this.id
  tags   = local.tags
}

# Outbound only: nothing can connect to the instances through it.
resource "tencentcloud_route_table_entry" "internet" {
  route_table_id         = tencentcloud_route_table.this.id
  destination_cidr_block = "0.0.0.0/0"
  next_type              = "NAT"
  next_hub               = tencentcloud_nat_gateway.this.id
  description            = "Model hub and registry"
}

resource "tencentcloud_security_group" "this" {
  name        = local.name
  description = "API in from the clients, HTTP and HTTPS out; no SSH"
  tags        = local.tags
}

resource "tencentcloud_security_group_rule_set" "this" {
  security_group_id = tencentcloud_security_group.this.id

  ingress {
    action      = "ACCEPT"
    protocol    = "TCP"
    port        = "8443"
    cidr_block  = var.client_cidr
    description = "API for the clients"
  }

  ingress {
    action      = "DROP"
    cidr_block  = "0.0.0.0/0"
    description = "Everything else"
  }

  egress {
    action      = "ACCEPT"
    protocol    = "TCP"
    port        = "80,443"
    cidr_block  = "0.0.0.0/0"
    description = "Model hub, registry, package mirrors and the cloud's own API"
  }

  egress {
    action      = "ACCEPT"
    protocol    = "UDP"
    port        = "53,123"
    cidr_block  = "0.0.0.0/0"
    description = "Names and time"
  }

  egress {
    action      = "DROP"
    cidr_block  = "0.0.0.0/0"
    description = "Everything else"
  }
}
