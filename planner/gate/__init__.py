"""A change under review: what its workloads and modules cost before and after, whether a policy allows that, and one comment."""
