# Written by planner 0.1.0 emit-tf from quote 94de5cb4249c; write it again rather than edit it.

# Still to be said: fill in and remove the marks.
# client_cidr = "10.8.0.0/16" # who may call the API
