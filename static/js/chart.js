// Candles and fill markers. Prices come as text and are only drawn: no money is computed here.
"use strict";
(() => {
  const box = document.getElementById("chart");
  if (!box || !window.LightweightCharts) return;
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(`--color-${name}`).trim();
  const [up, down, line, muted] = ["up", "down", "line", "muted"].map(colour);
  const decimals = Number(box.dataset.decimals);
  const chart = LightweightCharts.createChart(box, {
    autoSize: true,
    layout: {
      background: { color: colour("panel") },
      textColor: muted,
      fontSize: 12,
      attributionLogo: false, // its inline style breaks the content policy: the notice is in the footer
    },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line, timeVisible: true, secondsVisible: false },
  });
  const series = chart.addSeries(LightweightCharts.CandlestickSeries, {
    upColor: up, borderUpColor: up, wickUpColor: up,
    downColor: down, borderDownColor: down, wickDownColor: down,
    priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals },
  });
  const markers = LightweightCharts.createSeriesMarkers(series, []);
  const drawn = (bar) => ({
    time: bar.time, open: Number(bar.open), high: Number(bar.high), low: Number(bar.low), close: Number(bar.close),
  });
  let last = 0;
  let loading = false;
  let again = false;
  let behind = false;

  const load = async (first) => {
    if (loading) return void (again = true);
    loading = true;
    try {
      const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const data = await answer.json();
      behind = false;
      series.setData(data.bars.map(drawn));
      last = data.bars.length ? data.bars.at(-1).time : 0;
      markers.setMarkers(
        data.fills.map((fill) => ({
          time: fill.time,
          position: fill.side === "BUY" ? "belowBar" : "aboveBar",
          shape: fill.side === "BUY" ? "arrowUp" : "arrowDown",
          color: fill.side === "BUY" ? up : down,
          text: fill.side === "BUY" ? "B" : "S",
        })),
      );
      document.getElementById("chart-summary").textContent = data.summary;
      if (first) chart.timeScale().setVisibleLogicalRange({ from: data.bars.length - 140, to: data.bars.length + 6 });
    } finally {
      loading = false;
      if (again) {
        again = false;
        setTimeout(load, 1000);
      }
    }
  };

  document.addEventListener("desk:candle", (event) => {
    const { instrument, bar } = event.detail;
    if (instrument !== box.dataset.instrument || bar.time < last) return;
    last = bar.time;
    behind = true;
    series.update(drawn(bar));
  });
  // The text beside the picture is the server's: it follows more slowly.
  setInterval(() => behind && load(false), 15000);
  let waiting = 0;
  document.body.addEventListener("live:chart", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => load(false), 400);
  });
  load(true);
})();
