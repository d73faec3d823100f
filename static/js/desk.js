// Dialogs, the keyboard, the clock, and what a command answers. No state of its own.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const newKey = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(18)), (b) => b.toString(16).padStart(2, "0")).join("");

  // A dialog is filled from the button that opens it, outside every live region.
  const open = (button, id) => {
    const dialog = byId(id);
    if (!dialog || dialog.open) return;
    const form = dialog.querySelector("form");
    if (!form) return dialog.showModal();
    const given = button ? button.dataset : {};
    for (const input of form.querySelectorAll("[data-fill]")) {
      if (given[input.dataset.fill] !== undefined) input.value = given[input.dataset.fill];
    }
    for (const node of form.querySelectorAll("[data-fill-text]")) {
      if (given[node.dataset.fillText] !== undefined) node.textContent = given[node.dataset.fillText];
    }
    if (given.action) form.action = given.action;
    form.elements.key.value = newKey(); // one opening is one command, however often it is sent
    form.querySelector(".problem").textContent = "";
    dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener && !opener.disabled) return open(opener, opener.dataset.open);
    const closer = event.target.closest("[data-close]");
    if (closer) closer.closest("dialog").close();
  });

  // Keys are ignored while someone types, in a dialog, and when the operator switched them off.
  const PLACES = { h: "/", o: "/orders", j: "/journal" };
  const PATIENCE_MS = 1500; // from `g` to the letter that follows it
  let going = 0;
  const press = (event) => {
    if (going && event.timeStamp - going < PATIENCE_MS && PLACES[event.key]) {
      going = 0;
      return () => location.assign(PLACES[event.key]);
    }
    going = event.key === "g" ? event.timeStamp : 0;
    if (event.key === "?") return () => open(null, "help-dialog");
    const halt = document.querySelector('[data-open="halt-dialog"]:not([disabled])');
    if (event.key === "H" && event.shiftKey && halt) return () => open(halt, "halt-dialog");
    return null;
  };
  document.addEventListener("keydown", (event) => {
    if (document.body.dataset.shortcuts === "off") return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    if (event.key === "Shift") return;
    const act = press(event);
    if (act) {
      event.preventDefault();
      act();
    }
  });

  // Forms whose address is known only when the dialog opens are sent from here.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-command]")) return;
    event.preventDefault();
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    const values = Object.fromEntries(new FormData(form));
    htmx
      .ajax("POST", form.getAttribute("action"), { source: form, swap: "none", values })
      .finally(() => delete form.dataset.sending);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, successful, xhr } = event.detail;
    const dialog = elt.closest && elt.closest("dialog");
    if (dialog && successful) {
      dialog.close();
      for (const input of dialog.querySelectorAll('[name="code"]')) input.value = "";
    }
    if (successful || event.detail.requestConfig.verb === "get") return;
    const place = dialog || elt.closest(".panel") || document;
    const problem = place.querySelector(".problem");
    if (problem) problem.textContent = xhr.status ? xhr.responseText : "The desk does not answer. Try again.";
  });

  // A fragment that cannot be fetched keeps its last rows and says so.
  const failed = (event) => {
    const { elt, requestConfig, xhr } = event.detail;
    if (!elt.id || (requestConfig && requestConfig.verb !== "get")) return;
    let note = elt.querySelector(":scope > .fetch-problem");
    if (!note) {
      note = document.createElement("p");
      note.className = "problem fetch-problem";
      note.setAttribute("role", "alert");
      elt.prepend(note);
    }
    const why = xhr && xhr.status ? `error ${xhr.status}` : "no answer";
    const at = new Date().toISOString().slice(11, 19);
    note.textContent = `Not refreshed at ${at} UTC (${why}); the rows below are older. `;
    const retry = document.createElement("button");
    retry.type = "button";
    retry.className = "btn btn-small";
    retry.textContent = "Retry";
    retry.addEventListener("click", () => htmx.ajax("GET", elt.getAttribute("hx-get"), { target: elt, swap: "innerHTML" }));
    note.append(retry);
  };
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", failed);

  document.addEventListener("desk:done", (event) => {
    const line = byId("done");
    line.textContent = event.detail.text;
    line.hidden = false;
    clearTimeout(line.timer);
    line.timer = setTimeout(() => (line.hidden = true), 8000);
  });

  // The clock is the server's: the difference is measured once, and again at each heartbeat.
  const clock = byId("clock");
  if (clock) {
    let ahead = Date.parse(clock.dataset.now) - Date.now();
    document.addEventListener("desk:now", (event) => (ahead = Date.parse(event.detail.now) - Date.now()));
    setInterval(() => {
      clock.textContent = new Date(Date.now() + ahead).toISOString().slice(11, 19);
    }, 500);
  }
})();
