"""The sheet Steps: what Scenarios, Costs and Summary are made of, under low, base and high, in named steps of one line.

Present values come from one table of months with the hours and discount factors of each: what runs by the hour is paid at the
months' ends, what is paid once per term on the first day of its month (planner.quoting.worth). Sums over the months are
SUMPRODUCTs over that table, so that an option needs no columns of its own per month.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from planner.quoting import choose, cost, whatif, worth
from planner.quoting.records import Commitment, Offer, Quote
from planner.rendering.xlsx.book import Book, Sheet, cell, same
from planner.rendering.xlsx.costs import SCENARIO, ref
from planner.rendering.xlsx.egress import PART
from planner.rendering.xlsx.factors import discounted, hours_until, last_month, room, used, used_until, write_months
from planner.rendering.xlsx.inputs import FACTORS, SCENARIOS, Inputs
from planner.rendering.xlsx.model import Ladder, Model, Option, label
from planner.rendering.xlsx.prices import ladder_cost

__all__ = ["KEYS", "SCENARIO", "Steps", "sold", "write_steps"]

ZERO = Decimal(0)
#: Columns of an option in each scenario: key, title, number format.
KEYS = (
    ("term", "hours of term", "int"),
    ("terms", "terms needed", "int"),
    ("owed", "hours owed", "int"),
    ("reach", "hours until they are paid", "int"),
    ("keep", "report currency per list unit of compute, tax included", "rate"),
    ("rest", "report currency per list unit beside compute, tax included", "rate"),
    ("usage", "pay as you go, one, list", "money"),
    ("beside", "beside compute, list", "money"),
    ("late", "paid at months' ends, one, list, discounted", "money"),
    ("early", "paid once per term, one, list, discounted", "money"),
    ("later", "beside compute, list, discounted", "money"),
    ("fee", "contract shortfall, report currency, tax included", "money"),
    ("rank", "to pay, or present value: firm and complete", "money"),
)
COL = {key: number for number, (key, _, _) in enumerate(KEYS)}
HEAD, SCALARS = 4, 5
#: Rows of the scenarios' own sums, from SCALARS: name, words, number format.
SUMS = (
    ("hours", "hours", "hours"),
    ("months", "billing months", "int"),
    ("whole", "Whole months of traffic", "int"),
    ("timed", "hours of the window, discounted", "num"),
    ("evenly", "billing months, discounted", "num"),
    ("full", "whole months of traffic, discounted", "num"),
    ("part", "discount factor of the month used in part", "num"),
    ("length", "hours from beginning to end", "hours"),
    ("held", "hours from beginning to end, discounted", "num"),
    ("closing", "discount factor of the window's last month", "num"),
    ("gap", "hours of the window's months beyond its end", "hours"),
)


class Steps(NamedTuple):
    """Where the steps of each option stand, by scenario; elsewhere: the quote of the options under each scenario. sentence:
    the first row of what the sentence on Summary is made of."""

    elsewhere: tuple[Quote, Quote, Quote]
    sentence: int

    def at(self, book: Book, o: Option, key: str, n: int) -> str:
        return book.ref("steps", cell(_first(book) + o.number, 2 + n * len(KEYS) + COL[key], "rc"))

    def ranks(self, book: Book, model: Model, n: int) -> str:
        """Return what the options are recommended by under a scenario, as a column."""
        first, last = (self.at(book, o, "rank", n) for o in (model.options[0], model.options[-1]))
        return f"{first}:{last.rpartition('!')[2]}"

    def scalar(self, book: Book, key: str, n: int) -> str:
        """Return where one of the scenarios' own sums stands."""
        return book.ref("steps", cell(SCALARS + [name for name, _, _ in SUMS].index(key), 2 + n, "rc"))

    def found(self, o: Option, n: int) -> Offer | None:
        """Return the option under a scenario, None where it is not sold for so long a window."""
        return there(self.elsewhere[n], o)


def there(quote: Quote, o: Option) -> Offer | None:
    """Return what an option is in `quote`, None where it is not sold."""
    return next((x for x in quote.offers if x.id == o.offer.id), None)


