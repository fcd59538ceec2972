"use strict";
/* The quote's lines evaluated in the browser, by the rules of planner/quoting/cost.py, with Python's 28 digits (round half to even). */
const D = decimaljs.Decimal.clone({ precision: 28, rounding: 6, toExpNeg: -60, toExpPos: 60 });
const ZERO = new D(0);

function daysIn(year, month) {
  return new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
}

/* Calendar months of a window: 744 hours each without a start date, the calendar's with one (units.billing_months). */
function billingMonths(hours, start) {
  if (!start) return Math.max(1, hours.div(744).ceil().toNumber());
  const [year, month, day] = start.split("-").map(Number);
  const end = Date.UTC(year, month - 1, day) + hours.toNumber() * 3600000;
  let months = Math.max(1, hours.div(744).floor().toNumber());
  const later = (n) => {
    const y = year + Math.floor((month - 1 + n) / 12);
    const m = (month - 1 + n) % 12;
    return Date.UTC(y, m, Math.min(day, daysIn(y, m)));
  };
  while (later(months) < end) months += 1;
  return months;
}

/* How many months the hours fill, and the share of one more that they use (units.month_parts); null: whole months as begun. */
function trafficMonths(hours, start, prorated) {
  if (!prorated) return [billingMonths(hours, start), ZERO];
  if (!start) {
    const years = hours.div(8760).floor(), left = hours.sub(years.mul(8760));
    const full = left.div(744).floor(), more = left.sub(full.mul(744));
    const room = full.add(1).mul(720).sub(full.mul(744)), months = years.mul(12).add(full).toNumber();
    return more.gte(room) ? [months + 1, ZERO] : [months, more.div(room)];
  }
  const [year, month, day] = start.split("-").map(Number);
  const at = (n) => {
    const y = year + Math.floor((month - 1 + n) / 12), m = (month - 1 + n) % 12;
    return new D((Date.UTC(y, m, Math.min(day, daysIn(y, m))) - Date.UTC(year, month - 1, day)) / 3600000);
  };
  let months = hours.div(744).floor().toNumber();
  while (at(months + 1).lte(hours)) months += 1;
  return [months, hours.sub(at(months)).div(at(months + 1).sub(at(months)))];
}

/* A window of so many hours in use: how long it lasts, its billing months, its months of traffic (units.Window). With a duty cycle
   (quote.use) it lasts that one's months, whatever the hours in use. */
function windowOf(quote, hours) {
  const use = quote.use, start = quote.start;
  if (use) return { hours, length: D.max(hours, use.length), months: use.months, traffic: [use.months, ZERO], span: use.months };
  return { hours, length: hours, months: billingMonths(hours, start), traffic: trafficMonths(hours, start, quote.prorated), span: 0 };
}

/* How many terms of a commitment a window needs (rules.terms_of). */
function termsNeeded(terms, window) {
  if (terms.by_month || (window.span && !terms.block)) return new D(window.months).div(terms.months).ceil();
  return window.length.div(terms.hours).ceil();
}

/* Split hours or GB over the steps of a price (cost.in_steps). */
function inSteps(rates, quantity) {
  const parts = [];
  for (const [from, to, price] of rates) {
    const end = to === null ? quantity : D.min(quantity, to);
    if (rates.length === 1 && to === null) parts.push([quantity, price]);
    else if (end.gt(from)) parts.push([end.sub(from), price]);
  }
  return parts;
}

/* What one term of a commitment's line owes, over all instances. */
function perTerm(line, terms) {
  const price = new D(line.rates[0][2]).mul(new D(1).sub(line.share)).mul(line.count);
  if (line.rule === "committed") return price.mul(terms.hours);
  if (line.rule === "months") return line.unit === "month" ? price.mul(terms.months) : price;
  return line.unit === "term" ? price : price.mul(terms.hours);
}

/* What a traffic line moves at each step: [GB of a whole month, GB of a month used in part, price]; tiers and the quota begin anew each month (steps.months_of_traffic). */
function trafficSplit(line, part) {
  const inside = (gb, from, to) => {
    const start = D.max(from, line.free ? D.min(gb, line.free) : ZERO);
    return D.max(ZERO, (to === null ? gb : D.min(gb, to)).sub(start));
  };
  const gb = new D(line.each);
  return line.rates.map(([from, to, step]) => [inside(gb, from, to), inside(gb.mul(part), from, to), step]);
}

