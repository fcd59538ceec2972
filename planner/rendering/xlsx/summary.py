"""The sheets Summary, FOCUS and Checks."""

from __future__ import annotations

from typing import Any

from planner.quoting.choose import advise
from planner.rendering.xlsx.book import Book, cell
from planner.rendering.xlsx.costs import ref, span
from planner.rendering.xlsx.inputs import Refs, label
from planner.rendering.xlsx.model import Model, Option
from planner.rendering.xlsx.timeline import Shown

__all__ = ["recommended", "write_checks", "write_focus", "write_summary"]

BARS = 12


def recommended(model: Model) -> tuple[Option | None, Option | None]:
    """Return the options that the quote recommends for the window, and for a need that lasts (None: there is none)."""
    said = advise(model.quote)
    by_id = {o.offer.id: o for o in model.options}
    best = by_id.get(said.best.id) if said.best else None
    lasting = by_id.get(said.lasting.id) if said.lasting else best
    return best, lasting


def write_summary(book: Book, model: Model, p: Shown, curve: Any) -> None:
    """Write Summary: the recommendation, the options side by side, three charts."""
    t, code = book.t, model.quote.currency
    s = book.sheet("summary", [5, 46, 20, 9, 14, 14, 14, 14, 14, 12, 12, 11, 9])
    s.ws.fit_to_pages(1, 1 if len(model.options) <= 40 else 0)
    s.title(t("All amounts in {code}; every number is a formula down to Inputs and Prices.", code=code))
    best, lasting = recommended(model)
    rank, later = span(book, model, "rank"), span(book, model, "lasting")
    least = f"MIN({span(book, model, 'r_eff')})"
    pick: Any = lambda key, area: f"INDEX({span(book, model, key)},MATCH(MIN({area}),{area},0))"
    q: Any = lambda text: '"' + text.replace('"', '""') + '"'
    from planner.money import show

    none = t("No firm option is priced completely: see Notes.")
    first, second = (
        t("Least to pay for the window, all obligations included: "),
        t(" If the need lasts the whole term: "),
    )
    middle, end = t(", for "), t(" effective in the window.")
    spoken = none
    if best is not None and lasting is not None:
        r = best.offer.totals.report
        spoken = f"{first}{label(best, t)}{middle}{show(max(r.billed, r.committed))} {code}."
        if lasting is not best:
            spoken += f"{second}{label(lasting, t)}{middle}{show(lasting.offer.totals.report.effective)} {code}{end}"
    money: Any = lambda f: f'TEXT({f},"#,##0.00")'
    s.ws.set_row(2, 40)
    lasts = f"{q(second)}&{pick('option', later)}&{q(middle)}&{money(f'MIN({later})')}&{q(' ' + code + end)}"
    sentence = (
        f"IF(COUNT({rank})=0,{q(none)},{q(first)}&{pick('option', rank)}&{q(middle)}&{money(f'MIN({rank})')}&{q(f' {code}.')}"
        f'&IF({pick("no", rank)}={pick("no", later)},"",{lasts}))'
    )
    s.ws.merge_range(2, 0, 2, 12, "", book.fmt("big"))
    s.calc(2, 0, sentence, spoken, "", "big")
    facts = (
        (t("hours"), "hours_used", model.work.hours, "hours"),
        (t("billing months"), "months_used", model.quote.months, "int"),
        (t("data out, GB/month"), "egress_used", model.work.egress_gb, "num"),
        (t("tax"), "tax_used", model.work.tax, "pct"),
    )
    for i, (words, name, value, number) in enumerate(facts):
        s.text(3, 2 + 2 * i if i else 1, "" if i == 0 else words, "unit", align="right", bottom=0)
        if i == 0:
            s.calc(
                3,
                1,
                f'{q(t("hours") + ": ")}&TEXT(hours_used,"#,##0.0")',
                f"{t('hours')}: {float(str(value)):,.1f}",
                "",
                "calc",
            )
        else:
            s.calc(3, 3 + 2 * i, name, value, number, "calc", align="left")
    s.head(
        5,
        [
            t("no."),
            t("option"),
            "GPU",
            t("instances"),
            t("effective"),
            t("billed"),
            t("committed"),
            t("list"),
            t("above the cheapest"),
            t("per million tokens out"),
            t("break-even, hours a month"),
            t("complete"),
            t("currency"),
        ],
        40,
    )
    from planner.money import plain

    rows = getattr(book.sheets["commitment"], "lines", {})
    cheapest = float(min(o.offer.totals.report.effective for o in model.options))
    for n, o in enumerate(model.options):
        row = 6 + n
        at: Any = lambda key, n=n: ref(book, key, n)
        r = o.offer.totals.report
        s.calc(row, 0, at("no"), n + 1, "int", "link")
        s.calc(row, 1, at("option"), label(o, t), "", "link", indent=1)
        s.text(row, 2, f"{plain(o.offer.gpu.count)}x {o.offer.gpu.model}")
        s.calc(row, 3, at("count"), o.offer.count, "int", "link")
        for col, key, value in (
            (4, "r_eff", r.effective),
            (5, "r_bill", r.billed),
            (6, "r_owed", r.committed),
            (7, "r_list", r.list),
        ):
            s.calc(row, col, at(key), value, "money", "link", bold=col == 4)
        above = float(r.effective) / cheapest - 1 if cheapest else 0
        s.calc(row, 8, f"IF({least}=0,0,{cell(row, 4)}/{least}-1)", above, "pct")
        out = o.offer.cost_per_million_output
        s.calc(row, 9, at("m_out"), "" if out is None else out, "unit3", "link")
        if n in rows:
            even = o.offer.break_even_hours
            value = t("no on-demand price") if o.even is None else t("never") if even is None else even
            s.calc(row, 10, book.ref("commitment", cell(rows[n], 5)), value, "int", "link", align="right")
        else:
            s.text(row, 10, "")
        s.calc(
            row,
            11,
            f"IF({at('whole')}=1,{q(t('yes'))},{q(t('NO'))})",
            t("NO") if o.offer.unpriced else t("yes"),
            "",
            "calc",
            align="center",
        )
        s.text(row, 12, o.offer.totals.native_currency, align="center")
    last = 6 + len(model.options) - 1
    s.ws.conditional_format(6, 4, last, 4, {"type": "data_bar", "bar_color": "#9DB8DC", "bar_solid": True})
    red = book.file.add_format({"font_color": "#C00000", "bold": True})
    s.ws.conditional_format(6, 11, last, 11, {"type": "cell", "criteria": "==", "value": q(t("NO")), "format": red})
    base = last + 2
    name = s.ws.name
    shown = min(last, 6 + BARS - 1)
    bars = book.file.add_chart({"type": "bar"})
    bars.add_series(
        {
            "name": t("effective"),
            "categories": [name, 6, 1, shown, 1],
            "values": [name, 6, 4, shown, 4],
            "fill": {"color": "#1F3864"},
            "gap": 45,
            "data_labels": {"value": True, "num_format": "#,##0", "font": {"size": 8}},
        }
    )
    _style(bars, t("Effective cost of the window, {code}", code=code))
    bars.set_y_axis({"reverse": True, "num_font": {"size": 8}})
    bars.set_x_axis(
        {
            "num_format": "#,##0",
            "num_font": {"size": 8},
            "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}},
            "min": 0,
        }
    )
    bars.set_legend({"none": True})
    bars.set_size({"width": 1330, "height": 60 + 26 * (shown - 5)})
    s.ws.insert_chart(base, 0, bars)
    below = base + (60 + 26 * (shown - 5)) // 20 + 2
    lines = p.chart  # type: ignore[attr-defined]
    _style(lines, t("Option shown: cash and amortised, so far, {code}", code=code))
    lines.set_x_axis(
        {"name": t("month"), "num_font": {"size": 8}, "interval_unit": 6, "interval_tick": 6, "name_font": {"size": 8}}
    )
    lines.set_y_axis(
        {
            "num_format": "#,##0",
            "num_font": {"size": 8},
            "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}},
        }
    )
    lines.set_legend({"position": "bottom"})
    lines.set_size({"width": 650, "height": 310})
    s.ws.insert_chart(below, 0, lines)
    _style(curve, t("Option shown: break-even, one instance and month, {code}", code=code))
    curve.set_x_axis(
        {
            "name": t("hours a month"),
            "min": 0,
            "max": 744,
            "major_unit": 124,
            "num_font": {"size": 8},
            "name_font": {"size": 8},
        }
    )
    curve.set_y_axis(
        {
            "num_format": "#,##0",
            "num_font": {"size": 8},
            "min": 0,
            "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}},
        }
    )
    curve.set_legend({"position": "bottom"})
    curve.set_size({"width": 650, "height": 310})
    s.ws.insert_chart(below, 5, curve, {"x_offset": 40})
    s._seen(below + 17, 12)
    s.freeze(6, 2)


