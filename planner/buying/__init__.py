"""How much to commit: an hourly demand against every way of buying, and the cheapest mix of them.

demand, shapes   what is asked for, hour by hour, from a file or a shape
market           what one instance costs by each way of buying: an offer's lines evaluated, nothing else
levels           the cheapest mix for one instance type, exactly: by the levels of the load-duration curve
frontier, mixed  several types at once, as a mixed-integer programme (HiGHS, the extra `commit`)
blend, blended   the types of a region as that programme sees them, what the mix means, and how it is told
scenarios        several demands that may come, with weights; uncertain: told
workloads        workloads' files that carry their demand, one or a portfolio of them
portfolio        many workloads, each by itself; sharing: commitments that they share; listing: told to people and programs
own, owned       machines of one's own: the user's file, and what they cost; rentbuy: beside the rent; choice: told
plan             all of it for a quote; answers: what that mix means; report: told to people and to programs
"""
