# Written by planner 0.1.0 emit-k8s from quote 81ca0360c453; write it again rather than edit it.
# A network of its own, without public addresses but the NAT gateway's.

resource "alicloud_vpc" "this" {
  vpc_name   = local.name
  cidr_block = "10.20.0.0/16"
  tags       = local.tags
}

# Wide, since every pod has an address of its own.
resource "alicloud_vswitch" "this" {
  for_each = {
    first  = { cidr = "10.20.0.0/18", zone = var.zone }
    second = { cidr = "10.20.64.0/18", zone = var.second_zone }
  }

  vswitch_name = "${local.name}-${each.key}"
  vpc_id       = alicloud_vpc.this.id
  zone_id      = each.value.zone
  cidr_block   = each.value.cidr
  tags         = local.tags
}

resource "alicloud_nat_gateway" "this" {
  nat_gateway_name = local.name
  vpc_id           = alicloud_vpc.this.id
  vswitch_id       = alicloud_vswitch.this["first"].id
  nat_type         = "Enhanced"
  payment_type     = "PayAsYouGo"
  tags             = local.tags
}

# 5 of 200 Mbit/s, which all nodes share while they fetch the weights.
resource "alicloud_eip_address" "nat" {
  for_each = toset(["1", "2", "3", "4", "5"])

  address_name         = "${local.name}-nat-${each.key}"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByTraffic"
  bandwidth            = "200"
  tags                 = local.tags
}

resource "alicloud_eip_association" "nat" {
  for_each = alicloud_eip_address.nat

  allocation_id = each.value.id
  instance_id   = alicloud_nat_gateway.this.id
}

# Outbound only: nothing can connect to the nodes through it.
resource "alicloud_snat_entry" "this" {
  for_each = alicloud_vswitch.this

  snat_table_id     = alicloud_nat_gateway.this.snat_table_ids
  source_vswitch_id = each.value.id
  snat_ip           = join(",", [for address in alicloud_eip_address.nat : address.ip_address])

  depends_on = [alicloud_eip_association.nat]
}
