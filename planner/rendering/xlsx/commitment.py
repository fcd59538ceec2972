"""The sheets Commitment, Scenarios and Sensitivity."""

from __future__ import annotations

from typing import Any

from planner.rendering.xlsx.book import Book, cell
from planner.rendering.xlsx.costs import column, ladder_cost, ref, span
from planner.rendering.xlsx.inputs import FACTORS, SCENARIOS, Refs, _months_formula, label
from planner.rendering.xlsx.model import Model, Option, tiered
from planner.rendering.xlsx.timeline import Shown

__all__ = ["write_commitment", "write_scenarios", "write_sensitivity"]

CURVE = [62 * i for i in range(13)]
HOURS = (0.25, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0)
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
SWING = 0.2


def _monthly(model: Model, o: Option) -> float:
    off, _ = model.discount(o)
    if o.offer.purchase_option == "subscription":
        return o.monthly * (1 - off)
    return (o.upfront / o.term_hours + o.hourly) * 730 * (1 - off)


def write_commitment(book: Book, model: Model, refs: Refs, p: Shown) -> Any:
    """Write Commitment; return the chart of the break-even."""
    t = book.t
    s = book.sheet("commitment", [5, 46, 9, 15, 15, 15, 15, 15, 15, 15, 15])
    s.title(
        t(
            "From how many hours a month a commitment is cheaper than on-demand, and what is lost when it stands idle. Native currency."
        )
    )
    s.head(
        3,
        [
            t("no."),
            t("option"),
            t("currency"),
            t("commitment, one month, one instance"),
            t("on-demand, 744 h, one instance"),
            t("cheaper from, hours a month"),
            t("hours a month in the window"),
            t("on-demand at those hours"),
            t("saved a month (loss if negative), one"),
            t("lost in an idle month, one"),
            t("owed after the window, all"),
        ],
        54,
    )
    row = 4
    used = float(model.work.hours) / model.quote.months
    for number, o in enumerate(model.options):
        if not o.committed:
            continue
        at: Any = lambda key, number=number: ref(book, key, number)
        month = _monthly(model, o)
        s.calc(row, 0, at("no"), number + 1, "int", "link")
        s.calc(row, 1, at("option"), label(o, t), "", "link", indent=1)
        s.calc(row, 2, at("code"), o.offer.totals.native_currency, "", "link")
        s.calc(
            row,
            3,
            f'IF({at("way")}="subscription",{at("monthly")},({at("upfront")}/MAX(1,{at("term_hours")})+{at("hourly")})*730)*(1-{at("off")})',
            month,
            "money",
        )
        s.calc(row, 6, "hours_used/months_used", used, "hours")
        s.calc(row, 9, cell(row, 3), month, "money")
        value = (
            o.offer.commitment.terms * (o.term_hours * o.hourly) - float(model.work.hours) * o.hourly
            if o.offer.commitment
            else 0.0
        )
        off, _ = model.discount(o)
        value *= o.offer.count * (1 - off)
        s.calc(row, 10, f"{at('c_owed')}-{at('c_bill')}", value, "money")
        if o.even is not None:
            special, common = refs.discount[o.offer.provider, "on_demand"], refs.discount[o.offer.provider, ""]
            share = model.share(o.offer.provider, "on_demand")
            keep_f = f'(1-IF({special}="",{common},{special}))'
            wide, price, done = (column(book, o.even, x) for x in (12, 9, 13))
            full = tiered(o.even.rates, 744) * (1 - share)
            s.calc(row, 4, f"SUMPRODUCT({wide}*{price})*{keep_f}", full, "money")
            over = f"({cell(row, 3)}/{keep_f}-{done})"
            inner = f"SUMPRODUCT(({over}>0)*({over}<={wide}*{price})*{over}/{price}+({over}>{wide}*{price})*{wide})"
            even = o.offer.break_even_hours
            s.calc(
                row,
                5,
                f'IF({cell(row, 4)}<{cell(row, 3)},"{t("never")}",ROUNDUP(ROUND({inner},8),0))',
                t("never") if even is None else even,
                "int",
                "total",
                align="right",
            )
            same = tiered(o.even.rates, used) * (1 - share)
            s.calc(row, 7, f"{ladder_cost(book, o.even, cell(row, 6))}*{keep_f}", same, "money")
            s.calc(row, 8, f"{cell(row, 7)}-{cell(row, 3)}", same - month, "money")
        else:
            s.text(row, 5, t("no on-demand price"))
        s.lines = {**getattr(s, "lines", {}), number: row}  # type: ignore[attr-defined]
        row += 1
    if row == 4:
        s.text(row, 1, t("No commitment among the options."))
        row += 1
    row += 1
    s.section(row, t("Break-even of the option shown: one instance, one month, report currency"), 11)
    s.calc(row + 1, 1, p.at["option"], p.values["option"], "", "link")
    s.head(row + 2, ["", t("hours a month"), "", t("on-demand"), t("option shown"), t("now")], 18)
    first = row + 3
    o, rate = p.option, model.rate(p.option)
    ladder = o.even or (o.own if o.offer.purchase_option == "on_demand" else None)
    own_share, _ = model.discount(o)
    prices: Any = lambda col: book.ref(
        "prices", f"{cell(refs.first_price, col, 'rc')}:{cell(refs.last_price, col, 'rc')}"
    )
    share = model.share(o.offer.provider, "on_demand")
    provider_off = _on_demand_share(book, model, refs)
    flat = f'IF({p.at["way"]}="subscription",{p.at["monthly"]},({p.at["upfront"]}/MAX(1,{p.at["term_hours"]})+{p.at["hourly"]})*730)'

    def curve(line: int, hours: float, formula: str | None, now: bool) -> None:
        if formula is None:
            s.put(line, 1, hours, "int")
        else:
            s.calc(line, 1, formula, hours, "num")
        x = cell(line, 1)
        cost: Any = lambda which: f"SUMPRODUCT(({prices(0)}={which})*({x}>{prices(7)})*({x}-{prices(7)})*{prices(11)})"
        value = tiered(ladder.rates, hours) * (1 - share) * rate if ladder else 0.0
        mine = _monthly(model, o) * rate if o.committed else tiered(o.own.rates, hours) * (1 - own_share) * rate
        s.calc(line, 3, f"{cost(p.at['even'])}*(1-{provider_off})*{p.at['rate']}", value, "money")
        own = f"IF({p.at['term_months']}=0,{cost(p.at['ladder'])},{flat})*(1-{p.at['off']})*{p.at['rate']}"
        s.calc(line, 4, own, mine, "money")
        if now:
            s.calc(line, 5, cell(line, 4), mine, "money")

    for i, hours in enumerate(CURVE):
        curve(first + i, float(hours), None, False)
    last = first + len(CURVE) - 1
    curve(last + 1, used, "hours_used/months_used", True)
    s.text(last + 1, 0, t("now"))
    chart = book.file.add_chart({"type": "scatter", "subtype": "straight"})
    name = s.ws.name
    for col, words, colour in ((3, t("on-demand"), "#C55A11"), (4, t("option shown"), "#1F3864")):
        chart.add_series(
            {
                "name": words,
                "categories": [name, first, 1, last, 1],
                "values": [name, first, col, last, col],
                "line": {"color": colour, "width": 2},
                "marker": {"type": "none"},
            }
        )
    chart.add_series(
        {
            "name": t("now"),
            "categories": [name, last + 1, 1, last + 1, 1],
            "values": [name, last + 1, 5, last + 1, 5],
            "marker": {"type": "circle", "size": 9, "fill": {"color": "#C00000"}, "border": {"color": "#C00000"}},
            "line": {"none": True},
        }
    )
    s.freeze(4, 2)
    return chart


