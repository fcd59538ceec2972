"""The sheets Costs and Egress: one row per option, one formula per column; one row per tier of traffic."""

from __future__ import annotations

from typing import Any

from planner.rendering.xlsx.book import Book, cell
from planner.rendering.xlsx.inputs import Refs, label
from planner.rendering.xlsx.model import Ladder, Model, Option, tiered

__all__ = ["COLUMNS", "FIRST", "ladder_cost", "ref", "span", "write_costs", "write_egress"]

FIRST = 5
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
    ("traffic", "traffic, list", "native", "money"),
    ("disk", "disk, list", "native", "money"),
    ("disk_owed", "disk, committed", "native", "money"),
    ("ip", "addresses, list", "native", "money"),
    ("beside", "beside compute, list", "native", "money"),
    ("beside_eff", "beside compute, effective", "native", "money"),
    ("tax", "tax, effective", "native", "money"),
    ("n_list", "list", "native", "money"),
    ("n_eff", "effective", "native", "money"),
    ("n_bill", "billed", "native", "money"),
    ("n_owed", "committed", "native", "money"),
    ("r_list", "list", "report", "money"),
    ("r_eff", "effective", "report", "money"),
    ("r_bill", "billed", "report", "money"),
    ("r_owed", "committed", "report", "money"),
    ("whole", "complete", "1 = yes", "flag"),
    ("rank", "all obligations, firm and complete", "report", "money"),
    ("lasting", "effective, firm and complete", "report", "money"),
    ("per_second", "tokens out", "1/s", "num"),
    ("m_out", "per million tokens out", "report", "money"),
    ("m_all", "per million tokens", "report", "money"),
)
COL = {key: number for number, (key, *_) in enumerate(COLUMNS)}


def ref(book: Book, key: str, number: int) -> str:
    """Return an absolute reference to the column `key` of option `number` (from 0)."""
    return book.ref("costs", cell(FIRST + number, COL[key], "rc"))


def span(book: Book, model: Model, key: str) -> str:
    """Return the column `key` over all options."""
    return book.ref("costs", f"{cell(FIRST, COL[key], 'rc')}:{cell(FIRST + len(model.options) - 1, COL[key], 'rc')}")


def column(book: Book, ladder: Ladder, col: int) -> str:
    """Return the cells of `ladder` in a column of Prices."""
    return book.ref("prices", f"{cell(ladder.row, col, 'rc')}:{cell(ladder.last, col, 'rc')}")


def ladder_cost(book: Book, ladder: Ladder, amount: str) -> str:
    """Return the formula of what `amount` costs: each step adds its price above the step before it."""
    start, step = column(book, ladder, 7), column(book, ladder, 11)
    return f"SUMPRODUCT(({amount}>{start})*({amount}-{start})*{step})"


def part(book: Book, ladder: Ladder, unit: str) -> str:
    """Return the sum of the list prices of `ladder` in `unit`, as references to Prices."""
    found = [book.ref("prices", cell(ladder.row + i, 9, "rc")) for i, r in enumerate(ladder.rates) if r.unit == unit]
    return "+".join(found) if found else "0"