def _first(book: Book) -> int:
    return SCALARS + len(SUMS) + 3


def write_steps(book: Book, model: Model, refs: Inputs) -> Steps:
    """Write Steps; return where the options' steps are."""
    t, options = book.t, model.options
    s = book.sheet("steps", [6, 44, *[12.5] * (3 * len(KEYS))])
    s.title(
        t(
            "What Scenarios and present values are made of, step by step. Native currency at list where not said otherwise."
        )
    )
    quote, offers = model.quote, [o.offer for o in options]
    made = Steps(
        tuple(  # type: ignore[arg-type]  # three scenarios
            whatif.elsewhere(quote, hours=quote.hours * hours, traffic=traffic, fx=fx, offers=offers)
            for hours, traffic, fx in zip(*FACTORS, strict=True)
        ),
        _first(book) + len(options) + 2,
    )
    row = made.sentence + 9
    ladders = list(dict.fromkeys(o.own for o in options if not o.committed))
    months = row + sum(len(x.rates) for x in ladders) + 4
    write_months(book, model, s, months)
    _scalars(book, model, s, made)
    steps = _hourly(book, model, s, ladders, row)
    names = [t(x) for x in SCENARIOS]
    titles = [f"{name}: {t(title)}" for name in names for _, title, _ in KEYS]
    s.head(_first(book) - 1, [t("no."), t("option"), *titles], 66)
    for o in options:
        at = _first(book) + o.number
        s.calc(at, 0, ref(book, "no", o.number), o.number + 1, "int", "link")
        s.calc(at, 1, ref(book, "option", o.number), label(o, t), "", "link", indent=1)
        for n in range(3):
            _Option(book, model, refs, o, n, made, steps).write()
    s.ws.freeze_panes(HEAD, 2)
    s.ws.repeat_columns(0, 1)
    s.ws.fit_to_pages(3, 0)
    return made


def _scalars(book: Book, model: Model, s: Sheet, made: Steps) -> None:
    t, rate = book.t, model.work.discount_rate or ZERO
    s.head(HEAD, ["", t("scenario"), *(t(x) for x in SCENARIOS)], 18)
    for row, (_, words, _) in enumerate(SUMS, SCALARS):
        s.text(row, 1, t(words))
    factor = 1 + rate / 12
    for n, quote in enumerate(made.elsewhere):
        at = {key: cell(SCALARS + row, 2 + n, "rc") for row, (key, _, _) in enumerate(SUMS)}
        lines = {"hours": 3, "months": 6, "whole": PART - 1}
        formulas = {key: book.ref("scenarios", cell(line, 2 + 3 * n, "rc")) for key, line in lines.items()}
        formulas["timed"] = used_until(model, at["hours"], at["hours"])
        formulas["length"] = model.lasting_for(at["hours"])
        formulas["held"] = hours_until(at["length"])
        begun = at["months"] if model.span else f"MAX({at['months']},SUMPRODUCT((m_from<ROUND({at['hours']},6))*1))"
        formulas["closing"] = f"INDEX(m_end,{begun})"
        formulas["gap"] = f"MAX(0,INDEX(m_to,{at['months']})-{at['length']})" if model.span else "0"
        formulas["evenly"] = f"SUMPRODUCT((m_no<{at['months']})*m_end)"
        formulas["full"] = f"SUMPRODUCT((m_no<{at['whole']})*m_end)"
        formulas["part"] = f"INDEX(m_end,{at['whole']}+1)"
        whole = quote.window.traffic[0]
        values: dict[str, object] = {
            "hours": quote.hours,
            "months": quote.months,
            "whole": whole,
            "timed": used(model, quote.hours, quote.hours),
            "evenly": sum((factor ** -(m + 1) for m in range(quote.months)), ZERO),
            "full": sum((factor ** -(m + 1) for m in range(whole)), ZERO),
            "part": factor ** -(whole + 1),
            "length": quote.window.length,
            "held": discounted(model, quote.window.length),
            "closing": factor ** -last_month(quote),
            "gap": max(ZERO, room(quote, quote.months) - quote.window.length) if model.span else ZERO,
        }
        for row, (key, _, number) in enumerate(SUMS, SCALARS):
            style = "link" if key in lines else "calc"
            s.calc(row, 2 + n, formulas[key], values[key], number, style)


