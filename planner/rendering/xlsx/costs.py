"""The sheet Costs: one row per option, one formula per column; its values are the option's evaluated lines."""

from __future__ import annotations

from planner.rendering.xlsx.book import Book, Sheet, cell, named, quoted, same
from planner.rendering.xlsx.inputs import Inputs
from planner.rendering.xlsx.model import Ladder, Model, Option, label
from planner.rendering.xlsx.prices import ladder_cost

__all__ = [
    "COL",
    "COLUMNS",
    "FIRST",
    "best_of",
    "flat_month",
    "ref",
    "say_recommended",
    "span",
    "term_price",
    "write_costs",
]

FIRST = 5
#: The first option's row on Scenarios.
SCENARIO = 12
#: key, title, unit, number format
COLUMNS = (
    ("no", "no.", "", "int"),
    ("option", "option", "", ""),
    ("provider", "provider", "", ""),
    ("way", "bought as", "", ""),
    ("code", "currency", "", ""),
    ("ladder", "price", "", ""),
    ("even", "on-demand price", "", ""),
    ("basis", "disk counted by", "", ""),
    ("count", "instances", "number", "int"),
    ("off", "discount on compute", "share", "pct"),
    ("beside_off", "discount on the rest", "share", "pct"),
    ("rate", "rate to report", "", "rate"),
    ("t_share", "tax", "share", "pct"),
    ("net", "of a price, without the tax that it holds", "", "rate"),
    ("t_cost", "cost with tax", "times", "rate"),
    ("t_cash", "cash with tax", "times", "rate"),
    ("term_hours", "hours of term", "h", "int"),
    ("term_months", "months of term", "months", "int"),
    ("terms", "terms needed", "number", "int"),
    ("usage", "pay as you go, one", "native", "money"),
    ("upfront", "upfront, one", "native/term", "money"),
    ("hourly", "commitment, one", "native/h", "price"),
    ("monthly", "subscription, one", "native/month", "money"),
    ("c_list", "compute, list", "native", "money"),
    ("c_eff", "compute, effective", "native", "money"),
    ("c_bill", "compute, billed", "native", "money"),
    ("c_owed", "compute, committed", "native", "money"),
    ("lane_out", "traffic out", "", ""),
    ("lane_in", "traffic to other regions", "", ""),
    ("free_out", "free GB, out", "GB/month", "num"),
    ("free_in", "free GB, other regions", "GB/month", "num"),
    ("lanes", "traffic, a whole month", "native", "money"),
    ("traffic", "traffic, list", "native", "money"),
    ("disk", "disk, list", "native", "money"),
    ("disk_owed", "disk, committed", "native", "money"),
    ("ip", "addresses, list", "native", "money"),
    ("beside", "beside compute, list", "native", "money"),
    ("beside_eff", "beside compute, effective", "native", "money"),
    ("promised", "promised under a contract", "native", "money"),
    ("short", "due of what stays unspent", "share", "pct"),
    ("fee", "contract shortfall", "native", "money"),
    ("tax", "tax, effective", "native", "money"),
    ("n_list", "list", "native", "money"),
    ("n_eff", "effective", "native", "money"),
    ("n_bill", "billed", "native", "money"),
    ("n_owed", "committed", "native", "money"),
    ("n_all", "obligation", "native", "money"),
    ("r_list", "list", "report", "money"),
    ("r_eff", "effective", "report", "money"),
    ("r_bill", "billed", "report", "money"),
    ("r_owed", "committed", "report", "money"),
    ("r_all", "obligation", "report", "money"),
    ("pv", "present value", "report", "money"),
    ("whole", "complete", "1 = yes", "flag"),
    ("rank", "to pay, or present value: firm and complete", "report", "money"),
    ("lasting", "effective, firm and complete", "report", "money"),
    ("per_second", "tokens out", "1/s", "num"),
    ("m_out", "per million tokens out", "report", "money"),
    ("m_all", "per million tokens", "report", "money"),
)
COL = {key: number for number, (key, *_) in enumerate(COLUMNS)}
NUMBERS = {key: number for key, _, _, number in COLUMNS}


def ref(book: Book, key: str, number: int) -> str:
    """Return an absolute reference to the column `key` of option `number` (from 0)."""
    return book.ref("costs", cell(FIRST + number, COL[key], "rc"))