def write_egress(book: Book, model: Model, refs: Refs) -> None:
    """Write Egress: lanes with their monthly cost now and per scenario, then every tier."""
    t, work = book.t, model.work
    s = book.sheet("egress", [8, 34, 16, 14, 14, 12, 12, 14, 14, 14, 14, 14])
    s.title(
        t("What data costs that leaves, tier by tier; tiers start anew each month. Amounts at list, native currency.")
    )
    lanes = [x for x in model.ladders if x.part in ("egress", "inter_region")]
    s.head(
        3,
        [
            t("lane"),
            t("traffic"),
            t("region"),
            t("book"),
            t("currency"),
            t("GB/month"),
            t("free GB"),
            t("cost a month"),
            t("per GB"),
            t("cost, low"),
            t("cost, base"),
            t("cost, high"),
        ],
        30,
    )
    row = 4
    tier_row = row + max(1, len(lanes)) + 3
    cursor = tier_row
    for lane in lanes:
        lane.lane = row
        kind = lane.part
        name, typed = ("egress_used", "egress_typed") if kind == "egress" else ("inter_used", "inter_typed")
        gb = float(work.egress_gb if kind == "egress" else work.inter_region_gb)
        free = book.ref("prices", cell(lane.row - 1, 8, "rc")) if lane.free else "0"
        for col, text in enumerate((lane.id, t.say(lane.item), lane.offer.region, lane.offer.site, lane.currency)):
            s.text(row, col, text)
        s.calc(row, 5, name, gb, "num", "link")
        s.calc(row, 6, free, float(lane.free.end or 0) if lane.free else 0, "num", "link")
        cost = lane.gb_cost(gb)
        free_cell = cell(row, 6, "rc")
        at: Any = lambda x, lane=lane, free_cell=free_cell: (
            f"{ladder_cost(book, lane, x)}-{ladder_cost(book, lane, f'MIN({x},{free_cell})')}"
        )
        s.calc(row, 7, at(cell(row, 5)), cost, "money")
        s.calc(row, 8, f"IF({cell(row, 5)}=0,0,{cell(row, 7)}/{cell(row, 5)})", cost / gb if gb else 0, "price")
        for n, scale in enumerate((0.8, 1, 1.2)):
            s.calc(row, 9 + n, at(f"({typed}*{refs.scenario[1][n]})"), lane.gb_cost(gb * scale), "money")
        row += 1
    if not lanes:
        s.text(row, 0, t("No price of traffic is carried."))
    s.head(
        tier_row - 1,
        [
            t("lane"),
            t("traffic"),
            t("region"),
            t("from"),
            t("to"),
            t("currency"),
            t("price"),
            t("GB in tier"),
            t("cost a month"),
        ],
        18,
    )
    for lane in lanes:
        gb = float(work.egress_gb if lane.part == "egress" else work.inter_region_gb)
        free_gb = float(lane.free.end or 0) if lane.free else 0.0
        for i, rate in enumerate(lane.rates):
            p: Any = lambda col, lane=lane, i=i: book.ref("prices", cell(lane.row + i, col, "rc"))
            s.text(cursor, 0, lane.id)
            s.text(cursor, 1, t.say(lane.item))
            s.text(cursor, 2, lane.offer.region)
            s.calc(cursor, 3, p(7), rate.start, "num", "link")
            s.calc(cursor, 4, f'IF({p(8)}="","",{p(8)})', rate.end if rate.end is not None else "", "num", "link")
            s.text(cursor, 5, lane.currency)
            s.calc(cursor, 6, p(9), rate.amount, "price", "link")
            total, free = cell(lane.lane, 5, "rc"), cell(lane.lane, 6, "rc")
            top = f'IF({cell(cursor, 4)}="",{total},MIN({total},{cell(cursor, 4)}))'
            inside = max(
                0.0, (gb if rate.end is None else min(gb, float(rate.end))) - max(float(rate.start), min(gb, free_gb))
            )
            s.calc(cursor, 7, f"MAX(0,{top}-MAX({cell(cursor, 3)},MIN({total},{free})))", inside, "num")
            s.calc(cursor, 8, f"{cell(cursor, 6)}*{cell(cursor, 7)}", inside * float(rate.amount), "money")
            cursor += 1
    s.tiers = (tier_row, cursor - 1, 4, row - 1)  # type: ignore[attr-defined]
    s.freeze(4, 1)


def write_costs(book: Book, model: Model, refs: Refs) -> None:
    """Write Costs."""
    t = book.t
    widths = [5.0, 44, 12, 13, 9, 8, 10, 8] + [13.0] * (len(COLUMNS) - 8)
    s = book.sheet("costs", widths)
    s.title(t("The calculation: one row per option, one formula per column. Native: the currency the cloud bills in."))
    s.head(3, [t(title) for _, title, _, _ in COLUMNS], 40)
    for col, (_, _, unit, _) in enumerate(COLUMNS):
        s.text(4, col, model.quote.currency if unit == "report" else t(unit) if unit else "", "unit")
    for number, option in enumerate(model.options):
        _row(book, model, refs, number, option)
    s.freeze(5, 2)
    s.ws.repeat_columns(0, 1)
    s.ws.fit_to_pages(2, 0)


