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

/* The terms in another window: a capacity block is as long as the window needs, by the day to 14 days, then by the week (units.block_hours). */
function termsIn(terms, hours) {
  if (!terms || !terms.block) return terms;
  const days = D.max(1, hours.div(24).ceil());
  const whole = days.gt(14) ? days.div(7).ceil().mul(7) : days;
  return { ...terms, hours: D.min(whole, 182).mul(24) };
}

/* Return [list, effective, billed, committed, obligation] of each charge of a line (cost.py has the same rules). */
function charges(line, hours, months, given, traffic) {
  const terms = termsIn(given, hours);
  const keep = new D(1).sub(line.share);
  const one = (quantity, list, billed, committed) => {
    const amount = quantity.mul(line.share === "0" ? list : new D(list).mul(keep));
    const cash = billed === null ? amount : billed;
    return [quantity.mul(list), amount, cash, committed, D.max(cash, committed)];
  };
  const needed = terms ? (terms.by_month ? new D(months).div(terms.months) : hours.div(terms.hours)).ceil() : null;
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
      return [one(hours.mul(line.count), price, null, perTerm(line, terms).mul(needed))];
    case "upfront": {
      const owed = perTerm(line, terms).mul(needed);
      return [one(hours.mul(line.count), line.unit === "term" ? price.div(terms.hours) : price, owed, owed)];
    }
    case "months": {
      const owed = perTerm(line, terms).mul(needed);
      return [one(new D(months).mul(line.count), line.unit === "month" ? price : price.div(terms.months), owed, owed)];
    }
    case "traffic": {
      const [whole, part] = traffic || [months, ZERO];
      const inside = (gb, from, to) => {
        const start = D.max(from, line.free ? D.min(gb, line.free) : ZERO);
        return D.max(ZERO, (to === null ? gb : D.min(gb, to)).sub(start));
      };
      const gb = new D(line.each);
      return line.rates.map(([from, to, step]) => [inside(gb, from, to).mul(whole).add(inside(gb.mul(part), from, to)), step])
        .filter(([quantity]) => quantity.gt(0)).map(([quantity, step]) => one(quantity, step, null, ZERO));
    }
    case "held_hours":
      return [one(held.mul(hours), price, null, ZERO)];
    case "held_730":
      return [one(held.mul(hours).div(730), price, null, ZERO)];
    case "held_months": {
      const quantity = held.mul(months);
      return [one(quantity, price, null, quantity.mul(price).mul(keep))];
    }
    default:
      throw new Error(line.rule);
  }
}

/* Return {native: [5], report: [5], months} (list, effective, billed, committed, obligation) for other hours and rates. */
/* Whether an offer can be taken in a window: no capacity block is longer than 182 days. */
function sold(offer, hours) {
  const terms = offer.recipe.terms;
  return !(terms && terms.block) || new D(hours).lte(4368);
}

function requote(quote, offer, hoursText, rates) {
  const hours = new D(hoursText);
  const months = billingMonths(hours, quote.start);
  const traffic = trafficMonths(hours, quote.start, quote.prorated);
  let sums = [ZERO, ZERO, ZERO, ZERO, ZERO];
  for (const line of offer.recipe.lines) {
    if (line.rule === "tax") {
      sums = sums.map((s) => s.add(s.mul(line.each)));
    } else if (line.each !== "0") {
      for (const made of charges(line, hours, months, offer.recipe.terms, traffic)) sums = sums.map((s, i) => s.add(made[i]));
    }
  }
  const report = sums.map((amount) => {
    for (const [index, sign] of offer.recipe.path) amount = sign === "x" ? amount.mul(rates[index]) : amount.div(rates[index]);
    return amount;
  });
  return { native: sums, report, months };
}

/* As money.show: two places, half up, thousands apart. */
function money(amount) {
  const [whole, rest] = amount.toFixed(2, D.ROUND_HALF_UP).split(".");
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",") + "." + rest;
}