class _Hourly(NamedTuple):
    """The steps of hourly prices: their ids, prices above the step before, and by scenario the discounted hours beyond."""

    ids: str
    step: str
    hours: list[str]

    def worth(self, ladder: str, n: int) -> str:
        return f"SUMPRODUCT(({self.ids}={ladder})*{self.step}*{self.hours[n]})"


def _hourly(book: Book, model: Model, s: Sheet, ladders: list[Ladder], row: int) -> _Hourly:
    """Write the hours of each scenario beyond each step of an hourly price, discounted from the ends of their months."""
    t = book.t
    s.section(row, t("Steps of hourly prices: the hours beyond each, discounted"), 7)
    s.head(
        row + 1,
        [t("price"), t("instance type"), t("from"), t("price above the step before"), *(t(x) for x in SCENARIOS)],
        30,
    )
    at = top = row + 2
    for ladder in ladders:
        before = ZERO
        for number, rate in enumerate(ladder.rates):
            s.text(at, 0, ladder.id)
            s.text(at, 1, ladder.offer.instance_type)
            start, step = (book.ref("prices", cell(ladder.row + number, col, "rc")) for col in (7, 11))
            s.calc(at, 2, start, rate.start, "num", "link")
            s.calc(at, 3, step, rate.amount - before, "price", "link")
            before = rate.amount
            for n in range(3):
                hours = cell(SCALARS, 2 + n, "rc")
                limit = f"MIN({cell(at, 2, 'c')},{hours})"
                total = cell(SCALARS + 3, 2 + n, "rc")
                all_ = model.quote.hours * FACTORS[0][n]
                value = used(model, all_, all_) - used(model, min(rate.start, all_), all_)
                s.calc(at, 4 + n, f"{total}-{used_until(model, limit, hours)}" if rate.start else total, value, "num")
            at += 1
    if at == top:
        s.text(at, 0, "-")
        at += 1
    area = [f"{cell(top, col, 'rc')}:{cell(at - 1, col, 'rc')}" for col in (0, 3, 4, 5, 6)]
    return _Hourly(area[0], area[1], area[2:])


