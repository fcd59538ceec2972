resource "aws_instance" "bastion" {
  instance_type = "g4dn.xlarge"
}