def _on_demand_share(book: Book, model: Model, refs: Refs) -> str:
    """Return the on-demand discount of the provider of the option shown, as a nest of its few providers."""
    result = "0"
    name = f"INDEX({span(book, model, 'provider')},option_shown)"
    for provider in sorted({o.offer.provider for o in model.options}):
        special, common = refs.discount[provider, "on_demand"], refs.discount[provider, ""]
        result += f'+({name}="{provider}")*IF({special}="",{common},{special})'
    return f"({result})"


def write_scenarios(book: Book, model: Model, refs: Refs) -> None:
    """Write Scenarios: every option under low, base and high."""
    t = book.t
    s = book.sheet("scenarios", [5, 46, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14])
    s.title(
        t(
            "Every option under the three scenarios of Inputs, effective, in the report currency; the selector there drives all other sheets."
        )
    )
    hours, work = float(model.work.hours), model.work
    lines = (
        (t("hours"), "hours_typed", 0, "hours"),
        (t("traffic"), "1", 1, "pct"),
        (t("exchange rates"), "1", 2, "pct"),
    )
    for i, (words, name, what, fmt) in enumerate(lines):
        s.text(3 + i, 1, words)
        for n in range(3):
            value = FACTORS[what][n] * (hours if what == 0 else 1)
            s.calc(
                3 + i,
                2 + 3 * n,
                f"{name}*{refs.scenario[what][n]}" if name != "1" else refs.scenario[what][n],
                value,
                fmt,
                "link",
            )
    s.text(6, 1, t("billing months"))
    for n in range(3):
        s.calc(6, 2 + 3 * n, _months_formula(cell(3, 2 + 3 * n, "rc")), model.months(hours * FACTORS[0][n]), "int")
    titles = [t("no."), t("option")]
    for scenario in SCENARIOS:
        titles += [
            f"{t(scenario)}: {t('compute')}",
            f"{t(scenario)}: {t('beside compute')}",
            f"{t(scenario)}: {t('effective')}",
        ]
    s.head(8, [*titles, t("high - low")], 40)
    tax = float(work.tax)
    for number, o in enumerate(model.options):
        row = 9 + number
        at: Any = lambda key, number=number: ref(book, key, number)
        s.calc(row, 0, at("no"), number + 1, "int", "link")
        s.calc(row, 1, at("option"), label(o, t), "", "link", indent=1)
        off, beside_off = model.discount(o)
        results = []
        for n in range(3):
            col = 2 + 3 * n
            h, m, fx = cell(3, col, "rc"), cell(6, col, "rc"), cell(5, col, "rc")
            h_v = hours * FACTORS[0][n]
            m_v = model.months(h_v)
            rate_f = at("rate")
            rate_v = model.rate(o)
            if o.offer.totals.native_currency != model.quote.currency:
                rate_f += (
                    f"/INDEX({refs.scenario[2][0]}:{refs.scenario[2][2].rpartition('!')[2]},1,scenario_number)*{fx}"
                )
                rate_v *= FACTORS[2][n]
            usage = "0" if o.committed else ladder_cost(book, o.own, h)
            per = f"{usage}+{h}*({at('upfront')}/MAX(1,{at('term_hours')})+{at('hourly')})+{m}*{at('monthly')}"
            compute = model.compute(o, h_v, m_v) * (1 - off) * rate_v
            s.calc(row, col, f"{at('count')}*({per})*(1-{at('off')})*({rate_f})", compute, "money")
            lanes = (
                "+".join(book.ref("egress", cell(x.lane, 9 + n, "rc")) for x in (o.egress, o.inter) if x is not None)
                or "0"
            )
            disk = {"hour": h, "month": m, "rate": f"{h}/730", "": "0"}[o.disk_basis]
            disk_f = (
                f"storage_used*{at('count')}*{disk}*{book.ref('prices', cell(o.disk.row, 9, 'rc'))}" if o.disk else "0"
            )
            ip_f = f"{h}*ips_used*{book.ref('prices', cell(o.ip.row, 9, 'rc'))}" if o.ip else "0"
            beside = model.beside(o, h_v, m_v, FACTORS[1][n]) * (1 - beside_off) * rate_v
            s.calc(row, col + 1, f"({m}*({lanes})+{disk_f}+{ip_f})*(1-{at('beside_off')})*({rate_f})", beside, "money")
            results.append((compute + beside) * (1 + tax))
            s.calc(row, col + 2, f"({cell(row, col)}+{cell(row, col + 1)})*(1+tax_used)", results[-1], "money", "total")
        s.calc(row, 11, f"{cell(row, 10)}-{cell(row, 4)}", results[2] - results[0], "money")
    s.freeze(9, 2)