class _Option:
    """One option's steps under one scenario."""

    def __init__(self, book: Book, model: Model, refs: Inputs, o: Option, n: int, made: Steps, hourly: _Hourly) -> None:
        self.book, self.model, self.refs, self.o, self.n, self.hourly = book, model, refs, o, n, hourly
        self.s, self.row, self.quote = book.sheets["steps"], _first(book) + o.number, made.elsewhere[n]
        self.found = there(self.quote, o)
        self.scalar = {key: cell(SCALARS + row, 2 + n, "rc") for row, (key, _, _) in enumerate(SUMS)}
        self.c = {key: cell(self.row, 2 + n * len(KEYS) + col, "rc") for key, col in COL.items()}
        keys = (
            "count",
            "way",
            "off",
            "beside_off",
            "rate",
            "term_hours",
            "term_months",
            "upfront",
            "hourly",
            "monthly",
            "ladder",
            "net",
            "t_cost",
        )
        self.at = {key: ref(book, key, o.number) for key in keys}

    def write(self) -> None:
        formulas, values = {**self._terms(), **self._now(), **self._worth()}, self._values()
        for key, col in COL.items():
            self.s.calc(self.row, 2 + self.n * len(KEYS) + col, formulas[key], values[key], KEYS[col][2])

    def _terms(self) -> dict[str, str]:
        o, at, months = self.o, self.at, self.scalar["months"]
        term, terms = at["term_hours"], "0"
        if o.offer.purchase_option == "capacity_block":
            days = f"ROUNDUP({self.scalar['length']}/24,0)"
            term = f"24*MIN(182,IF({days}>14,7*ROUNDUP({days}/7,0),{days}))"
        block = o.offer.purchase_option == "capacity_block"
        if o.offer.purchase_option == "subscription" or (self.model.span and o.committed and not block):
            terms = f"ROUNDUP({months}/{at['term_months']},0)"
        elif o.committed:
            terms = f"ROUNDUP(ROUND({self.scalar['length']}/{self.c['term']},9),0)"
        rate = at["rate"]
        if o.code != self.model.quote.currency:
            rate += f"/{self.refs.fx_now}*{self.book.ref('scenarios', cell(5, 2 + 3 * self.n, 'rc'))}"
        return {
            "term": term if o.committed else "0",
            "terms": terms,
            "owed": f"{self.c['terms']}*{self.c['term']}",
            "reach": self._reach(),
            "keep": f"{at['count']}*(1-{at['off']})*{at['net']}*{at['t_cost']}*{rate}",
            "rest": f"(1-{at['beside_off']})*{at['net']}*{at['t_cost']}*{rate}",
        }

    def _reach(self) -> str:
        """Return the formula of the hours after which all is paid: the months of a duty cycle may have more than it lasts."""
        owed = self.c["owed"]
        return f"{owed}+IF({owed}>{self.scalar['length']},{self.scalar['gap']},0)" if self.model.span else owed

    def _lanes(self, col: int) -> str:
        return "+".join(self.book.ref("egress", cell(x.lane, col, "rc")) for x in self.o.lanes) or "0"

    def _held(self, hours: str, months: str) -> str:
        """Return the formula of disks and addresses held for so many hours, or billing months beside a subscription."""
        o, book = self.o, self.book
        held = {"hour": hours, "month": months, "rate": f"{hours}/730", "": "0"}[o.disk_basis]
        disk = (
            f"storage_used*{self.at['count']}*{held}*{book.ref('prices', cell(o.disk.row, 9, 'rc'))}" if o.disk else "0"
        )
        ip = f"{hours}*ips_used*{book.ref('prices', cell(o.ip.row, 9, 'rc'))}" if o.ip else "0"
        return f"{disk}+{ip}"

    def _now(self) -> dict[str, str]:
        x = self.scalar
        usage = "0" if self.o.committed else ladder_cost(self.book, self.o.own, x["hours"])
        lanes = f"{x['whole']}*({self._lanes(9 + self.n)})+{self._lanes(13 + self.n)}"
        return {"usage": usage, "beside": f"{lanes}+{self._held(x['length'], x['months'])}"}

    def _worth(self) -> dict[str, str]:
        at, c, x, o = self.at, self.c, self.scalar, self.o
        term, owed = c["term"], c["owed"]
        late, early = self.hourly.worth(at["ladder"], self.n), "0"
        if o.offer.purchase_option == "subscription":
            months = at["term_months"]
            late, early = (
                "0",
                f"{at['monthly']}*{months}*SUMPRODUCT((MOD(m_no,{months})=0)*(m_no<{c['terms']}*{months})*m_begin)",
            )
        elif o.committed:
            gap = f"-({c['reach']}-{owed})*{x['closing']}" if self.model.span else ""
            committed = any(line.rule == "committed" for line in o.own.lines)
            late = f"{at['hourly']}*({hours_until(c['reach'])}{gap})" if committed else "0"
            paid = f"{at['upfront']}/MAX(1,{at['term_hours']})*{term}"
            begun = [f"ROUNDUP(ROUND((({m}<{owed})*{m}+({m}>={owed})*{owed})/{term},9),0)" for m in ("m_to", "m_from")]
            early = f"{paid}*SUMPRODUCT(m_begin*({begun[0]}-{begun[1]}))"
            if not any(x.rule == "upfront" for x in o.own.lines):
                early = "0"
        lanes = f"{x['full']}*({self._lanes(9 + self.n)})+{x['part']}*({self._lanes(13 + self.n)})"
        later = f"{lanes}+{self._held(x['held'], x['evenly'])}"
        owed, present = (
            self.book.ref("scenarios", cell(SCENARIO + o.number, 3 * self.n + col, "rc")) for col in (3, 4)
        )
        spot = same("spot", self.book.t)
        firm = f"AND({ref(self.book, 'whole', o.number)}=1,{at['way']}<>{spot},{sold(o, x['length'])})"
        value = f'IF(rate_used="",{owed},{present})'
        effective = self.book.ref("scenarios", cell(SCENARIO + o.number, 3 * self.n + 2, "rc"))
        rank = f'IF({firm},{f"ROUND({value},6)+{effective}/10^11" if self.refs.contracts else value},"")'
        return {"late": late, "early": early, "later": later, "fee": self._fee(), "rank": rank}

    def _fee(self) -> str:
        """Return the formula of a contract's shortfall: of what it promises, less what is billed."""
        if self.o.offer.provider not in self.refs.contracts:
            return "0"
        at, c, x = self.at, self.c, self.scalar
        monthly, due = self.refs.contracts[self.o.offer.provider]
        spread = f"{at['upfront']}/MAX(1,{at['term_hours']})*{c['term']}+{at['monthly']}*{at['term_months']}"
        billed = f"{c['usage']}+{x['length']}*{at['hourly']}+{c['terms']}*({spread})"
        promised = f"{monthly}*{x['length']}/730*{c['rest']}/(1-{at['beside_off']})"
        return f"MAX(0,{promised}-{c['keep']}*({billed})-{c['rest']}*{c['beside']})*{due}"

    def _values(self) -> dict[str, object]:
        o, model, quote = self.o, self.model, self.quote
        off, beside_off = model.discount(o)
        rate, tax, factor = (
            whatif.rate_of(quote, o.code),
            model.taxed(o)[0] * model.taxed(o)[1],
            1 + (model.work.discount_rate or ZERO) / 12,
        )
        mine = whatif.evaluated(quote, o.offer, FACTORS[1][self.n])
        compute, beside = self._bare(mine, ("compute",)), self._bare(mine, whatif.BESIDE)
        late = early = later = ZERO
        for number, month in enumerate(worth.cash(quote, compute)):
            late += month.arrears / factor ** (number + 1)
            early += month.advance / factor**number
        for number, month in enumerate(worth.cash(quote, beside)):
            later += month.arrears / factor ** (number + 1)
        count, terms, best = o.offer.count, mine.commitment, self.found
        return {
            "term": terms.term_hours if terms else 0,
            "terms": terms.terms if terms else 0,
            "owed": terms.terms * terms.term_hours if terms else 0,
            "reach": self._hours_reached(terms),
            "keep": count * (1 - off) * tax * rate,
            "rest": (1 - beside_off) * tax * rate,
            "usage": ZERO if terms else cost.totals(compute.charges).list / count,
            "beside": cost.totals(beside.charges).list,
            "late": late / count,
            "early": early / count,
            "later": later,
            "fee": sum((x.amount for x in mine.charges if x.category == "contract"), ZERO) * model.taxed(o)[1] * rate,
            "rank": "" if best is None or not best.firm else choose.amount(quote, best, choose.basis_of(quote)),
        }

    def _hours_reached(self, terms: Commitment | None) -> Decimal:
        if terms is None:
            return ZERO
        owed, window = terms.terms * terms.term_hours, self.quote.window
        return owed + max(ZERO, room(self.quote, self.quote.months) - window.length) * (
            bool(self.model.span) and owed > window.length
        )

    def _bare(self, mine: Offer, parts: tuple[str, ...]) -> Offer:
        """Return parts of the option at list and without tax, under the scenario."""
        lines = tuple(x._replace(share=ZERO) for x in mine.lines if x.part in parts)
        terms = cost.terms_of(mine.way, self.quote.window, self.quote.months)
        charges = cost.charges_of(lines, terms, self.quote.window, self.quote.months)
        return mine._replace(lines=lines, charges=charges)


def sold(o: Option, hours: str) -> str:
    """Return the formula of whether an option can be bought for so long a window: a capacity block lasts 182 days at most."""
    return f"{hours}<=4368" if o.offer.purchase_option == "capacity_block" else "TRUE"
