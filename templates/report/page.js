/* The page: sliders, charts and their tables. Arithmetic is calc.js; texts come translated in the data. */
(() => {
  const quote = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const t = (text, values = {}) => (quote.texts[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const shown = quote.offers.filter((o) => o.shown);
  const charts = {};
  if (!byId("controls")) { themeButton(); return; }
  const fields = [byId("hours"), ...quote.fx.map((_, i) => byId("fx-" + i))];
  const slides = [byId("hours-slide"), ...quote.fx.map((_, i) => byId(`fx-${i}-slide`))];
  const first = [quote.hours, ...quote.fx.map((f) => f.rate)];
  const most = [quote.use ? Number(quote.use.length) : 87840, ...quote.fx.map(() => 999999)];
  let values = first.slice();
  let rate = quote.rate; // of discount, a year; null: none
  let extra = []; // what is recommended at the inputs now and is not among `shown`

  const num = (d) => Number(d.toString());
  const result = (offer, hours = values[0], rates = values.slice(1)) => requote(quote, offer, hours, rates);
  const place = (offer, hours = values[0], rates = values.slice(1)) => standing(quote, offer, hours, rates, rate);
  const taken = (hours = values[0], rates = values.slice(1)) => recommended(quote, hours, rates, rate);
  const rows = () => [...shown, ...extra];
  const toPay = (offer, amount) => (offer.market ? "~" : "") + money(amount);
  const byRank = (a, b) => a.offer.whole === b.offer.whole ? order(quote, a, b) : a.offer.whole ? -1 : 1;
  const short = (n) => n.toLocaleString("en-US", { maximumFractionDigits: n < 100 ? 2 : 0 });
  const whole = (n) => n.toLocaleString("en-US", { maximumFractionDigits: 2 });
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
      cells.forEach((cell, i) => {
        add(row, i ? "td" : "th", cell.text ?? cell, i ? "n " + (cell.cls ?? "") : "", i ? "" : "row");
        for (const [text, cls] of cell.more ?? []) {
          const part = document.createElement("span");
          part.textContent = text;
          part.className = cls;
          row.lastChild.append(part);
        }
      });
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

  function bars(standings) {
    const made = standings.filter((m) => sold(quote, m.offer, values[0])).sort((a, b) => -byRank(a, b));
    const best = taken(), narrow = byId("c-bars").clientWidth < 560;
    byId("c-bars").style.height = made.length * (narrow ? 50 : 40) + 66 + "px";
    charts["c-bars"]?.resize();
    const label = (o) => narrow ? `${o.short}\n${o.where}` : `${o.short}, ${o.where}`;
    const pale = (colour) => colour + "4d"; // the page's colours are #rrggbb
    const colour = (o) => css(!o.firm ? "--c3" : best !== null && o.id === best.offer.id ? "--c4" : "--c1");
    const bar = { type: "bar", barWidth: narrow ? 12 : 20, itemStyle: { borderRadius: 3 } };
    draw("c-bars", {
      grid: { left: 8, right: 100, top: 34, bottom: 8, containLabel: !narrow },
      legend: { top: 0, left: 0, selectedMode: false, textStyle: { color: css("--ink"), fontSize: 13 } },
      tooltip: { show: false },
      xAxis: { type: "value", axisLabel: { show: false }, lines: false },
      yAxis: { type: "category", data: made.map((m) => label(m.offer)), axisTick: { show: false },
        axisLabel: narrow ? { inside: true, align: "left", margin: 2, verticalAlign: "bottom", padding: [0, 0, 7, 0], formatter: (s) => s.replace("\n", ", ").slice(0, 60), fontSize: 11, color: css("--ink") } : { color: css("--ink"), width: byId("c-bars").clientWidth * 0.48, overflow: "truncate" }, z: 5 },
      series: [
        { ...bar, name: t("to pay"), itemStyle: { ...bar.itemStyle, color: pale(css("--c1")) }, data: made.map((m) => ({ value: num(m.report[4]), itemStyle: { color: pale(colour(m.offer)) } })),
          label: { show: true, position: "right", color: css("--ink"), formatter: (p) => toPay(made[p.dataIndex].offer, made[p.dataIndex].report[4]) } },
        { ...bar, name: t("effective"), barGap: "-100%", itemStyle: { ...bar.itemStyle, color: css("--c1") }, data: made.map((m) => ({ value: num(m.report[1]), itemStyle: { color: colour(m.offer) } })) },
      ],
    });
    byId("k-bars").textContent = t("What each option obliges to pay (pale) and its effective cost (full), in {code} for {hours} hours; green: recommended; grey: spot or not fully priced. The table of options has the figures.", { code: quote.currency, hours: values[0] });
    byId("c-bars").setAttribute("aria-label", t("Cost per option") + ": " + made.slice().reverse().map((m) => `${m.offer.name}: ${t("to pay")} ${toPay(m.offer, m.report[4])}, ${t("effective")} ${money(m.report[1])}`).join("; "));
    byId("c-bars").removeAttribute("aria-labelledby");
  }

  /* Cumulative cash and amortised cost by the months of the calendar: the window, then the rest of the term that is owed. */
  function months(offer) {
    const report = (amount) => convert(offer, amount, values.slice(1));
    const made = monthly(quote, offer, values[0]);
    const usual = offer.other ? monthly(quote, offer.other, values[0]).filter((m) => m.inWindow) : [];
    const factor = rate === null ? null : new D(rate).div(12).add(1);
    let paid = ZERO, used = ZERO, other = ZERO, worth = ZERO;
    const lines = made.map((m, n) => {
      const now = report(m.advance.add(m.arrears));
      paid = paid.add(now);
      used = used.add(report(m.effective));
      if (n < usual.length) other = other.add(report(usual[n].effective));
      if (factor !== null) worth = worth.add(report(m.advance.div(factor.pow(n)).add(m.arrears.div(factor.pow(n + 1)))));
      return { month: new Date(m.start).toISOString().slice(0, quote.start && !quote.start.endsWith("-01") ? 10 : 7), now, paid, used, worth, other: n < usual.length ? other : null };
    });
    const line = (name, key, extra) => ({ name, type: "line", data: lines.map((x) => x[key] === null ? null : num(x[key])), symbol: lines.length > 14 ? "none" : "circle", symbolSize: 7, lineStyle: { width: 2.5 }, ...extra });
    draw("c-months", {
      grid: { left: 8, right: 22, top: innerWidth < 500 ? 88 : 64, bottom: 28, containLabel: true },
      xAxis: { type: "category", data: lines.map((x) => x.month), name: t("month"), nameLocation: "middle", nameGap: 28 },
      yAxis: { type: "value", name: t("{code}, in all", { code: quote.currency }), nameLocation: "end", nameTextStyle: { align: "left" }, axisLabel: { formatter: short } },
      series: [line(t("cash"), "paid", { step: lines.length > 1 ? "middle" : false }), line(t("amortised"), "used", { lineStyle: { width: 2.5, type: "dashed" } }),
        ...(offer.other ? [line(t("on-demand, same type, in the window"), "other", { lineStyle: { width: 2, type: "dotted" }, symbol: "circle", symbolSize: 5 })] : [])],
    });
    const inWindow = made.filter((m) => m.inWindow).length;
    byId("k-months").textContent = made.length > inWindow
      ? t("Cumulative over {n} months, each with the hours that it has: the window ends in month {end}, the rest of the term is owed.", { n: made.length, end: inWindow })
      : t("Cumulative over the {n} months of the window, each with the hours that it has.", { n: made.length });
    const head = [t("month"), t("paid in the month"), t("cash"), t("amortised"), ...(factor === null ? [] : [t("present value")]), ...(offer.other ? [t("on-demand, same type, in the window")] : [])];
    byId("t-months").replaceChildren(grid(lines.map((x) => [x.month, money(x.now), money(x.paid), money(x.used), ...(factor === null ? [] : [money(x.worth)]), ...(offer.other ? [x.other === null ? "" : money(x.other)] : [])]), head, t("Cash and amortised cost by month")));
  }

  function even(offer) {
    const terms = offer.recipe.terms;
    const hoursAMonth = num(new D(values[0]).div(result(offer).months));
    const x = Array.from({ length: 32 }, (_, i) => i * 24);
    const usage = (o, hours) => {
      let sum = ZERO;
      for (const line of o.recipe.lines)
        if (line.rule === "hours" || line.rule === "block") for (const c of charges(line, { hours: new D(hours), length: new D(hours), months: 1, traffic: [1, ZERO], span: 0 }, null)) sum = sum.add(c[1]);
      return num(convert(o, sum, values.slice(1)));
    };
    let flat = null;
    if (terms) {
      const month = terms.by_month ? new D(terms.upfront).add(new D(terms.monthly).mul(terms.months)).div(terms.months)
        : new D(terms.upfront).div(terms.hours).add(terms.hourly).mul(730);
      flat = num(convert(offer, month.mul(offer.recipe.lines[0].count), values.slice(1)));
    }
    const use = terms ? offer.other : offer;
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
      return { head: `${whole(num(h))} h`, hours: h.toString(), rates: values.slice(1), now: f === 1 };
    }).filter((c) => Number(c.hours) <= most[0]);
    quote.fx.forEach((fx, i) => [0.9, 1.1].forEach((f) => {
      const rates = values.slice(1);
      rates[i] = new D(rates[i]).mul(f).toString();
      cases.push({ head: `${fx.base}/${fx.quote} ${f < 1 ? "−" : "+"}10 %`, hours: values[0], rates, now: false });
    }));
    const best = cases.map((c) => taken(c.hours, c.rates));
    const listed = rows();
    for (const one of best) if (one !== null && !listed.includes(one.offer)) listed.push(one.offer);
    const current = listed.map((o) => place(o)).sort(byRank).map((m) => m.offer);
    const made = current.map((o) => [{ text: `${o.short}, ${o.where}` }, ...cases.map((c, i) => {
      const cls = c.now ? "now" : "";
      if (!sold(quote, o, c.hours)) return { text: "–", cls };
      const one = place(o, c.hours, c.rates), mine = best[i] !== null && best[i].offer.id === o.id;
      const more = [[money(one.report[1]), "quiet"]];
      if (rate !== null) more.unshift([money(one.value), "quiet"]);
      if (mine) more.push([t("recommended"), "hidden"]);
      return { text: (mine ? "✓ " : "") + toPay(o, one.report[4]), more, cls: (mine ? "lowest " : "") + cls };
    })]);
    byId("t-sense").replaceChildren(grid(made, [t("option"), ...cases.map((c) => c.head)], t("Sensitivity")));
    byId("k-sense").textContent = rate === null
      ? t("Each cell: to pay, then effective cost, when one input moves and the others stay. ✓ marks what a fresh quote at those inputs recommends.")
      : t("Each cell: to pay, present value, effective cost, when one input moves and the others stay. ✓ marks what a fresh quote at those inputs recommends.");
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

  const rowOf = (offer) => [...document.querySelectorAll("tr[data-offer]")].find((r) => r.dataset.offer === offer.id);

  /* A row for an offer that the quote does not show, made like the others. */
  function newRow(offer) {
    const row = document.querySelector("tr[data-offer]").cloneNode(true);
    row.dataset.offer = offer.id;
    row.dataset.extra = "1";
    row.querySelectorAll(".warn").forEach((e) => e.remove());
    for (const part of row.querySelectorAll("[data-k]")) part.textContent = offer[part.dataset.k];
    for (const link of row.querySelectorAll("a[data-to]")) {
      link.href = link.dataset.to + encodeURIComponent(offer.id);
      link.setAttribute("aria-label", `${link.textContent}: ${offer.name}`);
    }
    return row;
  }

  /* The rows of the options: amounts, order and badge at the inputs now. */
  function figures(best) {
    document.querySelectorAll("tr[data-extra]").forEach((r) => r.remove());
    extra = best !== null && !shown.includes(best.offer) ? [best.offer] : [];
    const body = document.querySelector("tr[data-offer]").parentNode;
    for (const offer of extra) body.append(newRow(offer));
    const standings = rows().map((o) => place(o)).sort(byRank);
    for (const one of standings) {
      const { offer, report } = one, row = rowOf(offer), can = sold(quote, offer, values[0]);
      const texts = { 1: money(report[1]), 2: money(report[2]), 3: money(report[3]), 4: toPay(offer, report[4]),
        native: `${money(result(offer).native[0])} ${offer.native}`, pv: rate === null ? "" : money(one.value) };
      for (const cell of row.querySelectorAll("[data-f]")) {
        const text = can ? texts[cell.dataset.f] : "–";
        if (cell.textContent !== text) cell.textContent = text;
        if (cell.dataset.f === "native") cell.parentNode.hidden = !can;
      }
      const mine = best !== null && best.offer.id === offer.id;
      row.classList.toggle("best", mine);
      row.querySelector(".tag")?.remove();
      if (mine) row.cells[0].insertBefore(Object.assign(document.createElement("span"), { className: "tag", textContent: t("recommended") }), row.cells[0].querySelector(".links"));
      if (row !== body.lastElementChild) body.append(row);
    }
    document.querySelectorAll(".pv").forEach((cell) => { cell.hidden = rate === null; });
    return standings;
  }

  /* How long the window is, for people (words.window). */
  function spanOf(hours) {
    if (quote.use) return t("{hours} of the {all} hours of {months} months", { hours, all: quote.use.length, months: quote.use.months });
    return hours === "1" ? t("{hours} hour", { hours }) : t("{hours} hours", { hours });
  }

  /* What the recommendation says at the inputs now (rendering/advice.py has the same sentences). */
  function advice(best) {
    const code = quote.currency, hours = spanOf(values[0]);
    if (best === null) return [t("No firm, fully priced offer serves this workload.")];
    const key = rate === null ? t("Least to pay for {window}, all obligations included: {offer}, for {amount} {code}.", { window: hours, offer: best.offer.name, amount: money(best.value), code })
      : t("Least present value of all that is owed for {window}: {offer}, at {amount} {code}.", { window: hours, offer: best.offer.name, amount: money(best.value), code });
    const said = [key + t(" ") + best.offer.age];
    const lower = (firm) => quote.offers.filter((o) => (firm ? o.firm && !(o.recipe.terms && o.recipe.terms.block) : o.market && o.whole))
      .map((o) => ({ offer: o, report: result(o).report })).filter((m) => m.report[1].lt(best.report[1]))
      .sort((a, b) => a.report[1].cmp(b.report[1]) || (a.offer.id < b.offer.id ? -1 : 1))[0];
    const lasting = lower(true), market = lower(false);
    if (lasting) said.push(t("If the need lasts: {offer} has an effective cost of {amount} {code} for the same hours, but binds {committed} {code}.", { offer: lasting.offer.name, amount: money(lasting.report[1]), code, committed: money(lasting.report[4]) })
      + (lasting.offer.even === null ? "" : t(" ") + t("It beats on-demand of the same type from {hours} hours a month.", { hours: lasting.offer.even })));
    if (market) said.push(t("Spot was sampled at {amount} {code} ({offer}); it moves, and the instance can be taken back.", { amount: money(market.report[1]), code, offer: market.offer.name }));
    return said;
  }

  function headline(best) {
    byId("h-advice").textContent = moved() ? t("Recommendation at the inputs below, not those of the quote") : t("Recommendation");
    const amount = byId("best-amount");
    if (amount) amount.textContent = best === null ? "–" : money(rate === null ? best.report[4] : best.value);
    if (moved()) byId("said").replaceChildren(...advice(best).map((text) => Object.assign(document.createElement("p"), { textContent: text })));
    else byId("said").innerHTML = spoken;
    if (byId("fiscal")) byId("fiscal").hidden = moved(); // it is the quote's own
    const budget = byId("budget");
    if (!budget || !quote.budget) return;
    if (!moved()) { budget.innerHTML = allowed; return; }
    const index = ["list", "effective", "billed", "committed", "obligation"].indexOf(quote.budget.basis);
    const amounts = index < 0 && quote.budget.basis !== "present-value" ? [] : quote.offers.filter((o) => o.firm && sold(quote, o, values[0])).map((o) => index < 0 ? place(o).value : result(o).report[index]);
    const text = document.createElement("strong"), limit = new D(quote.budget.limit), words = quote.budget.words;
    const least = amounts.reduce((a, b) => a === null || b.lt(a) ? b : a, null);
    const values_ = { limit: `${money(limit)} ${quote.currency}`, basis: words };
    text.textContent = least === null || (index < 0 && rate === null) ? t("Budget {limit}: not judged at these inputs", values_)
      : least.lte(limit) ? t("Budget {limit}: fits by {basis}; the least leaves {gap}", { ...values_, gap: money(limit.sub(least)) })
      : t("Budget {limit}: NOTHING FITS; the lowest {basis} is {cheapest}, {gap} over", { ...values_, cheapest: money(least), gap: money(least.sub(limit)) });
    budget.replaceChildren(Object.assign(document.createElement("p"), {}));
    budget.firstChild.append(text);
  }

  for (const offer of shown) byId("pick").add(new Option(offer.name, offer.id));
  const preferred = shown.find((o) => o.id === quote.best && o.recipe.terms) || shown.find((o) => o.recipe.terms && o.recipe.terms.months > 1 && o.firm) || shown.find((o) => o.recipe.terms) || shown[0];
  byId("pick").addEventListener("change", () => { byId("pick").dataset.chosen = "1"; months(picked()); even(picked()); });

  const spoken = byId("said").innerHTML, allowed = byId("budget")?.innerHTML;
  const moved = () => rate !== quote.rate || values.some((v, i) => !new D(v).eq(first[i]));
  function picked() { return quote.offers.find((o) => o.id === byId("pick").value) || shown[0]; }
  function pictures(standings) {
    bars(standings);
    months(picked());
    even(picked());
    bandChart();
  }
  function update(fromUser) {
    const best = taken();
    const standings = figures(best);
    headline(best);
    const seen = byId("pick").dataset.chosen;
    for (const offer of extra) if (![...byId("pick").options].some((o) => o.value === offer.id)) byId("pick").add(new Option(offer.name, offer.id));
    if (!seen && preferred) byId("pick").value = best !== null && best.offer.recipe.terms ? best.offer.id : preferred.id;
    pictures(standings);
    sensitivity();
    if (fromUser) byId("live").textContent = best === null ? "" : (rate === null
      ? t("With {hours} hours: least to pay, all obligations included, is {amount} {code} for {offer}.", { hours: values[0], amount: money(best.value), code: quote.currency, offer: best.offer.name })
      : t("With {hours} hours: least present value of all that is owed is {amount} {code} for {offer}.", { hours: values[0], amount: money(best.value), code: quote.currency, offer: best.offer.name }))
      + (moved() ? "" : " " + t("These are the quote's own inputs."));
    document.documentElement.dataset.ready = String(Number(document.documentElement.dataset.ready || 0) + 1);
  }

  function acceptRate(text) {
    let value = null, good = true;
    if (text !== "" || !byId("rate").validity.valid) {
      try { value = new D(text).div(100); } catch { value = null; }
      good = value !== null && value.isFinite() && value.gte(0) && value.lte(10) && value.decimalPlaces() <= 12;
    }
    byId("rate").setAttribute("aria-invalid", String(!good));
    if (!good) { byId("live").textContent = t("Not a usable value: {text}", { text }); return; }
    rate = value === null ? null : value.toString();
    update(true);
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
  const percent = quote.rate === null ? "" : new D(quote.rate).mul(100).toString();
  function reset() {
    values = first.slice();
    rate = quote.rate;
    byId("rate").value = percent;
    byId("rate").setAttribute("aria-invalid", "false");
    fields.forEach((f, i) => { f.value = first[i]; f.setAttribute("aria-invalid", "false"); slides[i].value = first[i]; });
  }
  const width = quote.use ? most[0] : 744 * Math.max(2, 2 * billingMonths(new D(quote.hours), quote.start));
  slides[0].max = String(width);
  quote.fx.forEach((fx, i) => {
    const rate = Number(fx.rate), step = 10 ** (Math.floor(Math.log10(rate)) - 2);
    Object.assign(slides[i + 1], { min: String(Math.max(step, Math.round(rate * 0.6 / step) * step)), max: String(Math.ceil(rate * 1.4 / step) * step), step: String(step) });
  });
  reset();
  fields.forEach((f, i) => f.addEventListener("input", () => accept(i, f.value, "field")));
  slides.forEach((s, i) => s.addEventListener("input", () => accept(i, s.value, "slide")));
  byId("rate").addEventListener("input", () => acceptRate(byId("rate").value));
  byId("controls").addEventListener("submit", (e) => e.preventDefault());
  byId("controls").addEventListener("reset", (e) => { e.preventDefault(); reset(); update(true); });
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
    pictures(rows().map((o) => place(o)));
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