/* The terms in another window: a capacity block is as long as the window needs, by the day to 14 days, then by the week (units.block_hours). */
function termsIn(terms, hours) {
  if (!terms || !terms.block) return terms;
  const days = D.max(1, hours.div(24).ceil());
  const whole = days.gt(14) ? days.div(7).ceil().mul(7) : days;
  return { ...terms, hours: D.min(whole, 182).mul(24) };
}

/* Return [list, effective, billed, committed, obligation, quantity, contracted unit price] of each charge of a line (cost.py has the same rules). */
function charges(line, window, given) {
  const { hours, length, months, traffic } = window, terms = termsIn(given, length);
  const keep = new D(1).sub(line.share);
  const one = (quantity, list, billed, committed) => {
    const price = line.share === "0" ? new D(list) : new D(list).mul(keep);
    const amount = quantity.mul(price);
    const cash = billed === null ? amount : billed;
    return [quantity.mul(list), amount, cash, committed, D.max(cash, committed), quantity, price];
  };
  const needed = terms ? termsNeeded(terms, window) : null;
  const price = new D(line.rates[0][2]);
  const held = new D(line.each).mul(line.count);
  switch (line.rule) {
    case "hours":
    case "block":
      return inSteps(line.rates, hours).map(([part, step]) => {
        const quantity = part.mul(line.count);
        return one(quantity, step, null, line.rule === "block" ? quantity.mul(step).mul(keep) : ZERO);
      });
    case "committed":
      return [one(length.mul(line.count), price, null, perTerm(line, terms).mul(needed))];
    case "upfront": {
      const owed = perTerm(line, terms).mul(needed);
      return [one(length.mul(line.count), line.unit === "term" ? price.div(terms.hours) : price, owed, owed)];
    }
    case "months": {
      const owed = perTerm(line, terms).mul(needed);
      return [one(new D(months).mul(line.count), line.unit === "month" ? price : price.div(terms.months), owed, owed)];
    }
    case "traffic": {
      const [whole, part] = traffic;
      return trafficSplit(line, part).map(([gb, more, step]) => one(gb.mul(whole).add(more), step, null, ZERO))
        .filter(([, , , , , quantity]) => quantity.gt(0));
    }
    case "held_hours":
      return [one(held.mul(length), price, null, ZERO)];
    case "held_730":
      return [one(held.mul(length).div(730), price, null, ZERO)];
    case "held_months": {
      const quantity = held.mul(months);
      return [one(quantity, price, null, quantity.mul(price).mul(keep))];
    }
    default:
      throw new Error(line.rule);
  }
}

/* What a tax makes of a cost: it is added, or the prices hold it, or it comes back (cost._taxed). */
function taxCost(line) {
  const whole = new D(1).add(line.each);
  return { tax: whole, tax_within: new D(1), tax_back: new D(1), tax_within_back: new D(1).div(whole) }[line.rule];
}

/* The same of all five sums; what comes back is billed and owed nevertheless. */
function taxed(line, sums) {
  const added = line.rule === "tax" || line.rule === "tax_back";
  return sums.map((s, i) => {
    if (i === 2 || i === 3) return added ? s.add(s.mul(line.each)) : s;
    return line.rule === "tax" ? s.add(s.mul(line.each)) : s.mul(taxCost(line));
  });
}

/* What a framework contract charges for its promise in the window less what is billed in it (cost._shortfall). */
function shortfall(line, billed, window) {
  return D.max(ZERO, new D(line.each).mul(window.length).div(730).sub(billed)).mul(line.rates[0][2]);
}

/* Whether an offer can be taken in a window: no capacity block is longer than 182 days (rules.sold). */
function sold(quote, offer, hours) {
  const terms = offer.recipe.terms;
  return !(terms && terms.block) || windowOf(quote, new D(hours)).length.lte(4368);
}

/* An amount of an offer's currency in the report's; rates: one for each pair of quote.fx. */
function convert(offer, amount, rates) {
  for (const [index, sign] of offer.recipe.path) amount = sign === "x" ? amount.mul(rates[index]) : amount.div(rates[index]);
  return amount;
}

/* Return {native: [5], report: [5], months, spent} (list, effective, billed, committed, obligation) for other hours and rates; spent:
   the effective cost before a contract's shortfall and tax, in the report currency. */
