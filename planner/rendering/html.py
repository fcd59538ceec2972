"""The page: one self-contained HTML file with charts and sliders, for a phone, a desk or a printer.

Everything is inlined (style, libraries, data), and the page's own security policy forbids it to ask the network for
anything or to run a script other than the one whose hash it names: text of the user's cannot become code.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from planner.i18n import English, translator
from planner.money import plain, show
from planner.quoting.calendar import first_day, used_by_month
from planner.quoting.choose import advise, amount, basis_of, ranked, worth_showing
from planner.quoting.records import Offer, Quote
from planner.quoting.whatif import contenders
from planner.rendering import advice, fiscal, words
from planner.rendering.recipe import recipe
from planner.sizing import Range
from planner.templating import environment, folder
from planner.text import Text, text

__all__ = ["dump", "page", "read"]

TEXTS = re.compile(r"""\bt\("((?:[^"\\]|\\.)*)"[,)]""")


def read(name: str) -> str:
    """Return a file of the page's."""
    with open(os.path.join(folder(), "report", name), encoding="utf-8") as file:
        return file.read()


def dump(quote: Quote, *, top: int = 1, lang: str = "en") -> str:
    """Return the page. top: offers per provider and way of buying shown in full; lang: "en" or "zh"."""
    return page(quote, "report/page.html", {}, top=top, lang=lang)[0]


def page(
    quote: Quote, template: str, more: Mapping[str, Any], *, top: int = 1, lang: str = "en", form: str = "'none'"
) -> tuple[str, str]:
    """Return the page and its security policy. template: one that extends report/page.html, with `more` values of its own.

    form: where a form of it may be sent.
    """
    t = translator(lang)
    said, basis = advise(quote), basis_of(quote)
    shown = ranked(quote, worth_showing(quote, top), basis)
    code = read("page.js")
    script = "\n".join((read("vendor/decimal.min.js"), read("vendor/echarts.min.js"), read("calc.js"), code))
    policy = _policy(script, form)
    env = environment(html=True)
    env.globals.update({"t": t, "say": t.say, "plain": plain, "show": show})
    from markupsafe import Markup

    made = env.get_template(template).render(
        quote=quote,
        lang=t.tag,
        title=t("GPU cost quote"),
        workload=words.workload(quote, t),
        sentences=advice.sentences(quote, t),
        best=said.best,
        best_owed=said.best and amount(quote, said.best, basis),
        pv=basis == "present-value",
        spots=any(o.market for o in shown),
        percent=_percent(quote),
        options=[_option(quote, o, t) for o in shown],
        sizings=_sizings(shown, t),
        prices=_prices(quote, shown, t),
        best_id=said.best.id if said.best else "",
        name=lambda o: advice.name(quote, o, t),
        ties=advice.ties(quote, shown, t),
        fiscal=fiscal.rows(quote, said.best, t) if said.best else [],
        tokens=_tokens(quote, t),
        gaps=words.gaps(quote, t),
        rejected=words.rejected(quote, t),
        ages=[words.prices_of(a, t) for a in quote.prices_as_of],
        budget=words.budget(quote, t),
        style=Markup(read("page.css")),
        script=Markup(script),
        data=Markup(_json(_data(quote, shown, code, t))),
        policy=policy,
        **more,
    )
    return made, policy


def _tokens(quote: Quote, t: English) -> tuple[list[str], list[list[str]], list[str], list[str]] | None:
    """Return what the table says of managed APIs, None where nobody asked for them."""
    if quote.beside is None:
        return None
    from planner.rendering.tokens import section

    return section(quote, t)


def _policy(script: str, form: str) -> str:
    digest = base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"base-uri 'none'; form-action {form}"
    )


def _json(data: object) -> str:
    """Return JSON that may stand inside a script element: nothing in it can end the element."""
    made = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        made = made.replace(char, f"\\u{ord(char):04x}")
    return made


def _data(quote: Quote, shown: list[Offer], code: str, t: English) -> dict[str, Any]:
    """Return what the page recomputes from: the options shown, and all that can be recommended at other inputs."""
    on_demand = {
        (o.site, o.region, o.instance_type, o.totals.native_currency): o
        for o in quote.offers
        if o.purchase_option == "on_demand"
    }
    known = {o.id for o in shown}
    offers = []
    for offer in (*shown, *(o for o in contenders(quote) if o.id not in known)):
        usual = on_demand.get((offer.site, offer.region, offer.instance_type, offer.totals.native_currency))
        other = recipe(quote, usual) if usual is not None and offer.commitment is not None else None
        told = {k: v for k, v in _option(quote, offer, t).items() if k in ("gpu", "seller", "region", "way")}
        offers.append(
            {
                **told,
                "id": offer.id,
                "name": advice.name(quote, offer, t),
                "short": f"{offer.count} x {offer.instance_type}",
                "where": f"{words.seller(quote, offer, t)}, {words.way(offer, t)}",
                "age": words.price_age(quote, offer, t),
                "native": offer.totals.native_currency,
                "firm": offer.firm,
                "market": offer.market,
                "whole": not offer.unpriced,
                "shown": offer.id in known,
                "recipe": recipe(quote, offer),
                "even": offer.break_even_hours,
                "even_at": _even(offer, t),
                "other": {"recipe": other} if other else None,
            }
        )
    rate, limits = quote.workload.discount_rate, quote.budget
    return {
        "lang": t.tag,
        "currency": quote.currency,
        "hours": plain(quote.hours),
        "start": quote.workload.start,
        "prorated": quote.workload.window.prorated,
        "use": _use(quote),
        "contract": bool(quote.workload.contract),
        "first": first_day(quote).isoformat(),
        "rate": None if rate is None else plain(rate),
        "best": quote.recommended.id if quote.recommended else "",
        "budget": limits
        and {"limit": plain(limits.limit), "basis": limits.basis, "words": t(limits.basis.replace("-", " "))},
        "fx": [{"base": f.base, "quote": f.quote, "rate": plain(f.rate)} for f in quote.fx],
        "offers": offers,
        "bands": _bands(shown),
        "texts": {} if t.lang == "en" else {s: t(s) for s in TEXTS.findall(code)},
    }


