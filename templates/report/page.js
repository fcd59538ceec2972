/* The page: sliders, charts and their tables. Arithmetic is calc.js; texts come translated in the data. */
(() => {
  const quote = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const t = (text, values = {}) => (quote.texts[text] || text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const shown = quote.offers.filter((o) => o.shown);
  const charts = {};
  if (!byId("controls")) { themeButton(); return; }
  const fields = [byId("hours"), ...quote.fx.map((_, i) => byId("fx-" + i))];
  const slides = [byId("hours-slide"), ...quote.fx.map((_, i) => byId(`fx-${i}-slide`))];
  const first = [quote.hours, ...quote.fx.map((f) => f.rate)];
  const most = [87840, ...quote.fx.map(() => 999999)];
  let values = first.slice();

  const num = (d) => Number(d.toString());
  const result = (offer, hours = values[0], rates = values.slice(1)) => requote(quote, offer, hours, rates);
  const short = (n) => n.toLocaleString("en-US", { maximumFractionDigits: n < 100 ? 2 : 0 });
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function grid(rows, head, caption) {
    const table = document.createElement("table");
    const add = (row, tag, text, cls, scope) => {
      const cell = document.createElement(tag);
      cell.textContent = text;
      if (cls) cell.className = cls;
      if (scope) cell.scope = scope;
      row.append(cell);
    };
    const title = document.createElement("caption");
    title.className = "hidden";
    title.textContent = caption;
    table.append(title);
    const top = table.createTHead().insertRow();
    head.forEach((text, i) => add(top, "th", text, i ? "n" : "", "col"));
    const body = table.createTBody();
    for (const cells of rows) {
      const row = body.insertRow();
      cells.forEach((cell, i) => add(row, i ? "td" : "th", cell.text ?? cell, i ? "n " + (cell.cls ?? "") : "", i ? "" : "row"));
    }
    return table;
  }

  function draw(id, option) {
    const box = byId(id);
    const chart = charts[id] ??= echarts.init(box, null, { renderer: "svg" });
    const ink = css("--ink"), quiet = css("--quiet"), line = css("--line");
    const axis = (a) => a && ({ ...a, axisLabel: { color: quiet, hideOverlap: true, ...a.axisLabel }, axisLine: { lineStyle: { color: line } },
      splitLine: { show: a.type === "value" && a.lines !== false, lineStyle: { color: line } }, nameTextStyle: { color: quiet } });
    chart.setOption({
      animation: false, color: [css("--c1"), css("--c2"), css("--c3")],
      textStyle: { fontFamily: css("--font"), fontSize: 13, color: ink },
      legend: { top: 0, left: 0, textStyle: { color: ink, fontSize: 13 } },
      tooltip: { trigger: "axis", confine: true, backgroundColor: css("--card"), borderColor: line, textStyle: { color: ink }, valueFormatter: (v) => short(v) },
      ...option, xAxis: axis(option.xAxis), yAxis: axis(option.yAxis),
    }, true);
  }

  function bars(results) {
    const made = shown.map((o, i) => ({ offer: o, value: num(results[i].report[1]) })).sort((a, b) => b.value - a.value);
    const narrow = byId("c-bars").clientWidth < 560;
    byId("c-bars").style.height = made.length * (narrow ? 50 : 40) + 30 + "px";
    charts["c-bars"]?.resize();
    const label = (o) => narrow ? `${o.short}\n${o.where}` : `${o.short}, ${o.where}`;
    draw("c-bars", {
      grid: { left: 8, right: 90, top: 4, bottom: 8, containLabel: !narrow },
      legend: { show: false },
      tooltip: { show: false },
      xAxis: { type: "value", axisLabel: { show: false }, lines: false },
      yAxis: { type: "category", data: made.map((m) => label(m.offer)), axisTick: { show: false },
        axisLabel: narrow ? { inside: true, align: "left", margin: 2, verticalAlign: "bottom", padding: [0, 0, 7, 0], formatter: (s) => s.replace("\n", ", ").slice(0, 60), fontSize: 11, color: css("--ink") } : { color: css("--ink"), width: byId("c-bars").clientWidth * 0.48, overflow: "truncate" }, z: 5 },
      series: [{ type: "bar", barWidth: narrow ? 12 : 20, data: made.map((m) => ({ value: m.value, itemStyle: { color: css(m.offer.firm ? "--c1" : "--c3") } })),
        itemStyle: { borderRadius: 3 },
        label: { show: true, position: "right", color: css("--ink"), formatter: (p) => money(new D(p.value)) } }],
    });
    byId("k-bars").textContent = t("Effective cost in {code} for {hours} hours; grey: spot or not fully priced. The table of options has the same figures.", { code: quote.currency, hours: values[0] });
    byId("c-bars").setAttribute("aria-label", t("Cost per option") + ": " + made.slice().reverse().map((m) => `${m.offer.name} ${money(new D(m.value))}`).join("; "));
    byId("c-bars").removeAttribute("aria-labelledby");
  }

  const convert = (offer, amount) => {
    for (const [index, sign] of offer.recipe.path) amount = sign === "x" ? amount.mul(values[index + 1]) : amount.div(values[index + 1]);
    return amount;
  };

  /* Cumulative cash and amortised cost. A month of a commitment is its share of the term; of pay as you go, the window's hours a month. */
  function months(offer) {
    const now = result(offer), terms = offer.recipe.terms;
    const window = now.months;
    const length = terms ? Math.max(window, terms.months) : window;
    const perMonth = (i, o) => result(o).report[i].div(window);
    const cash = [], spread = [], other = [];
    let paid = ZERO, used = ZERO, usual = ZERO;
    for (let m = 0; m < length; m += 1) {
      if (terms) {
        let fixed = ZERO, each = ZERO, rest = ZERO;
        for (const line of offer.recipe.lines) {
          if (line.rule === "months" || line.rule === "upfront") fixed = fixed.add(perTerm(line, terms));
          else if (line.rule === "committed") each = each.add(perTerm(line, terms).div(terms.months));
          else if (line.rule !== "tax" && line.each !== "0")
            for (const c of charges(line, new D(values[0]), window, terms, trafficMonths(new D(values[0]), quote.start, quote.prorated))) rest = rest.add(c[1].div(window));
        }
        const taxed = (a) => convert(offer, a.mul(new D(1).add(quote.tax)));
        paid = paid.add(taxed((m % terms.months === 0 ? fixed : ZERO).add(each).add(rest)));
        used = used.add(taxed(fixed.div(terms.months).add(each).add(rest)));
      } else {
        paid = paid.add(perMonth(2, offer));
        used = used.add(perMonth(1, offer));
      }
      cash.push(num(paid));
      spread.push(num(used));
      if (offer.other) { usual = usual.add(perMonth(1, offer.other)); other.push(num(usual)); }
    }
    const x = cash.map((_, i) => i + 1);
    const line = (name, data, extra) => ({ name, type: "line", data, symbol: length > 14 ? "none" : "circle", symbolSize: 7, lineStyle: { width: 2.5 }, ...extra });
    draw("c-months", {
      grid: { left: 8, right: 16, top: innerWidth < 500 ? 88 : 64, bottom: 28, containLabel: true },
      xAxis: { type: "category", data: x, name: t("month"), nameLocation: "middle", nameGap: 28 },
      yAxis: { type: "value", name: t("{code}, in all", { code: quote.currency }), nameLocation: "end", nameTextStyle: { align: "left" }, axisLabel: { formatter: short } },
      series: [line(t("cash"), cash, { step: length > 1 ? "middle" : false }), line(t("amortised"), spread, { lineStyle: { width: 2.5, type: "dashed" } }),
        ...(offer.other ? [line(t("on-demand, same type"), other, { lineStyle: { width: 2, type: "dotted" } })] : [])],
    });
    byId("k-months").textContent = terms
      ? t("Cumulative over {n} months: a month is the term's share for the commitment, {hours} hours for what is paid by use.", { n: length, hours: short(num(new D(values[0]).div(window))) })
      : t("Cumulative over the {n} months of the window.", { n: length });
    const head = [t("month"), t("cash"), t("amortised"), ...(offer.other ? [t("on-demand, same type")] : [])];
    byId("t-months").replaceChildren(grid(x.map((m, i) => [m, short(cash[i]), short(spread[i]), ...(offer.other ? [short(other[i])] : [])]), head, t("Cash and amortised cost by month")));
  }

  function even(offer) {
    const terms = offer.recipe.terms;
    const hoursAMonth = num(new D(values[0]).div(result(offer).months));
    const x = Array.from({ length: 32 }, (_, i) => i * 24);
    const usage = (o, hours) => {
      let sum = ZERO;
      for (const line of o.recipe.lines)
        if (line.rule === "hours" || line.rule === "block") for (const c of charges(line, new D(hours), 1, null)) sum = sum.add(c[1]);
      return num(convert(o, sum));
    };
    let flat = null;
    if (terms) {
      const month = terms.by_month ? new D(terms.upfront).add(new D(terms.monthly).mul(terms.months)).div(terms.months)
        : new D(terms.upfront).div(terms.hours).add(terms.hourly).mul(730);
      flat = num(convert(offer, month.mul(offer.recipe.lines[0].count)));
    }
    const use = terms ? (offer.other ? { recipe: offer.other.recipe } : null) : offer;
    const series = [];
    if (use) series.push({ name: terms ? t("on-demand, same type") : t("pay as you go"), type: "line", symbol: "none", lineStyle: { width: 2.5 }, data: x.map((h) => [h, usage(use, h)]) });
    if (terms) series.push({ name: t("commitment"), type: "line", symbol: "none", lineStyle: { width: 2.5, type: "dashed" }, data: x.map((h) => [h, flat]),
      markLine: offer.even !== null ? { symbol: "none", label: { formatter: t("even at {hours} h", { hours: offer.even }), color: css("--ink"), position: "insideEndTop", rotate: 0, distance: [0, 2] }, lineStyle: { color: css("--c3"), type: "dotted", width: 2 }, data: [{ xAxis: offer.even }] } : undefined });
    const mine = terms ? flat : usage(use, hoursAMonth);
    series.push({ name: t("your hours"), type: "scatter", symbol: "diamond", symbolSize: 15, z: 5, itemStyle: { color: css("--ink") }, data: [[hoursAMonth, mine], ...(terms && use ? [[hoursAMonth, usage(use, hoursAMonth)]] : [])] });
    draw("c-even", {
      grid: { left: 8, right: 24, top: innerWidth < 500 ? 88 : 64, bottom: 28, containLabel: true },
      xAxis: { type: "value", min: 0, max: 744, interval: 120, name: t("hours a month"), nameLocation: "middle", nameGap: 28, lines: false },
      yAxis: { type: "value", name: t("{code} a month", { code: quote.currency }), nameTextStyle: { align: "left" }, axisLabel: { formatter: short } },
      tooltip: { trigger: "item", confine: true, backgroundColor: css("--card"), borderColor: css("--line"), textStyle: { color: css("--ink") }, formatter: (p) => `${p.seriesName}: ${short(p.value[0])} h, ${short(p.value[1])} ${quote.currency}` },
      series,
    });
    byId("k-even").textContent = !terms ? t("Pay as you go: no commitment, so no break-even; compute only.")
      : !use ? t("There is no on-demand price of this type here to compare with; compute only.")
      : offer.even === null ? t("The commitment does not break even within a month of 744 hours; compute only.")
      : t("From {hours} hours a month the commitment costs less than on-demand; you run {yours} hours a month; compute only.", { hours: offer.even, yours: short(hoursAMonth) });
    const head = [t("hours a month"), ...(use ? [terms ? t("on-demand, same type") : t("pay as you go")] : []), ...(terms ? [t("commitment")] : [])];
    const points = [0, 120, 240, 360, 480, 600, 720, 744];
    byId("t-even").replaceChildren(grid(points.map((h) => [h, ...(use ? [short(usage(use, h))] : []), ...(terms ? [short(flat)] : [])]), head, t("Break-even by hours a month")));
  }

  function sensitivity() {
    const hours = new D(values[0]);
    const cases = [0.25, 0.5, 0.75, 1, 1.25, 1.5].map((f) => {
      const h = hours.mul(f).toDecimalPlaces(2);
      return { head: `${short(num(h))} h`, hours: h.toString(), rates: values.slice(1), now: f === 1 };
    });
    quote.fx.forEach((fx, i) => [0.9, 1.1].forEach((f) => {
      const rates = values.slice(1);
      rates[i] = new D(rates[i]).mul(f).toString();
      cases.push({ head: `${fx.base}/${fx.quote} ${f < 1 ? "−" : "+"}10 %`, hours: values[0], rates, now: false });
    }));
    const table = shown.map((o) => cases.map((c) => result(o, c.hours, c.rates).report[1]));
    const low = cases.map((_, i) => {
      let best = null;
      shown.forEach((o, r) => { if (o.firm && (best === null || table[r][i].lt(best))) best = table[r][i]; });
      return best;
    });
    const rows = shown.map((o, r) => [`${o.short}, ${o.where}`, ...cases.map((c, i) => ({ text: money(table[r][i]), cls: (o.firm && low[i] !== null && table[r][i].eq(low[i]) ? "lowest " : "") + (c.now ? "now" : "") }))]);
    byId("t-sense").replaceChildren(grid(rows, [t("option"), ...cases.map((c) => c.head)], t("Sensitivity")));
  }

  function bandChart() {
    if (!quote.bands.length) return;
    byId("f-band").hidden = false;
    byId("c-band").style.height = quote.bands.length * 44 + 70 + "px";
    charts["c-band"]?.resize();
    const list = quote.bands.slice().reverse();
    draw("c-band", {
      grid: { left: 8, right: 30, top: 8, bottom: 34, containLabel: true }, legend: { show: false },
      xAxis: { type: "value", name: t("output tokens a second"), nameLocation: "middle", nameGap: 28, axisLabel: { formatter: short } },
      yAxis: { type: "category", data: list.map((b) => b.name), axisLabel: { color: css("--ink") }, axisTick: { show: false } },
      tooltip: { show: false },
      series: [
        { type: "bar", stack: "b", silent: true, itemStyle: { color: "transparent" }, data: list.map((b) => b.low) },
        { type: "bar", stack: "b", barWidth: 14, itemStyle: { color: css("--c1"), opacity: 0.45, borderRadius: 7 }, data: list.map((b) => b.high - b.low) },
        { type: "scatter", symbolSize: 13, itemStyle: { color: css("--c2") }, data: list.map((b, i) => [b.estimate, i]), label: { show: true, position: "top", color: css("--ink"), formatter: (p) => short(p.value[0]) } },
      ],
    });
    byId("c-band").removeAttribute("aria-labelledby");
    byId("c-band").setAttribute("aria-label", t("output tokens a second") + ": " + quote.bands.map((b) => `${b.name} ${short(b.estimate)} (${short(b.low)} – ${short(b.high)})`).join("; "));
  }

  function figures() {
    const results = shown.map((o) => result(o));
    shown.forEach((offer, i) => {
      const row = [...document.querySelectorAll("tr[data-offer]")].find((r) => r.dataset.offer === offer.id);
      for (const cell of row.querySelectorAll("[data-f]")) {
        const made = results[i];
        const text = cell.dataset.f === "native" ? `${money(made.native[0])} ${cell.textContent.trim().slice(-3)}` : money(made.report[Number(cell.dataset.f)]);
        if (cell.textContent !== text) cell.textContent = text;
      }
    });
    return results;
  }

  function best() {
    let found = null, least = null;
    for (const offer of quote.offers) {
      if (!offer.firm || !sold(offer, values[0])) continue;
      const amount = result(offer).report[4];
      if (least === null || amount.lt(least)) { found = offer; least = amount; }
    }
    return [found, least];
  }

  const moved = () => values.some((v, i) => !new D(v).eq(first[i]));
  function picked() { return shown.find((o) => o.id === byId("pick").value) || shown[0]; }
  function pictures(results) {
    bars(results);
    months(picked());
    even(picked());
    bandChart();
  }
  function update(fromUser) {
    const results = figures();
    pictures(results);
    sensitivity();
    const [offer, amount] = best();
    if (fromUser) byId("live").textContent = offer ? t("With {hours} hours: least to pay, all obligations included, is {amount} {code} for {offer}.", { hours: values[0], amount: money(amount), code: quote.currency, offer: offer.name })
        + (moved() ? "" : " " + t("These are the quote's own inputs.")) : "";
    document.documentElement.dataset.ready = String(Number(document.documentElement.dataset.ready || 0) + 1);
  }

  function accept(index, text, from) {
    let value;
    try { value = new D(text); } catch { value = null; }
    const good = value !== null && value.isFinite() && value.gt(0) && value.lte(most[index]) && value.decimalPlaces() <= 20;
    fields[index].setAttribute("aria-invalid", String(!good));
    if (!good) { byId("live").textContent = t("Not a usable value: {text}", { text }); return; }
    values[index] = value.toString();
    if (from !== "field") fields[index].value = values[index];
    if (from !== "slide") slides[index].value = values[index];
    update(true);
  }
  function reset() {
    values = first.slice();
    fields.forEach((f, i) => { f.value = first[i]; f.setAttribute("aria-invalid", "false"); slides[i].value = first[i]; });
  }
  const width = 744 * Math.max(2, 2 * billingMonths(new D(quote.hours), quote.start));
  slides[0].max = String(width);
  quote.fx.forEach((fx, i) => {
    const rate = Number(fx.rate), step = 10 ** (Math.floor(Math.log10(rate)) - 2);
    Object.assign(slides[i + 1], { min: String(Math.max(step, Math.round(rate * 0.6 / step) * step)), max: String(Math.ceil(rate * 1.4 / step) * step), step: String(step) });
  });
  reset();
  fields.forEach((f, i) => f.addEventListener("input", () => accept(i, f.value, "field")));
  slides.forEach((s, i) => s.addEventListener("input", () => accept(i, s.value, "slide")));
  byId("controls").addEventListener("submit", (e) => e.preventDefault());
  byId("controls").addEventListener("reset", (e) => { e.preventDefault(); reset(); update(true); });
  for (const offer of shown) byId("pick").add(new Option(offer.name, offer.id));
  const preferred = shown.find((o) => o.recipe.terms && o.recipe.terms.months > 1 && o.firm) || shown.find((o) => o.recipe.terms) || shown[0];
  if (preferred) byId("pick").value = preferred.id;
  byId("pick").addEventListener("change", () => { months(picked()); even(picked()); });

  function themeButton() {
    const button = document.getElementById("theme");
    const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    const show = () => { button.setAttribute("aria-pressed", String(dark())); };
    button.addEventListener("click", () => { document.documentElement.dataset.theme = dark() ? "light" : "dark"; show(); redraw(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { show(); redraw(); });
    show();
  }
  function redraw() {
    if (!shown.length) return;
    Object.values(charts).forEach((c) => c.resize());
    pictures(shown.map((o) => result(o)));
  }
  themeButton();
  if (shown.length) update(false);
  let waiting = 0;
  addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(redraw); });
  matchMedia("print").addEventListener("change", redraw);
  if (innerWidth < 760) document.querySelectorAll("details.long").forEach((d) => { d.open = false; });
  addEventListener("beforeprint", () => { document.querySelectorAll("details.long").forEach((d) => { d.open = true; }); redraw(); });
  addEventListener("afterprint", redraw);
})();
