// The live socket: sequence, replay, watchdog, reconnection, and the chip that says how it is.
// Messages name what changed; htmx then fetches the HTML of that part with the session's rights.
"use strict";
(() => {
  const body = document.body;
  const path = body.dataset.live;
  if (!path) return;
  const SILENCE_MS = 6000;
  const chip = document.getElementById("conn");
  const banner = document.getElementById("conn-banner");
  const shown = new Map(); // alert id → count already told
  let seq = Number(body.dataset.since);
  let socket = null;
  let lastHeard = performance.now();
  let lastSeen = null; // server time of the last heartbeat
  let tries = 0;
  let feed = null;
  let leaving = false;

  const fire = (name, detail) => body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  // At once, then at most every half second; the last one is never lost, or a part would stay old.
  const pacing = new Map();
  const topic = (name) => {
    if (pacing.has(name)) return void pacing.set(name, true);
    pacing.set(name, false);
    fire(`live:${name}`);
    setTimeout(() => {
      const again = pacing.get(name);
      pacing.delete(name);
      if (again) topic(name);
    }, 500);
  };
  const age = (seconds) => (seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)) + " s";

  const say = (text, tone) => {
    if (chip.textContent !== text) chip.textContent = text;
    chip.className = `conn ${tone}`;
  };

  const stale = (on) => {
    const old = on || Boolean(feed && feed.stale && feed.running);
    if (lastSeen || on) {
      for (const panel of document.querySelectorAll("[data-stalable]")) panel.classList.toggle("is-stale", old);
    }
    banner.hidden = !on;
    if (on && !banner.textContent) {
      const since = lastSeen ? lastSeen.slice(11, 19) + " UTC" : "before this page was loaded";
      banner.textContent = `Connection lost. Figures below are from ${since}. Reconnecting…`;
    }
    if (!on) banner.textContent = "";
  };

  const show = () => {
    const quiet = performance.now() - lastHeard;
    const up = socket && socket.readyState === WebSocket.OPEN && quiet < SILENCE_MS;
    if (!up) {
      stale(lastSeen !== null || quiet > SILENCE_MS);
      return say("▲ reconnecting", "warn");
    }
    stale(false);
    if (!feed) return say("● live, no feed", "muted");
    if (!feed.running) return say("■ feed ended", "muted");
    const old = feed.age + quiet / 1000;
    if (feed.stale) return say(`▲ data ${age(old)} old`, "warn");
    return say(`● live ${age(old)}`, "ok");
  };

  const receive = (message) => {
    lastHeard = performance.now();
    if (Number.isInteger(message.seq) && message.seq > seq) seq = message.seq;
    if (message.type === "hb") {
      lastSeen = message.now;
      const turned = feed && message.feed && (feed.stale !== message.feed.stale || feed.id !== message.feed.id);
      feed = message.feed;
      if (turned) topic("cards");
      fire("desk:now", { now: message.now });
    } else if (message.type === "topic") {
      topic(message.topic);
    } else if (message.type === "candle") {
      if (feed) Object.assign(feed, { age: 0, stale: false });
      fire("desk:candle", message);
    } else if (message.type === "alert") {
      if (shown.get(message.id) === message.count) return;
      const first = !shown.has(message.id) && shown.size === 0 && tries === 0;
      shown.set(message.id, message.count);
      if (!first) topic("alerts");
    }
    show();
  };

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}${path}?since=${seq}`);
    socket = mine;
    mine.onopen = () => {
      lastHeard = performance.now();
      tries = 0;
      show();
    };
    mine.onmessage = (event) => receive(JSON.parse(event.data));
    mine.onclose = (event) => {
      if (socket !== mine || leaving) return;
      socket = null;
      if (event.code === 4401) {
        leaving = true;
        location.assign(`${body.dataset.login}?next=${encodeURIComponent(location.pathname + location.search)}`);
        return;
      }
      show();
      tries += 1;
      // Half a second, then twice as long each time, ten at most; spread, so that not all come at once.
      const wait = Math.min(10000, 500 * 2 ** Math.min(tries - 1, 5)) * (0.7 + 0.6 * Math.random());
      setTimeout(connect, wait);
    };
  };

  // A half-open socket never closes by itself: silence is what gives it away.
  setInterval(() => {
    if (socket && performance.now() - lastHeard > SILENCE_MS && socket.readyState <= WebSocket.OPEN) {
      const dead = socket;
      const closed = dead.onclose;
      dead.onclose = null;
      dead.close();
      closed.call(dead, { code: 1006 });
    }
    show();
  }, 500);

  addEventListener("pagehide", () => {
    leaving = true;
    if (socket) socket.close();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    leaving = false;
    connect();
  });
  connect();
})();