def _use(quote: Quote) -> dict[str, Any] | None:
    """Return the duty cycle: its months, how long they last, and the hours in use of each when `hours` are in use in all."""
    window = quote.window
    if not window.span:
        return None
    return {
        "months": window.span,
        "length": plain(window._replace(hours=Decimal(0)).length),
        "hours": plain(quote.workload.hours),
        "by_month": [plain(hours) for hours in used_by_month(quote)],
    }


def _percent(quote: Quote) -> str:
    rate = quote.workload.discount_rate
    return "" if rate is None else plain((rate * 100).normalize())


def _even(offer: Offer, t: English) -> str:
    return t("{hours} h/mo", hours=offer.break_even_hours) if offer.break_even_hours is not None else "–"


def _option(quote: Quote, offer: Offer, t: English) -> dict[str, Any]:
    totals, discounted = offer.totals, quote.workload.discount_rate is not None
    present = amount(quote, offer, "present-value") if discounted else None
    return {
        "id": offer.id,
        "type": offer.instance_type,
        "count": offer.count,
        "seller": words.seller(quote, offer, t),
        "region": offer.region,
        "way": words.way(offer, t),
        "gpu": f"{plain(offer.gpu.count)} x {offer.gpu.model}",
        "to_pay": ("~" if offer.market else "") + show(totals.report.obligation),
        "pv": "" if present is None else show(present),
        "effective": show(totals.report.effective),
        "billed": show(totals.report.billed),
        "committed": show(totals.report.committed),
        "native": f"{show(totals.native.list)} {totals.native_currency}",
        "even": _even(offer, t),
        "unpriced": [t.say(u) for u in offer.unpriced],
        "notes": [t.say(n) for n in offer.notes],
    }


def _by_type(shown: list[Offer]) -> list[Offer]:
    """Return one offer per distinct instance type and provider: the sizing is the same for all of them."""
    first: dict[tuple[str, str], Offer] = {}
    for offer in shown:
        first.setdefault((offer.provider, offer.instance_type), offer)
    return list(first.values())


def _bands(shown: list[Offer]) -> list[dict[str, Any]]:
    result = []
    for offer in _by_type(shown):
        band = offer.sizing.output_tokens_per_second
        if band is not None:
            result.append({"name": offer.instance_type, "low": band.low, "estimate": band.estimate, "high": band.high})
    return result


def band(value: Range | None, t: English, unit: str = "") -> str:
    """Return "estimate unit (low to high)", or a dash where there is no estimate."""
    if value is None:
        return t("not estimated")
    digits = 0 if value.estimate >= 100 else 1
    low, middle, high = (f"{v:,.{digits}f}" for v in value)
    return t("{middle} {unit} ({low} to {high})", middle=middle, unit=unit, low=low, high=high)


def _sizings(shown: list[Offer], t: English) -> list[dict[str, Any]]:
    result = []
    for offer in _by_type(shown):
        s = offer.sizing
        layout = (
            t("TP {tp}, PP {pp}, {n} replicas", tp=s.layout.tp, pp=s.layout.pp, n=s.layout.replicas)
            if s.layout
            else "–"
        )
        result.append(
            {
                "type": offer.instance_type,
                "provider": offer.provider,
                "count": offer.count,
                "engine": s.engine,
                "gpu": f"{plain(offer.gpu.count)} x {offer.gpu.model}",
                "layout": layout,
                "output": band(s.output_tokens_per_second, t, "token/s"),
                "ttft": band(s.ttft_ms, t, "ms"),
                "tpot": band(s.tpot_ms, t, "ms"),
                "memory": t(
                    "{need} of {have} GiB", need=f"{s.memory.weights_gib:.1f}", have=f"{s.memory.available_gib:.1f}"
                )
                if s.memory
                else "–",
                "used": f"{s.utilisation * 100:.0f} %" if s.utilisation is not None else "–",
                "warnings": [t.say(w) for w in s.warnings],
                "steps": [
                    (t.say(x.what), t.say(x.formula), f"{x.result} {t.say(x.unit)}".strip(), t.say(x.source))
                    for x in s.steps
                ],
            }
        )
    return result


def _prices(quote: Quote, shown: list[Offer], t: English) -> list[dict[str, str]]:
    seen: dict[tuple[str, Text, Text], dict[str, str]] = {}
    for offer in shown:
        for c in offer.charges:
            source, key = c.source, (c.source.place, c.name, c.tier)
            if c.category == "tax" or key in seen:
                continue
            listed = plain(c.list_unit_price if len(plain(c.list_unit_price)) < 14 else round(c.list_unit_price, 6))
            own = plain(c.unit_price if len(plain(c.unit_price)) < 14 else round(c.unit_price, 6))
            seen[key] = {
                "where": f"{words.seller(quote, offer, t)} {offer.region}",
                "name": t.say(c.name) + (f" [{t.say(c.tier)}]" if c.tier else ""),
                "price": f"{own} {c.currency}/{t.say(text(c.unit))}",
                "list": f"{listed} {c.currency}/{t.say(text(c.unit))}" if c.list_unit_price != c.unit_price else "",
                "date": words.dated(source, t),
                "confidence": t.say(text(source.confidence)),
                "source": source.text,
                "place": source.place,
                "formula": t.say(c.formula),
            }
    return list(seen.values())
