# Written by planner 0.1.0 emit-tf from quote 61951d8350f0; write it again rather than edit it.
deadline = "2026-12-24T00:00:00Z" # 720 hours after this file was written

# Still to be said: fill in and remove the marks.
# client_cidr = "10.8.0.0/16" # who may call the API