function requote(quote, offer, hoursText, rates) {
  const window = windowOf(quote, new D(hoursText));
  let sums = [ZERO, ZERO, ZERO, ZERO, ZERO], spent = null;
  for (const line of offer.recipe.lines) {
    if (line.rule.startsWith("tax")) {
      spent ??= sums[1];
      sums = taxed(line, sums);
    } else if (line.rule === "shortfall") {
      spent = sums[1];
      const fee = shortfall(line, sums[2], window);
      sums = sums.map((s) => s.add(fee));
    } else if (line.each !== "0") {
      for (const made of charges(line, window, offer.recipe.terms)) sums = sums.map((s, i) => s.add(made[i]));
    }
  }
  return { native: sums, report: sums.map((amount) => convert(offer, amount, rates)), months: window.months, spent: convert(offer, spent ?? sums[1], rates) };
}

const HOUR = 3600000;

/* The first day of the n-th month from an ISO day, in milliseconds (units.add_months). */
function monthFrom(day, n) {
  const [year, month, date] = day.split("-").map(Number);
  const y = year + Math.floor((month - 1 + n) / 12);
  const m = (((month - 1 + n) % 12) + 12) % 12;
  return Date.UTC(y, m, Math.min(date, daysIn(y, m)));
}

/* The months of the window and of the rest of the term, each with the hours that it has (calendar.periods): in use, idle within the
   window (of a duty cycle), and of the term after it. */
function periods(quote, terms, window) {
  const needed = terms ? termsNeeded(terms, window).toNumber() : 0, months = window.months;
  const owed = terms && (terms.by_month || window.span) ? needed * terms.months : 0;
  const room = (n) => new D((monthFrom(quote.first, n + 1) - monthFrom(quote.first, n)) / HOUR);
  let left = window.length, rest = ZERO;
  if (terms && terms.by_month) rest = D.max(ZERO, new D((monthFrom(quote.first, owed) - monthFrom(quote.first, 0)) / HOUR).sub(left));
  else if (terms) rest = D.max(ZERO, new D(terms.hours).mul(needed).sub(left));
  const made = [], scale = window.span ? window.hours.div(quote.use.hours) : null;
  while ((window.span ? made.length < window.span : left.gt(0)) || rest.gt(0) || made.length < Math.max(months, terms && terms.by_month ? owed : 0)) {
    const number = made.length, start = monthFrom(quote.first, number), all = room(number);
    const inWindow = window.span ? number < window.span : left.gt(0) || number < months;
    const inside = !window.span ? D.min(left, all) : inWindow ? new D(quote.use.by_month[number]).mul(scale) : ZERO;
    const idle = window.span && inWindow ? D.max(ZERO, D.min(all, left).sub(inside)) : ZERO;
    const later = window.span ? (inWindow ? ZERO : D.min(rest, all)) : D.min(rest, all.sub(inside));
    made.push({ number, start, hours: inside, idle, rest: later, inWindow });
    left = left.sub(inside).sub(idle);
    rest = rest.sub(later);
  }
  return { made, needed, owed };
}

/* Return a month each {start, advance, arrears, effective, inWindow} in the offer's currency: cash on the month's first day and
   at its end, and what is used up (calendar.schedule and calendar.cash). */
