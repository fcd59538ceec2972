"use strict";
/* The quote's arithmetic in the browser: the steps of planner/cost.py, with Python's 28 digits (round half to even). */
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

function hourParts(rows, hours) {
  const parts = [];
  for (const [from, to, price] of rows) {
    const end = to === null ? hours : D.min(hours, to);
    if (rows.length === 1 && to === null) parts.push([hours, price]);
    else if (end.gt(from)) parts.push([end.sub(from), price]);
  }
  return parts;
}

/* Return [list, effective, billed, committed, owed] of one step of a recipe. */
function charges(step, hours, months, terms) {
  const one = (quantity, unit, list, billed, committed) => {
    const amount = quantity.mul(unit);
    const cash = billed === null ? amount : billed;
    return [quantity.mul(list), amount, cash, committed, D.max(cash, committed)];
  };
  const needed = terms ? (terms.by_month ? new D(months).div(terms.months) : hours.div(terms.hours)).ceil() : null;
  switch (step.kind) {
    case "steps":
      return hourParts(step.rows, hours).map(([part, price]) => {
        const quantity = part.mul(step.count);
        const unit = step.keep === "1" ? new D(price) : new D(price).mul(step.keep);
        return one(quantity, unit, price, null, step.owes ? quantity.mul(price).mul(step.keep) : ZERO);
      });
    case "subscription": {
      const owed = new D(step.owed).mul(needed);
      return [one(new D(months).mul(step.count), step.unit_price, step.list, owed, owed)];
    }
    case "upfront": {
      const owed = new D(step.owed).mul(needed);
      return [one(hours.mul(step.count), step.unit_price, step.list, owed, owed)];
    }
    case "hourly":
      return [one(hours.mul(step.count), step.unit_price, step.list, null, new D(step.owed).mul(needed))];
    case "per_month": {
      const quantity = new D(step.quantity).mul(months);
      return [one(quantity, step.unit_price, step.list, null, step.keep ? quantity.mul(step.list).mul(step.keep) : ZERO)];
    }
    case "per_hour":
      return [one(new D(step.quantity).mul(hours), step.unit_price, step.list, null, ZERO)];
    case "per_730_hours":
      return [one(new D(step.quantity).mul(hours).div(730), step.unit_price, step.list, null, ZERO)];
    default:
      throw new Error(step.kind);
  }
}

/* Return {native: [5], report: [5], months} (list, effective, billed, committed, owed) of an offer for other hours and rates. */
function requote(quote, offer, hoursText, rates) {
  const hours = new D(hoursText);
  const months = billingMonths(hours, quote.start);
  let sums = [ZERO, ZERO, ZERO, ZERO, ZERO];
  for (const step of offer.recipe.steps)
    for (const made of charges(step, hours, months, offer.recipe.terms)) sums = sums.map((s, i) => s.add(made[i]));
  if (quote.tax !== "0") sums = sums.map((s) => s.add(s.mul(quote.tax)));
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
