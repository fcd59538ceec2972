# Written by planner 0.1.0 emit-k8s from quote 60ab75ca378a; write it again rather than edit it.
# A network of its own, without public addresses but the NAT gateway's.

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:flow logs cost money by the GB and are the network owner's choice; docs/terraform.md shows how to add them
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = local.name }
}

# Closes the group that AWS makes with the network.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

# Wide, since every pod has an address of its own.
resource "aws_subnet" "this" {
  for_each = {
    first  = { cidr = "10.20.0.0/18", zone = var.zone }
    second = { cidr = "10.20.64.0/18", zone = var.second_zone }
  }

  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value.cidr
  availability_zone = each.value.zone

  tags = {
    Name                              = "${local.name}-${each.key}"
    "kubernetes.io/role/internal-elb" = "1"
  }
}

resource "aws_subnet" "nat" {
  vpc_id            = aws_vpc.this.id
  cidr_block        = "10.20.128.0/28"
  availability_zone = var.zone
  tags              = { Name = "${local.name}-nat" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = local.name }
}

resource "aws_route_table" "nat" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${local.name}-nat" }

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_route_table_association" "nat" {
  subnet_id      = aws_subnet.nat.id
  route_table_id = aws_route_table.nat.id
}

resource "aws_eip" "nat" {
  #checkov:skip=CKV2_AWS_19:the address belongs to the NAT gateway
  domain = "vpc"
  tags   = { Name = "${local.name}-nat" }
}

resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.nat.id
  tags          = { Name = local.name }

  depends_on = [aws_route_table_association.nat]
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = local.name }

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.this.id
  }
}

resource "aws_route_table_association" "this" {
  for_each = aws_subnet.this

  subnet_id      = each.value.id
  route_table_id = aws_route_table.this.id
}