def _style(chart: Any, title: str) -> None:
    chart.set_title({"name": title, "name_font": {"size": 11, "bold": True}, "overlay": False})
    chart.set_chartarea({"border": {"color": "#C8CED8"}})


FOCUS_HEAD = (
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "PricingCategory",
    "CommitmentDiscountStatus",
    "PricingQuantity",
    "PricingUnit",
    "ListUnitPrice",
    "ContractedUnitPrice",
    "ListCost",
    "ContractedCost",
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "x_Period",
)


def write_focus(book: Book, model: Model, number: int) -> None:
    """Write FOCUS: the live rows of option `number` (from 0) over its window and the rest of its term."""
    t, o = book.t, model.options[number]
    s = book.sheet("focus", [14, 58, 15, 14, 16, 14, 12, 14, 14, 14, 14, 14, 14, 10, 15])
    s.title(
        t(
            "Option {no} as rows in the shape of FOCUS 1.2, projected, not billed; --format focus writes all columns by month.",
            no=number + 1,
        )
    )
    s.head(3, list(FOCUS_HEAD), 30)
    at: Any = lambda key: ref(book, key, number)
    hours, months = float(model.work.hours), model.quote.months
    off, beside_off = model.discount(o)
    count, code, tax = o.offer.count, o.offer.totals.native_currency, float(model.work.tax)
    terms = o.offer.commitment.terms if o.offer.commitment else 0
    rows: list[list[float]] = []
    row = 4

    def line(
        category: str,
        words: str,
        frequency: str,
        pricing: str,
        status: str,
        quantity: str,
        amount: float,
        unit: str,
        price: str,
        price_v: float,
        share: str,
        share_v: float,
        billed: bool,
        effective: bool,
        period: str,
    ) -> None:
        nonlocal row
        for col, text in (
            (0, category),
            (1, words),
            (2, frequency),
            (3, pricing),
            (4, status),
            (6, unit),
            (13, code),
            (14, t(period)),
        ):
            s.text(row, col, text)
        s.calc(row, 5, quantity, amount, "num")
        s.calc(row, 7, price, price_v, "price", "link")
        s.calc(row, 8, f"{cell(row, 7)}*(1-{share})", price_v * (1 - share_v), "price")
        values = [amount * price_v, amount * price_v * (1 - share_v)]
        s.calc(row, 9, f"{cell(row, 5)}*{cell(row, 7)}", values[0], "money")
        s.calc(row, 10, f"{cell(row, 5)}*{cell(row, 8)}", values[1], "money")
        values += [values[1] * billed, values[1] * effective]
        s.calc(row, 11, cell(row, 10) if billed else "0", values[2], "money")
        s.calc(row, 12, cell(row, 10) if effective else "0", values[3], "money")
        rows.append([*values, float(period == "window"), float(category == "Usage")])
        row += 1

    usage, way = label(o, t), o.offer.purchase_option
    price_at: Any = lambda ladder, i: book.ref("prices", cell(ladder.row + i, 9, "rc"))
    if not o.committed:
        kind = "Dynamic" if way == "spot" else "Standard"
        for i, r in enumerate(o.own.rates):
            low, high = (book.ref("prices", cell(o.own.row + i, c, "rc")) for c in (7, 8))
            inside = max(0.0, (hours if r.end is None else min(hours, float(r.end))) - float(r.start)) * count
            f = f'{at("count")}*MAX(0,IF({high}="",hours_used,MIN(hours_used,{high}))-{low})'
            line(
                "Usage",
                usage,
                "Usage-Based",
                kind,
                "",
                f,
                inside,
                "Hours",
                price_at(o.own, i),
                float(r.amount),
                at("off"),
                off,
                True,
                True,
                "window",
            )
    elif way == "subscription":
        paid = f"{at('count')}*{at('terms')}*{at('term_months')}"
        left = terms * o.term_months - months
        line(
            "Purchase",
            usage,
            "One-Time",
            "Standard",
            "",
            paid,
            count * terms * o.term_months,
            "Months",
            at("monthly"),
            o.monthly,
            at("off"),
            off,
            True,
            False,
            "window",
        )
        line(
            "Usage",
            usage,
            "Usage-Based",
            "Committed",
            "Used",
            f"{at('count')}*months_used",
            count * months,
            "Months",
            at("monthly"),
            o.monthly,
            at("off"),
            off,
            False,
            True,
            "window",
        )
        f = f"{at('count')}*({at('terms')}*{at('term_months')}-months_used)"
        line(
            "Usage",
            usage,
            "Usage-Based",
            "Committed",
            "Unused",
            f,
            count * left,
            "Months",
            at("monthly"),
            o.monthly,
            at("off"),
            off,
            False,
            True,
            "rest of the term",
        )
    else:
        rate_f = f"({at('hourly')}+{at('upfront')}/{at('term_hours')})"
        rate_v = o.hourly + o.upfront / o.term_hours
        left_f = f"{at('count')}*({at('terms')}*{at('term_hours')}-hours_used)"
        idle = count * (terms * o.term_hours - hours)
        if o.upfront:
            line(
                "Purchase",
                usage,
                "One-Time",
                "Standard",
                "",
                f"{at('count')}*{at('terms')}",
                count * terms,
                "Terms",
                at("upfront"),
                o.upfront,
                at("off"),
                off,
                True,
                False,
                "window",
            )
        if o.hourly:
            for f, amount, period in (
                (f"{at('count')}*hours_used", count * hours, "window"),
                (left_f, idle, "rest of the term"),
            ):
                line(
                    "Purchase",
                    usage,
                    "Recurring",
                    "Standard",
                    "",
                    f,
                    amount,
                    "Hours",
                    at("hourly"),
                    o.hourly,
                    at("off"),
                    off,
                    True,
                    False,
                    period,
                )
        line(
            "Usage",
            usage,
            "Usage-Based",
            "Committed",
            "Used",
            f"{at('count')}*hours_used",
            count * hours,
            "Hours",
            rate_f,
            rate_v,
            at("off"),
            off,
            False,
            True,
            "window",
        )
        line(
            "Usage",
            usage,
            "Usage-Based",
            "Committed",
            "Unused",
            left_f,
            idle,
            "Hours",
            rate_f,
            rate_v,
            at("off"),
            off,
            False,
            True,
            "rest of the term",
        )
    for lane in (o.egress, o.inter):
        if lane is None:
            continue
        total = float(model.work.egress_gb if lane.part == "egress" else model.work.inter_region_gb)
        free = float(lane.free.end or 0) if lane.free else 0.0
        gb, quota = (book.ref("egress", cell(lane.lane, c, "rc")) for c in (5, 6))
        for i, r in enumerate(lane.rates):
            low, high = (book.ref("prices", cell(lane.row + i, c, "rc")) for c in (7, 8))
            inside = max(
                0.0, (total if r.end is None else min(total, float(r.end))) - max(float(r.start), min(total, free))
            )
            f = f'months_used*MAX(0,IF({high}="",{gb},MIN({gb},{high}))-MAX({low},MIN({gb},{quota})))'
            line(
                "Usage",
                t.say(lane.item),
                "Usage-Based",
                "Standard",
                "",
                f,
                inside * months,
                "GB",
                price_at(lane, i),
                float(r.amount),
                at("beside_off"),
                beside_off,
                True,
                True,
                "window",
            )
    if o.disk is not None:
        unit = o.disk.rates[0].unit
        price = float(o.disk.rates[0].amount)
        quantity = model.disk(o, hours, months) / price if price else 0.0
        p_ref = price_at(o.disk, 0)
        line(
            "Usage",
            t("Disk"),
            "Usage-Based",
            "Standard",
            "",
            f"IF({p_ref}=0,0,{at('disk')}/{p_ref})",
            quantity,
            unit,
            p_ref,
            price,
            at("beside_off"),
            beside_off,
            True,
            True,
            "window",
        )
    if o.ip is not None:
        line(
            "Usage",
            t("Public IPv4 address"),
            "Usage-Based",
            "Standard",
            "",
            "hours_used*ips_used",
            hours * model.work.public_ips,
            "Hours",
            price_at(o.ip, 0),
            float(o.ip.rates[0].amount),
            at("beside_off"),
            beside_off,
            True,
            True,
            "window",
        )
    body = row - 1
    for period in ("window", "rest of the term"):
        part = [x for x in rows if x[4] == (period == "window")]
        for col, text in ((0, "Tax"), (1, f"{t('tax')}, {t(period)}"), (2, "Usage-Based"), (13, code), (14, t(period))):
            s.text(row, col, text)
        sums = [
            sum(x[0] for x in part if x[5]),
            sum(x[1] for x in part if x[5]),
            sum(x[2] for x in part),
            sum(x[3] for x in part),
        ]
        for k in range(4):
            col = 9 + k
            area, periods, kinds = (f"{cell(4, c, 'r')}:{cell(body, c, 'r')}" for c in (col, 14, 0))
            f = f"tax_used*SUMIFS({area},{periods},{cell(row, 14)}" + (f',{kinds},"Usage")' if k < 2 else ")")
            s.calc(row, col, f, tax * sums[k], "money")
        rows.append([x * tax for x in sums] + [float(period == "window"), 1.0])
        row += 1
    total = row
    s.text(total, 1, t("in all"), "bold")
    for k, col in enumerate((11, 12)):
        s.calc(total, col, f"SUM({cell(4, col)}:{cell(row - 1, col)})", sum(x[2 + k] for x in rows), "money", "total")
    s.text(total + 1, 1, t("in the window"), "bold")
    for k, col in enumerate((11, 12)):
        area, periods = (f"{cell(4, c)}:{cell(row - 1, c)}" for c in (col, 14))
        s.calc(
            total + 1,
            col,
            f'SUMIFS({area},{periods},"{t("window")}")',
            sum(x[2 + k] for x in rows if x[4]),
            "money",
            "total",
        )
    s.totals = {  # type: ignore[attr-defined]
        "billed": (cell(total, 11), sum(x[2] for x in rows)),
        "effective": (cell(total, 12), sum(x[3] for x in rows)),
        "w_billed": (cell(total + 1, 11), sum(x[2] for x in rows if x[4])),
        "w_effective": (cell(total + 1, 12), sum(x[3] for x in rows if x[4])),
    }
    s.freeze(4, 2)


