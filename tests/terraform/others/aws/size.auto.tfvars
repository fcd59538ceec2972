bastions = 2