def write_sensitivity(book: Book, model: Model, refs: Refs, p: Shown) -> Any:
    """Write Sensitivity: hours x discount, and what a fifth more or less of each input does; return the chart."""
    t, o = book.t, p.option
    s = book.sheet("sensitivity", [44, 15, 15, 15, 15, 15, 15, 15])
    s.title(t("The option shown with other hours and discounts on compute: effective cost in the report currency."))
    s.calc(2, 0, p.at["option"], p.values["option"], "", "link")
    v, a = p.v, p.at
    hours, tax = float(model.work.hours), float(model.work.tax)
    prices: Any = lambda col: book.ref(
        "prices", f"{cell(refs.first_price, col, 'rc')}:{cell(refs.last_price, col, 'rc')}"
    )
    s.head(4, [t("share of the hours"), *[""] * len(HOURS)], 18)
    for words, row in (
        (t("hours"), 5),
        (t("billing months"), 6),
        (t("compute at list, report currency"), 7),
        (t("beside compute, contracted, report currency"), 8),
    ):
        s.text(row, 0, words)
    computes, besides = [], []
    count_months = model.quote.months
    for i, share in enumerate(HOURS):
        col = 1 + i
        h, m = cell(5, col, "r"), cell(6, col, "r")
        s.put(4, col, share, "pct", "input", bold=True)
        h_v = hours * share
        m_v = model.months(h_v)
        s.calc(5, col, f"hours_used*{cell(4, col)}", h_v, "hours")
        s.calc(6, col, _months_formula(h), m_v, "int")
        usage = f"IF({a['term_months']}>0,0,SUMPRODUCT(({prices(0)}={a['ladder']})*({h}>{prices(7)})*({h}-{prices(7)})*{prices(11)}))"
        per = f"{usage}+{h}*({a['upfront']}/MAX(1,{a['term_hours']})+{a['hourly']})+{m}*{a['monthly']}"
        computes.append(model.compute(o, h_v, m_v) * v("rate"))
        s.calc(7, col, f"{a['count']}*({per})*{a['rate']}", computes[-1], "money")
        disk = f'IF({a["basis"]}="month",{m}/months_used,{h}/hours_used)'
        rest = f"({m}/months_used*{a['traffic']}+{disk}*{a['disk']}+{h}/hours_used*{a['ip']})*(1-{a['beside_off']})*{a['rate']}"
        disk_v = v("disk") * (m_v / count_months if o.disk_basis == "month" else share)
        besides.append(
            (m_v / count_months * v("traffic") + disk_v + share * v("ip")) * (1 - v("beside_off")) * v("rate")
        )
        s.calc(8, col, rest, besides[-1], "money")
    s.head(10, [t("discount on compute"), *[""] * len(HOURS)], 18)
    for i in range(len(HOURS)):
        s.calc(10, 1 + i, cell(5, 1 + i), hours * HOURS[i], "hours", "head")
    shares: tuple[float | None, ...] = (None, *SHARES)
    for j, other in enumerate(shares):
        row = 11 + j
        value = v("off") if other is None else other
        if other is None:
            s.calc(row, 0, a["off"], value, "pct", "link", align="left")
        else:
            s.put(row, 0, other, "pct", "input", align="left")
        for i in range(len(HOURS)):
            col = 1 + i
            f = f"({cell(7, col, 'r')}*(1-{cell(row, 0, 'c')})+{cell(8, col, 'r')})*(1+tax_used)"
            s.calc(
                row,
                col,
                f,
                (computes[i] * (1 - value) + besides[i]) * (1 + tax),
                "money",
                "total" if other is None else "calc",
            )
    s.ws.conditional_format(
        11, 1, 11 + len(SHARES), len(HOURS), {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#F4B183"}
    )
    row = 11 + len(SHARES) + 3
    s.section(row, t("What a fifth less or more of each input does"), 8)
    s.head(row + 1, [t("input"), "-20%", t("now"), "+20%", t("change, -20%"), t("change, +20%"), t("swing")], 18)
    centre = HOURS.index(1.0) + 1
    now = (computes[centre - 1] * (1 - v("off")) + besides[centre - 1]) * (1 + tax)
    now_f = cell(11, centre, "rc")
    down, up = HOURS.index(0.8), HOURS.index(1.2)
    grid: Any = lambda i: (computes[i] * (1 - v("off")) + besides[i]) * (1 + tax)
    compute_now = computes[centre - 1] * (1 - v("off")) * (1 + tax)
    traffic_now = v("traffic") * (1 - v("beside_off")) * v("rate") * (1 + tax)
    compute_f = f"{cell(7, centre, 'rc')}*(1-{a['off']})*(1+tax_used)"
    traffic_f = f"{a['traffic']}*(1-{a['beside_off']})*{a['rate']}*(1+tax_used)"
    foreign = model.quote.currency != o.offer.totals.native_currency
    code_f = f"INDEX({span(book, model, 'code')},option_shown)"
    is_foreign = f'IF({code_f}="{model.quote.currency}",0,1)'
    cases = (
        (t("hours"), cell(11, 1 + down, "rc"), grid(down), cell(11, 1 + up, "rc"), grid(up)),
        (
            t("list price of compute"),
            f"{now_f}-0.2*{compute_f}",
            now - SWING * compute_now,
            f"{now_f}+0.2*{compute_f}",
            now + SWING * compute_now,
        ),
        (
            t("exchange rate"),
            f"{now_f}*(1-0.2*{is_foreign})",
            now * (1 - SWING * foreign),
            f"{now_f}*(1+0.2*{is_foreign})",
            now * (1 + SWING * foreign),
        ),
        (
            t("price of traffic"),
            f"{now_f}-0.2*{traffic_f}",
            now - SWING * traffic_now,
            f"{now_f}+0.2*{traffic_f}",
            now + SWING * traffic_now,
        ),
    )
    first = row + 2
    for i, (words, low_f, low, high_f, high) in enumerate(cases):
        r = first + i
        s.text(r, 0, words)
        s.calc(r, 1, low_f, low, "money")
        s.calc(r, 2, now_f, now, "money")
        s.calc(r, 3, high_f, high, "money")
        s.calc(r, 4, f"{cell(r, 1)}-{cell(r, 2)}", low - now, "money")
        s.calc(r, 5, f"{cell(r, 3)}-{cell(r, 2)}", high - now, "money")
        s.calc(r, 6, f"ABS({cell(r, 5)}-{cell(r, 4)})", abs(high - low), "money")
    chart = book.file.add_chart({"type": "bar", "subtype": "clustered"})
    for col, words, colour in ((4, "-20%", "#2E75B6"), (5, "+20%", "#C55A11")):
        chart.add_series(
            {
                "name": words,
                "categories": [s.ws.name, first, 0, first + 3, 0],
                "values": [s.ws.name, first, col, first + 3, col],
                "fill": {"color": colour},
                "overlap": 100,
                "gap": 60,
            }
        )
    chart.set_y_axis({"reverse": True, "label_position": "low", "num_font": {"size": 9}})
    chart.set_x_axis(
        {
            "num_format": "#,##0",
            "num_font": {"size": 9},
            "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}},
        }
    )
    chart.set_title({"name": t("What a fifth less or more of each input does"), "name_font": {"size": 11}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 760, "height": 260})
    s.ws.insert_chart(first + 6, 0, chart)
    s._seen(first + 20, 7)
    s.freeze(5, 1)
    p.centre = book.ref("sensitivity", now_f)  # type: ignore[attr-defined]
    p.centre_value = now  # type: ignore[attr-defined]
    return chart