def write_checks(book: Book, model: Model, refs: Refs, p: Shown, number: int) -> str:
    """Write Checks; return the reference of the cell that is 1 when all hold."""
    t = book.t
    s = book.sheet("checks", [70, 18, 18, 14, 10])
    s.title(t("Each check compares two figures; 1 holds, 0 fails. Cover shows the worst."))
    s.head(3, [t("check"), t("figure"), t("must be"), t("tolerance"), t("holds")], 18)
    lines: list[tuple[str, str, float, str, float]] = []
    cols: Any = lambda key: span(book, model, key)
    options = model.options
    report = [o.offer.totals.report for o in options]
    effective = float(sum(r.effective for r in report))
    lines.append(
        (
            t("parts add up: compute, rest and tax of all options = effective"),
            f"SUMPRODUCT({cols('rate')}*({cols('c_eff')}+{cols('beside_eff')}+{cols('tax')}))",
            effective,
            f"SUM({cols('r_eff')})",
            effective,
        )
    )
    grid: Any = lambda key, col=2: book.ref("timeline", cell(p.rows[key], col, "rc"))  # type: ignore[attr-defined]
    o = p.option
    r = o.offer.totals.report
    index: Any = lambda key: f"INDEX({cols(key)},option_shown)"
    lines.append(
        (
            t("option shown: cash in the window = billed"),
            grid("win_cash"),
            float(r.billed),
            index("r_bill"),
            float(r.billed),
        )
    )
    lines.append(
        (
            t("option shown: amortised in the window = effective"),
            grid("win_amortised"),
            float(r.effective),
            index("r_eff"),
            float(r.effective),
        )
    )
    cash = _total(model, p)
    lines.append(
        (t("option shown: cash over the term = amortised over the term"), grid("cash"), cash, grid("amortised"), cash)
    )
    end = grid("closing", 3 + p.span_months - 1)  # type: ignore[attr-defined]
    lines.append((t("option shown: nothing prepaid is left after the term"), end, 0.0, "0", 0.0))
    lines.append((t("timeline holds all months"), f"MAX(months_used+{p.at['tail']}-{p.span_months},0)", 0.0, "0", 0.0))  # type: ignore[attr-defined]
    area = book.ref("costs", f"{cell(5, 7 + 1, 'rc')}:{cell(5 + len(options) - 1, 39, 'rc')}")
    lines.append((t("nothing is negative"), f'COUNTIF({area},"<0")', 0.0, "0", 0.0))
    prices: Any = lambda col: book.ref(
        "prices", f"{cell(refs.first_price, col, 'rc')}:{cell(refs.last_price, col, 'rc')}"
    )
    lines.append((t("prices by hand are at least 0"), f'COUNTIF({prices(9)},"<0")', 0.0, "0", 0.0))
    old, undated = _ages(model)
    spot = t("spot")
    kinds = f'(LEFT({prices(5)},{len(spot)})<>"{spot}")'
    lines.append(
        (
            t("no price is older than the limit (spot apart)"),
            f"SUMPRODUCT({kinds}*ISNUMBER({prices(17)})*({prices(16)}<review_used-maxage_used))",
            float(old),
            "0",
            0.0,
        )
    )
    lines.append(
        (
            t("no price is undated (spot apart)"),
            f"SUMPRODUCT({kinds}*NOT(ISNUMBER({prices(17)})))",
            float(undated),
            "0",
            0.0,
        )
    )
    whole = any(not x.offer.unpriced and not x.offer.market for x in options)
    lines.append(
        (t("a firm option is priced completely"), f"IF(COUNT({cols('rank')})>0,0,1)", float(not whole), "0", 0.0)
    )
    e = book.sheets["egress"]
    first, last, lane0, lane1 = e.tiers  # type: ignore[attr-defined]
    if last >= first:
        tiers = sum(model_lane_cost(model, x) for x in model.ladders if x.part in ("egress", "inter_region"))
        lines.append(
            (
                t("traffic: tiers add up to the lanes"),
                f"SUM({book.ref('egress', cell(first, 8, 'rc') + ':' + cell(last, 8, 'rc'))})",
                tiers,
                f"SUM({book.ref('egress', cell(lane0, 7, 'rc') + ':' + cell(lane1, 7, 'rc'))})",
                tiers,
            )
        )
    lines.append(
        (
            t("sensitivity: its centre = effective of the option shown"),
            p.centre,  # type: ignore[attr-defined]
            p.centre_value,  # type: ignore[attr-defined]
            index("r_eff"),
            float(r.effective),
        )
    )
    f = book.sheets["focus"].totals  # type: ignore[attr-defined]
    native = options[number].offer.totals.native
    at: Any = lambda key: ref(book, key, number)
    focus: Any = lambda key: book.ref("focus", f[key][0])
    lines.append(
        (
            t("FOCUS: billed in the window = Costs"),
            focus("w_billed"),
            f["w_billed"][1],
            at("n_bill"),
            float(native.billed),
        )
    )
    lines.append(
        (
            t("FOCUS: effective in the window = Costs"),
            focus("w_effective"),
            f["w_effective"][1],
            at("n_eff"),
            float(native.effective),
        )
    )
    lines.append(
        (
            t("FOCUS: effective over the term = billed over the term"),
            focus("effective"),
            f["effective"][1],
            focus("billed"),
            f["billed"][1],
        )
    )
    row = 4
    failed = 0
    for words, figure, figure_v, target, target_v in lines:
        s.text(row, 0, words)
        s.calc(row, 1, figure, figure_v, "money")
        s.calc(row, 2, target, target_v, "money")
        tolerance = f"0.005+ABS({cell(row, 2)})*0.000000001"
        s.calc(row, 3, tolerance, 0.005 + abs(target_v) * 1e-9, "rate")
        holds = abs(figure_v - target_v) <= 0.005 + abs(target_v) * 1e-9
        failed += not holds
        s.calc(row, 4, f"IF(ABS({cell(row, 1)}-{cell(row, 2)})<={cell(row, 3)},1,0)", int(holds), "flag", "check")
        row += 1
    s.text(row + 1, 0, t("All checks"), "bold")
    s.calc(row + 1, 4, f"MIN({cell(4, 4)}:{cell(row - 1, 4)})", int(not failed), "flag", "check", top=1)
    red = book.file.add_format({"font_color": "#C00000", "bg_color": "#FDE0E0"})
    green = book.file.add_format({"font_color": "#006100", "bg_color": "#DDF3DF"})
    s.ws.conditional_format(4, 4, row + 1, 4, {"type": "formula", "criteria": "=AND(ISNUMBER(E5),E5=0)", "format": red})
    s.ws.conditional_format(
        4, 4, row + 1, 4, {"type": "formula", "criteria": "=AND(ISNUMBER(E5),E5=1)", "format": green}
    )
    s.freeze(4, 1)
    holds_at = f"{cell(4, 4, 'rc')}:{cell(row - 1, 4, 'rc')}"
    s.failing = f"INDEX({book.ref('checks', cell(4, 0, 'rc') + ':' + cell(row - 1, 0, 'rc'))},MATCH(0,{book.ref('checks', holds_at)},0))"  # type: ignore[attr-defined]
    s.failed = next((words for words, _, a, _, b in lines if abs(a - b) > 0.005 + abs(b) * 1e-9), "")  # type: ignore[attr-defined]
    return book.ref("checks", cell(row + 1, 4, "rc"))


def model_lane_cost(model: Model, lane: Any) -> float:
    """Return the monthly cost of a lane at the quote's volume."""
    gb = model.work.egress_gb if lane.part == "egress" else model.work.inter_region_gb
    return float(lane.gb_cost(float(gb)))


def _total(model: Model, p: Shown) -> float:
    """Return the option's cash over window and term, with tax, in the report currency."""
    o = p.option
    r = o.offer.totals.report
    terms = o.offer.commitment
    if terms is None or o.offer.purchase_option == "subscription":
        return float(r.billed)
    off, _ = model.discount(o)
    left = terms.terms * o.term_hours - float(model.work.hours)
    return float(r.billed) + left * o.hourly * o.offer.count * (1 - off) * model.rate(o) * (1 + float(model.work.tax))


def _ages(model: Model) -> tuple[int, int]:
    from datetime import date

    today, old, undated = date.fromisoformat(model.quote.quoted_on), 0, 0
    for ladder in model.ladders:
        if ladder.way.startswith("spot"):
            continue
        for rate in (*([ladder.free] if ladder.free else []), *ladder.rates):
            if not rate.source.as_of:
                undated += 1
            elif (today - date.fromisoformat(rate.source.as_of)).days > model.work.max_age:
                old += 1
    return old, undated