def span(book: Book, model: Model, key: str) -> str:
    """Return the column `key` over all options."""
    return book.ref("costs", f"{cell(FIRST, COL[key], 'rc')}:{cell(FIRST + len(model.options) - 1, COL[key], 'rc')}")


def best_of(book: Book, model: Model, key: str) -> str:
    """Return the formula of the number of the option with the least of the column `key`; "" where it is empty."""
    area = span(book, model, key)
    return f'IF(COUNT({area})=0,"",MATCH(MIN({area}),{area},0))'


def say_recommended(book: Book, model: Model, s: Sheet, row: int) -> None:
    """Say on a sheet that shows one option which one is recommended, as it is now."""
    t, best = book.t, model.best
    said, none = t("Recommended: option {no}, ", no="@").partition("@"), t("No option is recommended.")
    name = f"INDEX({span(book, model, 'option')},MAX(1,option_recommended))"
    formula = f'IF(option_recommended="",{quoted(none)},{quoted(said[0])}&option_recommended&{quoted(said[2])}&{name})'
    words = f"{said[0]}{best.number + 1}{said[2]}{label(best, t)}" if best else none
    s.calc(row, 0, formula, words, "", "subtitle")


def flat_month(book: Book, at: dict[str, str]) -> str:
    """Return the formula of one instance's month of a commitment at list: a calendar month, or 730 of its hours."""
    return f"IF({at['way']}={same('subscription', book.t)},{at['monthly']},({at['upfront']}/MAX(1,{at['term_hours']})+{at['hourly']})*730)"


def write_costs(book: Book, model: Model, refs: Inputs) -> None:
    """Write Costs."""
    t = book.t
    widths = [5.0, 44, 12, 13, 9, 8, 10, 8] + [13.0] * (len(COLUMNS) - 8)
    s = book.sheet("costs", widths)
    s.title(t("The calculation: one row per option, one formula per column. Native: the currency the cloud bills in."))
    titles = {key: t(title) for key, title, _, _ in COLUMNS}
    s.head(3, list(titles.values()), 40)
    for col, (_, _, unit, _) in enumerate(COLUMNS):
        s.text(4, col, model.quote.currency if unit == "report" else t(unit) if unit else "", "unit")
    for option in model.options:
        _Row(book, model, refs, option).write()
    s.freeze(5, 2)
    s.ws.repeat_columns(0, 1)
    s.ws.fit_to_pages(3, 0)


def term_price(book: Book, ladder: Ladder, cells: dict[str, str]) -> tuple[str, str, str]:
    """Return the formulas of a commitment's list prices for one: upfront per term, by the hour, by the month.

    cells: where the term's hours and months stand. Each line of the commitment says which of the three it is.
    """
    sums: dict[str, list[str]] = {"upfront": [], "committed": [], "months": []}
    for i, line in enumerate(ladder.lines):
        price = book.ref("prices", cell(ladder.row + i, 9, "rc"))
        unit = line.rates[0].unit
        if line.rule == "upfront" and unit == "hour":
            price = f"({price})*{cells['term_hours']}"
        elif line.rule == "months" and unit == "term":
            price = f"{price}/{cells['term_months']}"
        sums[line.rule].append(price)
    return "+".join(sums["upfront"]) or "0", "+".join(sums["committed"]) or "0", "+".join(sums["months"]) or "0"


