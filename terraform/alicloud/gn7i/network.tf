# Written by planner 0.1.0 emit-tf from quote 37525268a2c0; write it again rather than edit it.
# A network of its own. The instances have no public address; they reach the model hub and the registry through the NAT gateway.

resource "alicloud_vpc" "this" {
  vpc_name   = local.name
  cidr_block = "10.20.0.0/24"
  tags       = local.tags
}

resource "alicloud_vswitch" "this" {
  vswitch_name = local.name
  vpc_id       = alicloud_vpc.this.id
  zone_id      = local.zone
  cidr_block   = "10.20.0.0/25"
  tags         = local.tags
}

resource "alicloud_nat_gateway" "this" {
  nat_gateway_name = local.name
  vpc_id           = alicloud_vpc.this.id
  vswitch_id       = alicloud_vswitch.this.id
  nat_type         = "Enhanced"
  payment_type     = "PayAsYouGo"
  tags             = local.tags
}

resource "alicloud_eip_address" "nat" {
  address_name         = "${local.name}-nat"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByTraffic"
  bandwidth            = "200"
  tags                 = local.tags
}

resource "alicloud_eip_association" "nat" {
  allocation_id = alicloud_eip_address.nat.id
  instance_id   = alicloud_nat_gateway.this.id
}

# Outbound only: nothing can connect to the instances through it.
resource "alicloud_snat_entry" "this" {
  snat_table_id     = alicloud_nat_gateway.this.snat_table_ids
  source_vswitch_id = alicloud_vswitch.this.id
  snat_ip           = alicloud_eip_address.nat.ip_address

  depends_on = [alicloud_eip_association.nat]
}

resource "alicloud_security_group" "this" {
  security_group_name = local.name
  description         = "API in from the clients; no SSH"
  vpc_id              = alicloud_vpc.this.id
  inner_access_policy = "Drop"
  tags                = local.tags
}

resource "alicloud_security_group_rule" "api" {
  security_group_id = alicloud_security_group.this.id
  description       = "API for the clients"
  type              = "ingress"
  ip_protocol       = "tcp"
  port_range        = "8443/8443"
  cidr_ip           = var.client_cidr
}