def _row(book: Book, model: Model, refs: Refs, number: int, o: Option) -> None:
    s, t, work, offer = book.sheets["costs"], book.t, model.work, o.offer
    row = FIRST + number
    c = {key: "$" + cell(row, col) for key, col in COL.items()}
    hours, months = float(work.hours), model.quote.months
    off, beside_off = model.discount(o)
    tax, rate = float(work.tax), model.rate(o)
    native, report = offer.totals.native, offer.totals.report
    terms = offer.commitment.terms if offer.commitment else 0
    count = offer.count
    for key, text in (
        ("option", label(o, t)),
        ("provider", offer.provider),
        ("way", offer.purchase_option),
        ("code", offer.totals.native_currency),
        ("ladder", o.own.id),
        ("even", o.even.id if o.even else (o.own.id if offer.purchase_option == "on_demand" else "")),
        ("basis", o.disk_basis),
    ):
        s.text(row, COL[key], text)
    s.put(row, COL["no"], number + 1, "int")
    numbers = {key: fmt for key, _, _, fmt in COLUMNS}

    def put(key: str, formula: str, value: object, style: str = "calc") -> None:
        s.calc(row, COL[key], formula, value, numbers[key], style)

    option_cell, all_cell = refs.discount[offer.provider, offer.purchase_option], refs.discount[offer.provider, ""]
    put("count", refs.count[number], count, "link")
    put("off", f'IF({option_cell}="",{all_cell},{option_cell})', off, "link")
    put("beside_off", all_cell, beside_off, "link")
    put("rate", refs.factor[offer.totals.native_currency], rate, "link")
    put("term_hours", book.ref("prices", cell(o.own.row, 14, "rc")) if o.committed else "0", o.term_hours, "link")
    put("term_months", book.ref("prices", cell(o.own.row, 15, "rc")) if o.committed else "0", o.term_months, "link")
    need = f'IF({c["way"]}="subscription",ROUNDUP(months_used/{c["term_months"]},0),ROUNDUP(hours_used/{c["term_hours"]},0))'
    put("terms", f"IF({c['term_months']}=0,0,{need})", terms)
    usage = 0.0 if o.committed else tiered(o.own.rates, hours)
    put("usage", "0" if o.committed else ladder_cost(book, o.own, "hours_used"), usage)
    upfront, hourly, monthly = "0", "0", "0"
    if offer.purchase_option == "subscription":
        monthly = f"{part(book, o.own, 'month')}+({part(book, o.own, 'term')})/{c['term_months']}"
    elif (
        o.committed and offer.payment == "all_upfront" and o.hourly == 0 and all(r.unit == "hour" for r in o.own.rates)
    ):
        upfront = f"({part(book, o.own, 'hour')})*{c['term_hours']}"
    elif o.committed:
        upfront, hourly = part(book, o.own, "term"), part(book, o.own, "hour")
    put("upfront", upfront, o.upfront, "link")
    put("hourly", hourly, o.hourly, "link")
    put("monthly", monthly, o.monthly, "link")
    c_list = model.compute(o, hours, months)
    per = f"{c['usage']}+hours_used*({c['hourly']}+IF({c['term_hours']}=0,0,{c['upfront']}/MAX(1,{c['term_hours']})))+months_used*{c['monthly']}"
    put("c_list", f"{c['count']}*({per})", c_list)
    put("c_eff", f"{c['c_list']}*(1-{c['off']})", c_list * (1 - off))
    owed = f"{c['terms']}*({c['upfront']}+{c['monthly']}*{c['term_months']}"
    block = 1.0 if offer.purchase_option == "capacity_block" else 0.0
    bill_v = (usage + hours * o.hourly + terms * (o.upfront + o.monthly * o.term_months)) * count * (1 - off)
    owed_v = (
        (usage * block + terms * (o.upfront + o.monthly * o.term_months + o.hourly * o.term_hours)) * count * (1 - off)
    )
    put("c_bill", f"{c['count']}*(1-{c['off']})*({c['usage']}+hours_used*{c['hourly']}+{owed}))", bill_v)
    put(
        "c_owed",
        f'{c["count"]}*(1-{c["off"]})*(IF({c["way"]}="capacity_block",{c["usage"]},0)+{owed}+{c["hourly"]}*{c["term_hours"]}))',
        owed_v,
    )
    lanes = [x for x in (o.egress, o.inter) if x is not None]
    traffic = model.traffic(o, months)
    put(
        "traffic",
        "months_used*(" + ("+".join(book.ref("egress", cell(x.lane, 7, "rc")) for x in lanes) or "0") + ")",
        traffic,
    )
    basis = {"hour": "hours_used", "month": "months_used", "rate": "hours_used/730", "": "0"}[o.disk_basis]
    price = book.ref("prices", cell(o.disk.row, 9, "rc")) if o.disk else "0"
    disk = model.disk(o, hours, months)
    put("disk", f"storage_used*{c['count']}*{basis}*{price}", disk)
    owes = o.disk_basis == "month"
    put("disk_owed", f"{c['disk']}*(1-{c['beside_off']})" if owes else "0", disk * (1 - beside_off) if owes else 0)
    ip = model.ip(o, hours)
    put("ip", f"hours_used*ips_used*{book.ref('prices', cell(o.ip.row, 9, 'rc'))}" if o.ip else "0", ip)
    rest = traffic + disk + ip
    put("beside", f"{c['traffic']}+{c['disk']}+{c['ip']}", rest)
    put("beside_eff", f"{c['beside']}*(1-{c['beside_off']})", rest * (1 - beside_off))
    put("tax", f"tax_used*({c['c_eff']}+{c['beside_eff']})", tax * (c_list * (1 - off) + rest * (1 - beside_off)))
    for key, own, value in (
        ("list", "c_list", native.list),
        ("eff", "c_eff", native.effective),
        ("bill", "c_bill", native.billed),
    ):
        add = c["beside"] if key == "list" else c["beside_eff"]
        put("n_" + key, f"({c[own]}+{add})*(1+tax_used)", value)
    put("n_owed", f"({c['c_owed']}+{c['disk_owed']})*(1+tax_used)", native.committed)
    for key, value in (
        ("list", report.list),
        ("eff", report.effective),
        ("bill", report.billed),
        ("owed", report.committed),
    ):
        put("r_" + key, f"{c['n_' + key]}*{c['rate']}", value)
    missing = [
        f"{name}_used>0"
        for name, x in (("egress", o.egress), ("inter", o.inter), ("storage", o.disk), ("ips", o.ip))
        if x is None
    ]
    put("whole", f"IF(OR({','.join(missing)}),0,1)" if missing else "1", 0 if offer.unpriced else 1)
    obliged = "" if offer.unpriced or offer.market else max(report.billed, report.committed)
    put("rank", f'IF(AND({c["whole"]}=1,{c["way"]}<>"spot"),MAX({c["r_bill"]},{c["r_owed"]}),"")', obliged)
    put("lasting", f'IF({c["rank"]}="","",{c["r_eff"]})', "" if obliged == "" else report.effective)
    band = offer.sizing.output_tokens_per_second
    low = round(band.low, 3) if band else 0.0
    demand = float(work.rps * work.output_tokens if work.rps else work.tokens_per_second)
    rate_v = demand or low * count
    put(
        "per_second",
        f"IF(demand_used>0,demand_used,{c['count']}*{book.ref('sizing', cell(5 + number, 4, 'rc'))})",
        rate_v,
        "calc",
    )
    inflow = f"(1+{book.ref('sizing', '$B$3')}/{book.ref('sizing', '$D$3')})"
    none = f'IF({c["per_second"]}=0,"",{c["r_eff"]}/({c["per_second"]}*3600*hours_used/1000000)'
    out, every = offer.cost_per_million_output, offer.cost_per_million_tokens
    put("m_out", none + ")", "" if out is None else out)
    put("m_all", none + f"/{inflow})", "" if every is None else every)