function monthly(quote, offer, hoursText) {
  const now = windowOf(quote, new D(hoursText)), { months, traffic } = now;
  const terms = termsIn(offer.recipe.terms, now.length);
  const { made, needed, owed } = periods(quote, terms, now);
  const rows = made.map((p) => ({ start: p.start, inWindow: p.inWindow, advance: ZERO, arrears: ZERO, effective: ZERO }));
  const window = made.filter((p) => p.inWindow);
  const add = (p, key, amount) => { rows[p.number][key] = rows[p.number][key].add(amount); };
  const used = (p, quantity, price) => { const amount = quantity.mul(price); add(p, "arrears", amount); add(p, "effective", amount); };
  const spread = (over, quantity, price, part) => {
    let left = quantity;
    over.forEach((p, i) => {
      const mine = i === over.length - 1 ? left : part(p);
      left = left.sub(mine);
      used(p, mine, price);
    });
  };
  const all = window.reduce((sum, p) => sum.add(p.hours).add(p.idle), ZERO);
  let tax = new D(1), billed = ZERO;
  for (const line of offer.recipe.lines) {
    if (line.rule.startsWith("tax")) { tax = taxCost(line); continue; }
    if (line.rule === "shortfall") { used(window[window.length - 1], shortfall(line, billed, now), new D(1)); continue; }
    if (line.each === "0") continue;
    const parts = charges(line, now, offer.recipe.terms);
    billed = parts.reduce((sum, c) => sum.add(c[2]), billed);
    if (line.rule === "traffic") {
      for (const [gb, more, step] of trafficSplit(line, traffic[1])) {
        const price = line.share === "0" ? new D(step) : new D(step).mul(new D(1).sub(line.share));
        const at = (n) => window[Math.min(n, window.length - 1)];
        for (let n = 0; n < traffic[0]; n += 1) used(at(n), gb, price);
        used(at(traffic[0]), more, price);
      }
    } else if (line.rule === "held_months") {
      const over = window.slice(0, months);
      for (const c of parts) spread(over, c[5], c[6], () => c[5].div(over.length));
    } else if (line.rule === "held_hours" || line.rule === "held_730") {
      for (const c of parts) spread(window, c[5], c[6], (p) => c[5].mul(p.hours.add(p.idle)).div(all));
    } else if (line.rule === "hours" || line.rule === "block") {
      const left = parts.map((c) => c[5]);
      window.forEach((p, n) => {
        let need = p.hours.mul(line.count);
        parts.forEach((c, i) => {
          const take = n === window.length - 1 ? left[i] : D.min(left[i], need);
          left[i] = left[i].sub(take);
          need = need.sub(take);
          used(p, take, c[6]);
        });
      });
    } else {
      const price = parts[0][6];
      const within = (p) => terms.by_month ? new D(p.number < months ? line.count : 0) : p.hours.add(p.idle).mul(line.count);
      const after = (p) => terms.by_month ? new D(p.number >= months && p.number < owed ? line.count : 0) : p.rest.mul(line.count);
      if (line.rule !== "committed") {
        const length = new D(terms.by_month ? terms.months : terms.hours).mul(line.count);
        for (let n = 0; n < needed; n += 1) {
          const begins = terms.by_month ? monthFrom(quote.first, n * terms.months) : monthFrom(quote.first, 0) + new D(terms.hours).mul(n).mul(HOUR).toNumber();
          add(made.filter((p) => p.start <= begins).pop(), "advance", length.mul(price));
        }
      }
      for (const p of made) {
        const amount = within(p).add(after(p)).mul(price);
        add(p, "effective", amount);
        if (line.rule === "committed") add(p, "arrears", amount);
      }
    }
  }
  return rows.map((r) => ({ ...r, advance: r.advance.mul(tax), arrears: r.arrears.mul(tax), effective: r.effective.mul(tax) }));
}

/* All cash owed, discounted to the first day at a nominal rate a year, by calendar months; in the offer's currency (calendar.present_value). */
function presentValue(rows, rate) {
  const factor = new D(rate).div(12).add(1);
  return rows.reduce((sum, r, n) => sum.add(r.advance.div(factor.pow(n))).add(r.arrears.div(factor.pow(n + 1))), ZERO);
}

/* What an offer is compared by, in the report currency: its obligation, or with a discount rate its present value (choose.basis_of). */
function standing(quote, offer, hours, rates, rate) {
  const { report, spent } = requote(quote, offer, hours, rates);
  const value = rate === null ? report[4] : convert(offer, presentValue(monthly(quote, offer, hours), rate), rates);
  return { offer, report, value, spent };
}

/* The order of two standings of firm offers: what they are compared by, effective cost, what is spent before a contract's shortfall,
   which can make two offers equally dear, then id (choose.ranked). */
function order(quote, one, other) {
  const exact = (amount) => (quote.contract ? amount.toDecimalPlaces(9) : amount);
  return exact(one.value).cmp(exact(other.value)) || exact(one.report[1]).cmp(exact(other.report[1]))
    || (quote.contract ? one.spent.cmp(other.spent) : 0) || (one.offer.id < other.offer.id ? -1 : 1);
}

/* The offer that a fresh quote recommends at these inputs: the least of the firm ones; ties as `order` says (choose.best_of). */
function recommended(quote, hours, rates, rate) {
  let best = null;
  for (const offer of quote.offers) {
    if (!offer.firm || !sold(quote, offer, hours)) continue;
    const one = standing(quote, offer, hours, rates, rate);
    if (best === null || order(quote, one, best) < 0) best = one;
  }
  return best;
}

/* As money.show: two places, half up, thousands apart. */
function money(amount) {
  const [whole, rest] = amount.toFixed(2, D.ROUND_HALF_UP).split(".");
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",") + "." + rest;
}