class _Row:
    """One option's row: `c` are its cells, `values` what they hold now."""

    def __init__(self, book: Book, model: Model, refs: Inputs, o: Option) -> None:
        self.book, self.model, self.refs, self.o = book, model, refs, o
        self.s: Sheet = book.sheets["costs"]
        self.row = FIRST + o.number
        self.c = {key: "$" + cell(self.row, col) for key, col in COL.items()}
        self.values = model.figures(o)

    def put(self, key: str, formula: str, style: str = "calc") -> None:
        self.s.calc(self.row, COL[key], formula, self.values[key], NUMBERS[key], style)

    def write(self) -> None:
        """Write the row, from left to right."""
        o, offer = self.o, self.o.offer
        words = {
            "option": label(o, self.book.t),
            "provider": offer.provider,
            "way": named(offer.purchase_option, self.book.t),
            "code": o.code,
            "ladder": o.own.id,
            "even": o.usual.id if o.usual else "",
            "basis": named(o.disk_basis, self.book.t),
            "lane_out": o.egress.id if o.egress else "-",
            "lane_in": o.inter.id if o.inter else "-",
        }
        for key, text in words.items():
            self.s.text(self.row, COL[key], text)
        self.s.put(self.row, COL["no"], o.number + 1, "int")
        self._inputs()
        self._compute()
        self._beside()
        self._totals()
        self._rank()
        self._units()

    def _inputs(self) -> None:
        c, o, refs = self.c, self.o, self.refs
        own, common = refs.discount[o.offer.provider, o.offer.purchase_option], refs.discount[o.offer.provider, ""]
        self.put("count", refs.counts[o.number], "link")
        self.put("off", f'IF({own}="",{common},{own})', "link")
        self.put("beside_off", common, "link")
        self.put("rate", refs.factor[o.code], "link")
        share, within, back = refs.taxes[o.offer.provider, o.offer.site]
        self.put("t_share", f'IF({share}="",tax_used,{share})', "link")
        self.put("net", f"IF({within}=1,1/(1+{c['t_share']}),1)")
        self.put("t_cost", f"IF({back}=1,1,1+{c['t_share']})")
        self.put("t_cash", f"1+{c['t_share']}")
        for key, col in (("term_hours", 14), ("term_months", 15)):
            self.put(key, self.book.ref("prices", cell(o.own.row, col, "rc")) if o.committed else "0", "link")
        by_month = f"ROUNDUP(months_used/{c['term_months']},0)"
        by_hour = f"ROUNDUP({self.model.length}/{c['term_hours']},0)"
        block, subscribed = same("capacity_block", self.book.t), same("subscription", self.book.t)
        monthly = f"{c['way']}<>{block}" if self.model.span else f"{c['way']}={subscribed}"
        need = f"IF({monthly},{by_month},{by_hour})"
        self.put("terms", f"IF({c['term_months']}=0,0,{need})")

    def _compute(self) -> None:
        c, o = self.c, self.o
        self.put("usage", "0" if o.committed else ladder_cost(self.book, o.own, "hours_used"))
        prices = term_price(self.book, o.own, c) if o.committed else ("0", "0", "0")
        for key, formula in zip(("upfront", "hourly", "monthly"), prices, strict=True):
            self.put(key, formula, "link")
        spread = f"IF({c['term_hours']}=0,0,{c['upfront']}/MAX(1,{c['term_hours']}))"
        length = self.model.length
        per = f"{c['usage']}+{length}*({c['hourly']}+{spread})+months_used*{c['monthly']}"
        self.put("c_list", f"{c['count']}*({per})*{c['net']}")
        self.put("c_eff", f"{c['c_list']}*(1-{c['off']})")
        owed = f"{c['terms']}*({c['upfront']}+{c['monthly']}*{c['term_months']}"
        block = f"IF({c['way']}={same('capacity_block', self.book.t)},{c['usage']},0)"
        keep = f"{c['count']}*(1-{c['off']})*{c['net']}"
        self.put("c_bill", f"{keep}*({c['usage']}+{length}*{c['hourly']}+{owed}))")
        self.put("c_owed", f"{keep}*({block}+{owed}+{c['hourly']}*{c['term_hours']}))")

    def _beside(self) -> None:
        c, o, book = self.c, self.o, self.book
        whole, part = ("+".join(book.ref("egress", cell(x.lane, col, "rc")) for x in o.lanes) or "0" for col in (7, 12))
        for key, lane in (("free_out", o.egress), ("free_in", o.inter)):
            self.put(key, book.ref("egress", cell(lane.lane, 6, "rc")) if lane else "0", "link")
        self.put("lanes", f"({whole})*{c['net']}")
        self.put("traffic", f"months_whole*{c['lanes']}+({part})*{c['net']}")
        length = self.model.length
        basis = {"hour": length, "month": "months_used", "rate": f"{length}/730", "": "0"}[o.disk_basis]
        price = book.ref("prices", cell(o.disk.row, 9, "rc")) if o.disk else "0"
        self.put("disk", f"storage_used*{c['count']}*{basis}*{price}*{c['net']}")
        owed = f"{c['disk']}*(1-{c['beside_off']})"
        self.put("disk_owed", owed if o.disk_basis == "month" else "0")
        address = book.ref("prices", cell(o.ip.row, 9, "rc")) if o.ip else "0"
        self.put("ip", f"{length}*ips_used*{address}*{c['net']}" if o.ip else "0")
        self.put("beside", f"{c['traffic']}+{c['disk']}+{c['ip']}")
        self.put("beside_eff", f"{c['beside']}*(1-{c['beside_off']})")
        monthly, due = self.refs.contracts.get(o.offer.provider, ("0", "0"))
        self.put("promised", f"{monthly}*{length}/730" if monthly != "0" else "0", "link")
        self.put("short", due, "link")
        unspent = f"MAX(0,{c['promised']}-({c['c_bill']}+{c['beside_eff']})/{c['net']})"
        self.put("fee", f"{unspent}*{c['short']}*{c['net']}" if monthly != "0" else "0")
        self.put("tax", f"({c['t_cost']}-1)*({c['c_eff']}+{c['beside_eff']}+{c['fee']})")

    def _totals(self) -> None:
        c = self.c
        cost, cash = c["t_cost"], c["t_cash"]
        self.put("n_list", f"({c['c_list']}+{c['beside']}+{c['fee']})*{cost}")
        self.put("n_eff", f"({c['c_eff']}+{c['beside_eff']}+{c['fee']})*{cost}")
        self.put("n_bill", f"({c['c_bill']}+{c['beside_eff']}+{c['fee']})*{cash}")
        self.put("n_owed", f"({c['c_owed']}+{c['disk_owed']}+{c['fee']})*{cash}")
        self.put("n_all", f"(MAX({c['c_bill']},{c['c_owed']})+{c['beside_eff']}+{c['fee']})*{cost}")
        for key in ("list", "eff", "bill", "owed", "all"):
            self.put("r_" + key, f"{c['n_' + key]}*{c['rate']}")

    def _rank(self) -> None:
        """What options are recommended by: an empty cell cannot be. The present value is that of the scenario chosen."""
        c, o = self.c, self.o
        present = [self.book.ref("scenarios", cell(SCENARIO + o.number, 4 + 3 * n, "rc")) for n in range(3)]
        self.put("pv", f"CHOOSE(scenario_number,{','.join(present)})", "link")
        parts = (("egress", o.egress), ("inter", o.inter), ("storage", o.disk), ("ips", o.ip))
        missing = [f"{name}_used>0" for name, ladder in parts if ladder is None]
        self.put("whole", f"IF(OR({','.join(missing)}),0,1)" if missing else "1")
        firm = f"{c['whole']}=1,{c['way']}<>{same('spot', self.book.t)}"
        if o.offer.purchase_option == "capacity_block":  # none is so long
            firm += f",{self.model.length}<=4368"
        rank = f'IF(AND({firm}),IF(rate_used="",{c["r_all"]},{c["pv"]}),"")'
        if self.refs.contracts:  # a shortfall makes options equally dear: the less effective cost then, then the first
            rank = f'IF(AND({firm}),ROUND(IF(rate_used="",{c["r_all"]},{c["pv"]}),6)+{c["r_eff"]}/10^11,"")'
        self.put("rank", rank)
        self.put("lasting", f'IF({c["rank"]}="","",{c["r_eff"]})')

    def _units(self) -> None:
        c, book, o = self.c, self.book, self.o
        low = book.ref("sizing", cell(5 + o.number, 4, "rc"))
        idle = self.model.idle(o)
        serving = f"({c['count']}-IF({c['count']}={o.offer.count},{idle},0))" if idle else c["count"]
        self.put("per_second", f"IF(demand_used>0,demand_used,{serving}*{low})")
        inflow = f"(1+{book.ref('sizing', '$B$3')}/{book.ref('sizing', '$D$3')})"
        cost = f"{c['r_eff']}/({c['per_second']}*3600*hours_used/1000000)"
        self.put("m_out", f'IF({c["per_second"]}=0,"",{cost})')
        self.put("m_all", f'IF({c["per_second"]}=0,"",{cost}/{inflow})')
