region = "us-east-1"
servers = {
  a = { kind = "small" }
  b = { kind = "large", disk = "250" }
}
